import { describe, expect, it } from "vitest";
import { at } from "../../../base/math.ts";
import { makeRandom } from "../../../base/random.ts";
import { operatorOf } from "../../../ir/ops/index.ts";
import { sampleFloats } from "../../../ir/ops/samples.ts";
import { f32Tensor, i64Tensor, type Tensor } from "../../../ir/tensor.ts";
import { apply, expectClose, numbersOf, tensor } from "./checks.ts";
import { EagerBuilder, outputNumbers, outputTensor, translate } from "./eager-builder.ts";

const count = (number: number): Tensor => i64Tensor([], [number]);

describe("the Fourier transform", () => {
  it("gives exact zeros where parts cancel", () => {
    const wave = tensor("f32", [1, 4, 1], [1, 0, -1, 0]);
    expect(numbersOf("fourier_transform", [wave], { axis: 1, length: 4 })).toEqual([0, 0, 2, 0, 0, 0, 2, 0]);
  });

  it("is undone by its inverse", () => {
    const x = sampleFloats(makeRandom(1), [2, 7, 3, 2]);
    const there = apply("fourier_transform", [x], { axis: 1, length: 7 });
    expectClose(numbersOf("fourier_transform", [there], { axis: 1, length: 7, inverse: true }), x.data as Float32Array);
  });

  it.each([6, 7])("of a half spectrum gives back a real signal of length %i", (length) => {
    const x = sampleFloats(makeRandom(2), [1, length, 1]);
    const half = apply("fourier_transform", [x], { axis: 1, length, onesided: true });
    expect(half.type.shape).toEqual([1, Math.floor(length / 2) + 1, 2]);
    const back = apply("fourier_transform", [half], { axis: 1, length, onesided: true, inverse: true });
    expect(back.type.shape).toEqual([1, length, 1]);
    expectClose(back.data as Float32Array, x.data as Float32Array);
  });

  it("pads with zeros or cuts off what does not fit its length", () => {
    const x = tensor("f32", [1, 3, 1], [1, 2, 3]);
    const first = (length: number): number | undefined => numbersOf("fourier_transform", [x], { axis: 1, length })[0];
    expect([2, 3, 5].map(first)).toEqual([3, 6, 6]);
    expect(apply("fourier_transform", [x], { axis: 1, length: 5 }).type.shape).toEqual([1, 5, 2]);
  });

  it("refuses other last axes than parts", () => {
    const x = tensor("f32", [1, 3], [1, 2, 3]);
    expect(() => apply("fourier_transform", [x], { axis: 0, length: 3 })).toThrow(/B202.*\[...,1\]/);
    expect(() => apply("fourier_transform", [f32Tensor([3, 1], [1, 2, 3])], { axis: 1, length: 3 })).toThrow(/B202/);
    expect(() => apply("fourier_transform", [f32Tensor([3, 1], [1, 2, 3])], { axis: 0, length: 0 })).toThrow(/B202/);
  });
});

describe("DFT", () => {
  const x = sampleFloats(makeRandom(3), [2, 4, 3, 1]);

  it("reads its axis from the attribute or the input, by opset", () => {
    const older = translate({ operator: "DFT", opset: 17, inputs: [x], attributes: { axis: 2 } });
    const newer = translate({ operator: "DFT", opset: 20, inputs: [x, null, count(-2)], known: [2] });
    expect(outputNumbers(newer)).toEqual(outputNumbers(older));
    expect(outputNumbers(translate({ operator: "DFT", opset: 20, inputs: [x] }))).toEqual(outputNumbers(older));
    const first = translate({ operator: "DFT", opset: 17, inputs: [x] });
    expect(outputNumbers(first)).toEqual(
      outputNumbers(translate({ operator: "DFT", opset: 20, inputs: [x, null, count(1)], known: [2] })),
    );
  });

  it("takes the length from its input, or twice the intervals of a half spectrum", () => {
    const half = sampleFloats(makeRandom(4), [1, 4, 2]);
    const attributes = { onesided: 1, inverse: 1, axis: 1 };
    const real = (inputs: readonly (Tensor | null)[]): readonly number[] =>
      outputTensor(translate({ operator: "DFT", opset: 17, inputs, known: [1], attributes })).type.shape;
    expect(real([half])).toEqual([1, 6, 1]);
    expect(real([half, count(7)])).toEqual([1, 7, 1]);
  });
});

describe("STFT", () => {
  const signal = sampleFloats(makeRandom(5), [2, 10]);
  const window = f32Tensor([4], [0, 0.5, 1, 0.25]);

  it("transforms windowed frames", () => {
    const builder = translate({ operator: "STFT", opset: 17, inputs: [signal, count(3), window], known: [1] });
    expect(outputTensor(builder).type.shape).toEqual([2, 3, 3, 2]);
    const frame = Array.from(
      { length: 4 },
      (_, index) => at(signal.data as Float32Array, 13 + index) * at(window.data as Float32Array, index),
    );
    const wanted = numbersOf("fourier_transform", [f32Tensor([1, 4, 1], frame)], {
      axis: 1,
      length: 4,
      onesided: true,
    });
    expectClose(outputNumbers(builder).slice(24, 30), wanted);
  });

  it("gives whole spectra of frames without a window", () => {
    const builder = translate({
      operator: "STFT",
      opset: 17,
      inputs: [signal, count(5), null, count(5)],
      known: [1, 3],
      attributes: { onesided: 0 },
    });
    expect(outputTensor(builder).type.shape).toEqual([2, 2, 5, 2]);
    expectClose([outputNumbers(builder)[0] ?? 0], [(signal.data as Float32Array).slice(0, 5).reduce((a, b) => a + b)]);
  });

  it("refuses what does not fit", () => {
    const attempt =
      (...inputs: readonly (Tensor | null)[]) =>
      () =>
        translate({ operator: "STFT", opset: 17, inputs, known: [1, 3] });
    expect(attempt(signal, count(3))).toThrow(/B110.*window or a frame length/);
    expect(attempt(signal, null, window)).toThrow(/B110.*a frame step/);
    expect(attempt(signal, count(3), window, count(5))).toThrow(/B202.*window/);
    expect(attempt(signal, count(3), null, count(11))).toThrow(/B202/);
  });

  it("is one convolution on the chip, the window being part of its weights", () => {
    const builder = new EagerBuilder({
      signal: f32Tensor([1, 10, 1], (signal.data as Float32Array).slice(0, 10)),
      window,
    });
    const attributes = { step: 3, length: 4, onesided: true };
    const { type } = apply("short_time_fourier_transform", [builder.value("signal"), window], attributes);
    operatorOf("short_time_fourier_transform").decompose?.(
      { operands: ["signal", "window"], attributes, type },
      builder,
    );
    const conv = [...builder.nodes.values()].find(({ op }) => op === "conv");
    expect(builder.value(conv?.operands[1] ?? "").type.shape).toEqual([6, 1, 4]);
  });
});

describe("window functions", () => {
  const windowOf = (operator: string, size: number, periodic: number): number[] =>
    outputNumbers(translate({ operator, opset: 17, inputs: [count(size)], known: [0], attributes: { periodic } }));

  it.each([
    ["HannWindow", [0, 0.5, 1, 0.5]],
    ["HammingWindow", [4 / 46, 25 / 46, 1, 25 / 46]],
    ["BlackmanWindow", [0, 0.34, 1, 0.34]],
  ] as const)("%s has the numbers of its definition", (operator, periodic) => {
    expectClose(windowOf(operator, 4, 1), periodic, 1e-6, 1e-7);
    expectClose(windowOf(operator, 5, 0), [...periodic, at(periodic, 0)], 1e-6, 1e-7);
  });

  it("are of the wanted type, and of a size that is known", () => {
    const half = translate({
      operator: "HannWindow",
      opset: 17,
      inputs: [count(2)],
      known: [0],
      attributes: { output_datatype: 10 },
    });
    expect(outputTensor(half).type.element).toBe("f16");
    expect(() => translate({ operator: "HannWindow", opset: 17, inputs: [count(2)] })).toThrow(/B112/);
    expect(() => windowOf("HannWindow", -1, 1)).toThrow(/B110/);
  });
});

describe("MelWeightMatrix", () => {
  const mel = (bands: number, length: number, rate: number, low: number, high: number) =>
    translate({
      operator: "MelWeightMatrix",
      opset: 17,
      inputs: [count(bands), count(length), count(rate), tensor("f32", [], [low]), tensor("f32", [], [high])],
      known: [0, 1, 2, 3, 4],
    });

  it("holds a triangle for each band", () => {
    const builder = mel(3, 32, 8000, 0, 4000);
    expect(outputTensor(builder).type.shape).toEqual([17, 3]);
    const column = (band: number): number[] => outputNumbers(builder).filter((_, index) => index % 3 === band);
    const zeros = (length: number): number[] => new Array<number>(length).fill(0);
    expectClose(column(0), [0, 1, 0.5, ...zeros(14)]);
    expectClose(column(1), [0, 0, 0.5, 1, 2 / 3, 1 / 3, ...zeros(11)]);
    expectClose(column(2), [0, 0, 0, 0, 1 / 3, 2 / 3, 1, 0.75, 0.5, 0.25, ...zeros(7)]);
  });

  it("refuses numbers that make no matrix", () => {
    expect(() => mel(0, 32, 8000, 0, 4000)).toThrow(/B110.*0 bands/);
  });
});
