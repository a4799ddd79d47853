import type { GivenBoxes, PlacedAccess, Placement } from "../placements.ts";

/** A box: by axis its range, clipped to the value and with padding; and the cores that have it, ascending. */
interface PlacedBox {
  readonly bounds: readonly number[];
  readonly reach: readonly number[];
  readonly cores: number[];
}

/** A placement, in lists alone. */
type PlainPlacement = Omit<Placement, "record">;

/** What `PlacementKernel.ofAccess` works out, core by core. */
export function plainPlacementOf(access: PlacedAccess): PlainPlacement {
  const boxes = new Map<string, PlacedBox>();
  for (let row = access.firstRow; row < access.endRow; row += 1) {
    for (let column = access.firstColumn; column < access.endColumn; column += 1) {
      const ranges = rangesOn(access, row, column);
      if (ranges === null) continue;
      const reach = access.axes.flatMap(({ terms, offset }) => {
        const ends = terms.map(({ dimension, stride }) =>
          [stride * (ranges[dimension]?.start ?? 0), stride * ((ranges[dimension]?.end ?? 0) - 1)].sort(
            (a, b) => a - b,
          ),
        );
        const total = (side: number): number => ends.reduce((sum, pair) => sum + (pair[side] as number), offset);
        return [total(0), total(1) + 1];
      });
      const bounds = reach.map((bound, side) =>
        side % 2 === 0 ? Math.max(0, bound) : Math.min(access.shape[side >> 1] as number, bound),
      );
      if (bounds.some((end, side) => side % 2 === 1 && end <= (bounds[side - 1] as number))) continue;
      // Cores of different parts have boxes of their own, even where these are equal.
      const touched = access.split.filter(({ isTouched }) => isTouched);
      const key = touched.map((each) => (each.rowIndex[row] ?? 0) + (each.columnIndex[column] ?? 0)).join();
      const box = boxes.get(key) ?? { bounds, reach, cores: [] };
      boxes.set(key, box);
      box.cores.push(row * access.columns + column);
    }
  }
  return placementOf(access.rows, access.columns, access.axes.length, [...boxes.values()]);
}

/** By dimension: the range that a core has; null for cores that have nothing to do or end up with no results. */
function rangesOn(
  { sizes, split }: PlacedAccess,
  row: number,
  column: number,
): { start: number; end: number }[] | null {
  const ranges = sizes.map((size) => ({ start: 0, end: size }));
  for (const { dimension, parts, chunk, rowIndex, columnIndex, isChain } of split) {
    const part = (rowIndex[row] as number) + (columnIndex[column] as number);
    const size = sizes[dimension] as number;
    if (part * chunk >= size || (isChain && part !== parts - 1)) return null;
    ranges[dimension] = { start: part * chunk, end: Math.min(size, (part + 1) * chunk) };
  }
  return ranges;
}

/** What `PlacementKernel.ofBoxes` works out. */
export function plainPlacementOfBoxes({ rows, columns, rank, bounds, boxes, cores }: GivenBoxes): PlainPlacement {
  const count = Math.max(0, ...boxes.map((box) => box + 1));
  const placed = Array.from({ length: count }, (_, box) => {
    const own = bounds.slice(2 * rank * box, 2 * rank * (box + 1));
    return { bounds: own, reach: own, cores: cores.filter((_, index) => boxes[index] === box) };
  });
  // A core lists its boxes in the order given.
  return { ...placementOf(rows, columns, rank, placed), ...grouped(cores, boxes, rows * columns) };
}

/** Values by key, in their order: where those of each key start, and all of them. */
function grouped(
  keys: readonly number[],
  values: readonly number[],
  keyCount: number,
): Pick<Placement, "boxStart" | "boxes"> {
  const lists = Array.from({ length: keyCount }, (_, key) => values.filter((_, index) => keys[index] === key));
  return { boxStart: starts(lists), boxes: Int32Array.from(lists.flat()) };
}

function starts(lists: readonly (readonly number[])[], unit = 1): Int32Array {
  let start = 0;
  return Int32Array.from([0, ...lists.map(({ length }) => (start += length / unit))]);
}

function placementOf(rows: number, columns: number, rank: number, boxes: readonly PlacedBox[]): PlainPlacement {
  const pairs = boxes.flatMap(({ cores }, box) => cores.map((core) => ({ box, core })));
  const extents = boxes.map(({ cores }) => {
    const own = cores.map((core) => [Math.floor(core / columns), core % columns] as const);
    const ends = (side: 0 | 1): number[] => [
      Math.min(...own.map((place) => place[side])),
      Math.max(...own.map((place) => place[side])),
    ];
    return [...ends(0), ...ends(1)];
  });
  const rectangles = boxes.map(({ cores }) => rectanglesOf(cores, columns));
  const greatest = (side: "bounds" | "reach"): number[] =>
    Array.from({ length: rank }, (_, axis) =>
      Math.max(0, ...boxes.map((box) => (box[side][2 * axis + 1] as number) - (box[side][2 * axis] as number))),
    );
  return {
    rows,
    columns,
    rank,
    boxCount: boxes.length,
    bounds: Int32Array.from(boxes.flatMap(({ bounds }) => bounds)),
    reach: Int32Array.from(boxes.flatMap(({ reach }) => reach)),
    boundExtents: greatest("bounds"),
    reachExtents: greatest("reach"),
    coreStart: starts(boxes.map(({ cores }) => cores)),
    cores: Int32Array.from(boxes.flatMap(({ cores }) => cores)),
    ...grouped(
      pairs.map(({ core }) => core),
      pairs.map(({ box }) => box),
      rows * columns,
    ),
    extent: Int32Array.from(extents.flat()),
    rectangleStart: starts(rectangles, 4),
    rectangles: Int32Array.from(rectangles.flat()),
    lastRow: Math.max(-1, ...extents.map((extent) => extent[1] as number)),
    lastColumn: Math.max(-1, ...extents.map((extent) => extent[3] as number)),
    firstRowCount: new Set(extents.map((extent) => extent[0])).size,
  };
}

/**
 * Rectangles that cover ascending cores exactly when equal runs of consecutive rows are joined, each as first row, last row,
 * first column, last column.
 */
export function rectanglesOf(cores: readonly number[], columns: number): number[] {
  const rectangles: [number, number, number, number][] = [];
  cores.forEach((start, index) => {
    const row = Math.floor(start / columns);
    const isInside = (core: number): boolean => Math.floor(core / columns) === row && cores.includes(core);
    if (isInside(cores[index - 1] ?? -1) && cores[index - 1] === start - 1) return;
    let end = start;
    while (isInside(end + 1)) end += 1;
    const [left, right] = [start - row * columns, end - row * columns];
    const above = rectangles.find((each) => each[1] === row - 1 && each[2] === left && each[3] === right);
    if (above === undefined) rectangles.push([row, row, left, right]);
    else above[1] = row;
  });
  return rectangles.flat();
}
