import { describe, expect, it } from "vitest";
import { parsePrecision } from "../../../compiler/quantize/precision.ts";
import {
  defaultQuantizer,
  formatQuantizer,
  parseQuantizer,
  plainQuantizer,
} from "../../../compiler/quantize/quantizer.ts";

describe("a quantizer", () => {
  it("is named by its steps", () => {
    expect(parseQuantizer("none")).toEqual(plainQuantizer);
    expect(parseQuantizer("equalize,smooth=0.5,compensate")).toEqual({
      ...plainQuantizer,
      equalize: true,
      smooth: 0.5,
      rounding: "compensated",
    });
    for (const text of [
      "none",
      "equalize,symmetric,nearest,correct-biases",
      "normalize,per-tensor,compensate,smooth=0.25",
    ])
      expect(formatQuantizer(parseQuantizer(text))).toBe(text);
  });

  it("refuses other words and shares", () => {
    for (const text of ["quick", "smooth=2", "smooth", "", "equalize, nearest", "constructor"])
      expect(() => parseQuantizer(text)).toThrow(/error\[B804\]/);
  });

  it("compensates roundings below 8 bits when nothing else is asked for", () => {
    expect(formatQuantizer(defaultQuantizer(parsePrecision("w8a8")))).toBe("normalize,correct-biases");
    expect(formatQuantizer(defaultQuantizer(parsePrecision("w4a8")))).toBe("normalize,compensate,correct-biases");
  });
});
