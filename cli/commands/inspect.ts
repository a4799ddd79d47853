import { inspectFile } from "../../api/inspect.ts";
import { printJson } from "../../report/json.ts";
import { printInspection } from "../../report/listings.ts";
import type { Options } from "../options.ts";
import { deliverRun } from "../results.ts";

/** `boreal inspect`: what a file is. */
export async function execute(path: string | undefined, options: Options): Promise<void> {
  const result = await inspectFile(path ?? "");
  await deliverRun(options, { json: printJson(result), text: printInspection(result) });
}
