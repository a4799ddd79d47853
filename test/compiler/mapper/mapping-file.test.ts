import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BorealError } from "../../../base/errors.ts";
import { parseMapping, printMapping } from "../../../compiler/mapper/mapping-file.ts";
import type { Mapping } from "../../../ir/mapping.ts";

const example: Mapping = {
  kind: "mapping",
  graph: "g",
  target: "mini-4x4",
  batchCount: 2,
  steps: [
    {
      name: "input x",
      kind: "input",
      nodes: [],
      value: "x",
      split: { rows: [{ dimension: "d1", parts: 4 }], columns: [] },
      weights: null,
      tile: null,
      reduction: null,
    },
    {
      name: "fc",
      kind: "contraction",
      nodes: ["fc.sum", "fc"],
      value: null,
      split: {
        rows: [{ dimension: "n", parts: 2 }],
        columns: [
          { dimension: "m", parts: 2 },
          { dimension: "k", parts: 2 },
        ],
      },
      weights: { copies: 1 },
      tile: { rows: 4, columns: 32, inner: 64 },
      reduction: { axis: "columns", parts: 2 },
    },
  ],
  layouts: [{ value: "x", order: [0, 2, 1] }],
  buffers: [
    {
      name: "fc/scratch 0",
      role: "scratch",
      step: "fc",
      value: null,
      element: null,
      address: 16,
      bytes: 64,
      firstStep: 1,
      lastStep: 1,
    },
  ],
};

const text = `kind: mapping
graph: g
target: mini-4x4
batch: 2
steps:
  - name: input x
    kind: input
    value: x
    rows: {d1: 4}
  - name: fc
    kind: contraction
    nodes: [fc.sum, fc]
    rows: {"n": 2}
    columns: {m: 2, k: 2}
    weights: streamed
    tile: {rows: 4, columns: 32, inner: 64}
    reduction: {axis: columns, parts: 2}
layouts:
  - {value: x, order: [0, 2, 1]}
buffers:
  - {name: fc/scratch 0, role: scratch, step: fc, address: 16, bytes: 64, first: 1, last: 1}
`;

const name = fc.oneof(
  fc.string({ minLength: 1 }),
  fc.constantFrom(
    "null",
    "true",
    "1",
    "1e3",
    "0x10",
    "~",
    "a: b",
    "a b",
    "a -b",
    "a #b",
    "to null",
    "a  b",
    "- a",
    "a#b",
    "x/y.z",
    "é\n",
    "yes",
    "{",
    '"',
  ),
);
const count = fc.nat({ max: 1e9 });
const axis = fc
  .uniqueArray(fc.tuple(name, fc.integer({ min: 2, max: 64 })), { selector: ([dimension]) => dimension, maxLength: 3 })
  .map((list) => list.map(([dimension, parts]) => ({ dimension, parts })));
const mappingArbitrary: fc.Arbitrary<Mapping> = fc.record({
  kind: fc.constant("mapping" as const),
  graph: name,
  target: name,
  batchCount: fc.integer({ min: 1, max: 99 }),
  steps: fc.array(
    fc.record({
      name,
      kind: fc.constantFrom("input", "contraction", "vector", "reduce", "movement", "output" as const),
      nodes: fc.array(name, { maxLength: 3 }),
      value: fc.option(name),
      split: fc.record({ rows: axis, columns: axis }),
      weights: fc.option(fc.record({ copies: fc.constantFrom("all" as const, 1, 2, 16) })),
      tile: fc.option(
        fc.record(
          {
            rows: fc.integer({ min: 1 }),
            columns: fc.integer({ min: 1 }),
            inner: fc.integer({ min: 1 }),
            outer: fc.constant("columns" as const),
          },
          { requiredKeys: ["rows", "columns", "inner"] },
        ),
      ),
      reduction: fc.option(
        fc.record({ axis: fc.constantFrom("rows", "columns" as const), parts: fc.integer({ min: 2, max: 16 }) }),
      ),
    }),
    { maxLength: 4 },
  ),
  layouts: fc.array(fc.record({ value: name, order: fc.array(fc.nat({ max: 5 }), { maxLength: 5 }) }), {
    maxLength: 3,
  }),
  buffers: fc.array(
    fc.record({
      name,
      role: fc.constantFrom("value", "operand", "weights", "constant", "scratch", "program" as const),
      step: name,
      value: fc.option(name),
      element: fc.option(fc.constantFrom("i8", "i4", "f16", "i32" as const)),
      address: count,
      bytes: count,
      firstStep: count,
      lastStep: count,
    }),
    { maxLength: 3 },
  ),
});

function problemsOf(source: string): string[] {
  try {
    parseMapping(source, "m.yaml");
  } catch (error) {
    if (error instanceof BorealError) {
      return error.problems.map(({ code, at, message }) => `${code} ${at.file}:${at.line}:${at.column} ${message}`);
    }
    throw error;
  }
  return [];
}

describe("the mapping file", () => {
  it("prints a mapping so that a person can read and edit it", () => {
    expect(printMapping(example)).toBe(text);
  });

  it("reads what it prints back to the same mapping", () => {
    fc.assert(
      fc.property(mappingArbitrary, (mapping) => {
        expect(parseMapping(printMapping(mapping))).toEqual(mapping);
      }),
    );
  });

  it("reads a file whose buffers were deleted", () => {
    const shortened = text.slice(0, text.indexOf("buffers:"));
    expect(parseMapping(shortened)).toEqual({ ...example, buffers: [] });
  });

  it.each([
    [
      "text that is not YAML",
      "steps: [",
      ["B402 m.yaml:1:9 Flow sequence in block collection must be sufficiently indented and end with a ]."],
    ],
    [
      "a file that is no map",
      "- a\n",
      [
        "B402 m.yaml:1:1 Expected the file to be a map with the keys kind, graph, target, batch, steps, layouts, buffers.",
      ],
    ],
    [
      "an unknown key",
      text.replace("    kind: input", "    kind: input\n    colums: {d1: 2}"),
      [
        'B402 m.yaml:8:5 Unknown key "colums" in entry 1 of "steps"; expected one of name, kind, value, nodes, rows, columns, corner, beside, weights, tile, reduction, early.',
      ],
    ],
    [
      "a missing key",
      text.replace("graph: g\n", ""),
      ['B402 m.yaml:1:1 Missing "graph" in the file; expected a name.'],
    ],
    [
      "one part",
      text.replace("{d1: 4}", "{d1: 1}"),
      ['B402 m.yaml:9:16 Wrong "rows" in entry 1 of "steps"; expected an integer of at least 2.'],
    ],
    [
      "a dimension that stands twice",
      text.replace("m: 2, k: 2", "m: 2, m: 2"),
      ["B402 m.yaml:14:21 Map keys must be unique."],
    ],
    [
      "an unknown word",
      text.replace("streamed", "stream"),
      [
        'B402 m.yaml:15:14 Wrong "weights" in entry 2 of "steps"; expected resident, streamed or a number of copies ("4 copies").',
      ],
    ],
    [
      "a number of copies that has another name",
      text.replace("streamed", "1 copies"),
      [
        'B402 m.yaml:15:14 Wrong "weights" in entry 2 of "steps"; expected resident, streamed or a number of copies ("4 copies").',
      ],
    ],
    [
      "a number with a fraction",
      text.replace("inner: 64", "inner: 6.4"),
      ['B402 m.yaml:16:41 Wrong "inner" in "tile"; expected an integer of at least 1.'],
    ],
    [
      "a list where a name belongs",
      text.replace("graph: g", "graph: [g]"),
      ['B402 m.yaml:2:8 Wrong "graph" in the file; expected a name.'],
    ],
    [
      "a name where a list belongs",
      text.replace("order: [0, 2, 1]", "order: x"),
      ['B402 m.yaml:19:23 Wrong "order" in entry 1 of "layouts"; expected a list.'],
    ],
    [
      "a list where parts belong",
      text.replace("{d1: 4}", "[d1]"),
      ['B402 m.yaml:9:11 Wrong "rows" in entry 1 of "steps"; expected a map from names to integers.'],
    ],
  ])("reports %s with its place", (_, source, problems) => {
    expect(problemsOf(source)).toEqual(problems);
  });

  it("reports everything that is wrong at once", () => {
    const source = text.replace("batch: 2", "batch: 0").replace("bytes: 64", "bytes: -1");
    expect(problemsOf(source)).toEqual([
      'B402 m.yaml:4:8 Wrong "batch" in the file; expected an integer of at least 1.',
      'B402 m.yaml:21:71 Wrong "bytes" in entry 1 of "buffers"; expected an integer of at least 0.',
    ]);
  });
});
