import { ceilDivide, product, productAt, roundUp } from "../base/math.ts";
import type { Access, Box, IterationDimension, Range } from "../ir/iteration.ts";
import type { TilePlan } from "../ir/mapping.ts";
import { type ElementType, elementBytes, elementTypes, widerElement } from "../ir/type.ts";
import { macWidth } from "../targets/cost.ts";
import type { ChipTarget } from "../targets/target.ts";
import type { Geometry } from "./geometry.ts";
import type { Layer } from "./layers.ts";

/**
 * The dimensions of a contraction by what they index, outermost first. group: both operands and the result; row: the
 * activations and the result; column: the weights and the result; inner: both operands, summed over.
 */
export interface ContractionRoles {
  readonly group: readonly number[];
  readonly row: readonly number[];
  readonly column: readonly number[];
  readonly inner: readonly number[];
  readonly elements: AnchorElements;
}

/** The element types of a contraction's activations and weights, and the wider of the two, at whose rate the matrix unit works. */
interface AnchorElements {
  readonly activations: ElementType;
  readonly weights: ElementType;
  readonly wider: ElementType;
}

/**
 * Sorts the dimensions of a contraction layer by role; inner dimensions with the activations' channel innermost. Weights
 * that are computed are read where they lie, with one stride over columns: only their last column dimension is one, and
 * those before it are groups, over which the activations stand still.
 */
export function contractionRoles(layer: Layer): ContractionRoles {
  const [activations, weights] = anchorAccesses(layer);
  const touches = (access: Access, dimension: number): boolean =>
    access.some((axis) => axis.terms.some((term) => term.dimension === dimension));
  const elements = anchorElements(layer);
  const roles = { group: [] as number[], row: [] as number[], column: [] as number[], inner: [] as number[], elements };
  layer.dimensions.forEach((dimension, index) => {
    if (dimension.kind === "reduction") roles.inner.push(index);
    else if (!touches(weights, index)) roles.row.push(index);
    else if (!touches(activations, index)) roles.column.push(index);
    else roles.group.push(index);
  });
  if (layer.reads.some((read) => read.node === layer.nodes[0]?.name && read.operand === 1 && !read.constant)) {
    roles.group.push(...roles.column.splice(0, roles.column.length - 1));
  }
  const reach = (index: number): number => (layer.dimensions[index]?.name === "c" ? 1 : 0);
  roles.inner.sort((left, right) => reach(left) - reach(right) || left - right);
  return roles;
}

/** The accesses of a contraction's activations and weights. */
export function anchorAccesses(layer: Layer): readonly [Access, Access] {
  const anchor = layer.nodes[0]?.name;
  const find = (operand: number): Access =>
    layer.reads.find((read) => read.node === anchor && read.operand === operand)?.access ?? [];
  return [find(0), find(1)];
}

/** What `AnchorElements` says, of a contraction layer. */
export function anchorElements(layer: Layer): AnchorElements {
  const anchor = layer.nodes[0]?.name;
  const find = (operand: number): ElementType =>
    layer.reads.find((read) => read.node === anchor && read.operand === operand)?.type.element ?? "i8";
  const [activations, weights] = [find(0), find(1)];
  return { activations, weights, wider: widerElement(activations, weights) };
}

/**
 * Bytes of each of the two parts of the partial-sum buffer that a contraction's tiles take in turn: halves; quarters where
 * neighbours' sums land in the other half, or a step that computes at once on the same cores uses it.
 */
export function tilePartBytes(
  { reduction }: Pick<Geometry, "reduction">,
  { core }: ChipTarget,
  sharesCores: boolean,
): number {
  return Math.floor(core.partialBufferBytes / (reduction !== null || sharesCores ? 4 : 2));
}

/** i32 partial sums that a tile may hold. */
export function tileCapacity(geometry: Geometry, target: ChipTarget, sharesCores = false): number {
  return Math.floor(tilePartBytes(geometry, target, sharesCores) / 4);
}

/** Bytes of a half of the weight buffer. */
export function weightHalfBytes(target: ChipTarget): number {
  return Math.floor(target.core.weightBufferBytes / 2);
}

/**
 * Bytes of weights that a chunk may have when `pieces` cores store a piece each, in whole words: a half of the buffer, less
 * what rounding may add. Without `pieces`: what any group of cores may have.
 */
export function chunkCapacityBytes(target: ChipTarget, pieces?: number): number {
  const half = weightHalfBytes(target);
  if (pieces === undefined) return half - 4 * target.grid.rows * target.grid.columns;
  return pieces === 1 ? half : Math.floor(half / (4 * pieces)) * 4 * pieces;
}

/**
 * Tile sizes of a contraction on a core whose weights `pieces` cores share: as many columns as leave room for all rows of the
 * core (so that weights pass once), at least the matrix unit's width; inner elements as the weight buffer allows. Where rows
 * and columns are both cut, but not inner elements, columns are outermost, so that weights pass once all the same.
 */
export function tilePlan(
  layer: Layer,
  geometry: Geometry,
  target: ChipTarget,
  roles: ContractionRoles = contractionRoles(layer),
  pieces?: number,
  sharesCores = false,
): TilePlan {
  const size = (dimensions: readonly number[]): number => productAt(geometry.chunks, dimensions);
  const capacity = tileCapacity(geometry, target, sharesCores);
  const { weights, wider } = roles.elements;
  const width = target.matrix.outputCount[macWidth(elementTypes[wider].bits)];
  const rows = size(roles.row);
  const allColumns = size(roles.column);
  const inner = size(roles.inner);
  // Elements of weights that a chunk may have.
  const half = Math.floor(chunkCapacityBytes(target, pieces) / elementBytes(weights));
  const fitting = Math.floor(capacity / rows / width) * width;
  let columns = Math.min(allColumns, Math.max(width, fitting), capacity);
  const oneChunk = Math.floor(half / roundUp(inner, 2) / width) * width;
  if (columns > oneChunk) columns = Math.min(columns, Math.max(width, oneChunk));
  const tile = {
    rows: Math.max(1, Math.min(rows, Math.floor(capacity / columns))),
    columns,
    inner: Math.min(inner, Math.max(2, Math.floor(half / columns / 2) * 2)),
  };
  const cut = tile.rows < rows && tile.columns < allColumns && tile.inner === inner;
  return cut ? { ...tile, outer: "columns" } : tile;
}

/** Sizes of the tiles into which ranges of the given sizes are cut: inner dimensions stay whole as long as they fit. */
export function tileSizes(sizes: readonly number[], limit: number): number[] {
  const tile = new Array<number>(sizes.length).fill(1);
  let room = Math.max(1, limit);
  for (let index = sizes.length - 1; index >= 0; index -= 1) {
    const size = sizes[index] as number;
    tile[index] = Math.min(size, room);
    room = Math.floor(room / (tile[index] as number));
    if ((tile[index] as number) < size) room = 1;
  }
  return tile;
}

/** Cuts ranges into tiles of at most `limit` points: inner dimensions stay whole as long as they fit. */
export function tileBoxes(ranges: Box, limit: number): Box[] {
  return cutBoxes(ranges, tileSizes(sizesOf(ranges), limit));
}

/** Cuts ranges into tiles of the given sizes, the last ones perhaps smaller; the innermost range turns fastest. */
export function cutBoxes(ranges: Box, tile: readonly number[]): Box[] {
  let boxes: Range[][] = [[]];
  ranges.forEach((range, index) => {
    const step = tile[index] as number;
    const pieces = Array.from({ length: ceilDivide(range.end - range.start, step) }, (_, turn) => ({
      start: range.start + turn * step,
      end: Math.min(range.end, range.start + (turn + 1) * step),
    }));
    boxes = boxes.flatMap((box) => pieces.map((piece) => [...box, piece]));
  });
  return boxes;
}

/** The lengths of ranges. */
export function sizesOf(ranges: Box): number[] {
  return ranges.map((range) => range.end - range.start);
}

/** The ranges of some dimensions of a core's box. */
export function subBox(box: Box, dimensions: readonly number[]): Box {
  return dimensions.map((dimension) => box[dimension] as Range);
}

/** Points of some dimensions of an iteration space. */
export function dimensionProduct(dimensions: readonly IterationDimension[], indexes: readonly number[]): number {
  return product(indexes.map((index) => (dimensions[index] as IterationDimension).size));
}
