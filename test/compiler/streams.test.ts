import { describe, expect, it } from "vitest";
import { at } from "../../base/math.ts";
import { mapNetwork } from "../../compiler/mapper/mapper.ts";
import { MisfitError } from "../../compiler/mapper/misfit.ts";
import { mapStreams } from "../../compiler/mapper/stream-mapping.ts";
import type { Network } from "../../compiler/network.ts";
import type { BufferNeed } from "../../compiler/step-plan.ts";
import {
  nameInStream,
  needsOfStreams,
  networkInOrder,
  orderOfNames,
  requireStreams,
  type StreamOrder,
  streamsOf,
} from "../../compiler/streams.ts";
import { printGraph } from "../../ir/graph-text.ts";
import { loadChip } from "../../targets/load.ts";
import { applyOverrides } from "../../targets/override.ts";
import { TestGraph } from "./mapper/networks.ts";
import { problemsOf } from "./onnx/written-models.ts";

const mini = loadChip("mini-4x4");

/** Two matrix products and the sum of both results. */
function small(): TestGraph {
  const graph = new TestGraph();
  const x = graph.input("x", [4, 8]);
  const first = graph.matmul("first", x, 8);
  return graph.output(graph.addTo("join", "y", first, graph.matmul("second", x, 8)));
}

/** Products of [rows, width] by [width, width], one after the other. */
function stack(rows: number, width: number, layerCount: number): ReturnType<TestGraph["network"]> {
  const graph = new TestGraph();
  let value = graph.input("x", [rows, width]);
  for (let layer = 0; layer < layerCount; layer += 1) value = graph.matmul(`fc${layer}`, value, width);
  return graph.output(value).network();
}

/** Two streams of a network in lock-step. */
function inTurns(one: Network) {
  const streams = streamsOf(one, 2);
  return { ...streams, network: networkInOrder(streams, at(streams.orders, 0)) };
}

describe("the network of two streams", () => {
  it("has every value twice but the constants", () => {
    const text = (...nodes: readonly string[]): string => `${nodes.join("\n")}\n`;
    const graph = new TestGraph();
    const one = graph.output(graph.matmul("fc", graph.input("x", [4, 8]), 2)).network("product");
    const q = "i8<scale=0.05, zero=0>";
    const requantized = '{axis=-1, element="i8", scales=[0.05], zeros=[0]}';
    const sums = "i32<scale=0.0025000000000000005, zero=0>[4,2]";
    const first = [
      `  %fc.sum = matmul(%x, %fc.w, _) : ${sums} in "fc"`,
      `  %fc = requantize(%fc.sum) ${requantized} : ${q}[4,2] in "fc"`,
    ];
    const second = [
      `  %"fc.sum@2" = matmul(%"x@2", %fc.w, _) : ${sums} @ "fc.sum" in "fc@2"`,
      `  %"fc@2" = requantize(%"fc.sum@2") ${requantized} : ${q}[4,2] @ "fc" in "fc@2"`,
    ];
    const constant = `  %fc.w = const() {absent} : ${q}[8,2]`;
    const before = text(`graph @product(%x: ${q}[4,8]) {`, constant, ...first, "  return %fc", "}");
    expect(printGraph(one.graph)).toBe(before);
    expect(printGraph(streamsOf(one, 2).graph)).toBe(
      text(
        `graph @product(%x: ${q}[4,8], %"x@2": ${q}[4,8]) {`,
        constant,
        ...first,
        ...second,
        '  return %fc, %"fc@2"',
        "}",
      ),
    );
  });

  it("has its layers in turns", () => {
    const { network, suffixes, orders } = inTurns(small().network("pair"));
    const [order = []] = orders;
    expect(suffixes).toEqual(["", "@2"]);
    expect(network.layers.map(({ name }) => name)).toEqual(
      ["input x", "first", "second", "join", "output 0 y"].flatMap((name) => [name, `${name}@2`]),
    );
    expect(order.slice(0, 3)).toEqual([
      { layer: 0, stream: 0 },
      { layer: 0, stream: 1 },
      { layer: 1, stream: 0 },
    ]);
    // What a copy reads is made in its own stream, under the layer's own loops.
    const [, , , copy] = network.layers;
    expect(copy?.reads.map(({ value, node }) => [value, node])).toEqual([
      ["x@2", "first.sum@2"],
      ["first.w", "first.sum@2"],
    ]);
    expect(copy?.nodes.map(({ layer, origin }) => [layer, origin])).toEqual([
      ["first@2", ["first.sum"]],
      ["first@2", ["first"]],
    ]);
    expect(network.producer.get("first@2")).toBe(3);
  });

  it("has new names where names end like those of the second stream", () => {
    const graph = new TestGraph();
    const { network, suffixes } = inTurns(
      graph.output(graph.matmul("fc", graph.matmul("fc@2", graph.input("x", [4, 8]), 8), 8)).network(),
    );
    expect(suffixes).toEqual(["", "@@2"]);
    const names = network.layers.map(({ name }) => name);
    expect(new Set(names).size).toBe(8);
    expect(names).toContain("fc@2@@2");
    expect(["fc@2@@2", "fc@2", "fc@@2", "fc"].map((name) => nameInStream(suffixes, name))).toEqual([
      "fc@2",
      "fc@2",
      "fc",
      "fc",
    ]);
  });

  it("has constants that leave once for each stream, so that each output has its port", () => {
    const graph = new TestGraph();
    const c = graph.constant("c", [4, 8]);
    const sum = graph.addTo("sum", "y", graph.input("x", [4, 8]), c);
    const { network } = inTurns(graph.output(sum).output(c).network());
    expect(network.graph.outputs).toEqual(["y", "c", "y@2", "c@2"]);
    expect(network.graph.constants.map(({ name }) => name)).toEqual(["c", "c@2"]);
    expect(network.layers.find(({ name }) => name === "sum@2")?.reads.map(({ value }) => value)).toEqual([
      "x@2",
      "c@2",
    ]);
  });

  it("sends the host what belongs to an operation, and takes its result, before the other stream does", () => {
    const graph = new TestGraph();
    const x = graph.input("x", [2, 8], "f16");
    const summed = graph.node("sum", "sum", "cumulative_sum", [graph.node("n", "n", "neg", [x])], {
      axis: 1,
      exclusive: false,
      reverse: false,
    });
    const { network } = inTurns(graph.output(graph.node("m", "m", "neg", [summed])).network());
    const names = network.layers.map(({ name }) => name);
    expect(names.slice(2, -2)).toEqual(["n", "n@2", "sum operand 0", "sum", "sum operand 0@2", "sum@2", "m", "m@2"]);
  });
});

describe("a mapping of two streams", () => {
  const network = small().network();

  it("splits the layers of both alike, as those of one that runs nothing side by side", () => {
    const alone = mapNetwork(network, mini, { sideBySide: false });
    const map = mapStreams(network, mini, { streamCount: 2, sideBySide: false });
    const splits = new Map(alone.mapping.steps.map(({ name, split, weights }) => [name, { split, weights }]));
    for (const { name, split, weights } of map.mapping.steps) {
      expect({ split, weights }, name).toEqual(splits.get(nameInStream(["", "@2"], name)));
    }
    // Steps follow each other, so they take twice as long; weights are there once.
    expect(map.predictedCycles).toBe(2 * alone.predictedCycles);
    expect([map.gap, map.exact]).toEqual([alone.gap, alone.exact]);
    const stored = ({ buffers }: typeof map.mapping): BufferNeed["bytes"][] =>
      buffers.filter(({ role }) => role === "weights" || role === "constant").map(({ bytes }) => bytes);
    expect(stored(map.mapping)).toEqual(stored(alone.mapping));
  });

  it("is that of one where there is one", () => {
    expect(mapStreams(network, mini, { streamCount: 1 })).toEqual(mapNetwork(network, mini));
  });

  it("needs the memory that was reckoned with in the search", () => {
    const { plan } = mapNetwork(network, mini, { sideBySide: false });
    const streams = streamsOf(network, 2);
    const reckoned = needsOfStreams(streams, at(streams.orders, 0), [], plan.buffers);
    const found = mapStreams(network, mini, { streamCount: 2, sideBySide: false }).plan.buffers;
    const facts = ({ role, step, bytes, firstStep, lastStep }: BufferNeed) => ({
      role,
      step,
      bytes,
      firstStep,
      lastStep,
    });
    expect(reckoned.map(facts)).toEqual(found.map(facts));
  });

  it("keeps given steps: of the stream that they name, or of both where they name the first alone", () => {
    const whole = { rows: [], columns: [] };
    const free = mapStreams(network, mini, { streamCount: 2, sideBySide: false }).mapping;
    const given = (name: string) => {
      const step = free.steps.find((each) => each.name === name);
      if (step === undefined) throw new Error(name);
      return { ...step, split: whole };
    };
    const splitsWith = (...names: readonly string[]) => {
      const mapping = { ...free, steps: names.map(given), buffers: [] };
      const { steps } = mapStreams(network, mini, { streamCount: 2, mapping }).mapping;
      return ["join", "join@2"].map((name) => steps.find((step) => step.name === name)?.split);
    };
    const [searched] = splitsWith();
    expect(searched).not.toEqual(whole);
    expect(splitsWith("join")).toEqual([whole, whole]);
    expect(splitsWith("join@2")).toEqual([searched, whole]);
    // A whole mapping is taken as it stands, with its order and buffers.
    expect(mapStreams(network, mini, { streamCount: 2, mapping: free }).mapping).toEqual(free);
    const turned = [...free.steps.filter(({ name }) => name.endsWith("@2")), ...free.steps];
    const steps = [...new Set(turned)];
    const reordered = mapStreams(network, mini, { streamCount: 2, mapping: { ...free, steps, buffers: [] } });
    expect(reordered.mapping.steps).toEqual(steps);
    const unknown = { ...free, steps: [{ ...given("join"), name: "join@3" }], buffers: [] };
    expect(problemsOf(() => mapStreams(network, mini, { streamCount: 2, mapping: unknown }))).toMatchObject([
      { code: "B403", message: 'There is no layer "join@3".' },
    ]);
  });

  it("lets one stream fall behind the other where both cannot hold their largest values at once", () => {
    const graph = new TestGraph();
    const wide = graph.matmul("wide", graph.input("x", [256, 16]), 1024);
    const layers = graph.output(graph.matmul("narrow", wide, 16)).network();
    const { liveBytes } = mapStreams(layers, mini, { streamCount: 2, sideBySide: false });
    const tight = applyOverrides(mini, [`core.memory=${liveBytes - 16}`]);
    const namesOn = (chip: typeof mini) =>
      mapStreams(layers, chip, { streamCount: 2, sideBySide: false }).mapping.steps.map(({ name }) => name);
    const own = ["input x", "wide", "narrow", "output 0 narrow"];
    expect(namesOn(mini)).toEqual(own.flatMap((name) => [name, `${name}@2`]));
    // Each step of the second stream comes a step of the first later: "wide@2" when "wide" has been read.
    expect(namesOn(tight)).toEqual([
      ...["input x", "wide", "input x@2", "narrow", "wide@2"],
      ...["output 0 narrow", "narrow@2", "output 0 narrow@2"],
    ]);
  });

  it("is refused where not even one stream after the other fits, and where their ports do not", () => {
    const layers = stack(1024, 64, 2);
    const { liveBytes } = mapNetwork(layers, mini);
    const refusal = (...overrides: readonly string[]) => {
      try {
        mapStreams(layers, applyOverrides(mini, overrides), { streamCount: 2 });
      } catch (error) {
        if (error instanceof MisfitError) return error.misfit;
      }
      throw new Error("it fits");
    };
    const memory = refusal(`core.memory=${liveBytes / 2}`);
    expect(memory.resource).toBe("core memory");
    expect(memory.terms.map(({ name }) => name)).toContain("value fc0");
    // Four tensors of 64 KiB cross the host link.
    const frame = refusal("frameBuffer.memory=200000");
    expect(frame).toMatchObject({ resource: "framebuffer", demandBytes: 4 * 65536 });
    expect(frame.terms.map(({ name }) => name).sort()).toEqual([
      "input x",
      "input x@2",
      "output 0 fc1",
      "output 0 fc1@2",
    ]);
  });
});

describe("the turns of two streams", () => {
  /** A product, a sum that its vector unit alone makes, and a product again. */
  function mixed(): ReturnType<TestGraph["network"]> {
    const graph = new TestGraph();
    const first = graph.matmul("first", graph.input("x", [64, 64]), 64);
    return graph.output(graph.matmul("last", graph.addTo("sum", "sum", first, first), 64)).network();
  }

  it("put a step of one beside a step of the other that leaves it a unit, on the same cores", () => {
    const network = mixed();
    const map = mapStreams(network, mini, { streamCount: 2, objective: "throughput" });
    const { steps } = map.mapping;
    const pairs = steps.flatMap(({ name, beside }) =>
      beside === undefined ? [] : [[beside, name].sort().join(" + ")],
    );
    expect(pairs.length).toBeGreaterThan(0);
    for (const pair of pairs) {
      const [one = "", other = ""] = pair.split(" + ");
      expect(one.endsWith("@2"), pair).not.toBe(other.endsWith("@2"));
    }
    expect(pairs.some((pair) => pair.includes("sum"))).toBe(true);
    const alone = mapStreams(network, mini, { streamCount: 2, objective: "throughput", sideBySide: false });
    expect(map.predictedCycles).toBeLessThan(alone.predictedCycles);
  });

  it("give both streams of a layer the same tiles, so that its weights are there once", () => {
    const { mapping } = mapStreams(mixed(), mini, { streamCount: 2, objective: "throughput" });
    const tileOf = (name: string) => mapping.steps.find((step) => step.name === name)?.tile;
    for (const name of ["first", "last"]) expect(tileOf(`${name}@2`)).toEqual(tileOf(name));
    const weights = mapping.buffers.filter(({ role }) => role === "weights").map(({ value }) => value);
    expect(weights.sort()).toEqual(["first.w", "last.w"]);
  });

  it("keep a given step of one stream as it is in both, with its own tile and alone", () => {
    const network = mixed();
    const one = mapNetwork(network, mini, { objective: "throughput", sideBySide: false }).mapping;
    const map = mapStreams(network, mini, { streamCount: 2, objective: "throughput", mapping: one });
    for (const { name, tile } of one.steps) {
      const copies = map.mapping.steps.filter((step) => nameInStream(["", "@2"], step.name) === name);
      expect(copies.map((step) => [step.tile, step.beside])).toEqual([0, 1].map(() => [tile, undefined]));
    }
  });

  it("are not said to be the best, for they are chosen after the splits", () => {
    const found = mapStreams(mixed(), mini, { streamCount: 2, objective: "throughput" });
    expect([found.gap, found.exact]).toEqual([null, false]);
  });

  it("leave pairs out where memory does not hold what they use at once", () => {
    const network = mixed();
    const { liveBytes } = mapStreams(network, mini, { streamCount: 2, objective: "throughput" });
    const alone = mapStreams(network, mini, { streamCount: 2, objective: "throughput", sideBySide: false });
    expect(alone.liveBytes).toBeLessThan(liveBytes);
    const tight = applyOverrides(mini, [`core.memory=${alone.peakBytes}`]);
    const map = mapStreams(network, tight, { streamCount: 2, objective: "throughput" });
    expect(map.peakBytes).toBeLessThanOrEqual(alone.peakBytes);
  });
});

describe("the orders of two streams", () => {
  const one = small().network();
  const streams = streamsOf(one, 2);
  const namesIn = (order: StreamOrder): string[] =>
    order.map(({ layer, stream }) => at(at(streams.layers, stream), layer).name);

  it("keep each stream's own, and part them more and more until they follow each other", () => {
    for (const order of streams.orders) {
      for (const stream of [0, 1]) {
        expect(order.filter((each) => each.stream === stream).map(({ layer }) => layer)).toEqual([0, 1, 2, 3, 4]);
      }
      expect(orderOfNames(streams, namesIn(order))).toEqual(order);
    }
    const lags = streams.orders.map((order) => order.findIndex(({ stream }) => stream === 1));
    expect(lags).toEqual([1, 2, 3, 4, 5]);
  });

  it("are read from names, but not where one is missing, comes before what it reads, or crosses the host link too early", () => {
    const names = namesIn(at(streams.orders, 1));
    expect(orderOfNames(streams, names.slice(1))).toBeNull();
    expect(orderOfNames(streams, ["join@2", ...names])).toBeNull();
    const ports = new TestGraph();
    const [x, z] = [ports.input("x", [4, 8]), ports.input("z", [4, 8])];
    const two = streamsOf(ports.output(ports.addTo("sum", "y", x, z)).network(), 2);
    const inOrder = ["input x", "input z", "input x@2", "input z@2", "sum", "sum@2", "output 0 y", "output 0 y@2"];
    expect(orderOfNames(two, inOrder)).not.toBeNull();
    expect(orderOfNames(two, ["input z", ...inOrder])).toBeNull();
    expect(orderOfNames(two, ["input z@2", "input z", "unknown", ...inOrder])).toBeNull();
  });
});

describe("a number of streams", () => {
  it("is one or two, and one where states stay on the chip", () => {
    for (const count of [0, 3, 1.5, Number.NaN]) {
      expect(problemsOf(() => requireStreams(count, 0))).toMatchObject([
        { code: "B604", message: `${count} streams were asked for, expected from 1 to 2.` },
      ]);
    }
    const [refused] = problemsOf(() => requireStreams(2, 1));
    expect(refused).toMatchObject({ code: "B604" });
    expect(refused?.message).toContain("keeps 1 state on the chip");
    for (const [streams, states] of [
      [1, 3],
      [2, 0],
    ] as const)
      expect(requireStreams(streams, states)).toBeUndefined();
  });
});
