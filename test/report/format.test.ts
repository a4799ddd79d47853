import { describe, expect, it } from "vitest";
import {
  formatBytes,
  formatCount,
  formatPercent,
  formatQuantity,
  formatRate,
  formatShareOfBytes,
  shorten,
  words,
} from "../../report/format.ts";
import { shares } from "../../report/text-parts.ts";

describe("numbers in reports", () => {
  it.each([
    [0, "J", "0 J"],
    [2.6175e-6, "s", "2.62 µs"],
    [0.99999e-3, "s", "1.00 ms"],
    [26.04e-6, "s", "26.0 µs"],
    [999.4, "W", "999 W"],
    [4.089e9, "MACs", "4.09 GMACs"],
    [3e-15, "J", "0.00 pJ"],
  ])("prints %d %s as %s", (value, unit, text) => {
    expect(formatQuantity(value, unit)).toBe(text);
  });

  it("prints counts, rates, bytes and shares", () => {
    expect(formatCount(1234567.6)).toBe("1,234,568");
    expect(formatRate(384246.4)).toBe("384,246 /s");
    expect(formatRate(22.3e6)).toBe("22.3 M/s");
    expect([1023, 1024, 1536, 1048576].map(formatBytes)).toEqual(["1023 B", "1.0 KiB", "1.5 KiB", "1.0 MiB"]);
    expect(formatShareOfBytes(721408, 786432)).toBe("704.5 of 768.0 KiB");
    expect(formatShareOfBytes(852, 33554432)).toBe("<0.1 of 32.0 MiB");
    expect(formatShareOfBytes(0, 1000)).toBe("0 of 1000 B");
    expect([0, 0.004, 0.0995, 0.26].map(formatPercent)).toEqual(["0 %", "0.4 %", "10 %", "26 %"]);
  });

  it("turns names of code into words and cuts long texts", () => {
    expect(words("fillAndDrain")).toBe("fill and drain");
    expect(shorten("abcdef", 6)).toBe("abcdef");
    expect(shorten("abcdefg", 6)).toBe("abcde…");
  });

  it("adds up the shares that do not fit in a line", () => {
    expect(shares({ a: 1, b: 3, c: 0 })).toBe("b 75 %, a 25 %");
    expect(shares({ a: 0 })).toBe("none");
    expect(shares({ first: 50, second: 30, third: 20 }, 24)).toBe("first 50 %, other 50 %");
  });
});
