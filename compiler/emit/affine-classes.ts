import { at } from "../../base/math.ts";
import type { Instruction, Rectangle } from "../../ir/instruction.ts";
import { instructionsOf, type Stretch, stretchesOf } from "./roll-loops.ts";
import { SequenceIndex } from "./sequence-index.ts";
import { affine, type Described, type Skeleton, skeletonOf, withFields } from "./skeleton.ts";

/** A class of cores and the one piece of data that stands for all of them. */
export interface AffineClass<T> {
  readonly cores: Rectangle;
  readonly data: T;
}

/** A rectangle of cores with equal shapes, and the steps of their numbers from row to row and column to column. */
interface Family {
  readonly cores: Rectangle;
  readonly first: number;
  readonly rowSteps: readonly number[];
  readonly columnSteps: readonly number[];
}

/** Groups records that differ only by fields that are affine in (row, column); null for cores without one. */
export function affineRecords<T extends object>(byCore: readonly (T | null)[], columns: number): AffineClass<T>[] {
  const shapes = new SequenceIndex();
  const skeletons = byCore.map((data) => (data === null ? null : skeletonOf(data, shapes)));
  return families(skeletons, columns).map(({ cores, first, rowSteps, columnSteps }) => {
    const fields = at(skeletons, first)?.numbers.map((base, index) =>
      affine(base, rowSteps[index] ?? 0, columnSteps[index] ?? 0, 0),
    );
    return { cores, data: withFields(byCore[first] as T, fields ?? []) };
  });
}

/**
 * Rolls each core's list of instructions into loops and groups cores whose lists differ only by affine fields into
 * rectangles; null for cores without a list. `shapes` is the index that they were described with.
 */
export function affineLists(
  byCore: readonly (readonly Described[] | null)[],
  columns: number,
  shapes: SequenceIndex,
): AffineClass<readonly Instruction[]>[] {
  if (byCore.every((list) => list === null)) return [];
  const rolled = byCore.map((list) => (list === null ? null : stretchesOf(list)));
  const skeletons = rolled.map((stretches) => (stretches === null ? null : joined(stretches, shapes)));
  return families(skeletons, columns).map(({ cores, first, rowSteps, columnSteps }) => {
    let position = 0;
    const data = (rolled[first] ?? []).flatMap((stretch) => {
      const start = position;
      const instructions = instructionsOf(stretch, (index, base, turn) =>
        affine(base, rowSteps[start + index] ?? 0, columnSteps[start + index] ?? 0, turn),
      );
      position += stretch.body.reduce((count, { numbers }) => count + numbers.length, 0);
      return instructions;
    });
    return { cores, data };
  });
}

/** The shape and numbers of a whole list; the steps of loops belong to the shape. */
function joined(stretches: readonly Stretch[], shapes: SequenceIndex): Skeleton {
  let shape = 0;
  const numbers: number[] = [];
  for (let stretch = 0; stretch < stretches.length; stretch += 1) {
    const { turns, body, steps } = stretches[stretch] as Stretch;
    shape = shapes.and(shapes.and(shape, turns), body.length);
    if (turns > 1) shape = shapes.and(shape, steps.join(";"));
    for (let place = 0; place < body.length; place += 1) {
      const { shape: own, numbers: given } = body[place] as Described;
      shape = shapes.and(shape, own);
      for (let index = 0; index < given.length; index += 1) numbers.push(given[index] as number);
    }
  }
  return { shape, numbers };
}

/** Greedy from the north-west: each family grows east, then south, as long as its numbers stay affine. */
function families(skeletons: readonly (Skeleton | null)[], columns: number): Family[] {
  const rows = skeletons.length / columns;
  const taken = new Uint8Array(skeletons.length);
  const result: Family[] = [];
  for (let core = 0; core < skeletons.length; core += 1) {
    const first = skeletons[core];
    if (first === null || first === undefined || taken[core] === 1) continue;
    const row = Math.floor(core / columns);
    const column = core % columns;
    const follows = (
      down: number,
      across: number,
      rowSteps: readonly number[],
      columnSteps: readonly number[],
    ): boolean => {
      const index = core + down * columns + across;
      const skeleton = skeletons[index];
      if (skeleton === null || skeleton === undefined || taken[index] === 1 || skeleton.shape !== first.shape)
        return false;
      for (let position = 0; position < first.numbers.length; position += 1) {
        const expected =
          (first.numbers[position] as number) +
          down * (rowSteps[position] ?? 0) +
          across * (columnSteps[position] ?? 0);
        if (skeleton.numbers[position] !== expected) return false;
      }
      return true;
    };
    const columnSteps = column + 1 < columns ? stepsTo(first, skeletons[core + 1], taken[core + 1]) : null;
    let width = 1;
    while (columnSteps !== null && column + width < columns && follows(0, width, [], columnSteps)) width += 1;
    const rowSteps = row + 1 < rows ? stepsTo(first, skeletons[core + columns], taken[core + columns]) : null;
    const rowFollows = (down: number, steps: readonly number[]): boolean => {
      for (let across = 0; across < width; across += 1) {
        if (!follows(down, across, steps, width > 1 ? (columnSteps ?? []) : [])) return false;
      }
      return true;
    };
    let height = 1;
    while (rowSteps !== null && row + height < rows && rowFollows(height, rowSteps)) height += 1;
    for (let down = 0; down < height; down += 1) taken.fill(1, core + down * columns, core + down * columns + width);
    result.push({
      cores: { row, column, rows: height, columns: width },
      first: core,
      rowSteps: height > 1 ? (rowSteps ?? []) : [],
      columnSteps: width > 1 ? (columnSteps ?? []) : [],
    });
  }
  return result;
}

/** How the numbers change from one core to its neighbour; null when the neighbour is of another shape or taken. */
function stepsTo(first: Skeleton, next: Skeleton | null | undefined, taken: number | undefined): number[] | null {
  if (next === null || next === undefined || taken === 1 || next.shape !== first.shape) return null;
  return next.numbers.map((value, index) => value - (first.numbers[index] as number));
}
