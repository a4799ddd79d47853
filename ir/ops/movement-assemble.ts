import { at, product, sum } from "../../base/math.ts";
import type { MovementPiece } from "../operator.ts";
import { sameQuantization, type TensorType } from "../type.ts";
import { numberOf, numbersOf } from "./attributes.ts";
import { indexingForms } from "./indexing-onnx.ts";
import { defineMovement, floatSamples, refuse } from "./movement-declaration.ts";
import { axisRuns, withoutUnitDimensions } from "./movement-pieces.ts";
import { fillOf } from "./movement-values.ts";

/** Rows of one part that go to rows of the result: source + Σ i·sourceSteps to destination + Σ i·destinationSteps. */
interface RowBlock {
  readonly part: number;
  readonly counts: readonly number[];
  readonly source: number;
  readonly sourceSteps: readonly number[];
  readonly destination: number;
  readonly destinationSteps: readonly number[];
}

function sameSteps(left: RowBlock, right: RowBlock): boolean {
  const same = (a: readonly number[], b: readonly number[]): boolean =>
    a.length === b.length && a.every((value, index) => value === b[index]);
  return (
    left.part === right.part &&
    same(left.counts, right.counts) &&
    same(left.sourceSteps, right.sourceSteps) &&
    same(left.destinationSteps, right.destinationSteps)
  );
}

/** Whether steps of one sign nest like digits: each is greater than what all smaller ones span together. */
function nests(steps: readonly number[], counts: readonly number[]): boolean {
  const moving = steps.flatMap((step, index) => (step === 0 ? [] : [{ step, count: at(counts, index) }]));
  if (moving.some(({ step }) => step < 0) && moving.length > 1) return false;
  let span = 0;
  return moving
    .sort((left, right) => Math.abs(left.step) - Math.abs(right.step))
    .every(({ step, count }) => {
      const free = Math.abs(step) > span;
      span += Math.abs(step) * (count - 1);
      return free;
    });
}

/** Joins blocks of one form that follow each other at equal distances, from the front; one more dimension each. */
function joinBlocks(blocks: readonly RowBlock[]): readonly RowBlock[] {
  const joined: RowBlock[] = [];
  let start = 0;
  while (start < blocks.length) {
    const first = at(blocks, start);
    const second = blocks[start + 1];
    const [sourceStep, destinationStep] =
      second === undefined ? [0, 0] : [second.source - first.source, second.destination - first.destination];
    let count = 1;
    for (let next = blocks[start + count]; next !== undefined; next = blocks[start + count]) {
      const before = at(blocks, start + count - 1);
      const follows =
        sameSteps(first, next) &&
        next.source - before.source === sourceStep &&
        next.destination - before.destination === destinationStep;
      if (!follows) break;
      count += 1;
    }
    const counts = [count, ...first.counts];
    const sourceSteps = [sourceStep, ...first.sourceSteps];
    const destinationSteps = [destinationStep, ...first.destinationSteps];
    const joins = count > 1 && nests(sourceSteps, counts) && nests(destinationSteps, counts);
    if (joins) joined.push({ ...first, counts, sourceSteps, destinationSteps });
    else joined.push(...blocks.slice(start, start + count));
    start += count;
  }
  return joined.length === blocks.length ? joined : joinBlocks(joined);
}

/** The rows of each part that the result takes; `sources` counts the rows of all parts, and is −1 where none is taken. */
function rowBlocks(sources: readonly number[], rowCounts: readonly number[]): readonly RowBlock[] {
  let first = 0;
  const blocks = rowCounts.flatMap((rowCount, part) => {
    const start = first;
    first += rowCount;
    const own = sources.map((source) => (source >= start && source < start + rowCount ? source - start : -1));
    return axisRuns(own).map(
      (run): RowBlock => ({
        part,
        counts: [run.count],
        source: run.source,
        sourceSteps: [run.step],
        destination: run.destination,
        destinationSteps: [1],
      }),
    );
  });
  return joinBlocks(blocks);
}

/** Rows of a part of that shape; throws B202 when it does not divide into blocks of `outer` times rows of `inner`. */
function rowCountOf(part: TensorType, outer: number, inner: number): number {
  const rows = outer * inner === 0 ? 0 : product(part.shape) / (outer * inner);
  if (!Number.isInteger(rows))
    refuse(`Shape [${part.shape.join(",")}] does not divide into ${outer} blocks of rows of ${inner} elements.`);
  return rows;
}

/** Takes rows that are known at compile time from several values. */
export const assemble = defineMovement({
  name: "assemble",
  summary:
    "Reads each operand as [outer, rows, inner]: result row i is row sources[i] of all operands' rows, zeros where that is -1.",
  operands: ["...parts"],
  attributes: {
    shape: { form: "integers" },
    sources: { form: "integers" },
    outer: { form: "integer", default: 1 },
    inner: { form: "integer", default: 1 },
  },
  onnx: indexingForms,
  infer: ({ operands, attributes }) => {
    const parts = operands.map((part) => part ?? refuse("An operand of assemble is missing."));
    const [outer, inner] = [numberOf(attributes, "outer"), numberOf(attributes, "inner")];
    const [shape, sources] = [numbersOf(attributes, "shape"), numbersOf(attributes, "sources")];
    const type = at(parts, 0);
    if (parts.some((part) => part.element !== type.element || !sameQuantization(part, type)))
      refuse("Operands of assemble have different element types, scales or zero points.");
    if (type.quantization !== null && type.quantization.axis !== null)
      refuse("Operands of assemble cannot have a scale for each index of an axis.");
    if (product(shape) !== outer * sources.length * inner)
      refuse(
        `Shape [${shape.join(",")}] does not hold ${outer} blocks of ${sources.length} rows of ${inner} elements.`,
      );
    const rowCount = sum(parts.map((part) => rowCountOf(part, outer, inner)));
    const wrong = product(shape) === 0 ? undefined : sources.find((source) => source < -1 || source >= rowCount);
    if (wrong !== undefined) refuse(`Row ${wrong} is outside the ${rowCount} rows of the operands.`);
    return { ...type, shape };
  },
  movement: ({ operands, attributes, type }) => {
    const [outer, inner] = [numberOf(attributes, "outer"), numberOf(attributes, "inner")];
    const sources = numbersOf(attributes, "sources");
    if (product(type.shape) === 0) return { pieces: [], fill: null };
    const rowCounts = operands.map((part) => (part === null ? 0 : rowCountOf(part, outer, inner)));
    const pieces = rowBlocks(sources, rowCounts).map((block): MovementPiece => {
      const rows = at(rowCounts, block.part);
      return withoutUnitDimensions({
        operand: block.part,
        counts: [outer, ...block.counts, inner],
        sourceOffset: block.source * inner,
        sourceStrides: [rows * inner, ...block.sourceSteps.map((step) => step * inner), 1],
        destinationOffset: block.destination * inner,
        destinationStrides: [sources.length * inner, ...block.destinationSteps.map((step) => step * inner), 1],
      });
    });
    return { pieces, fill: sources.includes(-1) ? fillOf(type, 0) : null };
  },
  samples: floatSamples([
    [[[2, 3]], { shape: [4], sources: [5, 0, 0, 3] }],
    [
      [
        [3, 2],
        [2, 2],
      ],
      { shape: [3, 2], sources: [0, 4, 3], inner: 2 },
    ],
    [[[2, 4]], { shape: [2, 6], sources: [3, -1, 2, 1, -1, 0], outer: 2 }],
    [[[12]], { shape: [3, 4], sources: [0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11] }],
  ]),
});
