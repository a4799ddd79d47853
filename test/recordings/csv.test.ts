import { describe, expect, it } from "vitest";
import { BorealError, type Problem } from "../../base/errors.ts";
import { parseCsv } from "../../recordings/csv.ts";

function problemsOf(text: string): readonly Problem[] {
  try {
    parseCsv(text, "x.csv");
  } catch (error) {
    expect(error).toBeInstanceOf(BorealError);
    return (error as BorealError).problems;
  }
  return [];
}

describe("reading CSV", () => {
  it("gives rows and columns", () => {
    const tensor = parseCsv("1, 2.5,-3e-1\n4,5,6\n", "x.csv");
    expect(tensor.type.shape).toEqual([2, 3]);
    expect([...(tensor.data as Float32Array)]).toEqual([1, 2.5, -0.3, 4, 5, 6].map(Math.fround));
  });

  it("leaves out a first line without numbers, blank lines and carriage returns", () => {
    const tensor = parseCsv("left,right\r\n\r\n1,2\r\n\r\n3,4\r\n", "x.csv");
    expect(tensor.type.shape).toEqual([2, 2]);
    expect([...(tensor.data as Float32Array)]).toEqual([1, 2, 3, 4]);
  });

  it("keeps a first line that has any number and says which of its cells is none", () => {
    expect(problemsOf("1,b\n3,4")).toEqual([
      { code: "B701", message: 'Found "b", expected a number.', at: { file: "x.csv", line: 1, column: 2 } },
    ]);
  });

  it("lists every wrong cell and every row of another length", () => {
    expect(problemsOf("1,2\n3\nx,5\n6,,7").map(({ message, at }) => [message, at.line, at.column])).toEqual([
      ["Found 1 cells, expected 2 as in the first row.", 2, undefined],
      ['Found "x", expected a number.', 3, 1],
      ["Found 3 cells, expected 2 as in the first row.", 4, undefined],
      ['Found "", expected a number.', 4, 2],
    ]);
  });

  it("refuses a file without a row of numbers", () => {
    expect(problemsOf("").map(({ message }) => message)).toEqual(["Found no row of numbers."]);
    expect(problemsOf("a,b\n").map(({ message }) => message)).toEqual(["Found no row of numbers."]);
  });

  it("lists at most twenty problems", () => {
    expect(problemsOf(`1\n${"x\n".repeat(30)}`)).toHaveLength(20);
  });
});
