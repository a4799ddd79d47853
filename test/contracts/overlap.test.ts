import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { boundaryBytes, toBoundary } from "../../api/boundary.ts";
import { compileModel } from "../../api/compile.ts";
import { executeFunctional } from "../../api/execution.ts";
import { importModel } from "../../api/model.ts";
import { chooseStates, completeSamples } from "../../api/states.ts";
import { at } from "../../base/math.ts";
import { makeRandom, type Random } from "../../base/random.ts";
import { shareStep } from "../../base/step-range.ts";
import { carriersOf } from "../../compiler/early-share.ts";
import { emitProgram } from "../../compiler/emit/emitter.ts";
import { overlapTokens } from "../../compiler/emit/tokens.ts";
import { allocate } from "../../compiler/mapper/allocate.ts";
import { checkEarly } from "../../compiler/mapper/check.ts";
import { writeModel } from "../../compiler/onnx/write-model.ts";
import { boundaryBuffers, type OverlapDirection, overlapsOf } from "../../compiler/overlap.ts";
import type { NetworkPlan, StepPlan } from "../../compiler/step-plan.ts";
import { evaluate } from "../../ir/evaluate.ts";
import type { Mapping } from "../../ir/mapping.ts";
import type { Program } from "../../ir/program.ts";
import { f32Tensor, type Tensor } from "../../ir/tensor.ts";
import { createExecutor } from "../../runtime-sim/functional/executor.ts";
import { checkOrder } from "../../runtime-sim/functional/order-check.ts";
import { loadChip } from "../../targets/load.ts";
import { node, normalWeights, numbers, value } from "../compiler/onnx/written-models.ts";
import { compare } from "../runtime-sim/cycle/comparison.ts";
import {
  type Built,
  build,
  bytesOf,
  difference,
  memoriesOf,
  type RandomCase,
  randomCase,
  randomSteps,
} from "./random-case.ts";

const mini = loadChip("mini-4x4");
const batchCount = 3;

/** A program whose inputs are read ahead and outputs sent behind, the inputs of a few batches and what they must be answered with. */
interface OverlapCase {
  readonly seed: number;
  readonly graph: RandomCase;
  readonly built: Built;
  readonly batches: readonly ReadonlyMap<string, Uint8Array>[];
  readonly answers: readonly ReadonlyMap<string, Uint8Array>[];
}

/** The plan with random shares of every output leaving beside one or two random steps between its maker and its own. */
function withRandomShares(random: Random, plan: NetworkPlan): NetworkPlan {
  const steps = plan.steps.map((each): StepPlan => {
    if (each.layer.kind !== "output") return each;
    const carries = carriersOf(plan, each);
    const carriers = plan.steps.filter((_, step) => carries[step]);
    if (carriers.length === 0) return each;
    const chosen = [...new Set([random.integer(0, carriers.length - 1), random.integer(0, carriers.length - 1)])];
    const early = chosen
      .sort((a, b) => a - b)
      .map((carrier) => ({ step: at(carriers, carrier).step.name, columns: random.integer(1, 2) }));
    return { ...each, step: { ...each.step, early } };
  });
  return { ...plan, steps };
}

/**
 * The same steps with random shares of outputs leaving early, every input read ahead from a random step on behind its last reader, and every output sent behind up to a
 * random step before its maker; null where none can be.
 */
function withRandomOverlaps(seed: number, graph: RandomCase, { mapping, plan: plain }: Built): Built | null {
  const random = makeRandom(seed);
  const plan = withRandomShares(random, plain);
  expect(checkEarly(plan)).toEqual([]);
  const directionOf = new Map(boundaryBuffers(plan).map(({ buffer, direction }) => [buffer, direction]));
  const last = plan.steps.length - 1;
  const needs = plan.buffers.map((need) => {
    const direction = directionOf.get(need.name);
    if (direction === "ahead" && need.lastStep < last)
      return { ...need, firstStep: random.integer(need.lastStep + 1, last) };
    if (direction === "behind" && need.firstStep > 0)
      return { ...need, lastStep: random.integer(0, need.firstStep - 1) };
    return need;
  });
  const { buffers, peakBytes } = allocate(needs);
  const again: Mapping = { ...mapping, steps: plan.steps.map(({ step }) => step), buffers };
  if (peakBytes > mini.core.memoryBytes || overlapsOf(plan, buffers).length === 0) return null;
  const { network, modelElements } = graph;
  const { program, sidecar } = emitProgram(plan, again, { name: network.graph.name, modelElements });
  return { mapping: again, plan, program, sidecar: sidecar ?? new Uint8Array(0) };
}

/** Inputs like a case's, with other numbers: each is the first turned by a few elements. */
function turned(inputs: ReadonlyMap<string, Tensor>, by: number): Map<string, Tensor> {
  return new Map(
    [...inputs].map(([name, tensor]) => {
      const data = tensor.data.slice();
      data.set(tensor.data.subarray(by % data.length) as never);
      data.set(tensor.data.subarray(0, by % data.length) as never, data.length - (by % data.length));
      return [name, { ...tensor, data } as Tensor];
    }),
  );
}

function makeBuilds(first: number, count: number): Pick<OverlapCase, "seed" | "graph" | "built">[] {
  return Array.from({ length: count }, (_, index) => first + index).flatMap((seed) => {
    const random = makeRandom(seed);
    const graph = randomCase(random, { blockCount: random.integer(2, 4), maximumSize: random.integer(4, 8) });
    const plain = build(graph, mini, randomSteps(random, graph.network, mini));
    const built = plain === null ? null : withRandomOverlaps(seed, graph, plain);
    return built === null ? [] : [{ seed, graph, built }];
  });
}

function makeCases(first: number, count: number): OverlapCase[] {
  return makeBuilds(first, count).map((each) => {
    const { graph } = each;
    const inputs = Array.from({ length: batchCount }, (_, batch) => turned(graph.inputs, 3 * batch));
    const answers = inputs.map((frame) => bytesOf(evaluate(graph.prepared.chipGraph, frame)));
    return { ...each, batches: inputs.map(bytesOf), answers };
  });
}

/** The program with buffers of inputs or outputs that are thought free once too often: their next batch may come at any time. */
function freedTooEarly({ program, plan, mapping }: Built, direction: OverlapDirection): Program {
  const freed = overlapsOf(plan, mapping.buffers).flatMap((overlap, position) =>
    overlap.direction === direction ? [overlapTokens(position).free] : [],
  );
  const initialTokens = program.initialTokens.map((each) =>
    freed.includes(each.token) ? { ...each, count: each.count + 1 } : each,
  );
  expect(initialTokens).not.toEqual(program.initialTokens);
  return { ...program, initialTokens };
}

/** Whether an answer is another one in a random legal order, with the buffers of a direction freed too early. */
function goesWrong({ built, batches, answers }: OverlapCase, direction: OverlapDirection, seed: number): boolean {
  const executor = createExecutor(freedTooEarly(built, direction), built.sidecar, memoriesOf(mini), {
    order: { seed },
  });
  const found = executor.runBatches(batches);
  return answers.some((expected, batch) => difference(expected, at(found, batch)) !== "");
}

/** A step with a state: h' = tanh(x·W + h·U), y = h'·V. */
function recurrent() {
  const random = makeRandom(5);
  const weights = (...shape: number[]) => normalWeights(random, 3, ...shape);
  const bytes = writeModel({
    name: "recurrent",
    opset: 17,
    inputs: [value("x", 1, 8), value("h", 1, 12)],
    outputs: [value("y", 1, 4), value("hn", 1, 12)],
    initializers: { w: weights(8, 12), u: weights(12, 12), v: weights(12, 4) },
    nodes: [
      node("MatMul", "x w", "xw"),
      node("MatMul", "h u", "hu"),
      node("Add", "xw hu", "s"),
      node("Tanh", "s", "hn"),
      node("MatMul", "hn v", "y"),
    ],
  });
  return importModel({ name: "recurrent", bytes });
}

/** Whether a program has overlaps of a direction. */
const hasOverlap =
  (direction: OverlapDirection) =>
  ({ built: { plan, mapping } }: Pick<OverlapCase, "built">): boolean =>
    overlapsOf(plan, mapping.buffers).some((overlap) => overlap.direction === direction);

describe("inputs that are read ahead and outputs that are sent behind", () => {
  const first = at(fc.sample(fc.noBias(fc.integer({ min: 0, max: 2 ** 30 })), 1), 0);
  let cases: OverlapCase[] = [];

  beforeAll(() => {
    cases = makeCases(first, 24);
  }, 60_000);

  it("turn up often, over bytes that other buffers use between", () => {
    // How often is a property of how graphs and mappings are drawn: it is looked at in the same ones each time.
    const drawn = makeBuilds(0, 48);
    const reused = drawn.filter(({ built: { plan, mapping } }) => {
      const boundary = new Set(boundaryBuffers(plan).map(({ buffer }) => buffer));
      return mapping.buffers.some(
        (own) =>
          boundary.has(own.name) &&
          mapping.buffers.some(
            (other) =>
              !shareStep(own, other) &&
              other.address < own.address + own.bytes &&
              own.address < other.address + other.bytes,
          ),
      );
    });
    const sharing = drawn.filter(({ built: { plan } }) => plan.steps.some(({ step }) => step.early !== undefined));
    for (const direction of ["ahead", "behind"] as const)
      expect(drawn.filter(hasOverlap(direction)).length, direction).toBeGreaterThan(40);
    expect(sharing.length).toBeGreaterThan(4);
    expect(reused.length).toBeGreaterThan(12);
  });

  it("leave the answers to several batches on end exact, in the fixed order and in random legal ones", () => {
    for (const { seed, built, batches, answers } of cases) {
      for (const options of [{ checked: true }, { order: { seed } }, { order: { seed: seed + 1 } }]) {
        const executor = createExecutor(built.program, built.sidecar, memoriesOf(mini), options);
        const found = executor.runBatches(batches);
        answers.forEach((expected, batch) => {
          expect(difference(expected, at(found, batch)), `seed ${seed}, batch ${batch}`).toBe("");
        });
      }
    }
  });

  it("are written and read in an order that tokens fix", () => {
    for (const { seed, built } of cases.filter((_, index) => index % 4 === 0)) {
      expect(checkOrder(built.program, memoriesOf(mini), batchCount), `seed ${seed}`).toEqual([]);
    }
  });

  for (const [direction, fault] of [
    ["ahead", "read before the last reader is done"],
    ["behind", "made anew before they have left"],
  ] as const) {
    it(`are found out where they are ${fault}, unless other tokens keep the order`, () => {
      const codes = makeBuilds(0, 12)
        .filter(hasOverlap(direction))
        .map(({ built }) => checkOrder(freedTooEarly(built, direction), memoriesOf(mini), batchCount)[0]?.code);
      expect(codes.filter((code) => code === "B507").length).toBeGreaterThan(10);
      for (const each of cases.filter(hasOverlap(direction)).filter((_, index) => index % 4 === 1)) {
        const { built, seed } = each;
        const [first] = checkOrder(freedTooEarly(built, direction), memoriesOf(mini), batchCount);
        if (first !== undefined) expect(first.code, `seed ${seed}`).toBe("B507");
        // So it is where all of an output leaves in early shares.
        else for (const order of [0, 1, 2]) expect(goesWrong(each, direction, order), `seed ${seed}`).toBe(false);
      }
    });
  }

  it("go wrong in some random legal order where they are read before the last reader is done", () => {
    const some = cases.filter(hasOverlap("ahead"));
    expect(some.some((each) => [0, 1, 2, 3, 4].some((order) => goesWrong(each, "ahead", order)))).toBe(true);
  });

  it("take as long as the slow machine says, in every instruction", () => {
    for (const { seed, built } of cases.filter((_, index) => index % 6 === 2)) {
      const { difference, firstDifference } = compare(built.program, mini, { host: false, batches: batchCount });
      expect({ difference, firstDifference }, `seed ${seed}`).toEqual({ difference: 0, firstDifference: "" });
    }
  });

  it("leave states as they are: steps on end answer as steps one by one", () => {
    const model = recurrent();
    const frames = Array.from({ length: 4 }, (_, step) => {
      const random = makeRandom(100 + step);
      return f32Tensor(
        [1, 8],
        numbers(8, () => random.normal()),
      );
    });
    const { states } = chooseStates(model);
    const calibration = completeSamples(
      model.graph,
      states,
      frames.map((x) => new Map([["x", x]])),
    );
    const options = { states, calibration, objective: "throughput" } as const;
    const { program, sidecar, mapping, map } = compileModel(model, mini, options);
    const overlaps = overlapsOf(map.plan, mapping.buffers);
    expect(overlaps.map(({ direction }) => direction)).toEqual(["ahead", "behind"]);
    const chip = executeFunctional(program, sidecar, mini);
    const expected = frames.map((x) => boundaryBytes(at(chip.run(new Map([["x", x]])), 0)));
    const port = at(program.inputs, 0);
    const batches = frames.map((x) => new Map([["x", boundaryBytes(toBoundary(x, port, port.modelElement))]]));
    for (const each of [{ checked: true }, { order: { seed: 1 } }, { order: { seed: 2 } }]) {
      const found = createExecutor(program, sidecar, memoriesOf(mini), each).runBatches(batches);
      expect(found.map((batch) => batch.get("y"))).toEqual(expected);
    }
    expect(new Set(expected.map(String)).size).toBe(4);
  });
});
