import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { importModel } from "../../api/model.ts";
import { runModel } from "../../api/run.ts";
import { chooseTarget } from "../../api/target.ts";
import { makeRandom } from "../../base/random.ts";
import { printMapping } from "../../compiler/mapper/mapping-file.ts";
import { type WrittenModel, writeModel } from "../../compiler/onnx/write-model.ts";
import { printGraph } from "../../ir/graph-text.ts";
import { printProgram } from "../../ir/program-text.ts";
import { printJson } from "../../report/json.ts";
import { chromeTrace } from "../../runtime-sim/trace-chrome.ts";
import { convolution, perceptron } from "../cli/models.ts";
import { smallModels } from "./small-models.ts";

const runCount = 20;

/** Checksums of all that a run can write. */
function checksums(model: WrittenModel): Record<string, string> {
  const { result, compiled, simulation } = runModel({
    model: importModel({ name: "model.onnx", bytes: writeModel(model) }),
    target: chooseTarget("mini-4x4", []),
    seed: 7,
  });
  const hash = (...parts: (string | Uint8Array)[]): string => {
    const sum = createHash("sha256");
    for (const part of parts) sum.update(part);
    return sum.digest("hex");
  };
  return {
    graph: hash(printGraph(compiled.chipGraph)),
    mapping: hash(printMapping(compiled.mapping)),
    program: hash(printProgram(compiled.program)),
    weights: hash(compiled.sidecar ?? ""),
    onDevice: hash(...chromeTrace(simulation.onDevice, compiled.program)),
    withHost: hash(...chromeTrace(simulation.withHost, compiled.program)),
    result: hash(printJson(result)),
  };
}

describe("the same input", () => {
  it.each([
    ["a perceptron", perceptron()],
    ["a convolution", convolution()],
  ])(`gives the same bytes of everything in ${runCount} runs of %s`, (_, model) => {
    const first = checksums(model);
    for (let run = 1; run < runCount; run += 1) expect(checksums(model)).toEqual(first);
  });

  it("gives the same bytes whatever else has run in the process before", () => {
    const models = smallModels(makeRandom(5));
    const alone = models.map(checksums);
    const otherOrder = models.toReversed().map(checksums).reverse();
    expect(otherOrder).toEqual(alone);
    expect(new Set(alone.map(({ program }) => program)).size).toBe(models.length);
  });
});
