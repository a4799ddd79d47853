import { internalError } from "../../base/errors.ts";
import { mapInto } from "../../base/typed-arrays.ts";
import { f16BitsFromF64, f64FromF16Bits } from "../../kernels/float16.ts";
import { allocateData, makeTensor, type Tensor, type TensorData } from "../tensor.ts";
import { type ElementType, elementCount, elementTypes, type TensorType } from "../type.ts";

/** Whether the stored numbers of an element type need 64-bit integers. */
export function isBig(element: ElementType): element is "i64" | "u64" {
  return element === "i64" || element === "u64";
}

/** The stored numbers of a tensor; f16 and bf16 are decoded, 64-bit integers become the nearest number. */
export function tensorNumbers(tensor: Tensor): Exclude<TensorData, BigInt64Array | BigUint64Array> {
  const { data } = tensor;
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) return Float64Array.from(data, Number);
  if (tensor.type.element === "f16") return floatsFromHalves(data as Uint16Array);
  if (tensor.type.element === "bf16") return floatsFromBrains(data as Uint16Array);
  return data;
}

/** The elements of a tensor of any integer type as 64-bit integers. */
export function tensorBigs(tensor: Tensor): BigInt64Array | BigUint64Array {
  const { data } = tensor;
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) return data;
  return BigInt64Array.from(Array.from(tensorNumbers(tensor), (value) => BigInt(value)));
}

/** Numbers as elements of a type: floats rounded once to nearest, integers truncated and wrapped, bool is x ≠ 0. */
export function elementsOf(element: ElementType, numbers: ArrayLike<number>): TensorData {
  switch (element) {
    case "f64":
      return new Float64Array(numbers);
    case "f32":
      return new Float32Array(numbers);
    case "f16":
      return halvesFromNumbers(numbers);
    case "bf16":
      return brainsFromNumbers(numbers);
    case "bool":
      return mapInto(new Uint8Array(numbers.length), numbers, (value) => (value !== 0 ? 1 : 0));
    case "i64":
      return BigInt64Array.from(Array.from(numbers, bigOf));
    case "u64":
      return BigUint64Array.from(Array.from(numbers, bigOf));
    case "i2":
    case "i4": {
      const unused = 32 - elementTypes[element].bits;
      return mapInto(new Int8Array(numbers.length), numbers, (value) => (value << unused) >> unused);
    }
    case "u2":
    case "u4": {
      const mask = 2 ** elementTypes[element].bits - 1;
      return mapInto(new Uint8Array(numbers.length), numbers, (value) => value & mask);
    }
    default: {
      const data = allocateData(element, numbers.length) as Int32Array;
      data.set(numbers);
      return data;
    }
  }
}

function bigOf(value: number): bigint {
  return Number.isFinite(value) ? BigInt(Math.trunc(value)) : 0n;
}

/** A tensor of the type from numbers in row-major order, rounded as `elementsOf` does. */
export function tensorOf(type: TensorType, numbers: ArrayLike<number>): Tensor {
  return makeTensor(type, elementsOf(type.element, numbers));
}

/** The operand of an evaluation that must be there. */
export function operandAt(operands: readonly (Tensor | null)[], index: number): Tensor {
  const operand = operands[index];
  if (operand === null || operand === undefined) throw internalError(`operand ${index} is absent`);
  return operand;
}

/** The operand type of an inference that must be there. */
export function typeAt(operands: readonly (TensorType | null)[], index: number): TensorType {
  const operand = operands[index];
  if (operand === null || operand === undefined) throw internalError(`operand ${index} is absent`);
  return operand;
}

/** The same elements under another type of the same element count and storage. */
export function retyped(tensor: Tensor, type: TensorType): Tensor {
  if (tensor.data.length !== elementCount(type))
    throw internalError(`[${tensor.type.shape.join(",")}] is not [${type.shape.join(",")}]`);
  return { type, data: tensor.data };
}

/** How many f16 there are. */
export const halfCount = 65536;

/** The numbers of f16 bits, exactly. */
function floatsFromHalves(bits: Uint16Array): Float32Array {
  const floats = new Float32Array(bits.length);
  for (let index = 0; index < floats.length; index += 1) floats[index] = f64FromF16Bits(bits[index] as number);
  return floats;
}

/** All f16 bits in order. */
export function everyHalf(): Uint16Array {
  const bits = new Uint16Array(halfCount);
  for (let index = 0; index < halfCount; index += 1) bits[index] = index;
  return bits;
}

function halvesFromNumbers(numbers: ArrayLike<number>): Uint16Array {
  const bits = new Uint16Array(numbers.length);
  for (let index = 0; index < bits.length; index += 1) bits[index] = f16BitsFromF64(numbers[index] as number);
  return bits;
}

function floatsFromBrains(bits: Uint16Array): Float32Array {
  const words = mapInto(new Uint32Array(bits.length), bits, (value) => value << 16);
  return new Float32Array(words.buffer);
}

function brainsFromNumbers(numbers: ArrayLike<number>): Uint16Array {
  const floats = new Float32Array(numbers);
  const words = new Uint32Array(floats.buffer);
  return mapInto(new Uint16Array(words.length), words, (word, index) => {
    if (Number.isNaN(floats[index])) return 0x7fc0;
    return (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  });
}
