import type { Cut, OwnerGrid } from "../../kernels/link-loads.ts";
import type { OwnerIndex } from "./owner-index.ts";

/**
 * Cuts of the grid near its middle on both sides of which owners have whole ranges of an axis of the value; behind all owners if
 * need be, where any axis does.
 */
export function ownerCuts(owners: OwnerIndex): Pick<OwnerGrid, "rowCount" | "rowCut" | "columnCut"> {
  const { placement } = owners;
  const rowOf = (box: number): number => placement.extent[4 * box] as number;
  const columnOf = (box: number): number => placement.extent[4 * box + 2] as number;
  return {
    rowCount: placement.firstRowCount,
    rowCut: cutNear(owners, placement.rows, rowOf),
    columnCut: cutNear(owners, placement.columns, columnOf),
  };
}

function cutNear(owners: OwnerIndex, count: number, placeOf: (box: number) => number): Cut {
  const middle = count >> 1;
  for (let away = 0; away <= count; away += 1) {
    for (const place of [middle + away, middle - away]) {
      if (place < 1) continue;
      const cut = cutAt(owners, place, placeOf);
      if (cut !== null) return cut;
    }
  }
  return { place: count, axis: 0, sides: [] };
}

/** The cut before a row or column; null where no axis tells the sides apart. */
function cutAt({ starts, boxes }: OwnerIndex, place: number, placeOf: (box: number) => number): Cut | null {
  let stride = boxes.length;
  for (let axis = 0; axis < starts.length; axis += 1) {
    const ranges = (starts[axis] as Int32Array).length;
    stride /= ranges;
    const sides = new Int32Array(ranges).fill(-1);
    let isTold = true;
    for (let cell = 0; cell < boxes.length && isTold; cell += 1) {
      const box = boxes[cell] as number;
      if (box < 0) continue;
      const range = Math.floor(cell / stride) % ranges;
      const side = placeOf(box) < place ? 0 : 1;
      if (sides[range] === -1) sides[range] = side;
      else isTold = sides[range] === side;
    }
    if (isTold) return { place, axis, sides };
  }
  return null;
}
