import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { at } from "../../../base/math.ts";
import { affineLists, affineRecords } from "../../../compiler/emit/affine-classes.ts";
import { coverRectangles } from "../../../compiler/emit/rectangles.ts";
import { rollLoops, stretchesOf } from "../../../compiler/emit/roll-loops.ts";
import { SequenceIndex } from "../../../compiler/emit/sequence-index.ts";
import { affine, type Described, described, skeletonOf, withFields } from "../../../compiler/emit/skeleton.ts";
import { type Field, fieldValue, type Instruction, type SimpleInstruction } from "../../../ir/instruction.ts";

const wait = (token: number): SimpleInstruction => ({ kind: "wait", token, count: 1 });
const load = (source: number, destination = 0, bytes = 8): SimpleInstruction => ({
  kind: "weights.load",
  bytes,
  source,
  destination,
});
const gather = (from: number, to: number): SimpleInstruction => ({
  kind: "gather",
  counts: [4, 2],
  elementBytes: 1,
  source: { space: "memory", address: from, strides: [2, 1] },
  destination: { space: "memory", address: to, strides: [8, 1] },
});

/** Instructions with their skeletons. */
function describedList(list: readonly SimpleInstruction[], shapes = new SequenceIndex()): Described[] {
  return list.map((each) => described(each, shapes));
}

/** The list that a core at a place of its class runs: loops unrolled, fields evaluated. */
function expanded(list: readonly Instruction[], row = 0, column = 0): SimpleInstruction[] {
  const plain = (value: unknown, turn: number): unknown => {
    if (Array.isArray(value)) return value.map((item) => plain(item, turn));
    if (typeof value !== "object" || value === null) return value;
    if ("base" in value && "turn" in value) return fieldValue(value as Field, row, column, turn);
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item, turn)]));
  };
  return list.flatMap((instruction) =>
    instruction.kind === "loop"
      ? Array.from({ length: instruction.count }, (_, turn) =>
          instruction.body.map((body) => plain(body, turn) as SimpleInstruction),
        ).flat()
      : [plain(instruction, 0) as SimpleInstruction],
  );
}

const instruction = fc.oneof(
  fc.integer({ min: 0, max: 2 }).map(wait),
  fc.tuple(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 1 })).map(([a, b]) => load(8 * a, 64 * b)),
  fc.tuple(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 5 })).map(([a, b]) => gather(a, 10 * b)),
);
/** Lists with repetitions in them, whose addresses advance. */
const repetitive = fc
  .array(
    fc.tuple(
      fc.array(instruction, { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: -3, max: 9 }),
    ),
    {
      maxLength: 4,
    },
  )
  .map((parts) =>
    parts.flatMap(([body, turns, step]) =>
      Array.from({ length: turns }, (_, turn) => body.map((each) => shifted(each, turn * step))).flat(),
    ),
  );

function shifted(each: SimpleInstruction, by: number): SimpleInstruction {
  if (each.kind === "weights.load") return { ...each, source: (each.source as number) + by };
  if (each.kind === "gather")
    return { ...each, source: { ...each.source, address: (each.source.address as number) + by } };
  return each;
}

describe("skeletons", () => {
  it("hold the fields apart from all that must be equal, and take others back", () => {
    const index = new SequenceIndex();
    const { shape, numbers } = skeletonOf(gather(12, 34), index);
    expect(numbers).toEqual([12, 34]);
    expect(skeletonOf(gather(1, 2), index).shape).toBe(shape);
    expect(skeletonOf({ ...gather(1, 2), elementBytes: 2 } as SimpleInstruction, index).shape).not.toBe(shape);
    expect(withFields(gather(12, 34), [56, affine(1, 2, 3, 4)])).toEqual({
      ...gather(56, 0),
      destination: { space: "memory", address: { base: 1, row: 2, column: 3, turn: 4 }, strides: [8, 1] },
    });
    expect(withFields(gather(12, 34), numbers)).toEqual(gather(12, 34));
  });

  it("tell apart lists of other lengths, texts and truth values", () => {
    const index = new SequenceIndex();
    const shapes = [
      { a: [1, 2] },
      { a: [12] },
      { a: [[1], 2] },
      { a: [[1, 2]] },
      { a: {}, b: 1 },
      { a: { b: 1 } },
      { a: true },
      { a: null },
      { a: "true" },
      { b: true },
      { a: { address: 1 } },
    ];
    expect(new Set(shapes.map((each) => skeletonOf(each, index).shape)).size).toBe(shapes.length);
  });

  it("make a plain number of a field that does not vary", () => {
    expect(affine(5, 0, 0, 0)).toBe(5);
    expect(affine(5, 0, 1, 0)).toEqual({ base: 5, row: 0, column: 1, turn: 0 });
  });
});

describe("rolled loops", () => {
  it("do what the list does", () => {
    fc.assert(
      fc.property(repetitive, (list) => {
        expect(expanded(rollLoops(describedList(list)))).toEqual(list);
      }),
      { numRuns: 300 },
    );
  });

  it("have a field for each number that advances by equal steps", () => {
    const list = Array.from({ length: 4 }, (_, turn) => [wait(1), load(100 + 16 * turn)]).flat();
    expect(rollLoops(describedList(list))).toEqual([
      { kind: "loop", count: 4, body: [wait(1), { ...load(0), source: { base: 100, row: 0, column: 0, turn: 16 } }] },
    ]);
  });

  it("leave alone what does not repeat, or not in equal steps, or too short to gain", () => {
    const odd = [load(0), load(8), load(24), wait(1)];
    expect(rollLoops(describedList(odd))).toEqual(odd);
    const twice = [wait(1), wait(1)];
    expect(rollLoops(describedList(twice))).toEqual(twice);
    const thrice = [wait(1), wait(1), wait(1)];
    expect(rollLoops(describedList(thrice))).toEqual([{ kind: "loop", count: 3, body: [wait(1)] }]);
    expect(rollLoops([])).toEqual([]);
  });

  it("take the period that saves most", () => {
    const list = [wait(1), wait(1), wait(2), wait(1), wait(1), wait(2), wait(1), wait(1), wait(2)];
    expect(stretchesOf(describedList(list)).map(({ turns, body }) => [turns, body.length])).toEqual([[3, 3]]);
  });

  it("of several stretches follow each other, what does not repeat in between", () => {
    const list = [wait(0), load(0), load(8), load(16), wait(2), load(5), load(4), load(3)];
    expect(stretchesOf(describedList(list)).map(({ turns, body, steps }) => [turns, body.length, steps])).toEqual([
      [1, 1, []],
      [3, 1, [[8, 0]]],
      [1, 1, []],
      [3, 1, [[-1, 0]]],
    ]);
  });
});

describe("classes of cores", () => {
  const columns = 4;
  const classesOf = (perCore: readonly (readonly SimpleInstruction[] | null)[]) => {
    const shapes = new SequenceIndex();
    return affineLists(
      perCore.map((list) => (list === null ? null : describedList(list, shapes))),
      columns,
      shapes,
    );
  };
  const place = (core: number) => ({ row: Math.floor(core / columns), column: core % columns });

  /** By core: what its classes say that it runs. */
  function byCore<T, R>(
    classes: readonly {
      readonly cores: { row: number; column: number; rows: number; columns: number };
      readonly data: T;
    }[],
    read: (data: T, row: number, column: number) => R,
  ): (R | null)[] {
    const result = new Array<R | null>(16).fill(null);
    for (const { cores, data } of classes) {
      for (let row = 0; row < cores.rows; row += 1) {
        for (let column = 0; column < cores.columns; column += 1) {
          const core = (cores.row + row) * columns + cores.column + column;
          expect(result[core]).toBeNull();
          result[core] = read(data, row, column);
        }
      }
    }
    return result;
  }

  it("give each core its own list back", () => {
    const lists = fc.tuple(
      repetitive,
      repetitive,
      fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 16, maxLength: 16 }),
      fc.integer({ min: 0, max: 8 }),
      fc.integer({ min: 0, max: 8 }),
    );
    fc.assert(
      fc.property(lists, ([one, two, choices, down, across]) => {
        const perCore = choices.map((choice, core) => {
          const { row, column } = place(core);
          const offset = down * row + across * column + (choice === 2 ? 1 : 0);
          return choice === 3 ? null : (choice === 1 ? two : one).map((each) => shifted(each, offset));
        });
        expect(byCore(classesOf(perCore), expanded)).toEqual(perCore);
      }),
      { numRuns: 200 },
    );
  });

  it("are one rectangle when lists differ by steps from row to row and column to column", () => {
    const perCore = Array.from({ length: 16 }, (_, core) => {
      const { row, column } = place(core);
      return [load(100 * row + 10 * column), load(100 * row + 10 * column + 1), load(100 * row + 10 * column + 2)];
    });
    expect(classesOf(perCore)).toEqual([
      {
        cores: { row: 0, column: 0, rows: 4, columns: 4 },
        data: [{ kind: "loop", count: 3, body: [{ ...load(0), source: { base: 0, row: 100, column: 10, turn: 1 } }] }],
      },
    ]);
  });

  it("are several when steps differ, and none for cores without a list", () => {
    const perCore = Array.from({ length: 16 }, (_, core) =>
      core >= 8 ? null : [load([0, 1, 2, 4, 5, 6, 7, 8][core] ?? 0)],
    );
    expect(classesOf(perCore).map(({ cores }) => cores)).toEqual([
      { row: 0, column: 0, rows: 2, columns: 3 },
      { row: 0, column: 3, rows: 2, columns: 1 },
    ]);
  });

  it("keep apart lists whose loops turn or step differently", () => {
    const list = (step: number, turns: number) => Array.from({ length: turns }, (_, turn) => load(step * turn));
    const perCore = [list(8, 3), list(4, 3), list(8, 4), list(8, 4)];
    expect(classesOf(perCore).map(({ cores }) => cores)).toEqual([
      { row: 0, column: 0, rows: 1, columns: 1 },
      { row: 0, column: 1, rows: 1, columns: 1 },
      { row: 0, column: 2, rows: 1, columns: 2 },
    ]);
  });

  it("of records give each core its own record back", () => {
    const number = fc.integer({ min: 0, max: 3 });
    fc.assert(
      fc.property(
        fc.array(fc.option(fc.tuple(number, number)), { minLength: 16, maxLength: 16 }),
        number,
        number,
        (drawn, down, across) => {
          const records = drawn.map((each, core) => {
            if (each === null) return null;
            const { row, column } = place(core);
            return { address: 8 * each[0], offset: down * row + across * column, bytes: each[1] };
          });
          const found = byCore(affineRecords(records, columns), (data, row, column) => ({
            address: fieldValue(data.address, row, column, 0),
            offset: fieldValue(data.offset, row, column, 0),
            bytes: data.bytes,
          }));
          expect(found).toEqual(records);
        },
      ),
    );
  });
});

describe("rectangles of equal keys", () => {
  it("cover every core that has a key once, and no other", () => {
    const key = fc.constantFrom(0, 7, -1);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.array(key, { minLength: 5, maxLength: 25 }), (columns, drawn) => {
        const keys = drawn.slice(0, Math.floor(drawn.length / columns) * columns);
        const found = new Array<number>(keys.length).fill(-1);
        for (const { row, column, rows, columns: width } of coverRectangles(keys, columns)) {
          expect(column + width).toBeLessThanOrEqual(columns);
          const first = at(keys, row * columns + column);
          for (let down = 0; down < rows; down += 1) {
            for (let across = 0; across < width; across += 1) {
              const core = (row + down) * columns + column + across;
              expect(found[core]).toBe(-1);
              found[core] = first;
            }
          }
        }
        expect(found).toEqual(keys);
      }),
    );
  });

  it("grow east, then south", () => {
    const keys = [0, 0, 7, 0, 0, 7, 7, 7, 7];
    expect(coverRectangles(keys, 3)).toEqual([
      { row: 0, column: 0, rows: 2, columns: 2 },
      { row: 0, column: 2, rows: 3, columns: 1 },
      { row: 2, column: 0, rows: 1, columns: 2 },
    ]);
  });
});
