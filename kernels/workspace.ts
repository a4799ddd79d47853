import { internalError } from "../base/errors.ts";
import { growTo, pageBytes } from "./grow-memory.ts";
import type { Kernels } from "./kernels.ts";
import { scratchBytes } from "./layout.ts";
import { wasmKernels } from "./wasm-kernels.ts";

/** Any typed array; its bytes are copied. */
export type Numbers = ArrayBufferView & { readonly length: number };

/**
 * Kernels with a memory of their own that grows as needed, for callers whose numbers live in typed arrays: allocate and
 * `put` operands, run kernels, `take` the result, and `clear` for the next operation.
 */
export class Workspace {
  readonly kernels: Kernels;
  /** What lies below stays when the rest is given back. */
  #floor: number = scratchBytes;
  #end: number = scratchBytes;

  /** `make` builds the kernels on a memory, of which they own the first `scratchBytes`; WASM unless another is given. */
  constructor(make: (memory: WebAssembly.Memory) => Kernels = (memory) => wasmKernels(memory, 0)) {
    this.kernels = make(new WebAssembly.Memory({ initial: Math.ceil(scratchBytes / pageBytes) }));
  }

  /** Reserves bytes, aligned to 16; returns their address. What stands there is left from before. */
  allocate(bytes: number): number {
    const address = this.#end;
    this.#end += Math.ceil(bytes / 16) * 16;
    growTo(this.kernels.memory, this.#end);
    return address;
  }

  /** Copies an array into newly reserved bytes; returns their address. */
  put(numbers: Numbers): number {
    const address = this.allocate(numbers.byteLength);
    const bytes = new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
    new Uint8Array(this.kernels.memory.buffer, address, bytes.length).set(bytes);
    return address;
  }

  /**
   * Copies an array into bytes that `clear` leaves alone; returns their address. Throws B901 while other bytes are
   * reserved.
   */
  keep(numbers: Numbers): number {
    if (this.#end !== this.#floor) throw internalError("a workspace keeps numbers only while nothing else is reserved");
    const address = this.put(numbers);
    this.#floor = this.#end;
    return address;
  }

  /** Fills an array with the bytes at an address; returns the array. */
  take<T extends Numbers>(address: number, into: T): T {
    const bytes = new Uint8Array(into.buffer, into.byteOffset, into.byteLength);
    bytes.set(new Uint8Array(this.kernels.memory.buffer, address, bytes.length));
    return into;
  }

  /** Gives back all that was reserved but not kept; its addresses are no longer valid. */
  clear(): void {
    this.#end = this.#floor;
  }
}
