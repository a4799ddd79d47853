import { quantizeAndMeasure, writeQuantized } from "../../api/quantize.ts";
import { printJson } from "../../report/json.ts";
import { printQuantization } from "../../report/quantize.ts";
import { modelOf, quantizeOptionsOf } from "../model-options.ts";
import type { Options } from "../options.ts";
import { hasColour, writeFileWhole } from "../output.ts";
import { makeProgress } from "../progress.ts";
import { deliverRun } from "../results.ts";

/** `boreal quantize`: how near a model's quantized form is to f32; writes it as ONNX with --out. */
export async function execute(path: string | undefined, options: Options): Promise<void> {
  const progress = await makeProgress();
  try {
    progress.onProgress({ phase: "import", fraction: null });
    const model = modelOf(path ?? "", options);
    const { result, prepared } = quantizeAndMeasure({
      model,
      ...(await quantizeOptionsOf(model, options)),
      onProgress: progress.onProgress,
    });
    const files = options.out === undefined ? [] : [options.out];
    if (options.out !== undefined) await writeFileWhole(options.out, [writeQuantized(prepared)]);
    progress.stop();
    const whole = { ...result, files };
    await deliverRun(options, {
      json: printJson(whole),
      text: printQuantization(whole, { colour: hasColour(), explain: options.explain === true }),
    });
  } finally {
    progress.stop();
  }
}
