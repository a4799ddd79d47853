import { describe, expect, it } from "vitest";
import { lanesPerElement } from "../../ir/vector-function.ts";

describe("lanes of an element", () => {
  it("are as many as the widest of operands and result needs, of 16 bits each", () => {
    expect(lanesPerElement("add", ["f16", "f16", "f16"])).toBe(1);
    expect(lanesPerElement("add", ["i4", "i4", "i4"])).toBe(1);
    expect(lanesPerElement("multiply", ["i32", "i32", "i32"])).toBe(2);
    expect(lanesPerElement("less", ["i64", "i64", "bool"])).toBe(4);
    expect(lanesPerElement("convert", ["u8", "i64"])).toBe(4);
    expect(lanesPerElement("fill", ["u32"])).toBe(2);
  });

  it("are one for the conversions by a scale, which are priced for i32 sums", () => {
    expect(lanesPerElement("requantize", ["i32", "scale", "i8"])).toBe(1);
    expect(lanesPerElement("dequantize", ["i32", "scale", "f16"])).toBe(1);
  });
});
