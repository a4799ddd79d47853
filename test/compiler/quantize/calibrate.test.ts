import { describe, expect, it } from "vitest";
import { BorealError } from "../../../base/errors.ts";
import { type Calibration, calibrate, expectedGreatest } from "../../../compiler/quantize/calibrate.ts";
import {
  type CalibrationMethod,
  formatCalibrationMethod,
  parseCalibrationMethod,
} from "../../../compiler/quantize/calibration-method.ts";
import { quantizationOfRange } from "../../../compiler/quantize/quantization-choice.ts";
import { parseGraph } from "../../../ir/graph-text.ts";
import { f32Tensor } from "../../../ir/tensor.ts";
import type { ElementType } from "../../../ir/type.ts";

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

  it("a moving average weighs each new frame with a tenth, and is the range of a single frame", () => {
    const range = calibrated("moving-average", [0, 0, -1, 10], [0, 0, -3, 20], [0, 0, -1, 10]).ranges.get("x");
    // 10 → 10 + 0.1·10 = 11 → 11 − 0.1·1 = 10.9; 1 → 1.2 → 1.18.
    expect(range?.high).toBeCloseTo(10.9, 9);
    expect(range?.low).toBeCloseTo(-1.18, 9);
    expect(calibrated("moving-average", [1, 2, 3, -4]).ranges.get("x")).toEqual({ low: -4, high: 3, hasNan: false });
  });

  /** A thousand numbers spread evenly over [0, 1], and one that lies far out. */
  const outlying = (far: number): number[] => [...Array.from({ length: 1000 }, (_, index) => index / 1000), far];
  const long = parseGraph("graph @g(%x: f32[1001]) {\n  %y = neg(%x) : f32[1001]\n  return %y\n}");
  const rangeOf = (method: CalibrationMethod, numbers: number[], element: ElementType = "i8") =>
    calibrate(long, [new Map([["x", f32Tensor([1001], numbers)]])], method, {
      storedAs: new Map([["x", new Set([element])]]),
    }).ranges.get("x");

  it("least squared error keeps an outlier at 8 bits, and leaves it out where levels are few", () => {
    // Clipping 3 to 1 costs 4; rounding 1000 numbers in steps of 3/255 costs 0.012, in steps of 3/3 83.
    expect(rangeOf("mse", outlying(3))).toEqual({ low: 0, high: 3, hasNan: false });
    const few = rangeOf("mse", outlying(3), "i2");
    expect(few?.high).toBeGreaterThan(0.8);
    expect(few?.high).toBeLessThan(1.2);
    expect(few?.low).toBe(0);
  });

  it("least divergence leaves out what says little of the distribution", () => {
    const range = rangeOf("entropy", outlying(5), "i4");
    expect(range?.high).toBeLessThan(2.5);
    expect(range?.high).toBeGreaterThan(0.7);
    expect(rangeOf("entropy", outlying(1), "i4")?.high).toBe(1);
  });

  it.each(["min-max", "extreme-value", "moving-average", "mse", "entropy", { percentile: 99 }] as const)(
    "%j: constants, dead values and infinities have a range that holds 0",
    (method) => {
      const constant = calibrated(method, [2, 2, 2, 2], [2, 2, 2, 2]).ranges.get("x");
      expect(constant?.low).toBeCloseTo(0, 12);
      expect(constant?.high).toBeCloseTo(2, 2);
      expect(calibrated(method, [0, 0, 0, 0]).ranges.get("x")).toEqual({ low: 0, high: 0, hasNan: false });
      const infinite = Number.POSITIVE_INFINITY;
      const far = calibrated(method, [infinite, 1, -1, -infinite]).ranges.get("x");
      expect(far?.low).toBeGreaterThanOrEqual(-1);
      expect(far?.high).toBeLessThanOrEqual(1);
      expect(calibrated(method, [infinite, infinite, 0, 0]).ranges.get("x")).toEqual({
        low: 0,
        high: 0,
        hasNan: false,
      });
    },
  );

  it("methods are named as on the command line", () => {
    for (const text of ["min-max", "extreme-value", "moving-average", "mse", "entropy", "percentile=99.9"])
      expect(formatCalibrationMethod(parseCalibrationMethod(text))).toBe(text);
    expect(() => parseCalibrationMethod("median")).toThrow(/error\[B804\].*"median", expected one of min-max/);
    expect(() => parseCalibrationMethod("percentile=50")).toThrow(/error\[B802\]/);
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

  it("has 16 levels with 4 bits, and 4 with 2", () => {
    expect(quantizationOfRange({ low: -1, high: 14 }, false, "i4")).toEqual({ axis: null, scales: [1], zeros: [-7] });
    expect(quantizationOfRange({ low: 0, high: 3 }, false, "i2")).toEqual({ axis: null, scales: [1], zeros: [-2] });
    expect(quantizationOfRange({ low: -7, high: 1 }, true, "i4")).toEqual({ axis: null, scales: [1], zeros: [0] });
  });

  it("a value that is always 0 has scale 1", () => {
    expect(quantizationOfRange({ low: 0, high: 0 }, false)).toEqual({ axis: null, scales: [1], zeros: [-128] });
    expect(quantizationOfRange({ low: 0, high: 1e-40 }, true)).toEqual({ axis: null, scales: [1], zeros: [0] });
  });
});
