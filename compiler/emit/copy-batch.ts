import type { Space, View } from "../../ir/instruction.ts";
import type { AxisPiece } from "../pieces.ts";
import { type CopyShape, type Spread, type Transfer, transfersOf } from "../transfers.ts";
import type { SequenceIndex } from "./sequence-index.ts";

/** What copies between two spreads follow from, and how they are made. */
export interface Copies {
  /** Equal for the same copies, where the same index has numbered them. */
  readonly key: number;
  readonly transfers: () => readonly Transfer[];
}

/** Those that stay within their place, or those that go from one to another. */
export type CopyKind = "all" | "within" | "between";

/** The copies of pieces between two spreads: the same for the same boxes and origins and equal strides. */
export function copiesBetween(
  pieces: readonly AxisPiece[],
  source: Spread,
  destination: Spread,
  keys: SequenceIndex,
  kind: CopyKind = "all",
): Copies {
  let key = keys.and(keys.and(0, kind), JSON.stringify(pieces));
  for (const { boxes, origins, layout } of [source, destination]) {
    key = keys.and(keys.and(keys.and(key, boxes), origins), layout.strideBytes.join());
  }
  const transfers = (): Transfer[] => {
    const all = transfersOf(pieces, source, destination);
    return kind === "all" ? all : all.flatMap((transfer) => thoseOf(transfer, kind));
  };
  return { key, transfers };
}

/** What a transfer carries within its place or between it and others; none where that is nothing. */
function thoseOf(transfer: Transfer, kind: "within" | "between"): Transfer[] {
  const isWithin = kind === "within";
  const destinations = transfer.destinations.filter((place) => (place === transfer.source) === isWithin);
  return destinations.length === 0 ? [] : [{ ...transfer, destinations }];
}

/** Copies between two buffers, at addresses. */
export interface CopyBatch {
  readonly copies: Copies;
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
