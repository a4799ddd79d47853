import { product } from "../../base/math.ts";
import type { Access, Box } from "../../ir/iteration.ts";
import type { Placement, PlacementKernel } from "../../kernels/placements.ts";
import { type Geometry, iterationBox, ownsResult } from "../geometry.ts";
import type { Layer } from "../layers.ts";
import { type AxisPiece, axisPieces, indexBoxes, touchedRanges } from "../pieces.ts";

/** Boxes that a core may need of one operand of a movement before they are joined into one that holds them all. */
const boxLimit = 64;

/** The copies that a movement layer makes from one of its operands, by axes of operand and result. */
export function operandPieces(layer: Layer, readIndex: number): AxisPiece[] {
  const read = layer.reads[readIndex];
  const anchor = layer.nodes[0];
  if (read === undefined || anchor === undefined || layer.movement === null) return [];
  return layer.movement.pieces
    .filter((piece) => piece.operand === read.operand)
    .flatMap((piece) => axisPieces(piece, read.type.shape, anchor.type.shape));
}

/**
 * Which axis of a movement's result each axis of an operand becomes, as an access: axes that all copies carry over index by
 * index (those of a batch, or of the rows and columns of images whose channels are joined) move, the others stand still.
 */
export function carriedAccess(layer: Layer, readIndex: number): Access {
  const pieces = operandPieces(layer, readIndex);
  const rank = layer.reads[readIndex]?.type.shape.length ?? 0;
  return Array.from({ length: rank }, (_, axis) => {
    const carried = new Set(pieces.map((piece) => carriedAxis(piece, axis)));
    const [only = -1] = carried;
    return { terms: carried.size === 1 && only >= 0 ? [{ dimension: only, stride: 1 }] : [], offset: 0 };
  });
}

/** The axis of the result along which a copy moves as along an axis of its operand, from index to the same index; −1 for none. */
function carriedAxis({ source, destination }: AxisPiece, axis: number): number {
  const [term, ...others] = source[axis]?.terms ?? [];
  if (term === undefined || others.length > 0 || term.coefficient !== 1) return -1;
  return destination.findIndex(
    ({ base, terms }) =>
      base === source[axis]?.base && terms.length === 1 && terms[0]?.index === term.index && terms[0].coefficient === 1,
  );
}

/** The boxes of an operand of a movement layer that each core copies from. */
export function movementPlacement(
  kernel: PlacementKernel,
  geometry: Geometry,
  pieces: readonly AxisPiece[],
  rank: number,
): Placement {
  const { rows, columns } = geometry.grid;
  const [bounds, boxes, cores]: [number[], number[], number[]] = [[], [], []];
  const numbers = new Map<string, number>();
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      if (!ownsResult(geometry, row, column)) continue;
      for (const box of sourceBoxes(pieces, iterationBox(geometry, row, column))) {
        const sides = box.flatMap(({ start, end }) => [start, end]);
        const key = sides.join();
        const known = numbers.get(key) ?? numbers.size;
        if (known === numbers.size) bounds.push(...sides);
        numbers.set(key, known);
        boxes.push(known);
        cores.push(row * columns + column);
      }
    }
  }
  return kernel.ofBoxes({ rows, columns, rank, bounds, boxes, cores });
}

function sourceBoxes(pieces: readonly AxisPiece[], result: Box): Box[] {
  const boxes: Box[] = [];
  for (const piece of pieces) {
    if (product(piece.counts) === 0) continue;
    const whole = piece.counts.map((count) => ({ start: 0, end: count }));
    for (const box of indexBoxes(piece.destination, result, whole)) boxes.push(touchedRanges(piece.source, box));
  }
  const distinct = new Map(boxes.map((box) => [box.map(({ start, end }) => `${start}:${end}`).join(), box]));
  return distinct.size > boxLimit ? [hull([...distinct.values()])] : [...distinct.values()];
}

function hull(boxes: readonly Box[]): Box {
  const first = boxes[0] as Box;
  return first.map((_, axis) => ({
    start: Math.min(...boxes.map((box) => box[axis]?.start ?? 0)),
    end: Math.max(...boxes.map((box) => box[axis]?.end ?? 0)),
  }));
}
