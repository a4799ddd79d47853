import { explainModel } from "../../api/explain.ts";
import { chooseTarget } from "../../api/target.ts";
import { problem } from "../../base/errors.ts";
import { printExplanation } from "../../report/explain.ts";
import { printJson } from "../../report/json.ts";
import { compileOptionsOf, layerOf, modelOf, settleBatch } from "../model-options.ts";
import type { Options } from "../options.ts";
import { hasColour } from "../output.ts";
import { makeProgress } from "../progress.ts";
import { deliverRun } from "../results.ts";

/** `boreal explain`: why a network is mapped as it is, and what would help a layer. Shapes suffice. */
export async function execute(first: string | undefined, given: Options, second: string | undefined): Promise<void> {
  const options: Options = { ...given, timingOnly: true };
  // One layer that stands in place of a model leaves the first argument to the layer.
  const isLayer = layerOf(options) !== null;
  if (isLayer && second !== undefined) {
    throw problem("B601", `One layer was described in place of a model, but "${first}" and "${second}" are given too.`);
  }
  const [path, layer] = isLayer ? [undefined, first] : [first, second];
  const progress = await makeProgress();
  const { onProgress } = progress;
  try {
    onProgress({ phase: "import", fraction: null });
    const target = chooseTarget(options.target, options.set);
    const imported = modelOf(path, options);
    const { model: batched, settled, batches } = settleBatch(imported, target, options, onProgress);
    const { timingOnly: _, ...compiling } = { ...(await compileOptionsOf(batched, settled)), ...batches };
    const result = explainModel({
      model: imported,
      target,
      ...compiling,
      ...(layer === undefined ? {} : { layer }),
      onProgress,
    });
    progress.stop();
    await deliverRun(options, { json: printJson(result), text: printExplanation(result, { colour: hasColour() }) });
  } finally {
    progress.stop();
  }
}
