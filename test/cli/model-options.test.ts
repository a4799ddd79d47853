import { describe, expect, it } from "vitest";
import { parseConv, parseGemm } from "../../api/layer-description.ts";
import { compileOptionsOf, modelOf } from "../../cli/model-options.ts";
import type { Options } from "../../cli/options.ts";
import { refuseIdealRange } from "../../cli/results.ts";
import { problemsOf } from "../compiler/onnx/written-models.ts";

const gemm = parseGemm("4,5,6");
const pair = parseConv("2x4x9x9,8x3x3");

/** The message of wrong use. */
function refusal(action: () => unknown): string {
  const [found] = problemsOf(action);
  expect(found?.code).toBe("B601");
  return found?.message ?? "";
}

describe("the model of a command", () => {
  it("is one layer where a layer is described, with random weights unless timing alone is asked for", () => {
    expect(modelOf(undefined, { gemm }).weights).toBe("random");
    expect(modelOf(undefined, { gemm, timingOnly: true }).weights).toBe("absent");
    expect(modelOf(undefined, { gemm, timingOnly: true, randomWeights: 1 }).weights).toBe("random");
    const seeded = (options: Options) => modelOf(undefined, { gemm, ...options }).graph.constants[0]?.data;
    expect(seeded({ seed: 5 })).toEqual(seeded({ randomWeights: 5 }));
    expect(seeded({ seed: 5 })).not.toEqual(seeded({}));
  });

  it("is refused where there is none, or more than one", () => {
    expect(refusal(() => modelOf(undefined, {}))).toContain("Give a model, or one layer");
    expect(refusal(() => modelOf("model.onnx", { gemm }))).toContain('"model.onnx" is given too');
    expect(refusal(() => modelOf(undefined, { gemm, conv: pair }))).toContain("give one of them");
    expect(refusal(() => modelOf(undefined, { gemm, dim: ["n=1"] }))).toContain("excludes --dim");
  });

  it("has the batch of a convolution's shape, and no other", async () => {
    const model = modelOf(undefined, { conv: pair });
    expect((await compileOptionsOf(model, { conv: pair })).batchCount).toBe(2);
    expect((await compileOptionsOf(model, { conv: pair, batch: 2 })).batchCount).toBe(2);
    expect(refusal(() => modelOf(undefined, { conv: pair, batch: 3 }))).toContain("2 images");
    expect(refusal(() => modelOf(undefined, { conv: pair, batch: "best" }))).toContain("2 images");
    expect((await compileOptionsOf(model, { gemm, batch: 3 })).batchCount).toBe(3);
  });
});

describe("options that exclude each other", () => {
  it("are free resources and ranges", () => {
    expect(refusal(() => refuseIdealRange({ ideal: ["host"], range: true }))).toContain("excludes --ideal");
    expect(refuseIdealRange({ ideal: ["host"], range: false })).toBeUndefined();
  });
});
