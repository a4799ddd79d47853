import type { PackedCopyTask } from "../kernels.ts";
import { packedBits } from "../packed.ts";
import { walk } from "./walk.ts";

/** The element of `bits` bits at an address in bytes, which may be a fraction. */
export function readPacked(memory: DataView, bits: 4 | 2, signed: boolean, address: number): number {
  const whole = Math.floor(address);
  const value = memory.getUint8(whole) >> ((address - whole) * 8);
  const unused = 32 - bits;
  return signed ? (value << unused) >> unused : (value << unused) >>> unused;
}

function writePacked(memory: DataView, bits: 4 | 2, address: number, value: number): void {
  const whole = Math.floor(address);
  const within = (address - whole) * 8;
  const mask = ((1 << bits) - 1) << within;
  memory.setUint8(whole, (memory.getUint8(whole) & ~mask) | ((value << within) & mask));
}

/** Plain twin of `Kernels.copyPacked`. */
export function copyPacked(memory: DataView, { counts, element, source, destination }: PackedCopyTask): void {
  const bits = packedBits(element);
  const signed = element.startsWith("i");
  walk(counts, [destination.strides, source.strides], (d, a) => {
    const from = source.address + a;
    const to = destination.address + d;
    const value = source.packed ? readPacked(memory, bits, signed, from) : memory.getUint8(from);
    if (destination.packed) writePacked(memory, bits, to, value);
    else memory.setUint8(to, value);
  });
}
