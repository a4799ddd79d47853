import { describe, expect, it } from "vitest";
import { parseAccuracyBudget } from "../../api/error-metric.ts";
import { PlanJudge } from "../../api/plan-judge.ts";
import { searchPrecision, searchQuantizer } from "../../api/precision-search.ts";
import { chooseSamples } from "../../api/samples.ts";
import {
  BorealError,
  chooseTarget,
  type ErrorMetric,
  f32Tensor,
  importModel,
  type PrecisionPlan,
  parsePrecision,
  parsePrecisionFile,
  printPrecisionFile,
  runModel,
  type Tensor,
} from "../../api.ts";
import type { Objective } from "../../compiler/mapper/objective.ts";
import type { ImportedModel } from "../../compiler/onnx/importer.ts";
import { searchedLayers } from "../../compiler/precision-search/searched-layer.ts";
import { bytesOf, convolution, perceptron, weights } from "../cli/models.ts";

const target = chooseTarget("mini-4x4");
const modelOf = (bytes: Uint8Array) => importModel({ bytes, name: "m" });
const f32 = (name: string, shape: number[]) => ({ name, element: "f32" as const, shape });

/** Dense layers of the given widths, the second with a residual path around it. */
function layered(seed: number, hidden = 96) {
  const width = 32;
  return modelOf(
    bytesOf({
      name: "layered",
      opset: 17,
      inputs: [f32("x", [1, width])],
      outputs: [f32("y", [1, 16])],
      nodes: [
        { operator: "MatMul", name: "one", inputs: ["x", "a"], outputs: ["p"] },
        { operator: "Relu", name: "bend", inputs: ["p"], outputs: ["r"] },
        { operator: "MatMul", name: "two", inputs: ["r", "b"], outputs: ["q"] },
        { operator: "Add", name: "skip", inputs: ["q", "x"], outputs: ["s"] },
        { operator: "MatMul", name: "three", inputs: ["s", "c"], outputs: ["y"] },
      ],
      initializers: {
        a: weights([width, hidden], seed),
        b: weights([hidden, width], seed + 1),
        c: weights([width, 16], seed + 2),
      },
    }),
  );
}

const candidates = ["w8a8", "w4a8", "w4a4"] as const;
const quick = { precisions: candidates, judgementCount: 16, pointCount: 3 } as const;

/** Every plan of named layers, evaluated exactly, mapped and simulated. */
function everyPlan(model: ImportedModel, names: readonly string[], objective: Objective) {
  const samples = chooseSamples(model.graph, { seed: 0 });
  const judge = new PlanJudge({
    model,
    chip: target.chip,
    metric: parseAccuracyBudget("sqnr=0").metric,
    quantizer: searchQuantizer,
    calibration: samples.calibration,
    frames: [...samples.inputs.frames],
    states: [],
    objective,
  });
  const stated = judge.calibrated(parsePrecision("w8a8"), samples.calibration).statedGraph;
  const layers = searchedLayers(stated);
  const plans = names.reduce<PrecisionPlan[]>(
    (all, name) =>
      all.flatMap((plan) =>
        candidates.map((rule) => ({ ...plan, layers: new Map([...plan.layers, [name, parsePrecision(rule).rule]]) })),
      ),
    [parsePrecision("w8a8")],
  );
  return plans.map((plan) => ({ ...judge.accuracyOf(plan), ...judge.costOf(plan, layers, stated) }));
}

describe("searchPrecision", () => {
  it.each(["latency", "energy"] as const)("finds the least %s of all plans of three layers", (objective) => {
    const model = layered(4);
    const all = everyPlan(model, ["one", "two", "three"], objective);
    expect(all).toHaveLength(27);
    const chosen = [16, 20, 24, 30].map((decibels) => {
      const budget = parseAccuracyBudget(`sqnr=${decibels}`);
      const { points, chosen } = searchPrecision({ model, target, budget, objective, ...quick }).result;
      const good = all.filter(({ sqnrDb }) => sqnrDb >= decibels);
      expect(points[chosen]?.verified.cost, `${decibels} dB`).toBe(
        Math.min(...good.map((plan) => (objective === "energy" ? plan.energyJoules : plan.latencyCycles))),
      );
      expect(points[chosen]?.withinBudget).toBe(true);
      return points[chosen]?.name;
    });
    expect(new Set(chosen).size).toBeGreaterThan(2);
  });

  it("gives a plan whose figures are those of a run under the same choices, also from its file", () => {
    const model = layered(7);
    const { result, plan } = searchPrecision({
      model,
      target,
      budget: parseAccuracyBudget("sqnr=18"),
      objective: "energy",
      ...quick,
    });
    expect(plan.layers.size).toBeGreaterThan(0);
    const precision = parsePrecisionFile(printPrecisionFile(plan), "plan.yaml");
    const run = runModel({
      model,
      target,
      precision,
      objective: "energy",
      quantizer: searchQuantizer,
      baselines: [],
    }).result;
    const { verified } = result.points[result.chosen] ?? {};
    expect(run.accuracy?.sqnrDb).toBeCloseTo(verified?.sqnrDb ?? Number.NaN, 9);
    expect(run.timing.latencyCycles).toBe(verified?.latencyCycles);
    expect(run.energy.energyPerInferenceJoules).toBe(verified?.energyJoules);
    expect(run.accuracy?.exactCheck?.equal).toBe(true);
  });

  it("gives the same result for the same options", () => {
    const options = { model: layered(3), target, budget: parseAccuracyBudget("sqnr=20"), ...quick };
    expect(searchPrecision(options)).toEqual(searchPrecision(options));
  });

  it("lists the points by cost, those on the front with less and less error", () => {
    const { result } = searchPrecision({
      model: layered(2),
      target,
      budget: parseAccuracyBudget("sqnr=10"),
      pointCount: 6,
    });
    const costs = result.points.map(({ verified }) => verified.cost);
    expect(costs).toEqual([...costs].sort((a, b) => a - b));
    const front = result.points.filter(({ onFront }) => onFront).map(({ verified }) => verified.error);
    expect(front).toEqual([...front].sort((a, b) => b - a));
    expect(new Set(front).size).toBe(front.length);
    for (const { withinBudget, verified } of result.points) expect(withinBudget).toBe(verified.error <= 0.1);
    // Predictions: noise of layers adds up, and costs do, to within what the report says.
    expect(result.search.sqnrDifferenceDb.median).toBeLessThan(4);
    expect(result.search.costRatio.greatest / result.search.costRatio.least).toBeLessThan(1.2);
  });

  it("takes any metric over answers, and holds the plan to it", () => {
    let samples = 0;
    const metric: ErrorMetric = {
      name: "worst number",
      meter: () => {
        let worst = 0;
        return {
          add: ({ sample, float, chip }) => {
            samples = Math.max(samples, sample + 1);
            const [wanted, found] = [float[0]?.data as Float32Array, chip[0]?.data as Float32Array];
            wanted.forEach((number, index) => {
              worst = Math.max(worst, Math.abs(number - (found[index] as number)));
            });
          },
          error: () => worst,
        };
      },
      format: String,
    };
    const { result } = searchPrecision({
      model: layered(4),
      target,
      budget: { metric, limit: 0.5 },
      objective: "energy",
      ...quick,
    });
    expect(samples).toBe(4);
    const chosen = result.points[result.chosen];
    expect(chosen?.verified.error).toBeLessThanOrEqual(0.5);
    expect(chosen?.verified.error).toBeGreaterThan(0);
    expect(chosen?.name).not.toBe("w8a8");
  });

  it("searches convolutions too", () => {
    const { plan, result } = searchPrecision({
      model: modelOf(bytesOf(convolution())),
      target,
      budget: parseAccuracyBudget("sqnr=15"),
      objective: "energy",
      ...quick,
    });
    expect(result.points[result.chosen]?.withinBudget).toBe(true);
    expect(plan.name).not.toBe("w8a8");
  });

  it("says the best that was reached when a budget cannot be met", () => {
    const model = modelOf(bytesOf(perceptron()));
    const refused = (): unknown => searchPrecision({ model, target, budget: parseAccuracyBudget("sqnr=90") });
    expect(refused).toThrow(BorealError);
    expect(refused).toThrow(
      /B807.*No plan keeps sqnr within 90\.0 dB; the best of the \d+ that were evaluated is w8a8, with \d\d\.\d dB/,
    );
  });

  it("refuses a model that has nothing to choose", () => {
    const model = modelOf(
      bytesOf({
        name: "plain",
        opset: 17,
        inputs: [f32("x", [1, 4])],
        outputs: [f32("y", [1, 4])],
        nodes: [{ operator: "Relu", name: "bend", inputs: ["x"], outputs: ["y"] }],
        initializers: {},
      }),
    );
    expect(() => searchPrecision({ model, target, budget: parseAccuracyBudget("sqnr=30") })).toThrow(
      /B806.*no contraction/,
    );
  });
});

describe("parseAccuracyBudget", () => {
  const answer = (float: Tensor, chip: Tensor) => ({ sample: 0, frame: new Map(), float: [float], chip: [chip] });
  const errorOf = (text: string, float: Tensor, chip: Tensor, truth: Tensor | null = null) => {
    const { metric, limit } = parseAccuracyBudget(text, truth === null ? null : [[truth]]);
    const meter = metric.meter();
    meter.add(answer(float, chip));
    return { error: meter.error(), limit, text: metric.format(meter.error()) };
  };

  it("measures noise as a share of the signal, written in dB", () => {
    // (3² + 4²) ÷ 0.5² = 100: 20 dB.
    const found = errorOf("sqnr=20", f32Tensor([2], [3, 4]), f32Tensor([2], [3.5, 4]));
    expect(found.error).toBeCloseTo(0.01, 12);
    expect(found.limit).toBeCloseTo(0.01, 12);
    expect(found.text).toBe("20.0 dB");
  });

  it("measures the mean squared error", () => {
    expect(errorOf("mse=1e-2", f32Tensor([4], [1, 2, 3, 4]), f32Tensor([4], [1, 2, 3, 6]))).toEqual({
      error: 1,
      limit: 0.01,
      text: "1.00",
    });
  });

  it("counts rows whose greatest number stands elsewhere", () => {
    const float = f32Tensor([2, 3], [1, 2, 0, 5, 1, 1]);
    expect(errorOf("top1=25%", float, f32Tensor([2, 3], [3, 2, 0, 4, 3, 1]))).toEqual({
      error: 0.5,
      limit: 0.25,
      text: "50 %",
    });
  });

  it("takes the greatest rise of the forecast error over the steps ahead", () => {
    // Steps ahead [1, 2 steps, 2 channels]: f32 is off by 1 and 2 in the mean, the chip by 1.1 and 2.1: 10 % and 5 %.
    const truth = f32Tensor([1, 2, 2], [0, 0, 0, 0]);
    const found = errorOf(
      "mae=2%",
      f32Tensor([1, 2, 2], [1, 1, 2, 2]),
      f32Tensor([1, 2, 2], [1.1, 1.1, -2, 2.2]),
      truth,
    );
    expect(found.error).toBeCloseTo(0.1, 6);
    expect(found.limit).toBe(0.02);
    expect(found.text).toBe("10 %");
  });

  it("is 0 or less where the forecast does not get worse", () => {
    const truth = f32Tensor([1, 2], [0, 0]);
    expect(errorOf("mae=2%", f32Tensor([1, 2], [1, 1]), f32Tensor([1, 2], [0.5, 1]), truth).error).toBeCloseTo(
      -0.25,
      12,
    );
  });

  it("takes the greatest change of the forecast error, rise or fall, over the steps ahead", () => {
    // Off by 1 and 2 in f32, by 1.1 and 1.6 on the chip: a rise of 10 % and a fall of 20 %.
    const truth = f32Tensor([1, 2, 1], [0, 0]);
    const [float, chip] = [f32Tensor([1, 2, 1], [1, 2]), f32Tensor([1, 2, 1], [1.1, 1.6])];
    expect(errorOf("mae-change=2%", float, chip, truth).error).toBeCloseTo(0.2, 6);
    expect(errorOf("mae=2%", float, chip, truth).error).toBeCloseTo(0.1, 6);
  });

  it.each(["", "sqnr", "sqnr=x", "sqnr=30%", "mae=2", "mae-change=2", "top1=5", "loss=3", "mse=-1"])(
    "refuses %j",
    (text) => {
      expect(() => parseAccuracyBudget(text, [])).toThrow(/B806.*expected sqnr=DB/);
    },
  );

  it.each(["mae", "mae-change"])("refuses a budget of %s without truth", (name) => {
    expect(() => parseAccuracyBudget(`${name}=2%`)).toThrow(/B806.*what really followed/);
  });
});
