import type { Operator } from "../operator.ts";
import { axesNormOperators } from "./normalization-axes.ts";
import { batchNorm } from "./normalization-batch.ts";
import { layerNormOperators } from "./normalization-layer.ts";
import { localResponseNorm } from "./normalization-local-response.ts";
import { softmaxOperators } from "./normalization-softmax.ts";

/** Composite operators that are rewritten into ones that the chip runs. */
export const normalizationOperators: readonly Operator[] = [
  ...softmaxOperators,
  ...layerNormOperators,
  ...axesNormOperators,
  batchNorm,
  localResponseNorm,
];
