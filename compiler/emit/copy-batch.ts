import type { Space, View } from "../../ir/instruction.ts";
import type { Copy } from "../transfers.ts";

/** Copies between two buffers, at addresses. */
export interface CopyBatch {
  readonly copies: readonly Copy[];
  readonly elementBytes: number;
  readonly sourceSpace: Space;
  readonly sourceAddress: number;
  readonly destinationSpace: Space;
  readonly destinationAddress: number;
}

/** The views of a copy; a single element has one count of 1. */
export function copyViews(
  copy: Copy,
  batch: CopyBatch,
): { counts: readonly number[]; source: View; destination: View } {
  const single = copy.counts.length === 0;
  return {
    counts: single ? [1] : copy.counts,
    source: {
      space: batch.sourceSpace,
      address: batch.sourceAddress + copy.sourceOffset,
      strides: single ? [0] : copy.sourceStrides,
    },
    destination: {
      space: batch.destinationSpace,
      address: batch.destinationAddress + copy.destinationOffset,
      strides: single ? [0] : copy.destinationStrides,
    },
  };
}
