import { describe, expect, it } from "vitest";
import { BorealError } from "../../../base/errors.ts";
import { adjacentOrder, independentPairs, reordered } from "../../../compiler/concurrency.ts";
import { emitProgram } from "../../../compiler/emit/emitter.ts";
import { type MapResult, mapNetwork } from "../../../compiler/mapper/mapper.ts";
import { parseMapping, printMapping } from "../../../compiler/mapper/mapping-file.ts";
import type { Network } from "../../../compiler/network.ts";
import { placedProgram } from "../../../compiler/placed-program.ts";
import { metricsOf } from "../../../runtime-sim/metrics.ts";
import { simulateBoth } from "../../../runtime-sim/timing/simulate.ts";
import { loadChip } from "../../../targets/load.ts";
import { TestGraph } from "./networks.ts";

const chip = loadChip("mini-4x4");

/** Two products of the same value, and the product of one of them, added up. */
function forked(): Network {
  const graph = new TestGraph();
  const x = graph.input("x", [8, 64]);
  const a = graph.matmul("a", x, 32);
  const c = graph.matmul("c", a, 32);
  const b = graph.matmul("b", x, 32);
  return graph.output(graph.addTo("sum", "sum", c, b)).network();
}

function stepsOf({ mapping, plan }: MapResult) {
  const { program } = emitProgram(plan, mapping, { name: "forked", modelElements: new Map(), shapesOnly: true });
  return metricsOf(simulateBoth(program, chip), program, chip).steps;
}

/** What is wrong with a mapping file of the forked network. */
function complaintsOf(file: string): string[] {
  try {
    mapNetwork(forked(), chip, { mapping: parseMapping(file) });
    return [];
  } catch (error) {
    return error instanceof BorealError ? error.problems.map(({ code, message }) => `${code} ${message}`) : [];
  }
}

const halves = `kind: mapping
graph: test
target: mini-4x4
batch: 1
steps:
  - name: a
    kind: contraction
    nodes: [a.sum, a]
    rows: {m: 4}
    columns: {"n": 2}
    beside: b
    weights: resident
    tile: {rows: 2, columns: 16, inner: 64}
  - name: b
    kind: contraction
    nodes: [b.sum, b]
    rows: {m: 4}
    columns: {"n": 2}
    corner: {row: 0, column: 2}
    weights: resident
    tile: {rows: 2, columns: 16, inner: 64}
layouts: []
`;

/** A product of one input, and the sum of another with itself, which use different units. */
function apart(): Network {
  const graph = new TestGraph();
  const x = graph.input("x", [16, 256]);
  const y = graph.input("y", [16, 256]);
  const a = graph.matmul("a", x, 64);
  const sum = graph.addTo("sum", "sum", y, y);
  return graph.output(a).output(sum).network();
}

const sameCores = `kind: mapping
graph: test
target: mini-4x4
batch: 1
steps:
  - {name: input x, kind: input, value: x, rows: {d0: 4}, columns: {d0: 4}}
  - {name: input y, kind: input, value: "y", rows: {d0: 4}, columns: {d0: 4}}
  - name: a
    kind: contraction
    nodes: [a.sum, a]
    rows: {m: 4}
    columns: {m: 4}
    weights: resident
    tile: {rows: 1, columns: 16, inner: 128}
  - name: sum
    kind: vector
    nodes: [sum.a, sum.b, sum.add, sum]
    rows: {d0: 4}
    columns: {d0: 4}
    beside: a
layouts: []
`;

function complaintsOn(network: Network, file: string): string[] {
  try {
    mapNetwork(network, chip, { mapping: parseMapping(file) });
    return [];
  } catch (error) {
    return error instanceof BorealError ? error.problems.map(({ code, message }) => `${code} ${message}`) : [];
  }
}

describe("layers on the same cores", () => {
  const alone = sameCores.replace("    beside: a\n", "");
  const mapped = (file: string): MapResult =>
    mapNetwork(apart(), chip, { mapping: parseMapping(file), sideBySide: false });
  const costOf = ({ layerCosts }: MapResult, name: string) => layerCosts.find((each) => each.name === name);

  it("take as long as the longer of them, or as the passes of both", () => {
    const [one, other] = [costOf(mapped(alone), "a")?.work, costOf(mapped(alone), "sum")?.work];
    if (one === undefined || other === undefined) throw new Error("a layer is missing");
    const both = Math.max(one.vectorCycles + other.vectorCycles, one.portCycles + other.portCycles) + 10;
    const shared = mapped(sameCores);
    const saved = one.cycles + other.cycles - Math.max(one.cycles, other.cycles, both);
    expect(saved).toBeGreaterThan(0);
    expect(mapped(alone).predictedCycles - shared.predictedCycles).toBe(saved);
    expect(costOf(shared, "sum")?.cycles).toBe(other.cycles - saved);
  });

  it("are simulated at once: the later one adds less than it takes alone", () => {
    const latencies = (file: string) => new Map(stepsOf(mapped(file)).map((step) => [step.name, step.latencyCycles]));
    const [together, apart] = [latencies(sameCores), latencies(alone)];
    // The sum ends while the product goes on: what is left is to issue the barrier, and the barrier.
    expect(together.get("sum")).toBe(1 + 10);
    const both = (each: typeof together): number => (each.get("a") ?? 0) + (each.get("sum") ?? 0);
    expect(both(together)).toBeLessThan(both(apart));
  });

  it("keep what they use live together, and the vector step in a thread of its own", () => {
    const { mapping, plan } = mapped(sameCores);
    for (const { name, firstStep, lastStep } of mapping.buffers) {
      if (name === "x") expect(lastStep).toBe(3);
      if (name === "a") expect(firstStep).toBe(2);
    }
    const { program } = emitProgram(plan, mapping, { name: "apart", modelElements: new Map(), shapesOnly: true });
    const threads = program.steps.map(({ classes }) => new Set(classes.flatMap((each) => Object.keys(each.threads))));
    expect(threads[2]?.has("vector")).toBe(true);
    expect(threads[3]?.has("vector")).toBe(false);
    expect(threads[3]?.has("psum")).toBe(true);
  });

  it("are found by the search where a step waits for the other's unit", () => {
    const map = mapNetwork(apart(), chip);
    expect(map.predictedCycles).toBeLessThan(mapNetwork(apart(), chip, { sideBySide: false }).predictedCycles);
    expect(map.mapping.steps.some(({ beside }) => beside !== undefined)).toBe(true);
  });

  it("are refused where they read a value in common, sum over cores, or leave each other no room", () => {
    expect(complaintsOn(apart(), sameCores)).toEqual([]);
    const chained = sameCores
      .replace("    columns: {m: 4}", "    columns: {k: 4}")
      .replace(
        "rows: 1, columns: 16, inner: 128}",
        "rows: 4, columns: 16, inner: 64}\n    reduction: {axis: columns, parts: 4}",
      );
    expect(complaintsOn(apart(), chained)).toEqual([
      'B403 Steps side by side need disjoint cores, or to be a contraction and another step that read no value in common and have no chains of partial sums; this one has 4 × 4 from (0, 0), "a" has 4 × 4 from (0, 0).',
    ]);
    // The small chip's partial-sum buffer holds 1,024 sums; beside another step a tile may have a quarter of them.
    const rows = sameCores.replace("rows: {m: 4}\n    columns: {m: 4}", "rows: {m: 2}\n    columns: {}");
    expect(
      complaintsOn(apart(), rows.replace("rows: 1, columns: 16, inner: 128", "rows: 8, columns: 64, inner: 32")),
    ).toEqual(["B403 A tile of 8 rows × 64 columns makes 512 partial sums; there is room for 256."]);
    const graph = new TestGraph();
    const x = graph.input("x", [16, 256]);
    const common = graph
      .output(graph.matmul("a", x, 64))
      .output(graph.addTo("sum", "sum", x, x))
      .network();
    expect(complaintsOn(common, sameCores.replace(/.*input y.*\n/, ""))[0]).toContain("read no value in common");
  });
});

describe("layers side by side", () => {
  it("look at pairs that do not depend on each other, and bring them together in an order of all layers", () => {
    const network = forked();
    const names = network.layers.map(({ name }) => name);
    expect(names).toEqual(["input x", "a", "c", "b", "sum", "output 0 sum"]);
    const pairs = independentPairs(network, 12);
    expect(pairs).toEqual([
      { left: 1, right: 3 },
      { left: 2, right: 3 },
    ]);
    expect(independentPairs(network, 1)).toEqual([{ left: 2, right: 3 }]);
    expect(adjacentOrder(network, [{ left: 1, right: 3 }])).toEqual([0, 1, 3, 2, 4, 5]);
    expect(adjacentOrder(network, [{ left: 2, right: 3 }])).toEqual([0, 1, 2, 3, 4, 5]);
    expect(adjacentOrder(network, [{ left: 1, right: 2 }])).toBeNull();
    const other = reordered(network, [0, 1, 3, 2, 4, 5]);
    expect(other.producer.get("c")).toBe(3);
    expect(other.readers.get("x")).toEqual([1, 2]);
  });

  it("refuse pairs that depend on each other by way of another pair", () => {
    const graph = new TestGraph();
    const x = graph.input("x", [8, 64]);
    const c = graph.matmul("c", graph.matmul("a", x, 32), 32);
    const d = graph.matmul("d", graph.matmul("b", x, 32), 32);
    const network = graph.output(graph.addTo("sum", "sum", c, d)).network();
    expect(network.layers.slice(1, 5).map(({ name }) => name)).toEqual(["a", "c", "b", "d"]);
    const [first, second] = [
      { left: 1, right: 4 },
      { left: 2, right: 3 },
    ];
    expect(adjacentOrder(network, [first])).not.toBeNull();
    expect(adjacentOrder(network, [second])).not.toBeNull();
    expect(adjacentOrder(network, [first, second])).toBeNull();
  });

  it("are chosen where they are predicted to be quicker; costs of the steps add up", () => {
    const network = forked();
    const together = mapNetwork(network, chip);
    const alone = mapNetwork(network, chip, { sideBySide: false });
    expect(alone.mapping.steps.some(({ beside }) => beside !== undefined)).toBe(false);
    expect(together.predictedCycles).toBeLessThanOrEqual(alone.predictedCycles);
    expect(together.layerCosts.reduce((sum, { cycles }) => sum + cycles, 0)).toBe(together.predictedCycles);
    expect(together.layerCosts.map(({ name }) => name)).toEqual(together.mapping.steps.map(({ name }) => name));
  });

  it("give way to one at a time where their program exceeds its buffer", () => {
    const graph = new TestGraph();
    const x = graph.input("x", [4, 16]);
    const network = graph
      .output(graph.addTo("sum", "sum", graph.matmul("a", x, 16), graph.matmul("b", x, 16)))
      .network();
    const narrow = { ...chip, core: { ...chip.core, programBufferBytes: 1024 } };
    const options = { name: "pair", modelElements: new Map(), shapesOnly: true } as const;
    const paired = mapNetwork(network, narrow);
    expect(paired.mapping.steps[2]?.beside).toBe("a");
    expect(() => emitProgram(paired.plan, paired.mapping, options)).toThrow(/a half of the buffer has 512/);
    const { map } = placedProgram(network, narrow, {}, options);
    expect(map.mapping.steps.some(({ beside }) => beside !== undefined)).toBe(false);
  });

  it("are taken from a file, whichever of the two names the other, and come back from their text", () => {
    const map = mapNetwork(forked(), chip, { mapping: parseMapping(halves) });
    const [, a, b] = map.mapping.steps;
    expect([a?.name, a?.beside, b?.name, b?.beside, b?.corner]).toEqual([
      "a",
      undefined,
      "b",
      "a",
      { row: 0, column: 2 },
    ]);
    const again = parseMapping(printMapping(map.mapping));
    expect(again).toEqual(map.mapping);
    expect(mapNetwork(forked(), chip, { mapping: again }).mapping).toEqual(map.mapping);
    // What both read and make is live while either runs.
    for (const { name, firstStep, lastStep } of map.mapping.buffers) {
      if (name === "x") expect([firstStep, lastStep]).toEqual([0, 2]);
      if (name === "a" || name === "b") expect(firstStep).toBe(1);
    }
  });

  it("take as long as the longer of them, and one barrier", () => {
    const cyclesOf = (file: string): number[] =>
      mapNetwork(forked(), chip, { mapping: parseMapping(file), sideBySide: false })
        .layerCosts.filter(({ name }) => name === "a" || name === "b")
        .map(({ cycles }) => cycles);
    // On a core of the small chip each product is 2 rows × 64 inner elements × 16 columns: 41 cycles at the memory port for operands,
    // weights and results, 7 to requantize the last tile, 10 for the barrier: 58. Its operand takes 13 cycles on the way to the west
    // half and 20 to the east half. One after the other 13 + 58 + 20 + 58; at once the second adds nothing to the 58.
    expect(cyclesOf(halves.replace("    beside: b\n", ""))).toEqual([71, 78]);
    expect(cyclesOf(halves)).toEqual([71, 20]);
    const [, a, b] = stepsOf(mapNetwork(forked(), chip, { mapping: parseMapping(halves) }));
    // 2 rows · ⌈64/8⌉ · ⌈16/8⌉ = 32 cycles of the matrix unit and 4 to fill it; 32 results on 8 lanes take 4, and 2 to fill the unit.
    expect(a?.stack).toMatchObject({ matrix: 32, vector: 4, fillAndDrain: 6 });
    // Both halves end in the same cycle: what is left is to issue the barrier, and the barrier.
    expect(b?.latencyCycles).toBe(1 + 10);
    expect(b?.stack).toMatchObject({ synchronization: 11 });
  });

  it("are refused with what is wrong", () => {
    expect(complaintsOf(halves)).toEqual([]);
    expect(complaintsOf(halves.replace("column: 2}", "column: 1}"))).toEqual([
      'B403 Steps side by side need disjoint cores, or to be a contraction and another step that read no value in common and have no chains of partial sums; this one has 4 × 2 from (0, 0), "b" has 4 × 2 from (0, 1).',
    ]);
    expect(complaintsOf(halves.replace("column: 2}", "column: 3}"))).toEqual([
      "B403 The parts on the grid's columns make 2; the grid has 1 columns from the corner on.",
    ]);
    expect(complaintsOf(halves.replace("column: 2}", "column: 4}"))[0]).toBe(
      "B403 The corner (0, 4) is not on the grid of 4 × 4 cores.",
    );
    expect(complaintsOf(halves.replace("beside: b", "beside: d"))).toEqual([
      'B403 The step is said to run beside "d", which is no other step of the mapping.',
    ]);
    expect(complaintsOf(halves.replace("beside: b", "beside: [b]"))[0]).toContain("B402");
    const sum = "  - {name: sum, kind: vector, nodes: [sum.a, sum.b, sum.add, sum], rows: {d0: 4}, beside: b}\nlayouts";
    expect(complaintsOf(halves.replace("    beside: b\n", "").replace("layouts", sum))).toEqual([
      'B403 The step cannot run beside "b": one of them needs what the other one, or a step beside it, makes.',
    ]);
    expect(complaintsOf(halves.replace("layouts", sum))).toContain(
      'B403 The step is said to run beside "a" and beside "sum"; two steps at most run side by side.',
    );
    const input = "  - {name: input x, kind: input, value: x, corner: {row: 1, column: 0}, beside: b}\nlayouts";
    const found = complaintsOf(halves.replace("    beside: b\n", "").replace("layouts", input));
    expect(found).toContain('B403 A step of kind "input" has no corner.');
    expect(found).toContain(
      'B403 Only contractions, vector and reduce steps that no state is made of run side by side; this step is of kind "input".',
    );
  });
});
