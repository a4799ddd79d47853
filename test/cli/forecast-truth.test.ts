import { expect, it } from "vitest";
import { type WrittenModel, writeModel } from "../../compiler/onnx/write-model.ts";
import { f32Tensor } from "../../ir/tensor.ts";
import { formatNpy } from "../../recordings/npy.ts";
import { runResultSchema } from "../../report/schemas.ts";
import { boreal, borealJson, folderOf } from "./command.ts";

/** Forecasts two frames by the last one of three: [1, 3, 2] to [1, 2, 2]. */
const model: WrittenModel = {
  name: "last-value",
  opset: 17,
  inputs: [{ name: "activity", element: "f32", shape: [1, 3, 2] }],
  outputs: [{ name: "forecast", element: "f32", shape: [1, 2, 2] }],
  nodes: [
    { operator: "Transpose", inputs: ["activity"], outputs: ["t"], name: "t", attributes: { perm: [0, 2, 1] } },
    { operator: "MatMul", inputs: ["t", "w"], outputs: ["m"], name: "m", attributes: {} },
    { operator: "Transpose", inputs: ["m"], outputs: ["forecast"], name: "f", attributes: { perm: [0, 2, 1] } },
  ],
  initializers: { w: f32Tensor([3, 2], [0, 0, 0, 0, 1, 1]) },
};

const npy = (shape: readonly number[], values: readonly number[]): Uint8Array => formatNpy(f32Tensor(shape, values));

const folder = folderOf({
  "model.onnx": writeModel(model),
  // Channels rise by 1 and 2 a frame; the truth goes on so.
  "windows.npy": npy([2, 3, 2], [0, 0, 1, 2, 2, 4, 1, 2, 2, 4, 3, 6]),
  "truth.npy": npy([2, 2, 2], [3, 6, 4, 8, 4, 8, 5, 10]),
  "training.npy": npy([1, 3, 2], [0, 0, 4, 8, 2, 4]),
  "short.npy": npy([1, 2, 2], [3, 6, 4, 8]),
});
const given = ["run", "model.onnx", "--target", "mini-4x4", "--input", "windows.npy", "--truth", "truth.npy"];

it("a run with the truth reports forecast errors of f32, the chip and the three baselines, and what does not beat them", async () => {
  const result = await borealJson(folder, [...given, "--calibrate", "training.npy"], runResultSchema);
  const errors = result.forecast?.meanAbsoluteErrors;
  // The last value is off by 1 and 2 a step ahead: 1.5, then 3 in the mean of both channels.
  expect(errors?.f32).toEqual([1.5, 3]);
  expect(errors?.lastValue).toEqual([1.5, 3]);
  // The mean of the context stands a frame further back.
  expect(errors?.contextMean).toEqual([3, 4.5]);
  // Medians 2 and 4 of the training frames, against 3, 6, 4, 8 one step and 4, 8, 5, 10 two steps ahead.
  expect(errors?.trainingMedian).toEqual([(1 + 2 + 2 + 4) / 4, (2 + 4 + 3 + 6) / 4]);
  const chip = errors?.chip ?? [];
  expect(chip.length).toBe(2);
  expect(Math.max(...chip.map((error, step) => Math.abs(error - (errors?.f32?.[step] ?? 0))))).toBeLessThan(0.5);
  expect(result.forecast?.windowCount).toBe(2);
  expect(result.accuracy?.worstLayer).not.toBeUndefined();
});

it("a truth without samples, without training windows, of another count or for an evaluation is refused", async () => {
  const refused = async (args: readonly string[]): Promise<string> => {
    const { code, stderr } = await boreal(folder, args);
    expect(code).not.toBe(0);
    return stderr;
  };
  expect(await refused(given)).toContain("--calibrate");
  expect(await refused([...given.slice(0, 4), "--truth", "truth.npy", "--calibrate", "training.npy"])).toContain(
    "belongs to samples",
  );
  expect(await refused([...given.slice(0, -1), "short.npy", "--calibrate", "training.npy"])).toContain("1 truths");
  expect(await refused([...given, "--calibrate", "training.npy", "--executor", "exact"])).toContain("--truth");
});
