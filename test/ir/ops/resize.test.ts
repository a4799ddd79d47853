import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { AttributeValue } from "../../../ir/graph.ts";
import { interpolationTaps, nearestIndexes, originalPosition, type ResizedAxis } from "../../../ir/ops/resize-taps.ts";
import { f32Tensor, i64Tensor, type Tensor } from "../../../ir/tensor.ts";
import { apply, expectClose, tensor } from "./checks.ts";
import { addedOperators, outputNumbers, outputTensor, translate } from "./eager-builder.ts";

const line = (...numbers: number[]): Tensor => tensor("f32", [1, 1, numbers.length], numbers);

interface Wanted {
  readonly scales?: readonly number[];
  readonly sizes?: readonly number[];
  readonly roi?: readonly number[];
  readonly opset?: number;
  readonly attributes?: Readonly<Record<string, AttributeValue>>;
}

function resized(x: Tensor, { scales, sizes, roi, opset = 19, attributes = {} }: Wanted) {
  const floats = (numbers: readonly number[] | undefined): Tensor | null =>
    numbers === undefined ? null : f32Tensor([numbers.length], numbers);
  const inputs =
    opset < 11
      ? [x, floats(scales)]
      : [x, floats(roi), floats(scales), sizes === undefined ? null : i64Tensor([sizes.length], sizes)];
  return translate({ operator: "Resize", opset, inputs, known: [1, 2, 3], attributes });
}

const axis = (input: number, output: number, coordinates: ResizedAxis["coordinates"]): ResizedAxis => ({
  ...{ input, output, length: output, coordinates, start: 0, end: 1 },
});

describe("positions of a resized axis", () => {
  it.each([
    ["half_pixel", [-0.25, 0.25, 0.75, 1.25]],
    ["half_pixel_symmetric", [-0.25, 0.25, 0.75, 1.25]],
    ["pytorch_half_pixel", [-0.25, 0.25, 0.75, 1.25]],
    ["tf_half_pixel_for_nn", [0.25, 0.75, 1.25, 1.75]],
    ["asymmetric", [0, 0.5, 1, 1.5]],
    ["align_corners", [0, 1 / 3, 2 / 3, 1]],
    ["tf_crop_and_resize", [0, 1 / 3, 2 / 3, 1]],
  ] as const)("are those of %s", (coordinates, wanted) => {
    const doubled = axis(2, 4, coordinates);
    expectClose(
      [0, 1, 2, 3].map((x) => originalPosition(doubled, x)),
      wanted,
      1e-12,
    );
  });

  it("are one place where a single element is left", () => {
    expect(originalPosition(axis(5, 1, "align_corners"), 0)).toBe(0);
    expect(originalPosition(axis(5, 1, "pytorch_half_pixel"), 0)).toBe(0);
    expect(originalPosition({ ...axis(5, 1, "tf_crop_and_resize"), start: 0.5 }, 0)).toBe(3);
  });

  it("keep the centre where the length is rounded", () => {
    const rounded = { ...axis(4, 2, "half_pixel_symmetric"), length: 2.4 };
    expectClose(
      [0, 1].map((x) => originalPosition(rounded, x)),
      [0.6666667, 2.3333333],
      1e-6,
    );
  });
});

describe("nearest elements", () => {
  it.each([
    ["round_prefer_floor", [0, 0, 1, 1, 2]],
    ["round_prefer_ceil", [0, 1, 1, 2, 2]],
    ["floor", [0, 0, 1, 1, 2]],
    ["ceil", [0, 1, 1, 2, 2]],
  ] as const)("are rounded by %s", (mode, wanted) => {
    expect(nearestIndexes({ ...axis(3, 5, "asymmetric"), length: 6 }, mode)).toEqual(wanted);
  });

  it("meet the integers with scales that f32 cannot hold", () => {
    const third = { ...axis(9, 3, "asymmetric"), length: 9 * Math.fround(1 / 3) };
    expect(nearestIndexes(third, "floor")).toEqual([0, 3, 6]);
  });
});

describe("weights", () => {
  it("add up to one, within the axis", () => {
    const modes = ["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"] as const;
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 20 }),
        fc.constantFrom(...modes),
        fc.constantFrom("linear", "cubic"),
        fc.boolean(),
        fc.boolean(),
        (input, output, coordinates, mode, excludeOutside, antialias) => {
          const interpolation = { mode, cubicCoefficient: -0.5, excludeOutside, antialias } as const;
          const { indexes, weights, count } = interpolationTaps(axis(input, output, coordinates), interpolation);
          for (let position = 0; position < count; position += 1) {
            expect(weights.reduce((total, list) => total + (list[position] ?? 0), 0)).toBeCloseTo(1, 10);
            expect(indexes.every((list) => (list[position] ?? -1) >= 0 && (list[position] ?? input) < input)).toBe(
              true,
            );
          }
        },
      ),
    );
  });
});

describe("Resize", () => {
  it("interpolates linearly", () => {
    expectClose(
      outputNumbers(resized(line(0, 4), { scales: [1, 1, 2], attributes: { mode: "linear" } })),
      [0, 1, 3, 4],
    );
    const smooth = (exclude_outside: number) =>
      outputNumbers(
        resized(line(0, 4, 8, 12), {
          scales: [1, 1, 0.5],
          attributes: { mode: "linear", antialias: 1, exclude_outside },
        }),
      );
    expectClose(smooth(0), [2.5, 9.5]);
    expectClose(smooth(1), [20 / 7, 12 - 20 / 7]);
  });

  it("interpolates by the cubic kernel, leaving out what is outside where asked", () => {
    const cubic = (attributes: Record<string, AttributeValue>) =>
      outputNumbers(resized(line(1, 2, 4), { scales: [1, 1, 2], attributes: { mode: "cubic", ...attributes } }));
    // At 0.25 the weights are −0.10546875, 0.87890625, 0.26171875, −0.03515625 for a = −0.75.
    expectClose([cubic({})[1] ?? 0], [-0.10546875 + 0.87890625 + 2 * 0.26171875 - 4 * 0.03515625]);
    const total = 0.87890625 + 0.26171875 - 0.03515625;
    expectClose([cubic({ exclude_outside: 1 })[1] ?? 0], [(0.87890625 + 2 * 0.26171875 - 4 * 0.03515625) / total]);
    // For a = −0.5: −0.0703125, 0.8671875, 0.2265625, −0.0234375.
    expectClose([cubic({ cubic_coeff_a: -0.5 })[1] ?? 0], [-0.0703125 + 0.8671875 + 2 * 0.2265625 - 4 * 0.0234375]);
  });

  it("gives a number of its own outside of what is cropped", () => {
    const attributes = { coordinate_transformation_mode: "tf_crop_and_resize", extrapolation_value: 9 };
    const roi = [0, 0, -0.5, 1, 1, 1];
    for (const [mode, inside] of [
      ["linear", [1, 2.5, 4]],
      ["nearest", [1, 2, 4]],
    ] as const) {
      const sizes = [1, 1, 4];
      const { type } = outputTensor(resized(line(1, 2, 3, 4), { sizes, roi, attributes: { ...attributes, mode } }));
      expect(type.shape).toEqual(sizes);
      expectClose(outputNumbers(resized(line(1, 2, 3, 4), { sizes, roi, attributes: { ...attributes, mode } })), [
        9,
        ...inside,
      ]);
    }
    expect(
      outputNumbers(
        resized(line(1, 2), {
          sizes: [1, 1, 2],
          roi: [0, 0, 2, 1, 1, 3],
          attributes: { ...attributes, mode: "linear" },
        }),
      ),
    ).toEqual([9, 9]);
  });

  it("repeats elements without a gather where each is repeated equally often", () => {
    const doubled = resized(line(1, 2), { scales: [1, 1, 2] });
    expect(outputNumbers(doubled)).toEqual([1, 1, 2, 2]);
    expect(addedOperators(doubled)).not.toContain("gather");
  });

  it("keeps the aspect ratio where asked, halves rounded up", () => {
    const sizes = (policy: string): readonly number[] =>
      outputTensor(
        resized(tensor("f32", [4, 6], new Array<number>(24).fill(1)), {
          sizes: [2, 5],
          attributes: { keep_aspect_ratio_policy: policy, axes: [0, -1] },
        }),
      ).type.shape;
    expect(sizes("not_larger")).toEqual([2, 3]);
    expect(sizes("not_smaller")).toEqual([3, 5]);
    expect(sizes("stretch")).toEqual([2, 5]);
  });

  it("names axes in any order", () => {
    const x = tensor("f32", [2, 1], [1, 2]);
    const wide = resized(x, { sizes: [3, 2], attributes: { axes: [1, 0] } });
    expect(outputTensor(wide).type.shape).toEqual([2, 3]);
  });

  it("takes opset 10, where shrinking takes the next element up", () => {
    expect(outputNumbers(resized(line(1, 2, 3, 4), { scales: [1, 1, 0.6], opset: 10 }))).toEqual([1, 3]);
    expect(outputNumbers(resized(line(1, 2), { scales: [1, 1, 1.5], opset: 10 }))).toEqual([1, 1, 2]);
  });

  it("resamples integers in f32 and cuts off the fraction", () => {
    const x = tensor("u8", [1, 1, 2], [0, 5]);
    const builder = resized(x, { scales: [1, 1, 2], attributes: { mode: "linear" } });
    expect(outputTensor(builder).type.element).toBe("u8");
    expect(outputNumbers(builder)).toEqual([0, 1, 3, 5]);
  });

  it("refuses what it cannot read", () => {
    const x = line(1, 2);
    expect(() => resized(x, {})).toThrow(/B110.*either scales or sizes/);
    expect(() => resized(x, { scales: [1, 1, 2], sizes: [1, 1, 4] })).toThrow(/B110.*either scales or sizes/);
    expect(() => resized(x, { scales: [1, 2] })).toThrow(/B110.*for 3 axes/);
    expect(() => resized(x, { scales: [1, 1, 0] })).toThrow(/B110.*positive/);
    const withAttributes = (attributes: Record<string, AttributeValue>) => () =>
      resized(x, { sizes: [1, 1, 4], attributes });
    expect(withAttributes({ mode: "area" })).toThrow(/B111.*"mode" is "area"/);
    expect(withAttributes({ nearest_mode: "up" })).toThrow(/B111.*"nearest_mode"/);
    expect(withAttributes({ coordinate_transformation_mode: "corner" })).toThrow(/B111.*"corner"/);
    expect(withAttributes({ keep_aspect_ratio_policy: "crop" })).toThrow(/B111.*"crop"/);
    expect(() =>
      resized(x, { sizes: [4], roi: [0, 1], attributes: { coordinate_transformation_mode: "tf_crop_and_resize" } }),
    ).toThrow(/B110/);
    const attributes = { axes: [0], sizes: [2], lengths: [2], region: [0, 1] };
    expect(() => apply("resize", [x], { ...attributes, mode: "area" })).toThrow(/B202.*"area"/);
    expect(() => apply("resize", [x], { ...attributes, mode: "linear", axes: [3] })).toThrow(/B202.*axes \[3\]/);
  });
});

describe("Upsample", () => {
  it("reads its scales from the attribute or the input, by opset", () => {
    const x = line(1, 2);
    const older = translate({ operator: "Upsample", opset: 7, inputs: [x], attributes: { scales: [1, 1, 2] } });
    expect(outputNumbers(older)).toEqual([1, 1, 2, 2]);
    const newer = translate({
      operator: "Upsample",
      opset: 9,
      inputs: [x, f32Tensor([3], [1, 1, 2])],
      known: [1],
      attributes: { mode: "linear" },
    });
    expectClose(outputNumbers(newer), [1, 1.5, 2, 2]);
  });
});
