import type { Access, Box, Range } from "../ir/iteration.ts";

/** How a core holds a box of a tensor: dense, axes in `order` from outermost to innermost. */
export interface LocalLayout {
  readonly order: readonly number[];
  /** By axis: the largest box of any core. */
  readonly extents: readonly number[];
  /** By axis: bytes between neighbours. */
  readonly strideBytes: readonly number[];
  readonly bytes: number;
}

/** Lays out a box densely; elements of less than a byte stand at multiples of half or a quarter of one. */
export function denseLayout(order: readonly number[], extents: readonly number[], elementBytes: number): LocalLayout {
  const strideBytes = new Array<number>(extents.length).fill(0);
  let stride = elementBytes;
  for (let position = order.length - 1; position >= 0; position -= 1) {
    const axis = order[position] as number;
    strideBytes[axis] = stride;
    stride *= extents[axis] as number;
  }
  return { order, extents, strideBytes, bytes: Math.ceil(stride) };
}

/** The axes 0..rank−1 in their own order. */
export function naturalOrder(rank: number): number[] {
  return Array.from({ length: rank }, (_, axis) => axis);
}

/** Bytes from a box's origin to a coordinate. */
export function localOffset(layout: LocalLayout, origin: readonly number[], coordinate: readonly number[]): number {
  let offset = 0;
  for (let axis = 0; axis < coordinate.length; axis += 1) {
    offset += ((coordinate[axis] as number) - (origin[axis] as number)) * (layout.strideBytes[axis] as number);
  }
  return offset;
}

/** Bytes that one step of an iteration dimension moves within the layout. */
export function dimensionStride(layout: LocalLayout, access: Access, dimension: number): number {
  let stride = 0;
  access.forEach(({ terms }, axis) => {
    for (const term of terms) {
      if (term.dimension === dimension) stride += term.stride * (layout.strideBytes[axis] as number);
    }
  });
  return stride;
}

/** The coordinate that an iteration point touches, one number an axis. */
export function coordinateOf(access: Access, point: readonly number[]): number[] {
  return access.map(({ terms, offset }) => {
    let coordinate = offset;
    for (const { dimension, stride } of terms) coordinate += stride * (point[dimension] as number);
    return coordinate;
  });
}

/** The starts of a box's ranges. */
export function boxStart(box: Box): number[] {
  return box.map((range: Range) => range.start);
}
