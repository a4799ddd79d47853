import { at } from "../../base/math.ts";
import type { Rectangle, SimpleInstruction } from "../../ir/instruction.ts";
import type { Copy } from "../transfers.ts";
import { type CopyBatch, copyViews } from "./copy-batch.ts";
import { coverRectangles } from "./rectangles.ts";
import { tokens } from "./tokens.ts";

/** A move or multicast: who sends it and where it arrives. */
export interface Packet {
  readonly from: { readonly kind: "core"; readonly core: number } | { readonly kind: "frame"; readonly row: number };
  readonly toCores: readonly number[];
  readonly toFrameRow: number | null;
  readonly instruction: SimpleInstruction;
}

/** Bundles copies that carry the same bytes to the same place of several cores into multicasts; the others are moves. */
export function packetsOf(batch: CopyBatch, rows: number, columns: number): Packet[] {
  const fromFrame = batch.sourceSpace === "frame";
  if (batch.destinationSpace === "frame") {
    return batch.copies.map((copy) => {
      const row = Math.floor(copy.source / columns);
      return {
        from: { kind: "core", core: copy.source },
        toCores: [],
        toFrameRow: row,
        instruction: {
          kind: "move",
          elementBytes: batch.elementBytes,
          ...copyViews(copy, batch),
          core: { row, column: -1 },
          token: tokens.arrived,
        },
      };
    });
  }
  const bundles = new Map<string, Copy[]>();
  for (const copy of batch.copies) {
    const key = [
      copy.source,
      copy.sourceOffset,
      copy.destinationOffset,
      copy.counts,
      copy.sourceStrides,
      copy.destinationStrides,
    ].join(";");
    const bundle = bundles.get(key);
    if (bundle === undefined) bundles.set(key, [copy]);
    else bundle.push(copy);
  }
  const packets: Packet[] = [];
  for (const bundle of bundles.values()) {
    const first = at(bundle, 0);
    for (const rectangle of rectanglesOf(bundle, rows, columns)) {
      const toCores: number[] = [];
      for (let row = 0; row < rectangle.rows; row += 1) {
        for (let column = 0; column < rectangle.columns; column += 1) {
          const core = (rectangle.row + row) * columns + rectangle.column + column;
          if (fromFrame || core !== first.source) toCores.push(core);
        }
      }
      if (toCores.length === 0) continue;
      const { counts, source, destination } = copyViews(first, batch);
      const shared = { counts, elementBytes: batch.elementBytes, source, destination, token: tokens.arrived };
      const only = at(toCores, 0);
      packets.push({
        from: fromFrame ? { kind: "frame", row: rectangle.row } : { kind: "core", core: first.source },
        toCores,
        toFrameRow: null,
        instruction:
          toCores.length === 1
            ? { kind: "move", ...shared, core: { row: Math.floor(only / columns), column: only % columns } }
            : { kind: "multicast", ...shared, cores: rectangle },
      });
    }
  }
  return packets;
}

/** Rectangles that cover the destinations of a bundle. */
function rectanglesOf(bundle: readonly Copy[], rows: number, columns: number): Rectangle[] {
  let [north, south, west, east] = [rows, -1, columns, -1];
  for (const { destination } of bundle) {
    const row = Math.floor(destination / columns);
    const column = destination % columns;
    north = Math.min(north, row);
    south = Math.max(south, row);
    west = Math.min(west, column);
    east = Math.max(east, column);
  }
  const hull = { row: north, column: west, rows: south - north + 1, columns: east - west + 1 };
  if (hull.rows * hull.columns === bundle.length) return [hull];
  const keys = new Array<string | null>(rows * columns).fill(null);
  for (const copy of bundle) keys[copy.destination] = "to";
  return coverRectangles(keys, columns);
}
