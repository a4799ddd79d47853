import { plainNumber, product } from "../base/math.ts";

/** How numbers are stored, smallest to largest; `bits` is the packed width, `storage` the unpacked array. */
export const elementTypes = {
  bool: { bits: 8, kind: "boolean", signed: false },
  i2: { bits: 2, kind: "integer", signed: true },
  u2: { bits: 2, kind: "integer", signed: false },
  i4: { bits: 4, kind: "integer", signed: true },
  u4: { bits: 4, kind: "integer", signed: false },
  i8: { bits: 8, kind: "integer", signed: true },
  u8: { bits: 8, kind: "integer", signed: false },
  i16: { bits: 16, kind: "integer", signed: true },
  u16: { bits: 16, kind: "integer", signed: false },
  i32: { bits: 32, kind: "integer", signed: true },
  u32: { bits: 32, kind: "integer", signed: false },
  i64: { bits: 64, kind: "integer", signed: true },
  u64: { bits: 64, kind: "integer", signed: false },
  f16: { bits: 16, kind: "float", signed: true },
  bf16: { bits: 16, kind: "float", signed: true },
  f32: { bits: 32, kind: "float", signed: true },
  f64: { bits: 64, kind: "float", signed: true },
} as const;

/** The name of an element type. */
export type ElementType = keyof typeof elementTypes;

/** Real value = scale × (stored − zero), with one scale and zero for the tensor, or one for each index of `axis`. */
export interface Quantization {
  readonly axis: number | null;
  readonly scales: readonly number[];
  readonly zeros: readonly number[];
}

/** Element type, quantization and shape of a value. */
export interface TensorType {
  readonly element: ElementType;
  readonly quantization: Quantization | null;
  readonly shape: readonly number[];
}

/** Makes a type. */
export function tensorType(
  element: ElementType,
  shape: readonly number[],
  quantization: Quantization | null = null,
): TensorType {
  return { element, quantization, shape: shape.map(plainNumber) };
}

/** One scale and zero for the whole tensor. */
export function perTensor(scale: number, zero = 0): Quantization {
  return { axis: null, scales: [scale], zeros: [zero] };
}

/** How many elements a value of this type has. */
export function elementCount(type: TensorType): number {
  return product(type.shape);
}

/** Bytes of `count` elements, packed. */
export function packedBytes(element: ElementType, count: number): number {
  return Math.ceil((count * elementTypes[element].bits) / 8);
}

/**
 * Bytes of one element in the chip's memories: half a byte for types of 4 bits, a quarter for 2. Addresses and strides of
 * such elements are multiples of it; the lowest bits of a byte come first.
 */
export function elementBytes(element: ElementType): number {
  return elementTypes[element].bits / 8;
}

/** The one of two element types that has more bits; the first of equals. */
export function widerElement(left: ElementType, right: ElementType): ElementType {
  return elementTypes[left].bits >= elementTypes[right].bits ? left : right;
}

/** Whether the element type is floating point. */
export function isFloat(element: ElementType): boolean {
  return elementTypes[element].kind === "float";
}

/** The least and greatest stored number of an integer element type of at most 32 bits. */
export function integerRange(element: ElementType): { readonly low: number; readonly high: number } {
  const { bits, signed } = elementTypes[element];
  return signed ? { low: -(2 ** (bits - 1)), high: 2 ** (bits - 1) - 1 } : { low: 0, high: 2 ** bits - 1 };
}

/** Whether two types are the same in every part. */
export function sameType(left: TensorType, right: TensorType): boolean {
  return left.element === right.element && sameNumbers(left.shape, right.shape) && sameQuantization(left, right);
}

/** Whether two types have the same quantization, or neither has one. */
export function sameQuantization(left: TensorType, right: TensorType): boolean {
  const [a, b] = [left.quantization, right.quantization];
  if (a === null || b === null) return a === b;
  return a.axis === b.axis && sameScales(a.scales, b.scales) && sameNumbers(a.zeros, b.zeros);
}

/** As `sameNumbers`, which sees whole numbers alone this way: optimized code would make lists of floats of them as well. */
function sameScales(left: readonly number[], right: readonly number[]): boolean {
  if (left.length !== right.length) return false;
  for (let index = 0; index < left.length; index += 1) if (!Object.is(left[index], right[index])) return false;
  return true;
}

/** Whether two lists hold the same numbers in the same order. */
export function sameNumbers(left: readonly number[], right: readonly number[]): boolean {
  if (left.length !== right.length) return false;
  for (let index = 0; index < left.length; index += 1) if (!Object.is(left[index], right[index])) return false;
  return true;
}

/** Prints a type: `i8<scale=0.02, zero=-3>[1,16,28,28]`, `i8<axis=0, scale=[0.1,0.2], zero=0>[2,3]`, `f16[1,256]`. */
export function formatType(type: TensorType): string {
  const shape = `[${type.shape.join(",")}]`;
  const quantization = type.quantization;
  if (quantization === null) return `${type.element}${shape}`;
  const list = (values: readonly number[]): string =>
    values.every((value) => value === values[0]) && (values.length === 1 || quantization.axis === null)
      ? String(values[0])
      : `[${values.join(",")}]`;
  const zero = quantization.zeros.every((value) => value === 0) ? "0" : list(quantization.zeros);
  const axis = quantization.axis === null ? "" : `axis=${quantization.axis}, `;
  return `${type.element}<${axis}scale=${list(quantization.scales)}, zero=${zero}>${shape}`;
}
