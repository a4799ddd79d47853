import { expect, it } from "vitest";
import { energiesOf, pooledSqnrDb, realNumbers, sqnrDb } from "../../../compiler/quantize/accuracy.ts";
import { storedTensor } from "../../../compiler/quantize/stored-tensor.ts";
import { f32Tensor, makeTensor } from "../../../ir/tensor.ts";
import { perTensor, tensorType } from "../../../ir/type.ts";

it("SQNR is the ratio of energies in dB", () => {
  expect(sqnrDb([3, 4], [3, 4])).toBe(Number.POSITIVE_INFINITY);
  expect(sqnrDb([10, 0], [9, 0])).toBeCloseTo(20, 12);
  expect(sqnrDb([0, 0], [1, 0])).toBe(Number.NEGATIVE_INFINITY);
});

it("pooled SQNR adds energies, not decibels", () => {
  expect(pooledSqnrDb([energiesOf([10], [9]), energiesOf([0], [0])])).toBeCloseTo(20, 12);
  expect(pooledSqnrDb([energiesOf([10], [9]), energiesOf([10], [9])])).toBeCloseTo(20, 12);
  expect(pooledSqnrDb([energiesOf([10], [9]), energiesOf([0], [3])])).toBeCloseTo(10, 12);
});

it("equal infinities are no error, unequal ones an infinite one, and lengths must agree", () => {
  expect(energiesOf([Number.POSITIVE_INFINITY, 2], [Number.POSITIVE_INFINITY, 2])).toEqual({ signal: 4, error: 0 });
  expect(energiesOf([1], [Number.NaN])).toEqual({ signal: 1, error: Number.POSITIVE_INFINITY });
  expect(energiesOf([Number.NaN], [1])).toEqual({ signal: 0, error: Number.POSITIVE_INFINITY });
  expect(() => energiesOf([1, 2], [1])).toThrow(RangeError);
});

it("real numbers of a quantized tensor are scale × (stored − zero), by channel", () => {
  const whole = makeTensor(tensorType("i8", [2], perTensor(0.5, 3)), Int8Array.of(3, 7));
  expect(Array.from(realNumbers(whole))).toEqual([0, 2]);
  const quantization = { axis: 1, scales: [1, 10], zeros: [0, 1] };
  const channels = makeTensor(tensorType("i8", [2, 2, 2], quantization), Int8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
  expect(Array.from(realNumbers(channels))).toEqual([1, 2, 20, 30, 5, 6, 60, 70]);
  expect(Array.from(realNumbers(f32Tensor([2], [1, 2])))).toEqual([1, 2]);
});

it("the host stores inputs rounded to even and clamped; NaN becomes zero", () => {
  const type = tensorType("i8", [5], perTensor(0.5, 1));
  expect(storedTensor(f32Tensor([5], [0.25, 0.75, -1000, 1000, Number.NaN]), type)).toEqual({
    type,
    data: Int8Array.of(1, 3, -128, 127, 1),
  });
  const half = tensorType("f16", [1]);
  expect(storedTensor(f32Tensor([1], [1]), half)).toEqual({ type: half, data: Uint16Array.of(0x3c00) });
  const same = f32Tensor([1], [1]);
  expect(storedTensor(same, same.type).data).toBe(same.data);
  const unsigned = { type: tensorType("u8", [3]), data: Uint8Array.of(0, 128, 255) };
  expect(storedTensor(unsigned, tensorType("i8", [3], perTensor(1, -8))).data).toEqual(Int8Array.of(-128, 0, 127));
});
