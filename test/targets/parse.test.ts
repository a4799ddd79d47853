import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { BorealError, type Problem } from "../../base/errors.ts";
import { listTargets } from "../../targets/load.ts";
import { parseTarget } from "../../targets/parse.ts";

const fileOf = (name: string): string =>
  readFileSync(listTargets().find((target) => target.name === name)?.path ?? "", "utf8");
const chipText = fileOf("mini-4x4");
const gpuText = fileOf("v100");

/** The problems that parsing a text throws. */
function problemsOf(text: string): readonly Problem[] {
  try {
    parseTarget(text, "t.yaml");
  } catch (error) {
    if (error instanceof BorealError) return error.problems;
    throw error;
  }
  throw new Error("the text was accepted");
}

/** Replaces one occurrence, and tells the 1-based line and column of it in the result. */
function edited(
  text: string,
  from: string | RegExp,
  to: string,
): { readonly text: string; readonly line: number; readonly column: number } {
  const start = text.search(from instanceof RegExp ? from : new RegExp(from.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")));
  if (start < 0) throw new Error(`"${from}" does not occur`);
  const before = text.slice(0, start).split("\n");
  return { text: text.replace(from, () => to), line: before.length, column: (before.at(-1) ?? "").length + 1 };
}

/** Expects exactly one problem, at the edited place plus some columns. */
function expectOne(edit: ReturnType<typeof edited>, code: string, message: string, columns = 0): void {
  expect(problemsOf(edit.text)).toEqual([
    { code, message, at: { file: "t.yaml", line: edit.line, column: edit.column + columns } },
  ]);
}

describe("what is wrong with a target file is reported with its line and column", () => {
  it("a wrong unit", () => {
    expectOne(edited(chipText, "unit: Hz", "unit: MHz"), "B302", 'clock.unit: expected "Hz", found "MHz".', 6);
  });

  it("an unknown key, with the most similar known one", () => {
    const edit = edited(chipText, "operationsPerMac:", "clok: 3\noperationsPerMac:");
    expectOne(edit, "B302", 'unknown key "clok"; did you mean "clock"?');
  });

  it("an unknown key inside a number", () => {
    const edit = edited(chipText, "unit: Hz", "unit: Hz\n  nota: x");
    const problems = problemsOf(edit.text);
    expect(problems.map(({ message }) => message)).toEqual(['clock: unknown key "nota"; did you mean "note"?']);
    expect(problems[0]?.at).toEqual({ file: "t.yaml", line: edit.line + 1, column: 3 });
  });

  it("a missing number, at the section that lacks it", () => {
    const edit = edited(chipText, /^clock:\n(?: .*\n)+/m, "");
    expect(problemsOf(edit.text)).toEqual([
      { code: "B302", message: 'missing "clock".', at: { file: "t.yaml", line: 2, column: 1 } },
    ]);
  });

  it("a missing number of a section, at the section's key", () => {
    const edit = edited(chipText, /^ {2}command:\n(?: {4}.*\n)+/m, "");
    const line = edit.text.split("\n").indexOf("host:") + 1;
    expect(problemsOf(edit.text)).toEqual([
      { code: "B302", message: 'host: missing "command".', at: { file: "t.yaml", line, column: 1 } },
    ]);
  });

  it("a fraction of a byte", () => {
    expectOne(
      edited(chipText, "value: 65536", "value: 65536.5"),
      "B302",
      "core.memory.value: expected a whole number, found 65536.5.",
      7,
    );
  });

  it("a negative count", () => {
    expectOne(
      edited(chipText, "value: 65536", "value: -1"),
      "B302",
      "core.memory.value: expected at least 1, found -1.",
      7,
    );
  });

  it("a fraction above 1", () => {
    const edit = edited(gpuText, "value: 0.57", "value: 1.57");
    const text = edit.text.replace("range: [ 0.5, 0.85 ]", "range: [ 0.5, 1.85 ]");
    expectOne({ ...edit, text }, "B302", "achievable.compute.value: expected at most 1, found 1.57.", 7);
  });

  it("a clock of zero", () => {
    expectOne(edited(chipText, /value: 100e6/, "value: 0"), "B302", "clock.value: expected more than 0, found 0.", 7);
  });

  it("a text where a number belongs", () => {
    expectOne(
      edited(chipText, /value: 100e6/, "value: fast"),
      "B302",
      'clock.value: expected a number, found "fast".',
      7,
    );
  });

  it("a bare number where a number with its source belongs", () => {
    const edit = edited(chipText, /^clock:\n(?: .*\n)+/m, "clock: 3\n");
    expectOne(edit, "B302", "clock: expected a section, found 3.", 7);
  });

  it("a source that is none", () => {
    const message = 'clock.source: expected "published" or "derived" or "estimated" or "synthetic", found "guess".';
    const [head, tail] = [chipText.slice(0, chipText.indexOf("clock:")), chipText.slice(chipText.indexOf("clock:"))];
    expectOne(edited(head + tail.replace("synthetic", "guess"), "source: guess", "source: guess"), "B302", message, 8);
  });

  it("an estimate without a range", () => {
    const edit = edited(gpuText, "  range: [ 3e-6, 12e-6 ]\n", "");
    expect(problemsOf(edit.text).map(({ message }) => message)).toEqual([
      "launch: an estimate needs a range: [low, high].",
    ]);
  });

  it("a range that does not hold the value", () => {
    const edit = edited(gpuText, "range: [ 3e-6, 12e-6 ]", "range: [ 6e-6, 12e-6 ]");
    expectOne(edit, "B302", "launch.range: the range [0.000006, 0.000012] does not hold the value 0.000005.", 7);
  });

  it("a derived number without a formula", () => {
    const edit = edited(chipText, "      formula: 2 * matrix.outputs.int8\n", "");
    expect(problemsOf(edit.text).map(({ message }) => message)).toEqual([
      "matrix.outputs.int4: a derived number needs a formula.",
    ]);
  });

  it("a formula at a number that is not derived", () => {
    const edit = edited(chipText, "  unit: Hz", "  unit: Hz\n  formula: 1 + 1");
    const problems = problemsOf(edit.text);
    expect(problems.map(({ message }) => message)).toEqual([
      "clock.formula: a formula belongs to a derived number, but the source is synthetic.",
    ]);
    expect(problems[0]?.at.line).toBe(edit.line + 1);
  });

  it("a derived number that its formula does not give", () => {
    const edit = edited(chipText, "formula: 2 * matrix.outputs.int8", "formula: 3 * matrix.outputs.int8");
    const problems = problemsOf(edit.text);
    expect(problems.map(({ message }) => message)).toEqual([
      'matrix.outputs.int4: the value is 16, but its formula "3 * matrix.outputs.int8" gives 24.',
    ]);
    expect(problems[0]?.at).toEqual({ file: "t.yaml", line: edit.line - 3, column: 14 });
  });

  it("a formula that reads what is no number of the file", () => {
    const edit = edited(chipText, "formula: 2 * matrix.outputs.int8", "formula: 2 * matrix.outputs.int9");
    const message =
      'matrix.outputs.int4.formula: it reads "matrix.outputs.int9", which is no number of the file; did you mean "matrix.outputs.int8"?';
    expectOne(edit, "B302", message, 9);
  });

  it("a formula that is no formula", () => {
    const edit = edited(chipText, "formula: 2 * matrix.outputs.int8", "formula: 2 * (3 + 1");
    expectOne(edit, "B302", 'matrix.outputs.int4.formula: "2 * (3 + 1" is no formula: a bracket is not closed.', 9);
  });

  it("formulas in a circle", () => {
    const edit = edited(chipText, "formula: 2 * matrix.outputs.int8", "formula: matrix.outputs.int2 / 2");
    const circle = edit.text.replace("formula: 4 * matrix.outputs.int8", "formula: matrix.outputs.int4 * 2");
    expect(problemsOf(circle).map(({ message }) => message)).toContain(
      "matrix.outputs.int4.formula: it depends on itself.",
    );
  });

  it("a key that stands twice", () => {
    const edit = edited(chipText, "operationsPerMac:", "grid: 3\noperationsPerMac:");
    expectOne(edit, "B301", 'Map keys must be unique ("grid").');
  });

  it("text that is not YAML", () => {
    const problems = problemsOf("kind: chip\nname: [1,\n");
    expect(problems[0]?.code).toBe("B301");
    expect(problems[0]?.at).toMatchObject({ file: "t.yaml", line: 3 });
  });

  it("a file without sections", () => {
    for (const text of ["", "- 1\n", "7"]) {
      expect(problemsOf(text)).toEqual([
        { code: "B301", message: "The file holds no sections.", at: { file: "t.yaml", line: 1, column: 1 } },
      ]);
    }
  });

  it("a kind that is none, or is missing", () => {
    expect(problemsOf("name: x\nkind: pizza\n")).toEqual([
      {
        code: "B302",
        message: 'kind: expected "chip" or "gpu", found "pizza".',
        at: { file: "t.yaml", line: 2, column: 7 },
      },
    ]);
    expect(problemsOf("name: x\n")[0]?.message).toBe('missing "kind": "chip" or "gpu".');
  });

  it("a vector format that is not modelled", () => {
    expectOne(
      edited(chipText, "element: f16", "element: f32"),
      "B302",
      'vector.element: expected "f16", found "f32".',
      9,
    );
  });

  it("a tile side that is no power of two, one above the greatest, and accumulators that are too few", () => {
    const messages = (text: string) => problemsOf(text).map(({ message }) => message);
    const side = (value: number) =>
      gpuText
        .replace(/(smallest:\n {4}int8:\n {6}value: )64/, `$1${value}`)
        .replace("range: [ 32, 128 ]", "range: [ 32, 512 ]");
    expect(messages(side(48))).toEqual(["tile.smallest.int8.value: 48 is not a power of two."]);
    expect(messages(side(512))).toEqual([
      "tile.smallest.int8.value: 512 is more than the greatest side 256.",
      "tile.smallest.int8.value: a tile of 262144 exceeds the 32768 accumulators.",
    ]);
  });

  it("all of several mistakes at once, each in its place", () => {
    const text = chipText
      .replace("unit: Hz", "unit: MHz")
      .replace("value: 65536", "value: -1")
      .replace("element: f16", "element: f64");
    const places = problemsOf(text).map(({ at }) => at.line ?? 0);
    expect(places).toHaveLength(3);
    expect(places).toEqual([...places].sort((left, right) => left - right));
    expect(new Set(places).size).toBe(3);
  });
});
