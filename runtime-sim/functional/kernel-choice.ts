import type { Kernels } from "../../kernels/kernels.ts";
import { scratchBytes } from "../../kernels/layout.ts";
import { plainKernels } from "../../kernels/plain-kernels.ts";
import { wasmKernels } from "../../kernels/wasm-kernels.ts";

/** Which implementation of the numeric kernels: both give the same bytes. */
export type KernelChoice = "wasm" | "plain";

/**
 * Makes kernels on a memory of their own. `pagesFor` says how many pages of 64 KiB the memory has when its first bytes
 * belong to the kernels; `firstByte` is where the rest begins.
 */
export function makeKernels(
  choice: KernelChoice,
  pagesFor: (kernelBytes: number) => number,
): { readonly kernels: Kernels; readonly firstByte: number } {
  const firstByte = choice === "wasm" ? scratchBytes : 0;
  const memory = new WebAssembly.Memory({ initial: pagesFor(firstByte) });
  return { kernels: choice === "wasm" ? wasmKernels(memory, 0) : plainKernels(memory), firstByte };
}
