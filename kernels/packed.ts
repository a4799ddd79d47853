import type { ElementName } from "./element.ts";

const bitsOf: Readonly<Partial<Record<ElementName, 4 | 2>>> = { i4: 4, u4: 4, i2: 2, u2: 2 };

/** Bits of an element type that can be packed; throws a RangeError for others. */
export function packedBits(element: ElementName): 4 | 2 {
  const bits = bitsOf[element];
  if (bits === undefined) throw new RangeError(`${element} is not packed`);
  return bits;
}

/** Where a packed element stands: whole bytes, and elements after them. */
export interface PackedAddress {
  readonly address: number;
  readonly unit: number;
}

/** Takes an address in bytes apart, which is a multiple of an element's share of a byte. */
export function packedAddress(address: number, bits: 4 | 2): PackedAddress {
  const whole = Math.floor(address);
  return { address: whole, unit: (address - whole) * (8 / bits) };
}

/** Strides in bytes as elements. */
export function packedStrides(strides: readonly number[], bits: 4 | 2): number[] {
  return strides.map((stride) => stride * (8 / bits));
}
