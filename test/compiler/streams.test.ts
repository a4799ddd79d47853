import { describe, expect, it } from "vitest";
import { mapNetwork } from "../../compiler/mapper/mapper.ts";
import { MisfitError } from "../../compiler/mapper/misfit.ts";
import { mapStreams } from "../../compiler/mapper/stream-mapping.ts";
import type { BufferNeed } from "../../compiler/step-plan.ts";
import { nameInStream, needsOfStreams, requireStreams, streamsOf } from "../../compiler/streams.ts";
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
    expect(printGraph(streamsOf(one, 2).network.graph)).toBe(
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
    const { network, suffixes, order } = streamsOf(small().network("pair"), 2);
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
    const { network, suffixes } = streamsOf(
      graph.output(graph.matmul("fc", graph.matmul("fc@2", graph.input("x", [4, 8]), 8), 8)).network(),
      2,
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
    const { network } = streamsOf(
      graph
        .output(graph.addTo("sum", "y", graph.input("x", [4, 8]), c))
        .output(c)
        .network(),
      2,
    );
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
    const { network } = streamsOf(graph.output(graph.node("m", "m", "neg", [summed])).network(), 2);
    const names = network.layers.map(({ name }) => name);
    expect(names.slice(2, -2)).toEqual(["n", "n@2", "sum operand 0", "sum", "sum operand 0@2", "sum@2", "m", "m@2"]);
  });
});

describe("a mapping of two streams", () => {
  const network = small().network();

  it("splits the layers of both alike, as those of one that runs nothing side by side", () => {
    const alone = mapNetwork(network, mini, { sideBySide: false });
    const map = mapStreams(network, mini, { streamCount: 2 });
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
    const reckoned = needsOfStreams(streamsOf(network, 2), network.layers, plan.buffers);
    const found = mapStreams(network, mini, { streamCount: 2 }).plan.buffers;
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
    const free = mapStreams(network, mini, { streamCount: 2 }).mapping;
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
    // A whole mapping is taken as it stands, buffers included.
    expect(mapStreams(network, mini, { streamCount: 2, mapping: free }).mapping).toEqual(free);
    const unknown = { ...free, steps: [{ ...given("join"), name: "join@3" }], buffers: [] };
    expect(problemsOf(() => mapStreams(network, mini, { streamCount: 2, mapping: unknown }))).toMatchObject([
      { code: "B403", message: 'There is no layer "join@3".' },
    ]);
  });

  it("stores weights leaner where both streams leave them less room", () => {
    // Where streaming is slow, every core keeps all weights of a layer as long as there is room.
    const slow = applyOverrides(mini, ["networks.model.link=1"]);
    const layers = stack(256, 66, 6);
    const alone = mapNetwork(layers, slow, { sideBySide: false });
    const tight = applyOverrides(slow, [`core.memory=${Math.ceil((alone.peakBytes * 32) / 31)}`]);
    expect(mapNetwork(layers, tight, { sideBySide: false }).predictedCycles).toBe(alone.predictedCycles);
    const map = mapStreams(layers, tight, { streamCount: 2 });
    expect(map.peakBytes).toBeLessThanOrEqual(tight.core.memoryBytes);
    expect(map.predictedCycles).toBeGreaterThan(2 * alone.predictedCycles);
  });

  it("is refused with the buffers of both streams where they do not fit", () => {
    const layers = stack(1024, 64, 2);
    const { liveBytes } = mapNetwork(layers, mini);
    const tight = applyOverrides(mini, [`core.memory=${liveBytes + 1024}`]);
    expect(() => mapNetwork(layers, tight)).not.toThrow();
    const refused = (() => {
      try {
        return mapStreams(layers, tight, { streamCount: 2 });
      } catch (error) {
        return error;
      }
    })();
    expect(refused).toBeInstanceOf(MisfitError);
    const terms = (refused as MisfitError).misfit.terms.map(({ name }) => name);
    expect(terms).toContain("value fc0");
    expect(terms).toContain("value x@2");
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
