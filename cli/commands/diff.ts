import { compareFiles } from "../../api/diff.ts";
import { problem } from "../../base/errors.ts";
import { printDifference, printDifferenceCsv } from "../../report/diff.ts";
import { printJson } from "../../report/json.ts";
import type { Options } from "../options.ts";
import { deliver, hasColour, writeOut } from "../output.ts";
import { refuseTwoStreams } from "../results.ts";

/** `boreal diff`: how two results differ, in headline, parts and layers. */
export async function execute(a: string | undefined, options: Options, b: string | undefined): Promise<void> {
  refuseTwoStreams(options);
  if (a === undefined || b === undefined) throw problem("B601", "Give two result files.");
  const result = compareFiles(a, b);
  if (options.json !== undefined) await deliver(options.json, printJson(result));
  if (options.csv !== undefined) await deliver(options.csv, printDifferenceCsv(result));
  if (options.json !== true && options.csv !== true) writeOut(printDifference(result, { colour: hasColour() }));
}
