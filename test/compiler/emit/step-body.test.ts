import { describe, expect, it } from "vitest";
import { at } from "../../../base/math.ts";
import { makeRandom } from "../../../base/random.ts";
import { emitContext } from "../../../compiler/emit/chain.ts";
import { emitBody } from "../../../compiler/emit/step-body.ts";
import { tokens } from "../../../compiler/emit/tokens.ts";
import { firstCore } from "../../../compiler/geometry.ts";
import { type LaidStep, layingMemory, layStep } from "../../../compiler/laid-step.ts";
import { gridOf } from "../../../compiler/network.ts";
import type { StepPlan } from "../../../compiler/step-plan.ts";
import { loadChip } from "../../../targets/load.ts";
import { build, randomCase, randomSteps } from "../../contracts/random-case.ts";

const mini = loadChip("mini-4x4");
const columns = { start: 0, end: mini.grid.columns };
const frame = { frameAddress: 0, arrivalToken: tokens.arrived, isBehind: false, columns };

/** Plans of random graphs under random mappings. */
const plans = Array.from({ length: 24 }, (_, seed) => {
  const random = makeRandom(seed);
  const graph = randomCase(random, { blockCount: 4, maximumSize: 8 });
  return build(graph, mini, randomSteps(random, graph.network, mini))?.plan ?? null;
}).filter((plan) => plan !== null);

/** The step with the results of every second core one element further into their buffers. */
function shifted(step: StepPlan): StepPlan {
  const writes = step.writes.map((write) => {
    const origins = write.spread.origins.map((origin, core) =>
      origin.map((start, axis) => (axis === origin.length - 1 ? start - (core % 2) : start)),
    );
    return { ...write, spread: { ...write.spread, origins } };
  });
  return { ...step, writes };
}

/** The step with all elements of results in one place. */
function level(step: StepPlan): StepPlan {
  const writes = step.writes.map((write) => {
    const { layout } = write.spread;
    const strideBytes = layout.strideBytes.map(() => 0);
    return { ...write, spread: { ...write.spread, layout: { ...layout, strideBytes } } };
  });
  return { ...step, writes };
}

describe("the work of a step", () => {
  it("is the same whether steps before it are remembered or not", () => {
    let [found, remembered] = [0, 0];
    for (const plan of plans) {
      const addresses = new Map(plan.buffers.map(({ name }, place) => [name, place << 16]));
      const context = emitContext(plan, addresses);
      const moved = plan.steps.map(shifted);
      for (const step of [...plan.steps, ...moved, ...moved.map(level), ...plan.steps]) {
        const known = context.alikeCores.size;
        const body = emitBody(context, step, frame);
        const anew = emitBody(emitContext(plan, addresses), step, frame);
        // The shapes of packets from the framebuffer are numbered by their context.
        expect({ ...body, movement: null }).toEqual({ ...anew, movement: null });
        if (body.keys.every((key) => key === 0)) continue;
        found += 1;
        remembered += Number(context.alikeCores.size === known);
      }
    }
    expect(remembered).toBeGreaterThan(24);
    expect(remembered).toBeLessThan(found / 2);
  });
});

describe("steps on the grid", () => {
  const laid = (step: StepPlan, memory = layingMemory()): LaidStep =>
    layStep(step.step, step.layer, gridOf(mini), memory);

  it("have the boxes that they have alone, where they share those of other iteration spaces", () => {
    for (const { steps } of plans) {
      const memory = layingMemory();
      for (const step of steps) expect(laid(step, memory)).toEqual(laid(step));
    }
  });

  it("have the very boxes of another iteration space where those are equal, others where corners or chunks differ", () => {
    const memory = layingMemory();
    const [plan] = plans;
    const step = at(plan?.steps ?? [], 0);
    const spaceOf = (size: number, name: string, corner = firstCore, count = 2): LaidStep => {
      const access = [{ terms: [{ dimension: 0, stride: 1 }], offset: 0 }];
      const type = { element: "i8", quantization: null, shape: [size] } as const;
      const layer = {
        ...step.layer,
        kind: "vector" as const,
        dimensions: [{ name, size, kind: "parallel" as const }],
        writes: [{ value: "y", access, type }],
        reads: [],
      };
      const split = { rows: [{ dimension: name, parts: count }], columns: [] };
      return layStep({ ...step.step, split, corner }, layer, gridOf(mini), memory);
    };
    const first = spaceOf(8, "row");
    expect(spaceOf(8, "line").owned[0]).toBe(first.owned[0]);
    expect(first.owned[0]?.slice(0, 8)).toEqual([
      [{ start: 0, end: 4 }],
      null,
      null,
      null,
      [{ start: 4, end: 8 }],
      null,
      null,
      null,
    ]);
    for (const other of [
      spaceOf(7, "row"),
      spaceOf(8, "row", { row: 1, column: 0 }),
      spaceOf(8, "row", firstCore, 4),
    ]) {
      expect(other.owned[0]).not.toEqual(first.owned[0]);
    }
  });
});
