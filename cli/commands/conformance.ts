import { join } from "node:path";
import { runConformance, runnerTolerance } from "../../api/conformance.ts";
import { chooseTarget } from "../../api/target.ts";
import { problem } from "../../base/errors.ts";
import { encodeTensorProto } from "../../compiler/onnx/codec.ts";
import { printConformance } from "../../report/conformance.ts";
import { printJson } from "../../report/json.ts";
import type { Options } from "../options.ts";
import { writeFileWhole } from "../output.ts";
import { makeProgress } from "../progress.ts";
import { deliverRun } from "../results.ts";

/** `boreal conformance`: runs a folder of ONNX test cases; exit code 1 when an answer is wrong. */
export async function execute(path: string | undefined, options: Options): Promise<void> {
  const executor = options.executor ?? "evaluate";
  if (executor === "exact") {
    throw problem("B601", "Option --executor exact is not for conformance, expected evaluate or functional.");
  }
  const progress = await makeProgress();
  try {
    const files = new Map<string, Uint8Array>();
    const result = runConformance(path ?? "", {
      executor,
      chip: chooseTarget(options.target, options.set).chip,
      tolerance: {
        relative: options.rtol ?? runnerTolerance.relative,
        absolute: options.atol ?? runnerTolerance.absolute,
      },
      hostOps: options.hostOps === true,
      onProgress: progress.onProgress,
      ...(options.outputs === undefined
        ? {}
        : {
            onOutputs: (name, outputs) => {
              outputs.forEach((value, index) => {
                files.set(join(name, `output_${index}.pb`), encodeTensorProto(value, `output_${index}`));
              });
            },
          }),
    });
    progress.stop();
    for (const [name, bytes] of files) await writeFileWhole(join(options.outputs ?? "", name), [bytes]);
    await deliverRun(options, { json: printJson(result), text: printConformance(result) });
    if (result.failCount > 0) process.exitCode = 1;
  } finally {
    progress.stop();
  }
}
