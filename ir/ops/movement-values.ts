import { at, clamp } from "../../base/math.ts";
import type { Movement, MovementPiece } from "../operator.ts";
import { allocateData, type Tensor, type TensorData } from "../tensor.ts";
import { elementCount, integerRange, isFloat, type TensorType } from "../type.ts";
import { elementsOf, operandAt } from "./values.ts";

/** Carries out the copies of a movement; the storage of all operands is that of the result. */
export function applyMovement(movement: Movement, operands: readonly (Tensor | null)[], type: TensorType): Tensor {
  const data = allocateData(type.element, elementCount(type)) as Float64Array;
  if (movement.fill !== null) data.fill(at(elementsOf(type.element, [movement.fill]) as Float64Array, 0));
  for (const piece of movement.pieces)
    copyPiece(merged(piece), operandAt(operands, piece.operand).data as Float64Array, data);
  return { type, data: data as TensorData };
}

/** A piece whose dimensions are one dimension wherever both sides walk over them as one. */
function merged(piece: MovementPiece): MovementPiece {
  const counts: number[] = [];
  const sourceStrides: number[] = [];
  const destinationStrides: number[] = [];
  piece.counts.forEach((count, dimension) => {
    const [source, destination] = [at(piece.sourceStrides, dimension), at(piece.destinationStrides, dimension)];
    const last = counts.length - 1;
    if (last >= 0 && sourceStrides[last] === source * count && destinationStrides[last] === destination * count) {
      counts[last] = at(counts, last) * count;
      sourceStrides[last] = source;
      destinationStrides[last] = destination;
    } else {
      counts.push(count);
      sourceStrides.push(source);
      destinationStrides.push(destination);
    }
  });
  return { ...piece, counts, sourceStrides, destinationStrides };
}

/** Indexes of a block of a transposing copy along each of its two dimensions. */
const blockCount = 32;

/** Copies the elements of a piece, in blocks where the rows of the result run across the rows of the source. */
function copyPiece(piece: MovementPiece, source: Float64Array, destination: Float64Array): void {
  const { counts, sourceStrides, destinationStrides } = piece;
  const last = counts.length - 1;
  const across = sourceStrides.indexOf(1);
  const blocked = across >= 0 && across !== last && at(counts, across) > 1 && at(counts, last) > 1;
  const outer = counts.flatMap((_, dimension) =>
    dimension === last || (blocked && dimension === across) ? [] : [dimension],
  );
  const rows = (
    from: number,
    to: number,
    firstRow: number,
    rowEnd: number,
    firstColumn: number,
    columnCount: number,
  ): void => {
    const [sourceStep, destinationStep] = [at(sourceStrides, last), at(destinationStrides, last)];
    for (let row = firstRow; row < rowEnd; row += 1) {
      const start = from + row + firstColumn * sourceStep;
      const end = to + row * at(destinationStrides, across) + firstColumn * destinationStep;
      copyRow(source, start, sourceStep, destination, end, destinationStep, columnCount);
    }
  };
  const copy = (level: number, from: number, to: number): void => {
    const dimension = outer[level];
    if (dimension !== undefined) {
      for (let i = 0; i < at(counts, dimension); i += 1) {
        copy(level + 1, from + i * at(sourceStrides, dimension), to + i * at(destinationStrides, dimension));
      }
    } else if (blocked) {
      const [rowCount, columnCount] = [at(counts, across), at(counts, last)];
      for (let row = 0; row < rowCount; row += blockCount) {
        for (let column = 0; column < columnCount; column += blockCount) {
          rows(from, to, row, Math.min(rowCount, row + blockCount), column, Math.min(blockCount, columnCount - column));
        }
      }
    } else
      copyRow(source, from, at(sourceStrides, last), destination, to, at(destinationStrides, last), at(counts, last));
  };
  copy(0, piece.sourceOffset, piece.destinationOffset);
}

function copyRow(
  source: Float64Array,
  from: number,
  sourceStride: number,
  destination: Float64Array,
  to: number,
  destinationStride: number,
  count: number,
): void {
  if (sourceStride === 1 && destinationStride === 1 && count > blockCount) {
    destination.set(source.subarray(from, from + count), to);
    return;
  }
  for (let i = 0; i < count; i += 1)
    destination[to + i * destinationStride] = source[from + i * sourceStride] as number;
}

/**
 * The number that stands for a real value in elements of the type: itself for floats and plain integers; rounded (ties
 * to even), shifted and clamped for quantized integers, by the first scale and zero.
 */
export function fillOf(type: TensorType, value: number): number {
  const { element, quantization } = type;
  if (quantization === null || isFloat(element)) return value;
  const { low, high } = integerRange(element);
  const steps = value / at(quantization.scales, 0);
  const floor = Math.floor(steps);
  const up = steps - floor > 0.5 || (steps - floor === 0.5 && floor % 2 !== 0);
  return clamp(floor + (up ? 1 : 0) + at(quantization.zeros, 0), low, high);
}
