import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatRecord, formatValue, ListingError, type ListingValue, parseRecord } from "../../../ir/listing.ts";

function columnOf(text: string): string {
  try {
    parseRecord(text, 0);
  } catch (error) {
    if (error instanceof ListingError) return `${error.column}: ${error.message}`;
    throw error;
  }
  return "read";
}

describe("values of a listing", () => {
  it("print in their short forms", () => {
    const printed: readonly (readonly [ListingValue, string])[] = [
      [null, "null"],
      [true, "true"],
      [12, "12"],
      [-0, "-0"],
      [1.5e-7, "1.5e-7"],
      [Number.POSITIVE_INFINITY, "inf"],
      [Number.NEGATIVE_INFINITY, "-inf"],
      [Number.NaN, "nan"],
      ["i8", "i8"],
      ["psum.send", "psum.send"],
      ["a b", '"a b"'],
      ["", '""'],
      ["null", '"null"'],
      ["true", '"true"'],
      ["inf", '"inf"'],
      ["nan", '"nan"'],
      ["12", '"12"'],
      ['say "x"', '"say \\"x\\""'],
      [[1, [2], "a"], "[1,[2],a]"],
      [{ a: 1, b: { c: [] } }, "{a=1 b={c=[]}}"],
      [{ base: 64, row: 16, column: 4, turn: 128 }, "64+r*16+c*4+t*128"],
      [{ base: -8, row: 0, column: -4, turn: 0 }, "-8+c*-4"],
    ];
    for (const [value, text] of printed) expect(formatValue(value)).toBe(text);
  });

  it("come back from their text, whatever they are", () => {
    const leaf = fc.oneof(
      fc.constant(null),
      fc.boolean(),
      fc.double(),
      fc.integer(),
      fc.string({ unit: "binary" }),
      fc.record({ base: fc.integer(), row: fc.integer(), column: fc.integer(), turn: fc.integer({ min: 1 }) }),
    );
    const { value } = fc.letrec<{ value: ListingValue }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 3 },
        leaf,
        fc.array(tie("value"), { maxLength: 3 }),
        fc.dictionary(fc.stringMatching(/^[a-z_][A-Za-z0-9_]{0,6}$/), tie("value"), {
          maxKeys: 3,
          noNullPrototype: true,
        }),
      ),
    }));
    fc.assert(
      fc.property(
        fc.dictionary(fc.stringMatching(/^[a-z][a-zA-Z]{0,6}$/), value, { noNullPrototype: true }),
        (record) => {
          expect(parseRecord(formatRecord(record), 0)).toEqual(record);
        },
      ),
    );
  });

  it("are read from where they start", () => {
    expect(parseRecord("word a=1  b=[x,y]", 4)).toEqual({ a: 1, b: ["x", "y"] });
  });

  it("that are wrong are reported with their column and what stands there", () => {
    expect(columnOf("a=1 b")).toBe('6: expected "=" after "b", found the end of the line');
    expect(columnOf("a=1 a=2")).toBe('6: "a" stands twice, found "=2"');
    expect(columnOf("a=[1 2]")).toBe('5: expected "," or "]", found " 2]"');
    expect(columnOf("a=")).toBe("3: expected a value, found the end of the line");
    expect(columnOf("a=4+x*3")).toBe('4: expected a step, found "+x*3"');
    expect(columnOf('a="open')).toBe('3: expected a closed text, found "\\"open"');
    expect(columnOf("=3")).toBe('1: expected a name, found "=3"');
    expect(columnOf("a=-")).toBe('3: expected a number, found "-"');
    expect(columnOf('a="\\x"')).toBe('7: "\\x" is not a JSON text, found the end of the line');
  });
});
