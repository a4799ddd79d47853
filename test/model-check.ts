import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { evaluateExact, evaluateModel } from "../api/answers.ts";
import { firstDifference } from "../api/boundary.ts";
import { compileModel, inputElements } from "../api/compile.ts";
import { compareTensors } from "../api/conformance.ts";
import { importCase, readCaseData } from "../api/conformance-case.ts";
import { executeFunctional } from "../api/execution.ts";
import { importModel } from "../api/model.ts";
import { simulateProgram } from "../api/simulation.ts";
import { BorealError } from "../base/errors.ts";
import { widenHalves } from "../compiler/passes/widen-halves.ts";
import { makeWasmContractor } from "../ir/ops/contraction-kernels.ts";
import type { Tensor } from "../ir/tensor.ts";
import type { ChipTarget } from "../targets/target.ts";

/** What became of a model: "equal", or what is wrong; null where its weights or outputs are absent. */
export interface ModelCheck {
  readonly golden: string | null;
  readonly chip: string | null;
  /** On device. */
  readonly latencyCycles: number | null;
}

const tolerance = { relative: 1e-3, absolute: 1e-5 };

/** Whether a model's folder has no data set: its weights are absent. */
export function isShapeOnly(folder: string): boolean {
  return !readdirSync(folder).some((name) => name.startsWith("test_data_set_"));
}

/** Runs a model of the shared folder in f32 and, quantized to 8 bit, on a chip, and simulates it. */
export function checkModel(folder: string, chip: ChipTarget): ModelCheck {
  let golden: string | null = null;
  try {
    if (isShapeOnly(folder)) {
      const path = join(folder, "model.onnx");
      const model = importModel(path, { allowAbsentWeights: !existsSync(`${path}.data`) });
      const { metrics } = simulateProgram(compileModel(model, chip).program, chip);
      return { golden, chip: null, latencyCycles: metrics.onDevice.latencyCycles };
    }
    const [data] = readCaseData(folder);
    if (data === undefined) throw new Error(`${folder} has no data set`);
    const { model } = importCase(folder, data);
    const { graph } = model;
    const contractor = makeWasmContractor();
    const frame = new Map(graph.inputs.map(({ name }) => [name, data.inputs.get(name) as Tensor]));
    const answers = evaluateModel(widenHalves(graph), frame, { contractor });
    const wrong = data.outputs.flatMap((wanted, index) => {
      const found = answers[index];
      return found === undefined ? "no output" : (compareTensors(found, wanted, tolerance).message ?? []);
    });
    golden = wrong[0] ?? "equal";
    const compiled = compileModel(model, chip, { calibration: [frame] });
    const exact = evaluateExact(compiled.chipGraph, frame, inputElements(graph), { contractor });
    const found = executeFunctional(compiled.program, compiled.sidecar, chip).run(frame);
    const differs = firstDifference(exact, found) !== null;
    const { metrics } = simulateProgram(compiled.program, chip);
    return { golden, chip: differs ? "differs" : "equal", latencyCycles: metrics.onDevice.latencyCycles };
  } catch (error) {
    if (!(error instanceof BorealError)) throw error;
    return { golden, chip: error.message.split("\n")[0] ?? "", latencyCycles: null };
  }
}
