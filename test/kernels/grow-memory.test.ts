import { describe, expect, it } from "vitest";
import { growTo, pageBytes } from "../../kernels/grow-memory.ts";

describe("a memory that grows", () => {
  const memoryOf = (pages: number, maximum = 65536): WebAssembly.Memory =>
    new WebAssembly.Memory({ initial: pages, maximum });
  const pagesOf = (memory: WebAssembly.Memory): number => memory.buffer.byteLength / pageBytes;

  it("stays as it is while it is large enough", () => {
    const memory = memoryOf(2);
    expect(growTo(memory, 2 * pageBytes)).toBe(false);
    expect(pagesOf(memory)).toBe(2);
  });

  it("becomes twice as large, or as large as is needed where that is more", () => {
    const memory = memoryOf(4);
    expect(growTo(memory, 4 * pageBytes + 1)).toBe(true);
    expect(pagesOf(memory)).toBe(8);
    expect(growTo(memory, 30 * pageBytes - 1)).toBe(true);
    expect(pagesOf(memory)).toBe(30);
  });

  it("takes all the pages that there are where twice as many are more", () => {
    const memory = memoryOf(40000);
    expect(growTo(memory, 40001 * pageBytes)).toBe(true);
    expect(pagesOf(memory)).toBe(65536);
  });

  it("is refused beyond that", () => {
    expect(() => growTo(memoryOf(65536), 65537 * pageBytes)).toThrow(RangeError);
  });
});
