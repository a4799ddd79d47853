import { describe, expect, it } from "vitest";
import { at } from "../../../base/math.ts";
import { mapNetwork } from "../../../compiler/mapper/mapper.ts";
import type { Network } from "../../../compiler/network.ts";
import { planMemory, planNetwork, vectorTileElements } from "../../../compiler/plan.ts";
import { storedBytes } from "../../../compiler/step-chunks.ts";
import type { StepPlan } from "../../../compiler/step-plan.ts";
import type { MappedStep, Split } from "../../../ir/mapping.ts";
import { loadChip } from "../../../targets/load.ts";
import { TestGraph } from "../mapper/networks.ts";

const mini = loadChip("mini-4x4");
const range = (start: number, end: number) => ({ start, end });
const parts = (list: Readonly<Record<string, number>>) =>
  Object.entries(list).map(([dimension, count]) => ({ dimension, parts: count }));

/** The mapper's steps of a network, some splits replaced. */
function stepsOf(
  network: Network,
  splits: Readonly<Record<string, Split>>,
  rest: Partial<MappedStep> = {},
): MappedStep[] {
  const free = mapNetwork(network, mini).mapping.steps;
  return free.map((step) => {
    const split = splits[step.name];
    return split === undefined
      ? step
      : { ...step, split, reduction: null, ...(step.kind === "contraction" ? rest : {}) };
  });
}

function convNetwork(): Network {
  const graph = new TestGraph();
  return graph.output(graph.conv("conv", graph.input("x", [1, 4, 8, 8]), 8, 3)).network();
}

function planStep(
  network: Network,
  steps: readonly MappedStep[],
  name: string,
  layouts: Parameters<typeof planNetwork>[2] = [],
): StepPlan {
  const found = planNetwork(network, steps, layouts, mini).steps.find(({ step }) => step.name === name);
  if (found === undefined) throw new Error(`no step ${name}`);
  return found;
}

describe("the plan of a step", () => {
  const rows = { rows: parts({ h: 4 }), columns: [] };
  const sameRows = { rows: parts({ d2: 4 }), columns: [] };

  it("leaves operands where they are, and brings halo and padding around them", () => {
    const network = convNetwork();
    const steps = stepsOf(
      network,
      { conv: rows, "input x": sameRows },
      { weights: { copies: 1 }, tile: { rows: 16, columns: 8, inner: 36 } },
    );
    const plan = planStep(network, steps, "conv");
    const read = at(plan.reads, 0);
    expect([read.mode, read.buffer, read.padded]).toEqual(["around", "x", true]);
    // Two rows of eight a core, and one element on each side of both axes.
    expect(read.layout.extents).toEqual([1, 4, 4, 10]);
    expect(read.boxes[0]).toEqual([range(0, 1), range(0, 4), range(0, 3), range(0, 8)]);
    expect(read.boxes[4]).toEqual([range(0, 1), range(0, 4), range(1, 5), range(0, 8)]);
    expect(read.boxes[12]).toEqual([range(0, 1), range(0, 4), range(5, 8), range(0, 8)]);
    expect(read.boxes[1]).toBeNull();
    expect(read.origins[0]).toEqual([0, 0, -1, -1]);
    expect(read.origins[4]).toEqual([0, 0, 1, -1]);
    const made = at(planStep(network, steps, "input x").writes, 0);
    expect([made.spread.layout, made.spread.origins]).toEqual([read.layout, read.origins]);
    expect(made.spread.boxes[4]).toEqual([range(0, 1), range(0, 4), range(2, 4), range(0, 8)]);
    expect(plan.weights).toMatchObject({ buffer: "conv/weights", group: { rows: 4, columns: 1 } });
    expect(at(plan.writes, 0).spread.boxes[4]).toEqual([range(0, 1), range(0, 8), range(2, 4), range(0, 8)]);
    expect(at(plan.writes, 0).spread.layout.bytes).toBe(8 * 2 * 8);
  });

  it("copies operands that lie otherwise, with their halo and padding", () => {
    const network = convNetwork();
    const tile = { rows: 16, columns: 8, inner: 36 };
    const other = { rows: [], columns: parts({ d3: 4 }) };
    const steps = stepsOf(network, { conv: rows, "input x": other }, { weights: { copies: 1 }, tile });
    const plan = planStep(network, steps, "conv");
    const read = at(plan.reads, 0);
    expect([read.mode, read.buffer, read.padded]).toEqual(["copied", "conv/operand conv.sum.0", true]);
    expect(read.layout.extents).toEqual([1, 4, 4, 10]);
    expect(read.origins[4]).toEqual([0, 0, 1, -1]);
    expect(at(planStep(network, steps, "input x").writes, 0).spread.layout.extents).toEqual([1, 4, 8, 2]);
  });

  it("copies where the room around parts would take more than they and a copy", () => {
    const network = convNetwork();
    const tile = { rows: 16, columns: 8, inner: 36 };
    // A core with two channels needs all four in a quarter of the rows: 4 × 10 × 10 > 2 × 8 × 8 + 4 × 4 × 10.
    const channels = { rows: parts({ d1: 4 }), columns: [] };
    const steps = stepsOf(network, { conv: rows, "input x": channels }, { weights: { copies: 1 }, tile });
    expect(at(planStep(network, steps, "conv").reads, 0).mode).toBe("copied");
  });

  it("reads in place what the core holds already", () => {
    const graph = new TestGraph();
    const network = graph.output(graph.conv("conv", graph.input("x", [1, 4, 8, 8]), 8, 1)).network();
    const steps = stepsOf(
      network,
      { conv: rows, "input x": sameRows },
      { weights: { copies: "all" }, tile: { rows: 16, columns: 8, inner: 4 } },
    );
    const plan = planStep(network, steps, "conv");
    expect(plan.reads.map(({ mode, buffer }) => [mode, buffer])).toEqual([
      ["in-place", "x"],
      ["weights", "conv/constant conv.sum.1"],
    ]);
    expect(plan.weights?.group).toEqual({ rows: 1, columns: 1 });
  });

  it("takes the order of a value's axes from the layouts", () => {
    const network = convNetwork();
    const steps = stepsOf(network, {});
    const plan = planStep(network, steps, "conv", [{ value: "conv", order: [0, 2, 3, 1] }]);
    expect(at(plan.writes, 0).spread.layout.order).toEqual([0, 2, 3, 1]);
    expect(at(at(plan.writes, 0).spread.layout.strideBytes, 1)).toBe(1);
    expect(at(planStep(network, steps, "conv").writes, 0).spread.layout.order).toEqual([0, 1, 2, 3]);
  });

  it("lets the last core of a chain alone own results and read what comes after the sums", () => {
    const graph = new TestGraph();
    const skip = graph.input("skip", [1, 8, 8, 8]);
    const network = graph.output(graph.convAdd("conv", graph.input("x", [1, 4, 8, 8]), skip, 8)).network();
    const split = { rows: parts({ c: 2 }), columns: [] };
    const steps = stepsOf(
      network,
      { conv: split },
      { weights: { copies: "all" }, tile: { rows: 16, columns: 8, inner: 2 } },
    ).map((step) => (step.name === "conv" ? { ...step, reduction: { axis: "rows" as const, parts: 2 } } : step));
    const plan = planStep(network, steps, "conv");
    expect([plan.active[0], plan.active[4], plan.active[8]]).toEqual([true, true, false]);
    expect([plan.owns[0], plan.owns[4]]).toEqual([false, true]);
    expect(at(plan.writes, 0).spread.boxes[0]).toBeNull();
    const other = plan.reads.find(({ read }) => read.value === "skip");
    expect([other?.boxes[0] ?? null, other?.boxes[4]?.length]).toEqual([null, 4]);
    expect(at(plan.reads, 0).boxes[0]).toEqual([range(0, 1), range(0, 2), range(0, 8), range(0, 8)]);
  });
});

describe("the buffers of a plan", () => {
  it("live as long as they are needed, constants and weights throughout, in multiples of four bytes", () => {
    const graph = new TestGraph();
    const conv = graph.conv("conv", graph.input("x", [1, 3, 6, 6]), 5, 3);
    const network = graph.output(graph.addTo("sum", "out", graph.maxPool("pool", conv, 3, 1), conv)).network();
    const steps = stepsOf(network, {});
    const { buffers } = planNetwork(network, steps, [], mini);
    const lives = new Map(buffers.map(({ name, role, firstStep, lastStep }) => [name, [role, firstStep, lastStep]]));
    expect(lives.get("x")).toEqual(["value", 0, 1]);
    expect(lives.get("conv")).toEqual(["value", 1, 3]);
    // The sum takes the place of its first operand, which nobody reads later.
    expect([lives.get("pool"), lives.get("out")]).toEqual([["value", 2, 4], undefined]);
    expect(lives.get("conv/weights")).toEqual(["weights", 0, 4]);
    expect(lives.get("conv/scale conv")).toEqual(["constant", 0, 4]);
    expect(lives.get("sum/scratch 0")).toEqual(["scratch", 3, 3]);
    expect(new Set(buffers.map(({ name }) => name)).size).toBe(buffers.length);
    expect(buffers.every(({ bytes }) => bytes % 4 === 0 && bytes > 0)).toBe(true);
  });

  it("of streamed weights hold a piece of every chunk, in whole words", () => {
    const chunk = { groups: [], columns: [], inner: [], bytes: 50 };
    expect([storedBytes(chunk, 1), storedBytes(chunk, 4), storedBytes(chunk, 16)]).toEqual([52, 16, 4]);
  });
});

describe("a plan", () => {
  it("is refused when its steps are not those of the network", () => {
    const network = convNetwork();
    const steps = stepsOf(network, {});
    expect(() => planNetwork(network, steps.slice(1), [], mini)).toThrow(
      "The mapping has 2 steps, the network has 3 layers.",
    );
    const swapped = [at(steps, 1), at(steps, 0), at(steps, 2)];
    expect(() => planNetwork(network, swapped, [], mini)).toThrow('Step 0 is named "conv", the layer is "input x".');
  });

  it("is the same with what was planned before, of which all is taken that does not depend on what differs", () => {
    const graph = new TestGraph();
    const first = graph.conv("first", graph.input("x", [1, 4, 8, 8]), 8, 3);
    const second = graph.conv("second", first, 8, 3);
    const network = graph.output(graph.addTo("sum", "out", second, first)).network();
    const rows = { rows: parts({ h: 4 }), columns: [] };
    const columns = { rows: [], columns: parts({ w: 2 }) };
    const rest = { weights: { copies: 1 }, tile: { rows: 16, columns: 8, inner: 36 } } as const;
    const streamed = stepsOf(network, { first: rows, second: rows }, rest);
    const copied = stepsOf(network, { first: rows, second: rows }, { ...rest, weights: { copies: 2 } });
    const other = stepsOf(network, { first: columns, second: rows }, rest);
    const memory = planMemory();
    const remembered = [streamed, copied, other, streamed].map((steps) =>
      planNetwork(network, steps, [], mini, memory),
    );
    for (const [index, steps] of [streamed, copied, other, streamed].entries()) {
      expect(at(remembered, index)).toEqual(planNetwork(network, steps, [], mini));
    }
    const placeOf = (plan: number, name: string) =>
      at(remembered, plan).steps.find(({ step }) => step.name === name)?.writes[0];
    expect(["first", "second", "sum"].map((name) => placeOf(1, name) === placeOf(0, name))).toEqual([true, true, true]);
    expect(["first", "second", "sum"].map((name) => placeOf(2, name) === placeOf(0, name))).toEqual([
      false,
      false,
      false,
    ]);
  });

  it("computes as many elements at a time without contraction as the partial-sum buffer would hold", () => {
    expect(vectorTileElements(mini)).toBe(1024);
  });
});
