import { describe, expect, it } from "vitest";
import * as layout from "../../kernels/layout.ts";
import { writeLoops } from "../../kernels/loops.ts";
import { tableFunctions } from "../../kernels/table-names.ts";

describe("the scratch memory", () => {
  it("holds its parts one after the other, each as large as its contents can be", () => {
    const parts: readonly (readonly [number, number])[] = [
      [layout.firstLoops, layout.loopCounters + layout.loopTableBytes],
      [layout.secondLoops, layout.loopCounters + layout.loopTableBytes],
      [layout.tileBuffer, 4 * 8 * 4],
      [layout.activationOffsets, layout.innerChunk * 4],
      [layout.weightOffsets, layout.innerChunk * 4],
      [layout.runTable, layout.innerChunk * 8],
      [layout.columnBlock, layout.innerChunk * 8 * 4],
      [layout.panel, layout.panelBytes],
      [layout.weightBlock, layout.weightBlockBytes],
      [layout.tables, tableFunctions.length * layout.tableBytes],
      [layout.scratchBytes, 0],
    ];
    for (let index = 0; index + 1 < parts.length; index += 1) {
      const [[start, bytes], [next]] = [
        parts[index] as readonly [number, number],
        parts[index + 1] as readonly [number, number],
      ];
      expect(start + bytes).toBeLessThanOrEqual(next);
      expect(next % 16).toBe(0);
    }
    expect(layout.panelBytes).toBeGreaterThanOrEqual(4 * layout.innerChunk * 4);
    expect(layout.weightBlockBytes).toBeGreaterThanOrEqual(layout.innerChunk * layout.columnChunk * 4);
  });
});

describe("a loop nest", () => {
  /** Writes a nest and returns its counts and the strides of its three operands. */
  function written(counts: number[], ...strides: readonly [number[], number[] | null, number[] | null]): number[][] {
    const words = new Int32Array(64);
    writeLoops(words, 0, counts, strides[0], 0, strides[1], strides[2]);
    const table = (byte: number): number[] => [...words.slice(byte / 4, byte / 4 + (words[0] as number))];
    const { loopCounts, loopStrides, loopTableBytes } = layout;
    return [loopCounts, loopStrides, loopStrides + loopTableBytes, loopStrides + 2 * loopTableBytes].map(table);
  }

  it("merges adjacent loops where all operands allow it, and leaves out loops of one turn", () => {
    expect(written([2, 1, 3, 4], [12, 99, 4, 1], null, null)).toEqual([[24], [1], [0], [0]]);
    expect(written([2, 3, 4], [12, 4, 1], [24, 8, 2], [0, 0, 0])).toEqual([[24], [1], [2], [0]]);
    expect(written([2, 3, 4], [12, 4, 1], [0, 8, 2], null)).toEqual([
      [2, 12],
      [12, 1],
      [0, 2],
      [0, 0],
    ]);
    expect(written([2, 3], [3, 1], [3, 1], [1, 2])).toEqual([
      [2, 3],
      [3, 1],
      [3, 1],
      [1, 2],
    ]);
  });

  it("has one loop of one turn when nothing is left", () => {
    expect(written([], [], null, null)).toEqual([[1], [0], [0], [0]]);
    expect(written([1, 1], [7, 7], null, null)).toEqual([[1], [0], [0], [0]]);
  });

  it("counts its elements and starts the first strides where it is told", () => {
    const words = new Int32Array(64);
    expect(writeLoops(words, 0, [2, 3], [9, 9, 30, 10], 2, null, null)).toBe(6);
    expect(words[layout.loopStrides / 4]).toBe(10);
    expect(writeLoops(words, 0, [2, 0], [1, 1], 0, null, null)).toBe(0);
  });
});
