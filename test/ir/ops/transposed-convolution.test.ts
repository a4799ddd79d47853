import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { at, product, rowMajorStrides, sum } from "../../../base/math.ts";
import { makeRandom } from "../../../base/random.ts";
import { sampleFloats } from "../../../ir/ops/samples.ts";
import { tensorNumbers } from "../../../ir/ops/values.ts";
import type { Tensor } from "../../../ir/tensor.ts";
import { expectClose, tensor } from "./checks.ts";
import { type EagerBuilder, outputNumbers, outputTensor, translate } from "./eager-builder.ts";

interface Geometry {
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly begins: readonly number[];
  readonly outputs: readonly number[];
  readonly group: number;
}

/** The definition: every element of x adds its multiple of the kernel to the result. */
function scattered(x: Tensor, w: Tensor, bias: Tensor | null, geometry: Geometry): number[] {
  const [images = 0, channels = 0, ...spatial] = x.type.shape;
  const [, groupOutputs = 0, ...kernel] = w.type.shape;
  const { strides, dilations, begins, outputs, group } = geometry;
  const plane = product(outputs);
  const total = groupOutputs * group;
  const results = new Float64Array(images * total * plane);
  const [xs, ws, bs] = [tensorNumbers(x), tensorNumbers(w), bias === null ? null : tensorNumbers(bias)];
  for (let index = 0; index < results.length; index += 1) results[index] = bs?.[Math.floor(index / plane) % total] ?? 0;
  const coordinates = (index: number, sizes: readonly number[]): number[] => {
    const steps = rowMajorStrides(sizes);
    return sizes.map((size, axis) => Math.floor(index / at(steps, axis)) % size);
  };
  for (let index = 0; index < xs.length; index += 1) {
    const channel = Math.floor(index / product(spatial)) % channels;
    const image = Math.floor(index / (product(spatial) * channels));
    const place = coordinates(index % product(spatial), spatial);
    for (let tap = 0; tap < groupOutputs * product(kernel); tap += 1) {
      const offset = coordinates(tap % product(kernel), kernel);
      const target = place.map(
        (each, axis) => each * at(strides, axis) + at(offset, axis) * at(dilations, axis) - at(begins, axis),
      );
      if (target.some((each, axis) => each < 0 || each >= at(outputs, axis))) continue;
      const output = Math.floor(channel / (channels / group)) * groupOutputs + Math.floor(tap / product(kernel));
      const linear = sum(target.map((each, axis) => each * at(rowMajorStrides(outputs), axis)));
      const result = (image * total + output) * plane + linear;
      const weight = ws[channel * groupOutputs * product(kernel) + tap] as number;
      results[result] = (results[result] as number) + (xs[index] as number) * weight;
    }
  }
  return Array.from(results);
}

/** Multiply-accumulates of the convolutions that a node became. */
function macCount(builder: EagerBuilder): number {
  const convolutions = [...builder.nodes].filter(([, { op }]) => op === "conv");
  return sum(
    convolutions.map(([name, { operands }]) => {
      const weights = builder.value(operands[1] ?? "").type.shape;
      return product(builder.value(name).type.shape) * product(weights.slice(1));
    }),
  );
}

const ramp = (shape: readonly number[]): Tensor =>
  tensor(
    "f32",
    shape,
    Array.from({ length: product(shape) }, (_, index) => index + 1),
  );

describe("ConvTranspose", () => {
  it("equals its definition for any geometry", () => {
    const small = (low: number, high: number) => fc.integer({ min: low, max: high });
    const axis = fc.record({
      size: small(1, 4),
      kernel: small(1, 4),
      stride: small(1, 3),
      dilation: small(1, 3),
      begin: small(0, 2),
      end: small(0, 2),
      extra: small(0, 2),
    });
    fc.assert(
      fc.property(
        fc.array(axis, { minLength: 1, maxLength: 3 }),
        small(1, 2),
        small(1, 2),
        small(1, 2),
        fc.boolean(),
        small(0, 999),
        (axes, group, groupInputs, groupOutputs, biased, seed) => {
          const list = (name: keyof (typeof axes)[number]): number[] => axes.map((each) => each[name]);
          const outputs = axes.map(
            (each) =>
              each.stride * (each.size - 1) +
              each.extra +
              each.dilation * (each.kernel - 1) +
              1 -
              each.begin -
              each.end,
          );
          fc.pre(outputs.every((size) => size >= 1));
          const random = makeRandom(seed);
          const x = sampleFloats(random, [2, group * groupInputs, ...list("size")]);
          const w = sampleFloats(random, [group * groupInputs, groupOutputs, ...list("kernel")]);
          const bias = biased ? sampleFloats(random, [group * groupOutputs]) : null;
          const geometry = {
            strides: list("stride"),
            dilations: list("dilation"),
            begins: list("begin"),
            outputs,
            group,
          };
          const builder = translate({
            operator: "ConvTranspose",
            inputs: [x, w, bias],
            attributes: {
              strides: geometry.strides,
              dilations: geometry.dilations,
              pads: [...list("begin"), ...list("end")],
              output_padding: list("extra"),
              group,
            },
          });
          expect(outputTensor(builder).type.shape).toEqual([2, group * groupOutputs, ...outputs]);
          expectClose(outputNumbers(builder), scattered(x, w, bias, geometry), 1e-4, 1e-4);
        },
      ),
      { numRuns: 150 },
    );
  });

  it("makes no product with the zeros that strides put between elements", () => {
    const upsample = (kernel: number, pad: number): EagerBuilder =>
      translate({
        operator: "ConvTranspose",
        inputs: [ramp([1, 3, 4, 4]), ramp([3, 5, kernel, kernel])],
        attributes: { strides: [2, 2], pads: [pad, pad, pad, pad] },
      });
    expect(macCount(upsample(2, 0))).toBe(4 * 4 * 3 * 5 * 2 * 2);
    expect(macCount(upsample(4, 1))).toBe(4 * 4 * 3 * 5 * 4 * 4);
  });

  it("makes one convolution of phases that are alike, and one for each otherwise", () => {
    const convolutions = (kernel: number): number =>
      [
        ...translate({
          operator: "ConvTranspose",
          inputs: [ramp([1, 1, 3]), ramp([1, 1, kernel])],
          attributes: { strides: [2] },
        }).nodes.values(),
      ].filter(({ op }) => op === "conv").length;
    expect([2, 3, 1].map(convolutions)).toEqual([1, 2, 1]);
  });

  it("makes one convolution of very many phases too, whatever its kernel", () => {
    const random = makeRandom(4);
    const [x, w] = [sampleFloats(random, [1, 2, 3, 2]), sampleFloats(random, [2, 3, 7, 10])];
    const attributes = { strides: [5, 4], pads: [1, 3, 2, 0] };
    const builder = translate({ operator: "ConvTranspose", inputs: [x, w, null], attributes });
    expect([...builder.nodes.values()].filter(({ op }) => op === "conv").length).toBe(1);
    const geometry = { strides: [5, 4], dilations: [1, 1], begins: [1, 3], outputs: [14, 11], group: 1 };
    expectClose(outputNumbers(builder), scattered(x, w, null, geometry), 1e-4, 1e-4);
  });

  it("pads as output_shape and auto_pad ask", () => {
    const shaped = (attributes: Record<string, string | number[]>): number[] =>
      outputNumbers(
        translate({
          operator: "ConvTranspose",
          inputs: [tensor("f32", [1, 1, 3], [1, 10, 100]), tensor("f32", [1, 1, 3], [1, 2, 3])],
          attributes: { strides: [2], ...attributes },
        }),
      );
    expect(shaped({})).toEqual([1, 2, 13, 20, 130, 200, 300]);
    expect(shaped({ output_shape: [6] })).toEqual([2, 13, 20, 130, 200, 300]);
    expect(shaped({ output_shape: [1, 1, 6], auto_pad: "SAME_UPPER" })).toEqual([1, 2, 13, 20, 130, 200]);
    expect(shaped({ auto_pad: "SAME_UPPER" })).toEqual([1, 2, 13, 20, 130, 200]);
    expect(shaped({ auto_pad: "SAME_LOWER" })).toEqual([2, 13, 20, 130, 200, 300]);
    expect(shaped({ auto_pad: "VALID", pads: [1, 1] })).toEqual([1, 2, 13, 20, 130, 200, 300]);
    expect(shaped({ output_shape: [9] })).toEqual([1, 2, 13, 20, 130, 200, 300, 0, 0]);
  });

  it("refuses what does not fit", () => {
    const attempt = (shape: readonly number[], attributes: Record<string, string | number | number[]>) => () =>
      translate({ operator: "ConvTranspose", inputs: [ramp([1, 2, 3]), ramp(shape)], attributes });
    expect(attempt([3, 1, 2], {})).toThrow(/B110.*cannot contract/);
    expect(attempt([2, 1, 2], { pads: [2, 3] })).toThrow(/B110.*sizes \[-1\]/);
    expect(attempt([2, 1, 2], { strides: [0] })).toThrow(/B111.*must be positive/);
    expect(attempt([2, 1, 2], { strides: [1, 1] })).toThrow(/B111.*expected 1 integers/);
    expect(attempt([2, 1, 2], { auto_pad: "SAME" })).toThrow(/B111.*"auto_pad"/);
  });
});
