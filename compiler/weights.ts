import { problem } from "../base/errors.ts";
import { product, sum } from "../base/math.ts";
import { type Box, boxCount } from "../ir/iteration.ts";
import type { MappedStep } from "../ir/mapping.ts";
import { type ElementType, packedBytes } from "../ir/type.ts";
import { type ContractionRoles, cutBoxes, sizesOf, subBox, tileBoxes, tileSizes } from "./tiling.ts";

/** Results that the matrix unit accumulates at a time, and the inner elements in the chunks that it takes. */
export interface ContractionTile {
  readonly groups: Box;
  readonly rows: Box;
  readonly columns: Box;
  readonly inner: readonly Box[];
  /** Position of the tile's first chunk of weights in the core's list of chunks; the others follow. */
  readonly firstChunk: number;
}

/** Weights that the weight buffer holds at a time: paired, [groups][⌈inner/2⌉][columns][2], each group in whole bytes. */
export interface WeightChunk {
  readonly groups: Box;
  readonly columns: Box;
  readonly inner: Box;
  readonly bytes: number;
}

/**
 * The tiles of a contraction on a core, in execution order: rows outermost, so that weights pass once for each row tile, or
 * columns outermost, so that each tile's weights stay until all rows have passed.
 * Their sizes follow from `largest`, the box of the core that has the most, so that the cores of a chain of partial sums
 * and of a group that streams weights take the same turns. Throws B403 when the tiles do not fit.
 */
export function contractionTiles(
  box: Box,
  largest: Box,
  roles: ContractionRoles,
  step: MappedStep,
  capacity: number,
  halfBytes: number,
  element: ElementType,
): ContractionTile[] {
  const tile = step.tile;
  if (tile === null) throw problem("B403", "A contraction step has no tile.", { layer: step.name });
  const sizes = {
    row: tileSizes(sizesOf(subBox(largest, roles.row)), tile.rows),
    column: tileSizes(sizesOf(subBox(largest, roles.column)), tile.columns),
    inner: tileSizes(sizesOf(subBox(largest, roles.inner)), tile.inner),
  };
  const [rows, columns, inner] = [product(sizes.row), product(sizes.column), product(sizes.inner)];
  const groupBytes = pairedBytes(1, inner, columns, element);
  if (rows * columns > capacity || groupBytes > halfBytes) {
    throw problem(
      "B403",
      `A tile of ${rows} rows × ${columns} columns × ${inner} inner elements exceeds ${capacity} partial sums or ${halfBytes} bytes of weights.`,
      { layer: step.name },
    );
  }
  const cut = (role: "row" | "column" | "inner"): Box[] => cutBoxes(subBox(box, roles[role]), sizes[role]);
  const whole = columns === boxCount(subBox(largest, roles.column)) && inner === boxCount(subBox(largest, roles.inner));
  const groupLimit = whole ? Math.min(Math.floor(capacity / (rows * columns)), Math.floor(halfBytes / groupBytes)) : 1;
  const groupTiles = innermostTiles(subBox(box, roles.group), groupLimit);
  const columnTiles = cut("column");
  const innerTiles = cut("inner");
  const rowTiles = cut("row");
  const blocks = groupTiles.flatMap((groups, groupIndex) =>
    columnTiles.map((columnTile, columnIndex) => ({
      groups,
      columns: columnTile,
      inner: innerTiles,
      firstChunk: (groupIndex * columnTiles.length + columnIndex) * innerTiles.length,
    })),
  );
  if (tile.outer === "columns")
    return blocks.flatMap((block) => rowTiles.map((rowTile) => ({ ...block, rows: rowTile })));
  return rowTiles.flatMap((rowTile) => blocks.map((block) => ({ ...block, rows: rowTile })));
}

/** Whether a tile's weights are still in the weight buffer when it begins: its only chunk is that of the tile before. */
export function keepsWeights(tile: ContractionTile, before: ContractionTile | undefined): boolean {
  return before !== undefined && tile.inner.length === 1 && before.firstChunk === tile.firstChunk;
}

/** Cuts group ranges so that only the innermost dimension has more than one index in a tile. */
function innermostTiles(ranges: Box, limit: number): Box[] {
  if (ranges.length === 0) return [[]];
  const outer = tileBoxes(ranges.slice(0, -1), 1);
  const inner = tileBoxes(ranges.slice(-1), limit);
  return outer.flatMap((head) => inner.map((tail) => [...head, ...tail]));
}

/** How often chunks of weights are brought into the weight buffer for tiles in this order. */
export function feedCount(tiles: readonly ContractionTile[]): number {
  return sum(tiles.map((tile, index) => (keepsWeights(tile, tiles[index - 1]) ? 0 : tile.inner.length)));
}

/** Bytes of weights in paired form; each group takes whole bytes. */
export function pairedBytes(groups: number, inner: number, columns: number, element: ElementType): number {
  return groups * packedBytes(element, Math.ceil(inner / 2) * 2 * columns);
}

/** The distinct chunks of weights of a core's tiles, in the order of their positions. */
export function weightChunks(tiles: readonly ContractionTile[], element: ElementType): WeightChunk[] {
  const chunks: WeightChunk[] = [];
  for (const tile of tiles) {
    if (tile.firstChunk < chunks.length) continue;
    for (const inner of tile.inner) {
      chunks.push({
        groups: tile.groups,
        columns: tile.columns,
        inner,
        bytes: pairedBytes(boxCount(tile.groups), boxCount(inner), boxCount(tile.columns), element),
      });
    }
  }
  return chunks;
}
