import type { Kernels } from "./kernels.ts";
import { scratchBytes } from "./layout.ts";
import { wasmKernels } from "./wasm-kernels.ts";

const pageBytes = 65536;

/** Any typed array; its bytes are copied. */
export type Numbers = ArrayBufferView & { readonly length: number };

/**
 * Kernels with a memory of their own that grows as needed, for callers whose numbers live in typed arrays: allocate and
 * `put` operands, run kernels, `take` the result, and `clear` for the next operation.
 */
export class Workspace {
  readonly kernels: Kernels;
  #end: number;

  /** `make` builds the kernels on a memory, of which they own the first `scratchBytes`; WASM unless another is given. */
  constructor(make: (memory: WebAssembly.Memory) => Kernels = (memory) => wasmKernels(memory, 0)) {
    this.kernels = make(new WebAssembly.Memory({ initial: Math.ceil(scratchBytes / pageBytes) }));
    this.#end = scratchBytes;
  }

  /** Reserves bytes, aligned to 16; returns their address. What stands there is left from before. */
  allocate(bytes: number): number {
    const address = this.#end;
    this.#end += Math.ceil(bytes / 16) * 16;
    const { memory } = this.kernels;
    const missing = this.#end - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(Math.max(missing, memory.buffer.byteLength / 2) / pageBytes));
    return address;
  }

  /** Copies an array into newly reserved bytes; returns their address. */
  put(numbers: Numbers): number {
    const address = this.allocate(numbers.byteLength);
    const bytes = new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
    new Uint8Array(this.kernels.memory.buffer, address, bytes.length).set(bytes);
    return address;
  }

  /** Fills an array with the bytes at an address; returns the array. */
  take<T extends Numbers>(address: number, into: T): T {
    const bytes = new Uint8Array(into.buffer, into.byteOffset, into.byteLength);
    bytes.set(new Uint8Array(this.kernels.memory.buffer, address, bytes.length));
    return into;
  }

  /** Gives back all that was reserved; addresses from before are no longer valid. */
  clear(): void {
    this.#end = scratchBytes;
  }
}
