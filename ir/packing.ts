import type { Tensor, TensorData } from "./tensor.ts";
import { type ElementType, elementTypes, packedBytes } from "./type.ts";

/** Writes the low `bits` (2 or 4) of a number as element `index` of packed ones: the lowest bits of a byte come first. */
export function putPacked(bytes: Uint8Array, bits: number, index: number, value: number): void {
  const at = (index * bits) >> 3;
  const shift = (index * bits) & 7;
  const mask = ((1 << bits) - 1) << shift;
  bytes[at] = ((bytes[at] as number) & ~mask) | ((value << shift) & mask);
}

/** Element `index` of packed ones of `bits` bits (2 or 4). */
export function getPacked(bytes: Uint8Array, bits: number, signed: boolean, index: number): number {
  const unused = 32 - bits;
  const low = (bytes[(index * bits) >> 3] as number) >> ((index * bits) & 7);
  return signed ? (low << unused) >> unused : (low << unused) >>> unused;
}

/** The bytes of a tensor as the chip's memories hold them: row-major, little-endian, elements of 4 and 2 bits packed. */
export function storedBytesOf({ type, data }: Tensor): Uint8Array {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const { bits } = elementTypes[type.element];
  if (bits >= 8) return bytes;
  const packed = new Uint8Array(packedBytes(type.element, data.length));
  for (let index = 0; index < data.length; index += 1) putPacked(packed, bits, index, bytes[index] as number);
  return packed;
}

/** `count` elements of 4 or 2 bits from packed bytes, one a byte. */
export function unpacked(element: ElementType, bytes: Uint8Array, count: number): TensorData {
  const { bits, signed } = elementTypes[element];
  const data = signed ? new Int8Array(count) : new Uint8Array(count);
  for (let index = 0; index < count; index += 1) data[index] = getPacked(bytes, bits, signed, index);
  return data;
}
