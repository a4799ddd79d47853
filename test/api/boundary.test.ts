import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { boundaryBytes, fromBoundary, tensorFromBytes, toBoundary } from "../../api/boundary.ts";
import { BorealError } from "../../base/errors.ts";
import { f32Tensor, i64Tensor, makeTensor } from "../../ir/tensor.ts";
import { perTensor, tensorType } from "../../ir/type.ts";
import { f16BitsFromF64 } from "../../kernels/float16.ts";

const narrow = { name: "x", type: tensorType("i8", [6], perTensor(0.5, 3)) };

function codesOf(run: () => unknown): readonly string[] {
  try {
    run();
    return [];
  } catch (error) {
    return error instanceof BorealError ? error.problems.map(({ code }) => code) : ["other"];
  }
}

describe("the boundary between host and chip", () => {
  it("quantizes with ties to even, then adds the zero point and clamps", () => {
    // x / 0.5 = 0.5, 1.5, -0.5, 2.5, 1000, -1000: rounded 0, 2, 0, 2; plus 3; the last two clamp.
    const x = f32Tensor([6], [0.25, 0.75, -0.25, 1.25, 500, -500]);
    expect(Array.from(toBoundary(x, narrow, "f32").data as Int8Array)).toEqual([3, 5, 3, 5, 127, -128]);
  });

  it("dequantizes to scale × (stored − zero) in the model's type", () => {
    const stored = makeTensor(narrow.type, Int8Array.from([3, 5, 4, 127, -128, 0]));
    expect(fromBoundary(stored, "f32")).toEqual(f32Tensor([6], [0, 1, 0.5, 62, -65.5, -1.5]));
    expect(fromBoundary(stored, "f64").data).toEqual(Float64Array.from([0, 1, 0.5, 62, -65.5, -1.5]));
  });

  it("takes numbers back that were quantized, to half a step", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -60, max: 60, noNaN: true }), { minLength: 6, maxLength: 6 }), (values) => {
        const x = f32Tensor([6], values);
        const back = fromBoundary(toBoundary(x, narrow, "f32"), "f32").data as Float32Array;
        back.forEach((value, index) => {
          expect(Math.abs(value - (x.data[index] as number))).toBeLessThanOrEqual(0.25 + 1e-5);
        });
      }),
    );
  });

  it("rounds to f16 once and back without loss", () => {
    const half = { name: "x", type: tensorType("f16", [3]) };
    const stored = toBoundary(f32Tensor([3], [1, 0.1, -3]), half, "f32");
    expect(Array.from(stored.data as Uint16Array)).toEqual([1, 0.1, -3].map(f16BitsFromF64));
    expect((fromBoundary(stored, "f32").data as Float32Array)[1]).toBeCloseTo(0.1, 4);
  });

  it("hands whole numbers over as they are", () => {
    const indexes = i64Tensor([2], [7, -1]);
    const port = { name: "i", type: indexes.type };
    expect(toBoundary(indexes, port, "i64").data).toBe(indexes.data);
    expect(fromBoundary(indexes, "i64").data).toBe(indexes.data);
  });

  it("refuses another shape, another type, NaN and infinity", () => {
    expect(codesOf(() => toBoundary(f32Tensor([5], [0, 0, 0, 0, 0]), narrow, "f32"))).toEqual(["B702"]);
    expect(codesOf(() => toBoundary(i64Tensor([6], [0, 0, 0, 0, 0, 0]), narrow, "f32"))).toEqual(["B702"]);
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(codesOf(() => toBoundary(f32Tensor([6], [0, 0, 0, 0, 0, bad]), narrow, "f32"))).toEqual(["B703"]);
    }
  });

  it("reads bytes back as the tensor that gave them, and refuses another number of them", () => {
    const stored = makeTensor(narrow.type, Int8Array.from([1, -2, 3, -4, 5, -6]));
    expect(tensorFromBytes(narrow, boundaryBytes(stored)).data).toEqual(stored.data);
    expect(codesOf(() => tensorFromBytes(narrow, new Uint8Array(5)))).toEqual(["B702"]);
  });
});
