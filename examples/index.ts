import type { Example } from "./example.ts";
import { smallForecaster } from "./small-forecaster/index.ts";
import { zapbenchTsmixer } from "./zapbench-tsmixer/index.ts";

export type { Example } from "./example.ts";

/** Every example, in the order in which they are listed. */
export const examples: readonly Example[] = [zapbenchTsmixer, smallForecaster];
