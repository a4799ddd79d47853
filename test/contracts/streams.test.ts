import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { boundaryBytes } from "../../api/boundary.ts";
import { at } from "../../base/math.ts";
import { makeRandom, type Random } from "../../base/random.ts";
import { layerWork } from "../../compiler/bound-work.ts";
import { emitProgram } from "../../compiler/emit/emitter.ts";
import { type MapResult, mapNetwork } from "../../compiler/mapper/mapper.ts";
import { parseMapping, printMapping } from "../../compiler/mapper/mapping-file.ts";
import { MisfitError } from "../../compiler/mapper/misfit.ts";
import type { Objective } from "../../compiler/mapper/objective.ts";
import { mapStreams } from "../../compiler/mapper/stream-mapping.ts";
import type { Network } from "../../compiler/network.ts";
import type { BufferNeed, NetworkPlan } from "../../compiler/step-plan.ts";
import { needsOfStreams, networkInOrder, type StreamOrder, type Streams, streamsOf } from "../../compiler/streams.ts";
import { evaluate } from "../../ir/evaluate.ts";
import type { MappedStep, Mapping } from "../../ir/mapping.ts";
import type { Program } from "../../ir/program.ts";
import type { Tensor } from "../../ir/tensor.ts";
import { boundsOf } from "../../runtime-sim/bound.ts";
import { createExecutor } from "../../runtime-sim/functional/executor.ts";
import { checkOrder } from "../../runtime-sim/functional/order-check.ts";
import { metricsOf } from "../../runtime-sim/metrics.ts";
import { simulateBoth } from "../../runtime-sim/timing/simulate.ts";
import { loadChip } from "../../targets/load.ts";
import { bytesOf, difference, memoriesOf, type RandomCase, randomCase, randomSteps } from "./random-case.ts";

const mini = loadChip("mini-4x4");
const graphCount = 18;

/** A program of two streams, with the plan that it was written from, and what each stream is to be given and to answer. */
interface StreamCase {
  readonly seed: number;
  readonly graph: RandomCase;
  readonly kind: (typeof kinds)[number];
  readonly order: StreamOrder;
  readonly objective: Objective;
  readonly mapping: Mapping;
  readonly plan: NetworkPlan;
  readonly program: Program;
  readonly sidecar: Uint8Array | null;
  readonly inputs: ReadonlyMap<string, Uint8Array>;
  readonly answers: ReadonlyMap<string, Uint8Array>;
}

/** The case's inputs, those of the second stream with other numbers, by the names that they have in their streams. */
function inStreams(
  values: readonly ReadonlyMap<string, Tensor>[],
  suffixes: readonly string[],
): Map<string, Uint8Array> {
  return new Map(
    values.flatMap((each, stream) =>
      [...each].map(([name, tensor]): [string, Uint8Array] => [
        `${name}${at(suffixes, stream)}`,
        boundaryBytes(tensor),
      ]),
    ),
  );
}

/**
 * How a case is mapped: by the mapper, steps of both streams at once where that is quicker or none of them; by random steps that both
 * streams have; or by random steps of either, some of which run at once.
 */
const kinds = ["paired", "searched", "alike", "free"] as const;

/** Random graphs of a random seed in two streams. */
function makeCases(first: number): StreamCase[] {
  return Array.from({ length: graphCount }, (_, index) => first + index).flatMap((seed) => {
    const random = makeRandom(seed);
    const graph = randomCase(random, { blockCount: random.integer(2, 4), maximumSize: random.integer(4, 8) });
    const { network, modelElements, prepared } = graph;
    const kind = at(kinds, seed % kinds.length);
    const streams = streamsOf(network, 2);
    const order = at(streams.orders, random.integer(0, streams.orders.length - 1));
    const objective = random.uniform() < 0.5 ? "latency" : "throughput";
    const map = mapped(random, network, streams, order, kind, objective);
    if (map === null) return [];
    const { suffixes } = streams;
    const elements = [...modelElements].flatMap(([name, element]) =>
      suffixes.map((suffix) => [`${name}${suffix}`, element] as const),
    );
    const { program, sidecar } = emitProgram(map.plan, map.mapping, {
      name: network.graph.name,
      modelElements: new Map(elements),
    });
    const turned = new Map([...graph.inputs].map(([name, tensor]) => [name, reversed(tensor)]));
    const samples = [graph.inputs, turned];
    const answers = samples.flatMap((sample, stream) =>
      [...bytesOf(evaluate(prepared.chipGraph, sample))].map(([name, bytes]): [string, Uint8Array] => [
        `${name}${at(suffixes, stream)}`,
        bytes,
      ]),
    );
    return {
      seed,
      graph,
      kind,
      order,
      objective,
      mapping: map.mapping,
      plan: map.plan,
      program,
      sidecar,
      inputs: inStreams(samples, suffixes),
      answers: new Map(answers),
    };
  });
}

/** A mapping of the given kind; null where random steps do not fit the chip. */
function mapped(
  random: Random,
  network: Network,
  streams: Streams,
  order: StreamOrder,
  kind: (typeof kinds)[number],
  objective: Objective,
): MapResult | null {
  const whole = networkInOrder(streams, order);
  const pinned = (steps: readonly MappedStep[]): Mapping => ({
    kind: "mapping",
    graph: network.graph.name,
    target: mini.name,
    batchCount: 2,
    steps,
    layouts: [],
    buffers: [],
  });
  if (kind === "free") {
    try {
      return mapNetwork(whole, mini, { batchCount: 2, mapping: pinned(randomSteps(random, whole, mini)), objective });
    } catch (error) {
      if (error instanceof MisfitError) return null;
      throw error;
    }
  }
  if (kind === "paired") return mapStreams(network, mini, { streamCount: 2, batchCount: 2, objective });
  const given = kind === "alike" ? randomSteps(random, network, mini).map(({ beside: _, ...step }) => step) : [];
  const options = { streamCount: 2, batchCount: 2, mapping: pinned(given), objective, sideBySide: false };
  const found = mapStreams(network, mini, options);
  // The same steps in the order that was drawn; what leaves early of an output is a matter of the order.
  const own = new Map(found.mapping.steps.map(({ early: _, ...step }) => [step.name, step]));
  const steps = whole.layers.flatMap(({ name }) => own.get(name) ?? []);
  return mapNetwork(whole, mini, { batchCount: 2, mapping: pinned(steps), objective });
}

function reversed(tensor: Tensor): Tensor {
  return { ...tensor, data: tensor.data.slice().reverse() } as Tensor;
}

describe("random graphs in two streams", () => {
  let cases: StreamCase[] = [];
  const first = at(fc.sample(fc.noBias(fc.integer({ min: 0, max: 2 ** 30 })), 1), 0);

  beforeAll(() => {
    cases = makeCases(first);
  }, 60_000);

  it("answer in each as the exact evaluation does, bit for bit, and read nothing unwritten", () => {
    for (const { seed, program, sidecar, inputs, answers } of cases) {
      const executor = createExecutor(program, sidecar, memoriesOf(mini), { checked: true });
      for (const run of ["first", "second"]) {
        expect(difference(answers, executor.run(inputs)), `seed ${seed}, ${run} run`).toBe("");
      }
    }
  });

  it("run as before from the text of their mapping, in its order", () => {
    for (const { seed, graph, mapping, objective } of cases) {
      const given = parseMapping(printMapping(mapping));
      const again = mapStreams(graph.network, mini, { streamCount: 2, mapping: given, objective });
      expect(again.mapping.steps, `seed ${seed}`).toEqual(mapping.steps);
      expect(again.mapping.buffers, `seed ${seed}`).toEqual(mapping.buffers);
    }
  });

  it("order all conflicting accesses by tokens", () => {
    for (const { seed, program } of cases.filter(({ kind }) => kind === "paired" || kind === "free").slice(0, 5)) {
      expect(checkOrder(program, memoriesOf(mini)), `seed ${seed}`).toEqual([]);
    }
  });

  it("take no fewer cycles for an inference than the bound of one stream", () => {
    for (const { seed, graph, program } of cases) {
      const metrics = metricsOf(simulateBoth(program, mini), program, mini);
      const bounds = boundsOf(layerWork(graph.network), mini, 1);
      for (const way of ["onDevice", "withHost"] as const) {
        expect(metrics[way].latencyCycles, `seed ${seed}`).toBeGreaterThanOrEqual(bounds[way].latencyCycles);
        expect(metrics[way].intervalCycles, `seed ${seed}`).toBeGreaterThanOrEqual(bounds[way].intervalCycles);
      }
      expect(metrics.onDevice.intervalCycles).toBeGreaterThanOrEqual(bounds.packed.intervalCycles);
    }
  });

  it("need the memory that the search reckons with", () => {
    const facts = ({ role, step, bytes, firstStep, lastStep }: BufferNeed) => [role, step, bytes, firstStep, lastStep];
    for (const { seed, graph, order, plan } of cases.filter(({ kind }) => kind === "searched" || kind === "alike")) {
      const { network } = graph;
      const own = new Map(plan.steps.map(({ step }) => [step.name, step]));
      const steps = network.layers.flatMap(({ name, kind }) => (kind === "output" ? [] : (own.get(name) ?? [])));
      const mapping: Mapping = {
        kind: "mapping",
        graph: "",
        target: "",
        batchCount: 1,
        steps,
        layouts: [],
        buffers: [],
      };
      const one = mapNetwork(network, mini, { mapping, sideBySide: false }).plan;
      const reckoned = needsOfStreams(streamsOf(network, 2), order, [], one.buffers);
      expect(reckoned.map(facts), `seed ${seed}`).toEqual(plan.buffers.map(facts));
    }
  });
});
