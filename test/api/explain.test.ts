import { describe, expect, it } from "vitest";
import { type ExplainOptions, explainModel, slowRatio } from "../../api/explain.ts";
import { parseConv, parseGemm } from "../../api/layer-description.ts";
import { layerModel } from "../../api/layer-model.ts";
import { chooseTarget, compileModel, importModel, runModel, simulateProgram } from "../../api.ts";
import { makeRandom } from "../../base/random.ts";
import { printExplanation } from "../../report/explain.ts";
import { type ExplanationResult, explanationResultSchema } from "../../report/explain-schema.ts";
import { formatCount, words } from "../../report/format.ts";
import { cycleCauses } from "../../runtime-sim/metrics-stack.ts";
import { bytesOf, convolution, perceptron, weights } from "../cli/models.ts";
import { problemsOf } from "../compiler/onnx/written-models.ts";
import { hostedModel } from "../contracts/small-models.ts";

const target = chooseTarget("mini-4x4");
const model = importModel({ bytes: bytesOf(convolution()), name: "convolution" });

function explain(options: Partial<ExplainOptions> = {}): ExplanationResult {
  return explanationResultSchema.parse(explainModel({ model, target, ...options }));
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);
const near = explain({ layer: "conv" });
const run = runModel({ model, target, timingOnly: true }).result;

describe("the summary of a mapping", () => {
  const { layers, latencyCycles, layer } = explain();

  it("has the figures of a run, layer by layer", () => {
    expect(layer).toBeNull();
    expect(latencyCycles).toBe(run.timing.latencyCycles);
    expect(sum(layers.map((each) => each.latencyCycles))).toBe(latencyCycles);
    for (const [index, each] of layers.entries()) {
      const { name, cyclesByCause, boundCycles, split, weights } = run.layers[index] ?? each;
      expect(each).toMatchObject({ name, cyclesByCause, boundCycles, split, weights });
      if (each.boundCycles !== null && each.boundCycles > 0) {
        expect(each.boundRatio).toBe(each.latencyCycles / each.boundCycles);
      }
    }
  });

  it("gives every layer slower than 3 times its bound a reason that names its largest causes with their cycles", () => {
    let reasoned = 0;
    for (const { reason, boundRatio, cyclesByCause, latencyCycles: cycles, boundCycles } of layers) {
      if (boundRatio !== null && boundRatio <= slowRatio) expect(reason).toBeNull();
      if (reason === null) {
        expect(boundRatio === null || boundRatio <= slowRatio).toBe(true);
        continue;
      }
      reasoned += 1;
      expect(reason.startsWith(`${formatCount(cycles)} cycles`)).toBe(true);
      const above = cycleCauses.filter((cause) => cyclesByCause[cause] > (boundCycles ?? 0));
      const largest = [...above].sort((left, right) => cyclesByCause[right] - cyclesByCause[left])[0];
      if (largest !== undefined) {
        expect(reason).toContain(`${words(largest)} ${formatCount(cyclesByCause[largest])}: `);
      }
    }
    expect(reasoned).toBeGreaterThan(0);
  });
});

describe("a layer that another one runs beside", () => {
  /** Two products of the same input. */
  const forked = importModel({
    bytes: bytesOf({
      name: "forked",
      opset: 17,
      inputs: [{ name: "x", element: "f32", shape: [4, 16] }],
      outputs: ["left", "right"].map((name) => ({ name, element: "f32", shape: [4, 16] })),
      nodes: [
        { operator: "MatMul", name: "one", inputs: ["x", "a"], outputs: ["left"] },
        { operator: "MatMul", name: "other", inputs: ["x", "b"], outputs: ["right"] },
      ],
      initializers: { a: weights([16, 16], 1), b: weights([16, 16], 2) },
    }),
    name: "forked",
  });

  it("is explained under a given mapping", () => {
    const { mapping } = compileModel(forked, target.chip, {});
    const pair = mapping.steps.find(({ beside }) => beside !== undefined);
    const layer = pair?.beside ?? "";
    expect(layer).not.toBe("");
    const given = { ...mapping, buffers: [] };
    expect(explain({ model: forked, layer, mapping: given }).layer?.alternatives.length).toBeGreaterThan(0);
  });
});

describe("a layer from near", () => {
  const layer = near.layer as NonNullable<typeof near.layer>;
  const [chosen, ...others] = layer.alternatives;

  it("lists the choice that was made, then others by what the network is predicted to take", () => {
    const own = run.layers.find(({ name }) => name === "conv");
    expect(chosen).toMatchObject({ isChosen: true, fits: true, split: own?.split, weights: own?.weights });
    expect(chosen?.simulated).toEqual({
      layerCycles: own?.latencyCycles,
      latencyCycles: run.timing.latencyCycles,
      energyJoules: run.energy.energyPerInferenceJoules,
    });
    expect(others.length).toBeGreaterThan(1);
    const predicted = others.map(({ predictedNetworkCycles }) => predictedNetworkCycles ?? Number.NaN);
    expect(predicted).toEqual([...predicted].sort((left, right) => left - right));
    expect(Math.min(...predicted)).toBeGreaterThanOrEqual(chosen?.predictedNetworkCycles ?? Number.NaN);
    for (const other of others)
      expect({ ...other, simulated: null }).not.toMatchObject({ split: own?.split, weights: own?.weights });
    expect(others.filter(({ simulated }) => simulated !== null)).toHaveLength(3);
  });

  it("tries free resources and doubled numbers on the same program", () => {
    const { program } = compileModel(model, target.chip, {});
    const lever = (text: string) => layer.levers.find((each) => each.lever.startsWith(text));
    const free = simulateProgram(program, target.chip, { ideal: ["network"], range: false }).metrics;
    expect(lever("network takes no time")).toMatchObject({
      kind: "ideal",
      program: "same",
      latencyCycles: free.onDevice.latencyCycles,
      layerCycles: free.steps.find(({ name }) => name === "conv")?.latencyCycles,
    });
    const link = target.chip.networks.activation.linkBytesPerCycle;
    const wider = chooseTarget("mini-4x4", [`networks.activation.link=${2 * link}`]).chip;
    const doubled = simulateProgram(program, wider, { range: false }).metrics.onDevice.latencyCycles;
    expect(lever("networks.activation.link")).toMatchObject({ program: "same", latencyCycles: doubled });
  });

  it("maps again for fewer bits and a larger batch, per inference", () => {
    const narrow = runModel({ model, target, precision: "w4a4", timingOnly: true }).result.timing.latencyCycles;
    expect(layer.levers.find(({ kind }) => kind === "precision")).toMatchObject({
      lever: "precision w4a4",
      program: "mapped again",
      latencyCycles: narrow,
    });
    const product = layerModel(parseGemm("8,16,24"), {});
    const two = explain({ model: product, batchCount: 2, layer: "gemm" });
    const eight = runModel({ model: product, target, batchCount: 8, timingOnly: true }).result;
    const own = eight.layers.find(({ name }) => name === "gemm");
    expect(two.layer?.levers.find(({ kind }) => kind === "batch")).toMatchObject({
      lever: "batch 8",
      latencyCycles: eight.timing.latencyCycles / 8,
      layerCycles: (own?.latencyCycles ?? 0) / 8,
    });
    expect(two.layer?.alternatives[0]?.simulated?.latencyCycles).toBe(two.latencyCycles);
  });

  it("says why a lever cannot be tried", () => {
    const fixed = importModel({ bytes: bytesOf(perceptron(2)), name: "fixed" });
    const result = explain({ model: fixed, layer: "first" });
    const batch = result.layer?.levers.find(({ kind }) => kind === "batch");
    expect(batch).toMatchObject({ latencyCycles: null, layerCycles: null });
    expect(batch?.refusal).toMatch(/batch of 4/);
    expect(printExplanation(result)).toMatch(/^not tried: batch 4: /m);
  });

  it("ranks other choices by the objective", () => {
    for (const objective of ["energy", "edp"] as const) {
      const weighed = explain({ layer: "conv", objective });
      expect(weighed.choices.objective).toBe(objective);
      const [first, ...rest] = weighed.layer?.alternatives ?? [];
      expect(first?.simulated?.energyJoules).toBeGreaterThan(0);
      expect(rest.length).toBeGreaterThan(0);
      expect(printExplanation(weighed).replace(/\s+/g, " ")).toContain(
        `by predicted energy${objective === "edp" ? " × time" : ""} of the network`,
      );
    }
  });

  it("predicts by resource and names what is brought from where", () => {
    const cost = compileModel(model, target.chip, {}).map.layerCosts.find(({ name }) => name === "conv");
    const { cycles: _, ...work } = cost?.work ?? { cycles: 0 };
    expect(layer.predicted).toEqual(work);
    expect(layer.transfers).toEqual(
      cost?.transfers.map(({ value, cost: { cycles, remoteBytes } }) => ({
        value,
        from: "input image",
        cycles,
        remoteBytes,
      })),
    );
    expect(layer.dimensions).toContainEqual({ name: "c", size: 3, kind: "reduction" });
  });

  it("is found by the node of the model that it came from", () => {
    const byNode = explain({ layer: "relu" });
    expect(byNode.layer?.name).toBe("conv");
    expect(byNode.layers.find(({ name }) => name === "conv")?.reason).not.toBeNull();
  });

  it("keeps what the user pinned, except for itself", () => {
    const { mapping } = compileModel(model, target.chip, {});
    const pinned = explain({ layer: "conv", mapping: { ...mapping, buffers: [] } });
    expect(pinned.layer?.alternatives[0]).toMatchObject({ isChosen: true, split: chosen?.split });
    expect(pinned.layer?.alternatives.length).toBeGreaterThan(1);
  });
});

describe("layers of other kinds", () => {
  it("are explained as well: inputs, outputs, what the host computes", () => {
    const hosted = importModel({ bytes: bytesOf(hostedModel(makeRandom(1))), name: "hosted" });
    const { layers } = explain({ model: hosted, hostOps: true });
    for (const { name, kind } of layers.filter((each) => each.kind === "input" || each.kind === "output").slice(-2)) {
      const { layer } = explain({ model: hosted, hostOps: true, layer: name });
      expect(layer?.alternatives[0]).toMatchObject({ isChosen: true });
      expect(layer?.levers.some(({ lever }) => lever === "host takes no time")).toBe(true);
      if (kind === "output") expect(layer?.alternatives).toHaveLength(1);
    }
  });

  it("are explained as well: states, and what takes their place", () => {
    const recurrent = importModel({
      bytes: bytesOf({
        name: "recurrent",
        opset: 17,
        inputs: [
          { name: "x", element: "f32", shape: [1, 8] },
          { name: "h_in", element: "f32", shape: [1, 8] },
        ],
        outputs: [{ name: "h_out", element: "f32", shape: [1, 8] }],
        nodes: [
          { operator: "MatMul", name: "product", inputs: ["x", "w"], outputs: ["p"] },
          { operator: "Add", name: "sum", inputs: ["p", "h_in"], outputs: ["h_out"] },
        ],
        initializers: { w: weights([8, 8], 1) },
      }),
      name: "recurrent",
    });
    const { layers } = explain({ model: recurrent });
    const kept = layers.filter(({ name }) => name.includes("h_in")).map(({ name }) => name);
    expect(kept.length).toBeGreaterThan(1);
    for (const name of kept) {
      const { layer } = explain({ model: recurrent, layer: name });
      for (const { simulated, fits } of layer?.alternatives ?? []) {
        if (fits === true) expect(simulated?.latencyCycles).toBeGreaterThan(0);
      }
    }
  });
});

describe("layers that cannot be explained", () => {
  it("are refused with the nearest name", () => {
    const [found] = problemsOf(() => explain({ layer: "comv" }));
    expect(found).toMatchObject({ code: "B601" });
    expect(found?.message).toMatch(/No layer is called "comv".*did you mean "conv"\?/);
  });

  it("are refused when a node became several, which are named", () => {
    const several = importModel({
      bytes: bytesOf({
        ...perceptron(),
        nodes: [
          { operator: "MatMul", name: "first", inputs: ["x", "a"], outputs: ["h"] },
          { operator: "Softmax", name: "probabilities", inputs: ["h"], outputs: ["p"], attributes: { axis: -1 } },
          { operator: "MatMul", name: "second", inputs: ["p", "c"], outputs: ["y"] },
        ],
      }),
      name: "several",
    });
    const { layers } = explain({ model: several });
    const parts = layers.filter(({ onnxNodes }) => onnxNodes.includes("probabilities")).map(({ name }) => name);
    expect(parts.length).toBeGreaterThan(1);
    if (parts.includes("probabilities")) {
      expect(explain({ model: several, layer: "probabilities" }).layer?.name).toBe("probabilities");
    } else {
      const [found] = problemsOf(() => explain({ model: several, layer: "probabilities" }));
      for (const name of parts) expect(found?.message).toContain(`"${name}"`);
    }
  });
});

describe("what is printed", () => {
  it.each([
    ["a summary", explain()],
    ["a layer", near],
    ["one product", explainModel({ model: layerModel(parseGemm("32,24,40"), {}), target, layer: "gemm" })],
    ["one convolution", explainModel({ model: layerModel(parseConv("8x9x9,8x3x3,groups=8"), {}), target })],
  ])("fits the screen: %s", (_, result) => {
    const lines = printExplanation(result).split("\n");
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100);
  });

  it("says of a layer what was asked", () => {
    const text = printExplanation(near);
    for (const part of [
      /^why +[\d,]+ cycles/m,
      /^chosen /m,
      /^2 /m,
      /^what would help/m,
      /simulated, mapped again/,
      /^all +[\d,]+ +[\d,]+$/m,
    ]) {
      expect(text).toMatch(part);
    }
    expect(printExplanation(explain())).toMatch(/^slower than 3 × the bound: \d+ of \d+ layers/m);
  });
});
