import { describe, expect, it } from "vitest";
import { BorealError } from "../../../base/errors.ts";
import {
  type Calibration,
  type CalibrationMethod,
  calibrate,
  expectedGreatest,
} from "../../../compiler/quantize/calibrate.ts";
import { quantizationOfRange } from "../../../compiler/quantize/quantization-choice.ts";
import { parseGraph } from "../../../ir/graph-text.ts";
import { f32Tensor } from "../../../ir/tensor.ts";

const graph = parseGraph(
  "graph @g(%x: f32[4], %i: i64[1]) {\n  %y = neg(%x) : f32[4]\n  %j = neg(%i) : i64[1]\n  return %y, %j\n}",
);

function calibrated(method: CalibrationMethod, ...frames: number[][]): Calibration {
  const index = { type: { element: "i64", quantization: null, shape: [1] }, data: BigInt64Array.of(9n) } as const;
  return calibrate(
    graph,
    frames.map(
      (numbers) =>
        new Map([
          ["x", f32Tensor([4], numbers)],
          ["i", index],
        ]),
    ),
    method,
  );
}

describe("calibration", () => {
  it("min-max sees inputs and nodes over all frames, zero included, integers left out", () => {
    const { ranges, frameCount } = calibrated("min-max", [1, 2, 3, 4], [2, 8, 1, 1]);
    expect(frameCount).toBe(2);
    expect(ranges).toEqual(
      new Map([
        ["x", { low: 0, high: 8, hasNan: false }],
        ["y", { low: -8, high: 0, hasNan: false }],
      ]),
    );
  });

  it("infinities saturate and NaN is noted", () => {
    const { ranges } = calibrated("min-max", [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, -3, 2]);
    expect(ranges.get("x")).toEqual({ low: -3, high: 2, hasNan: false });
    expect(calibrated("min-max", [1, Number.NaN, 0, 0]).ranges.get("x")?.hasNan).toBe(true);
  });

  it("extreme-value is min-max for one frame and for frames that agree, and wider where they differ", () => {
    expect(calibrated("extreme-value", [1, -2, 3, 4]).ranges.get("x")).toEqual({ low: -2, high: 4, hasNan: false });
    expect(calibrated("extreme-value", [0, 0, 0, 4], [0, 0, -1, 4]).ranges.get("x")?.high).toBe(4);
    // Frames reach 1 and 3: mean 2, deviation √2, scale √2·√6/π = 1.10266; 2 + (4.60517 − 0.57722)·1.10266.
    expect(expectedGreatest([1, 3])).toBeCloseTo(6.44146, 4);
    expect(calibrated("extreme-value", [0, 0, -1, 1], [0, 0, -3, 3]).ranges.get("x")?.low).toBeCloseTo(-6.44146, 4);
  });

  it("a percentile leaves out the ends", () => {
    const numbers = Array.from({ length: 100 }, (_, index) => (index === 0 ? -1000 : index === 99 ? 1000 : index / 10));
    const wide = parseGraph("graph @g(%x: f32[100]) {\n  %y = neg(%x) : f32[100]\n  return %y\n}");
    const frames = [new Map([["x", f32Tensor([100], numbers)]])];
    const range = calibrate(wide, frames, { percentile: 98 }).ranges.get("x");
    expect(range?.low).toBe(0);
    expect(range?.high).toBeGreaterThan(9);
    expect(range?.high).toBeLessThan(11);
    expect(calibrate(wide, frames, { percentile: 100 }).ranges.get("x")).toEqual({
      low: -1000,
      high: 1000,
      hasNan: false,
    });
    const constant = [
      new Map([
        [
          "x",
          f32Tensor(
            [100],
            numbers.map(() => 0),
          ),
        ],
      ]),
    ];
    expect(calibrate(wide, constant, { percentile: 99 }).ranges.get("x")).toEqual({ low: 0, high: 0, hasNan: false });
  });

  it("refuses no frames and percentiles that leave nothing", () => {
    const code = (run: () => void): string => {
      try {
        run();
      } catch (error) {
        return error instanceof BorealError ? (error.problems[0]?.code ?? "") : "other";
      }
      return "nothing";
    };
    expect(code(() => calibrate(graph, []))).toBe("B801");
    expect(code(() => calibrated({ percentile: 50 }, [1, 2, 3, 4]))).toBe("B802");
    expect(code(() => calibrated({ percentile: 101 }, [1, 2, 3, 4]))).toBe("B802");
  });
});

describe("i8 quantization of a range", () => {
  it("asymmetric takes all levels and stores zero exactly", () => {
    expect(quantizationOfRange({ low: 0, high: 255 / 64 }, false)).toEqual({
      axis: null,
      scales: [1 / 64],
      zeros: [-128],
    });
    expect(quantizationOfRange({ low: -255 / 64, high: 0 }, false)).toEqual({
      axis: null,
      scales: [1 / 64],
      zeros: [127],
    });
    expect(quantizationOfRange({ low: -50 / 64, high: 205 / 64 }, false)).toEqual({
      axis: null,
      scales: [1 / 64],
      zeros: [-78],
    });
    expect(quantizationOfRange({ low: 1, high: 255 / 64 }, false).zeros).toEqual([-128]);
  });

  it("symmetric has zero point 0 and 127 levels on either side", () => {
    expect(quantizationOfRange({ low: -127 / 64, high: 1 }, true)).toEqual({
      axis: null,
      scales: [1 / 64],
      zeros: [0],
    });
  });

  it("a value that is always 0 has scale 1", () => {
    expect(quantizationOfRange({ low: 0, high: 0 }, false)).toEqual({ axis: null, scales: [1], zeros: [-128] });
    expect(quantizationOfRange({ low: 0, high: 1e-40 }, true)).toEqual({ axis: null, scales: [1], zeros: [0] });
  });
});
