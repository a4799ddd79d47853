import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { evaluateFormula, formulaPaths, parseFormula } from "../../targets/formula.ts";

const resultOf = (text: string, numbers: Readonly<Record<string, number>> = {}): number | string => {
  const parsed = parseFormula(text);
  return "mistake" in parsed ? parsed.mistake : evaluateFormula(parsed.formula, (path) => numbers[path] ?? Number.NaN);
};

describe("a formula", () => {
  it("multiplies before it adds, from left to right, and brackets first", () => {
    expect(resultOf("2 + 3 * 4")).toBe(14);
    expect(resultOf("(2 + 3) * 4")).toBe(20);
    expect(resultOf("100 / 10 / 5")).toBe(2);
    expect(resultOf("10 - 4 - 3")).toBe(3);
    expect(resultOf("2 - -3")).toBe(5);
    expect(resultOf("-(1.5e1 + 5)")).toBe(-20);
  });

  it("reads numbers of the target by path", () => {
    expect(resultOf("grid.rows * core.memory", { "grid.rows": 16, "core.memory": 3 })).toBe(48);
    const parsed = parseFormula("a.b + 2 * (a.b - c) / powerOfTwo(d)");
    expect("formula" in parsed && formulaPaths(parsed.formula)).toEqual(["a.b", "c", "d"]);
  });

  it("rounds to the nearest power of two, by ratio", () => {
    expect(resultOf("powerOfTwo(126.95)")).toBe(128);
    expect(resultOf("powerOfTwo(90)")).toBe(64);
    expect(resultOf("powerOfTwo(91)")).toBe(128);
    expect(resultOf("powerOfTwo(0.3)")).toBe(0.25);
  });

  it.each([
    ["", "it ends where a number, a path or a bracket is expected"],
    ["2 *", "it ends where a number, a path or a bracket is expected"],
    ["2 3", 'unexpected "3"'],
    ["2 ^ 3", 'unexpected "^"'],
    ["* 2", 'unexpected "*"'],
    ["(2", "a bracket is not closed"],
    ["2)", 'unexpected ")"'],
    ["sqrt(2)", '"sqrt" is no function; powerOfTwo is'],
    ["powerOfTwo(2", "a bracket is not closed"],
  ])('refuses "%s"', (text, mistake) => {
    expect(resultOf(text)).toBe(mistake);
  });

  it("gives what the same arithmetic gives, for random formulas", () => {
    const { formula } = fc.letrec<{ formula: { text: string; value: number } }>((tie) => ({
      formula: fc.oneof(
        { maxDepth: 5 },
        fc.integer({ min: 1, max: 9 }).map((value) => ({ text: String(value), value })),
        fc.tuple(tie("formula"), fc.constantFrom("+", "-", "*"), tie("formula")).map(([left, operator, right]) => ({
          text: `(${left.text}) ${operator} (${right.text})`,
          value:
            operator === "+"
              ? left.value + right.value
              : operator === "-"
                ? left.value - right.value
                : left.value * right.value,
        })),
      ),
    }));
    fc.assert(
      fc.property(formula, ({ text, value }) => {
        expect(resultOf(text)).toBe(value);
      }),
    );
  });
});
