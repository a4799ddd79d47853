import { sensitivityOf } from "../../api/sensitivity.ts";
import { chooseTarget } from "../../api/target.ts";
import { printJson } from "../../report/json.ts";
import { printSensitivity, printSensitivityCsv } from "../../report/sensitivity.ts";
import { compileOptionsOf, modelOf, settleBatch } from "../model-options.ts";
import type { Options } from "../options.ts";
import { deliver, hasColour, writeFileWhole, writeOut } from "../output.ts";
import { makeProgress } from "../progress.ts";
import { refuseTwoStreams } from "../results.ts";

/** `boreal sensitivity`: which estimates of the chip decide latency and energy of a model. */
export async function execute(path: string | undefined, options: Options): Promise<void> {
  refuseTwoStreams(options);
  const progress = await makeProgress();
  try {
    progress.onProgress({ phase: "import", fraction: null });
    const target = chooseTarget(options.target, options.set);
    // Latency and energy need shapes alone.
    const shapes: Options = { ...options, timingOnly: true };
    const { onProgress } = progress;
    const { model, settled } = settleBatch(modelOf(path, shapes), target, shapes, onProgress);
    const compiling = await compileOptionsOf(model, settled);
    const result = sensitivityOf({ model, target, ...compiling, remap: options.remap === true, onProgress });
    progress.stop();
    if (options.svg !== undefined) {
      const { tornadoSvg } = await import("../../report/tornado.ts");
      await writeFileWhole(options.svg, [tornadoSvg(result)]);
    }
    if (options.json !== undefined) await deliver(options.json, printJson(result));
    if (options.csv !== undefined) await deliver(options.csv, printSensitivityCsv(result));
    if (options.json !== true && options.csv !== true) writeOut(printSensitivity(result, { colour: hasColour() }));
  } finally {
    progress.stop();
  }
}
