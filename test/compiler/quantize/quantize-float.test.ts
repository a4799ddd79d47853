import { describe, expect, it } from "vitest";
import { makeRandom } from "../../../base/random.ts";
import { prepare } from "../../../compiler/compile.ts";
import { splitFrames } from "../../../compiler/quantize/held-out.ts";
import { isClearlyLess } from "../../../compiler/quantize/quantize-float.ts";
import { formatQuantizer, parseQuantizer } from "../../../compiler/quantize/quantizer.ts";
import { parseGraph } from "../../../ir/graph-text.ts";
import { f32Tensor, type Tensor } from "../../../ir/tensor.ts";

describe("frames that are held out", () => {
  it("are every fourth, and none of fewer than four", () => {
    expect(splitFrames([0, 1, 2, 3, 4, 5, 6, 7])).toEqual({ fit: [0, 1, 2, 4, 5, 6], heldOut: [3, 7] });
    expect(splitFrames([0, 1, 2])).toEqual({ fit: [0, 1, 2], heldOut: [] });
  });
});

describe("errors that are clearly less", () => {
  it("are so by more than 1.645 standard errors of what they are less by, frame by frame", () => {
    // Shares 1/3, 1/2, 3/5: mean 0.478, standard deviation 0.135, standard error 0.078.
    expect(isClearlyLess([1, 1, 1], [2, 3, 4])).toBe(true);
    // Shares 0, 1/2, 0: mean 1/6, standard deviation 0.289, standard error 1/6.
    expect(isClearlyLess([1, 1, 1], [1, 3, 1])).toBe(false);
    // Shares 2/3, 1/2, 0 and 0, 1/5, 1/5: 1.94 and 2 standard errors. Shares 1/2, 1/2, −1/3: 0.80.
    expect(isClearlyLess([1, 1, 1], [5, 3, 1])).toBe(true);
    expect(isClearlyLess([1, 2, 2], [1, 3, 3])).toBe(true);
    expect(isClearlyLess([1, 1, 2], [3, 3, 1])).toBe(false);
    // One frame of a thousand times the error does not hide what all show.
    expect(isClearlyLess([1, 1, 1, 1000], [3, 3, 3, 3000])).toBe(true);
    expect(isClearlyLess([2, 3, 4], [1, 1, 1])).toBe(false);
    expect(isClearlyLess([1, 1], [1, 1])).toBe(false);
  });

  it("are simply less where there is one frame", () => {
    expect(isClearlyLess([1], [2])).toBe(true);
    expect(isClearlyLess([2], [1])).toBe(false);
  });
});

describe("what is kept of a quantizer", () => {
  const graph = parseGraph(`graph @g(%x: f32[1,16]) {
    %w = const() {seed=1} : f32[16,8]
    %b = const() {seed=2} : f32[8]
    %y = matmul(%x, %w, %b) : f32[1,8]
    return %y
  }`);
  const random = makeRandom(3);
  const framesOf = (draw: () => readonly number[]): ReadonlyMap<string, Tensor>[] =>
    Array.from({ length: 32 }, () => new Map([["x", f32Tensor([1, 16], draw())]]));
  const keptOf = (calibrationFrames: ReadonlyMap<string, Tensor>[]): string => {
    const quantizer = parseQuantizer("compensate,correct-biases");
    return formatQuantizer(prepare(graph, { precision: "w4a8", calibrationFrames, quantizer }).quantizer);
  };

  it("is nothing where inputs have nothing in common, so that no error makes up for another", () => {
    expect(keptOf(framesOf(() => Array.from({ length: 16 }, () => random.normal())))).toBe("nearest");
  });

  it("is nothing where sums of squares or the results overflow", () => {
    for (const magnitude of [1e25, 3e38])
      expect(keptOf(framesOf(() => Array.from({ length: 16 }, () => magnitude * random.normal())))).toBe("nearest");
  });

  it("is all where two directions make up all inputs", () => {
    const draw = (): number[] => {
      const [level, slope] = [random.normal(), random.normal()];
      return Array.from({ length: 16 }, (_, index) => level + slope * (index / 8 - 1));
    };
    expect(keptOf(framesOf(draw))).toBe("compensate,correct-biases");
  });
});
