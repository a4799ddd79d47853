import type { Constant } from "./graph.ts";
import { allocateData } from "./tensor.ts";
import { elementCount, elementTypes, formatType, integerRange, isFloat, type TensorType } from "./type.ts";

/** What is wrong with a type in itself; null when it is well formed. */
export function typeComplaint(type: TensorType): string | null {
  if (!Object.hasOwn(elementTypes, type.element)) return `element type "${type.element}" does not exist`;
  if (!type.shape.every((size) => Number.isSafeInteger(size) && size >= 0)) {
    return `shape [${type.shape.join(",")}] has a size that is not a non-negative integer`;
  }
  const { quantization, shape } = type;
  if (quantization === null) return null;
  if (isFloat(type.element) || type.element === "bool") return `${type.element} cannot be quantized`;
  const { axis, scales, zeros } = quantization;
  if (axis !== null && (!Number.isInteger(axis) || axis < 0 || axis >= shape.length)) {
    return `quantization axis ${axis} is outside rank ${shape.length}`;
  }
  const expected = axis === null ? 1 : shape[axis];
  if (scales.length !== expected || zeros.length !== expected) {
    return `quantization has ${scales.length} scales and ${zeros.length} zeros, expected ${expected} of each`;
  }
  const badScale = scales.find((scale) => !(scale > 0 && scale < Number.POSITIVE_INFINITY));
  if (badScale !== undefined) return `scale ${badScale} is not a positive finite number`;
  if (elementTypes[type.element].bits > 32) return `${type.element} cannot be quantized`;
  const { low, high } = integerRange(type.element);
  const badZero = zeros.find((zero) => !Number.isInteger(zero) || zero < low || zero > high);
  return badZero === undefined ? null : `zero ${badZero} is not an integer in ${low} to ${high}`;
}

/** What is wrong with the payload of a constant whose type is well formed; null when it fits. */
export function payloadComplaint({ type, data, source }: Constant): string | null {
  if (data === null) return source === "absent" ? null : `the data is absent but its source is "${source}"`;
  if (source === "absent") return 'the data is there but its source is "absent"';
  const expected = allocateData(type.element, 0);
  if (data.constructor !== expected.constructor) {
    return `the data is a ${data.constructor.name}, expected a ${expected.constructor.name} for ${formatType(type)}`;
  }
  const count = elementCount(type);
  if (data.length !== count) return `the data has ${data.length} elements, expected ${count} for ${formatType(type)}`;
  const { bits } = elementTypes[type.element];
  if (bits >= 8 && type.element !== "bool") return null;
  const { low, high } = type.element === "bool" ? { low: 0, high: 1 } : integerRange(type.element);
  const stray = Array.from(data as Int8Array).find((value) => value < low || value > high);
  return stray === undefined ? null : `the data holds ${stray}, expected ${low} to ${high} for ${type.element}`;
}
