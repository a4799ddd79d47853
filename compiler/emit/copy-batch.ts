import type { Space, View } from "../../ir/instruction.ts";
import type { CopyShape, Transfer } from "../transfers.ts";

/** Transfers between two buffers, at addresses. */
export interface CopyBatch {
  readonly transfers: readonly Transfer[];
  readonly elementBytes: number;
  readonly sourceSpace: Space;
  readonly sourceAddress: number;
  readonly destinationSpace: Space;
  readonly destinationAddress: number;
}

/** The views of a copy from the start of the batch's buffers; a single element has one count of 1. */
export function copyViews(
  { counts, sourceStrides, destinationStrides }: CopyShape,
  { sourceSpace, sourceAddress, destinationSpace, destinationAddress }: CopyBatch,
): { counts: readonly number[]; source: View; destination: View } {
  const single = counts.length === 0;
  return {
    counts: single ? [1] : counts,
    source: { space: sourceSpace, address: sourceAddress, strides: single ? [0] : sourceStrides },
    destination: { space: destinationSpace, address: destinationAddress, strides: single ? [0] : destinationStrides },
  };
}
