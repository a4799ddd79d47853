import { readFileSync } from "node:fs";
import { join } from "node:path";
import { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { importModel } from "../../api.ts";
import { quantizeResultSchema } from "../../report/quantize-schema.ts";
import { boreal, borealJson, folderOf } from "./command.ts";
import { bytesOf, convolution, perceptron } from "./models.ts";

const folder = (): string =>
  folderOf({ "perceptron.onnx": bytesOf(perceptron()), "convolution.onnx": bytesOf(convolution()) });

describe("boreal quantize", () => {
  it("says how near the model is to f32, with what each step adds and each layer if asked for", async () => {
    const { code, stdout } = await boreal(folder(), [
      "quantize",
      "convolution.onnx",
      "--precision",
      "w4a8",
      "--explain",
    ]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^convolution at w4a8/);
    expect(stdout).toMatch(/accuracy +SQNR \d+\.\d dB over 4 seeded random samples/);
    expect(stdout).toMatch(/with +normalize,compensate,correct-biases: +\d+\.\d dB/);
    expect(stdout).toMatch(/layer +bits +MACs +weights +saved +range +clipped +rounding +SQNR/);
    expect(stdout).toMatch(/\nc +w4a8 +13,824 +108 B/);
  });

  it("gives its result as JSON: bits, bytes saved and calibration of every layer", async () => {
    const args = [
      "quantize",
      "perceptron.onnx",
      "--precision",
      "w2a4",
      "--calibration",
      "percentile=99.9",
      "--quantizer",
      "nearest,symmetric",
    ];
    const result = await borealJson(folder(), args, quantizeResultSchema);
    expect(result.calibration).toEqual({ method: "percentile=99.9", sampleCount: 16 });
    expect(result.accuracy.macCountByPrecision).toEqual({ w2a4: 768 });
    expect(result.layers.map(({ weightBytes, weightBytesSaved }) => [weightBytes, weightBytesSaved])).toEqual([
      [128, 384],
      [64, 192],
    ]);
    for (const { activation } of result.layers) expect(activation.zero).toBe(0);
  });

  it.each(["w8a8", "w4a8", "w4a4", "w2a8"])("writes a %s model that another runtime answers", async (precision) => {
    const place = folder();
    const args = ["quantize", "convolution.onnx", "--precision", precision, "--out", "q.onnx"];
    const result = await borealJson(place, args, quantizeResultSchema);
    expect(result.files).toEqual(["q.onnx"]);
    const bytes = readFileSync(join(place, "q.onnx"));
    expect(importModel({ bytes, name: "q" }).graph.inputs.map(({ name }) => name)).toEqual(["image"]);
    const runtime = await InferenceSession.create(bytes);
    const image = new OrtTensor("float32", new Float32Array(192).fill(0.5), [1, 3, 8, 8]);
    const { classes } = await runtime.run({ image });
    expect(Array.from(classes?.data as Float32Array).every(Number.isFinite)).toBe(true);
  });

  it("refuses words that name no step and no method", async () => {
    const place = folder();
    for (const option of [
      ["--quantizer", "quick"],
      ["--calibration", "guess"],
      ["--calibration", "percentile=40"],
    ]) {
      const { code, stdout, stderr } = await boreal(place, ["quantize", "perceptron.onnx", ...option]);
      expect([code, stdout]).toEqual([1, ""]);
      expect(stderr).toMatch(/error\[B80[24]\]/);
    }
  });
});
