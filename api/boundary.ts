import { problem } from "../base/errors.ts";
import { convert } from "../ir/ops/conversion-values.ts";
import { signShift } from "../ir/ops/quantized-weights.ts";
import { tensorNumbers, tensorOf } from "../ir/ops/values.ts";
import { storedBytesOf, unpacked } from "../ir/packing.ts";
import { makeTensor, type Tensor, viewData } from "../ir/tensor.ts";
import {
  type ElementType,
  elementCount,
  elementTypes,
  formatType,
  isFloat,
  packedBytes,
  sameNumbers,
  type TensorType,
  tensorType,
} from "../ir/type.ts";
import { checkFinite } from "./inputs.ts";

/** A tensor that crosses the host link: its name and the type that the chip stores. */
export interface BoundaryValue {
  readonly name: string;
  readonly type: TensorType;
}

/**
 * What the host hands to the chip: the model's tensor in the type of the boundary, narrow integers by
 * clamp(rne(x / scale) + zero), f16 rounded once, u8 that is stored as i8 less 128. Throws B702 for another shape or type, B703 for NaN and infinity where
 * integers are to hold them.
 */
export function toBoundary(value: Tensor, { name, type }: BoundaryValue, modelElement: ElementType): Tensor {
  if (value.type.element !== modelElement || !sameNumbers(value.type.shape, type.shape)) {
    const expected = formatType(tensorType(modelElement, type.shape));
    throw problem("B702", `Input "${name}" is ${formatType(value.type)}, expected ${expected}.`, { tensor: name });
  }
  if (type.quantization !== null) checkFinite(value, { tensor: name });
  if (type.quantization !== null && isFloat(modelElement)) {
    // Division by the scale in f32, as ONNX's QuantizeLinear does.
    const single = modelElement === "f32" ? value : tensorOf(tensorType("f32", type.shape), tensorNumbers(value));
    return convert("quantize", single, type);
  }
  if (type.element === modelElement) return makeTensor(type, value.data);
  return shifted(type, value, isSignedCopy(type, modelElement) ? -signShift : 0);
}

/** Whether u8 of the model is stored as i8. */
function isSignedCopy(stored: TensorType, modelElement: ElementType): boolean {
  return modelElement === "u8" && stored.element === "i8" && stored.quantization !== null;
}

function shifted(type: TensorType, value: Tensor, shift: number): Tensor {
  const numbers = tensorNumbers(value);
  return tensorOf(type, shift === 0 ? numbers : Float64Array.from(numbers, (number) => number + shift));
}

/** What the host makes of the chip's tensor: the real numbers in the element type that the model declares. */
export function fromBoundary(value: Tensor, modelElement: ElementType): Tensor {
  const type = tensorType(modelElement, value.type.shape);
  if (value.type.quantization !== null && isFloat(modelElement)) {
    const numbers = tensorNumbers(convert("dequantize", value, tensorType("f32", value.type.shape)));
    return tensorOf(type, numbers);
  }
  if (value.type.element === modelElement) return makeTensor(type, value.data);
  return shifted(type, value, isSignedCopy(value.type, modelElement) ? signShift : 0);
}

/** The bytes of a tensor as the framebuffer holds them, row-major, little-endian, elements of 4 and 2 bits packed. */
export function boundaryBytes(tensor: Tensor): Uint8Array {
  return storedBytesOf(tensor);
}

/** The place of the first of some expected outputs that another list lacks or holds in other bytes; null where all are equal. */
export function firstDifference(expected: readonly Tensor[], found: readonly Tensor[]): number | null {
  const place = expected.findIndex((value, index) => {
    const other = found[index];
    return other === undefined || Buffer.compare(boundaryBytes(value), boundaryBytes(other)) !== 0;
  });
  return place < 0 ? null : place;
}

/** The tensor that bytes of the framebuffer hold. Throws B702 when their number is not the type's. */
export function tensorFromBytes({ name, type }: BoundaryValue, bytes: Uint8Array): Tensor {
  const count = elementCount(type);
  const expected = packedBytes(type.element, count);
  if (bytes.length !== expected) {
    throw problem("B702", `"${name}" has ${bytes.length} bytes, expected ${expected} of ${formatType(type)}.`);
  }
  const isPacked = elementTypes[type.element].bits < 8;
  return makeTensor(type, isPacked ? unpacked(type.element, bytes, count) : viewData(type.element, bytes));
}
