import { expect } from "vitest";
import { makeRandom, type Random } from "../../base/random.ts";
import type { ElementName } from "../../kernels/element.ts";
import { f16BitsFromF64 } from "../../kernels/float16.ts";
import type { ElementView, Kernels } from "../../kernels/kernels.ts";
import { scratchBytes } from "../../kernels/layout.ts";
import { plainKernels } from "../../kernels/plain-kernels.ts";
import { wasmKernels } from "../../kernels/wasm-kernels.ts";
import { compileKernels } from "../../kernels/wasm-module.ts";

/** Where test data begins in the memories; its end is the memories' end. */
export const dataAddress = 64 * 65536;
export const dataBytes = 8 * 65536;

/** The same kernels twice, each on a memory of its own with the same data. */
export interface Twins {
  readonly wasm: Kernels;
  readonly plain: Kernels;
}

/** Makes twins with memories of 72 pages, the kernels' scratch memory at the start. */
export function makeTwins(): Twins {
  if (dataAddress < scratchBytes) throw new RangeError("the test data lies in the scratch memory");
  const memory = (): WebAssembly.Memory => new WebAssembly.Memory({ initial: (dataAddress + dataBytes) / 65536 });
  return { wasm: wasmKernels(memory(), 0, compileKernels()), plain: plainKernels(memory()) };
}

/** The data part of a memory. */
export function dataOf(kernels: Kernels): Uint8Array {
  return new Uint8Array(kernels.memory.buffer, dataAddress, dataBytes);
}

/** Fills the data of both twins with the same random bytes. */
export function randomize(twins: Twins, seed: number): Random {
  const random = makeRandom(seed);
  const words = new Int32Array(dataBytes / 4);
  let word = random.integer(1, 2147483647);
  for (let index = 0; index < words.length; index += 1) {
    word ^= word << 13;
    word ^= word >>> 17;
    word ^= word << 5;
    words[index] = word;
  }
  for (const kernels of [twins.wasm, twins.plain]) dataOf(kernels).set(new Uint8Array(words.buffer));
  return random;
}

/** Writes the same bytes at an address of both memories. */
export function put(twins: Twins, address: number, array: ArrayBufferView): void {
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  for (const kernels of [twins.wasm, twins.plain]) new Uint8Array(kernels.memory.buffer).set(bytes, address);
}

/** Runs the same work on both and expects all data bytes to be the same afterwards, changed or not. */
export function expectSame(twins: Twins, work: (kernels: Kernels) => void): void {
  work(twins.wasm);
  work(twins.plain);
  const [left, right] = [dataOf(twins.wasm), dataOf(twins.plain)];
  if (Buffer.compare(left, right) === 0) return;
  const different = left.findIndex((byte, index) => byte !== right[index]);
  expect(`byte ${different}: ${left[different]} is not ${right[different]}`).toBe("the same");
}

/** Hands out parts of the data memory one after the other, so that views do not overlap. */
export class Arena {
  readonly #random: Random;
  #next = dataAddress;

  constructor(random: Random) {
    this.#random = random;
  }

  /**
   * A view over the counts whose elements do not overlap: axes in a random order with random gaps; with `broadcast`
   * some axes have stride 0. Sometimes the address is odd, sometimes the inner axis is dense.
   */
  view(element: ElementName, bytes: number, counts: readonly number[], broadcast: boolean): ElementView {
    const axes = counts.map((_, axis) => axis);
    if (this.#random.uniform() < 0.4) axes.sort(() => this.#random.uniform() - 0.5);
    const strides = new Array<number>(counts.length).fill(0);
    let extent = bytes;
    for (const axis of axes.reverse()) {
      if (broadcast && this.#random.uniform() < 0.2) continue;
      const gap = this.#random.uniform() < 0.3 ? this.#random.integer(0, 3) * bytes : 0;
      strides[axis] = extent + gap;
      extent += (extent + gap) * ((counts[axis] as number) - 1);
    }
    const address = this.#next + (this.#random.uniform() < 0.3 ? this.#random.integer(0, 3) : 0);
    this.#next = address + extent + 5;
    if (this.#next > dataAddress + dataBytes) throw new RangeError(`the test needs more memory for ${counts}`);
    return { element, address, strides };
  }

  /** Reserves bytes. */
  bytes(count: number): number {
    const address = this.#next;
    this.#next += count;
    if (this.#next > dataAddress + dataBytes) throw new RangeError(`the test needs more memory for ${count} bytes`);
    return address;
  }
}

/** A random scale pair (M, s), of ordinary factors mostly and of extreme ones sometimes. */
export function randomScale(random: Random): readonly [number, number] {
  const shift = random.uniform() < 0.1 ? random.integer(-60, 1060) : random.integer(12, 45);
  return [random.integer(2 ** 21, 2 ** 22 - 1), shift];
}

/** f16 bits of interest: zeros, subnormals, ties, the greatest, infinities, NaN. */
export const edgeHalves: readonly number[] = [
  0x0000,
  0x8000,
  0x0001,
  0x8001,
  0x03ff,
  0x0400,
  0x0401,
  0x3c00,
  0xbc00,
  0x3c01,
  0x7bff,
  0xfbff,
  0x7c00,
  0xfc00,
  0x7e00,
  0xfe01,
  0x7c01,
  f16BitsFromF64(0.5),
  f16BitsFromF64(-2),
  f16BitsFromF64(2048),
  f16BitsFromF64(2049),
];
