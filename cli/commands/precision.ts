import { chooseTarget } from "../../api/target.ts";
import { printJson } from "../../report/json.ts";
import { printFrontCsv } from "../../report/precision-front.ts";
import { printPrecisionSearch } from "../../report/precision-search.ts";
import { modelOf, settleBatch } from "../model-options.ts";
import type { Options } from "../options.ts";
import { deliver, hasColour, writeOut } from "../output.ts";
import { searchAndWrite } from "../precision-search.ts";
import { makeProgress } from "../progress.ts";
import { refuseTwoStreams } from "../results.ts";

/** `boreal precision`: the cheapest precision of each layer within an accuracy budget, and the front of cost against error. */
export async function execute(path: string | undefined, options: Options): Promise<void> {
  refuseTwoStreams(options);
  const progress = await makeProgress();
  try {
    progress.onProgress({ phase: "import", fraction: null });
    const target = chooseTarget(options.target, options.set);
    const { model, settled } = settleBatch(modelOf(path, options), target, options, progress.onProgress);
    const { result } = await searchAndWrite(model, target, settled, progress.onProgress);
    progress.stop();
    if (options.json !== undefined) await deliver(options.json, printJson(result));
    if (options.csv !== undefined) await deliver(options.csv, printFrontCsv(result));
    if (options.json !== true && options.csv !== true) writeOut(printPrecisionSearch(result, { colour: hasColour() }));
  } finally {
    progress.stop();
  }
}
