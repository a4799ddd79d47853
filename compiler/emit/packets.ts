import { at } from "../../base/math.ts";
import type { SimpleInstruction } from "../../ir/instruction.ts";
import { type CopyBatch, copyViews } from "./copy-batch.ts";
import type { TransferCache } from "./transfer-cache.ts";

/** A move or multicast: who sends it and where it arrives. */
export interface Packet {
  readonly from: { readonly kind: "core"; readonly core: number } | { readonly kind: "frame"; readonly row: number };
  readonly toCores: readonly number[];
  readonly toFrameRow: number | null;
  readonly instruction: SimpleInstruction;
}

/** The packets of a batch: what several cores get alike is multicast, and what stays in its core is left out. */
export function packetsOf(
  batch: CopyBatch,
  transfers: TransferCache,
  rows: number,
  columns: number,
  token: number,
): Packet[] {
  const { elementBytes } = batch;
  if (batch.destinationSpace === "frame") {
    return batch.copies.map((copy) => {
      const row = Math.floor(copy.source / columns);
      const { counts, source, destination } = copyViews(copy, batch);
      return {
        from: { kind: "core", core: copy.source },
        toCores: [],
        toFrameRow: row,
        instruction: { kind: "move", elementBytes, counts, source, destination, core: { row, column: -1 }, token },
      };
    });
  }
  const fromFrame = batch.sourceSpace === "frame";
  return transfers.bundles(batch.copies, fromFrame, rows, columns).map(({ copy, cores, receivers }) => {
    const { counts, source, destination } = copyViews(copy, batch);
    const only = at(receivers, 0);
    const core = { row: Math.floor(only / columns), column: only % columns };
    return {
      from: fromFrame ? { kind: "frame", row: cores.row } : { kind: "core", core: copy.source },
      toCores: receivers,
      toFrameRow: null,
      instruction:
        receivers.length === 1
          ? { kind: "move", elementBytes, counts, source, destination, token, core }
          : { kind: "multicast", elementBytes, counts, source, destination, token, cores },
    };
  });
}
