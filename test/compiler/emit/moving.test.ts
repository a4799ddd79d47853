import { describe, expect, it } from "vitest";
import { makeRandom } from "../../../base/random.ts";
import { type EmitContext, emitContext } from "../../../compiler/emit/chain.ts";
import { emitMoving } from "../../../compiler/emit/moving.ts";
import type { MovingThreads } from "../../../compiler/emit/moving-threads.ts";
import { tokens } from "../../../compiler/emit/tokens.ts";
import type { NetworkPlan, StepPlan } from "../../../compiler/step-plan.ts";
import { loadChip } from "../../../targets/load.ts";
import { build, randomCase, randomSteps } from "../../contracts/random-case.ts";

const mini = loadChip("mini-4x4");

/** The threads that move data in a step, with tokens that may be those of a step that runs beside another. */
function moving(context: EmitContext, step: StepPlan, arrivalToken: number, gatheredToken: number): MovingThreads {
  const columns = { start: 0, end: mini.grid.columns };
  return emitMoving(context, step, { frameAddress: 0, arrivalToken, isBehind: false, columns }, [], gatheredToken);
}

/** Steps on chip of plans of random graphs under random mappings. */
const cases = Array.from({ length: 24 }, (_, seed) => {
  const random = makeRandom(seed);
  const graph = randomCase(random, { blockCount: 4, maximumSize: 8 });
  return build(graph, mini, randomSteps(random, graph.network, mini))?.plan ?? null;
})
  .filter((plan) => plan !== null)
  .flatMap((plan) =>
    plan.steps.filter(({ layer }) => !["input", "output"].includes(layer.kind)).map((step) => ({ plan, step })),
  );

/** Addresses of a plan's buffers, by the place of each among them. */
const addressesBy = (plan: NetworkPlan, addressOf: (place: number) => number): Map<string, number> =>
  new Map(plan.buffers.map(({ name }, place) => [name, addressOf(place)]));

describe("threads that move data", () => {
  it("are worked out once for buffers that stand elsewhere, and are those that are worked out anew", () => {
    let moves = 0;
    for (const { plan, step } of cases) {
      const near = addressesBy(plan, (place) => place << 16);
      const shared = emitContext(plan, near);
      moving(shared, step, tokens.arrived, tokens.gathered);
      const entries = shared.moving.size;
      const far = addressesBy(plan, (place) => 4096 + (place << 16));
      const found = moving({ ...shared, addresses: far }, step, tokens.arrived, tokens.gathered);
      expect(found).toEqual(moving(emitContext(plan, far), step, tokens.arrived, tokens.gathered));
      expect(shared.moving.size).toBe(entries);
      moves += Number(found.classes.length > 0);
    }
    expect(moves).toBeGreaterThan(40);
  });

  it("are others where buffers stand otherwise to each other", () => {
    let others = 0;
    for (const { plan, step } of cases) {
      const shared = emitContext(
        plan,
        addressesBy(plan, (place) => place << 16),
      );
      moving(shared, step, tokens.arrived, tokens.gathered);
      const entries = shared.moving.size;
      for (let shifted = 0; shifted < plan.buffers.length; shifted += 1) {
        const addresses = addressesBy(plan, (place) => (place << 16) + (place === shifted ? 4096 : 0));
        const found = moving({ ...shared, addresses }, step, tokens.arrived, tokens.gathered);
        expect(found).toEqual(moving(emitContext(plan, addresses), step, tokens.arrived, tokens.gathered));
      }
      others += Number(shared.moving.size > entries);
    }
    expect(others).toBeGreaterThan(4);
  });

  it("raise the tokens of their own step", () => {
    for (const { plan, step } of cases) {
      const context = emitContext(
        plan,
        addressesBy(plan, (place) => place << 16),
      );
      for (const [arrived, gathered] of [
        [tokens.arrived, tokens.gathered],
        [tokens.arrivedBeside, tokens.gathered],
        [tokens.arrived, tokens.gatheredBeside],
      ] as const) {
        const alone = emitContext(plan, context.addresses);
        expect(moving(context, step, arrived, gathered)).toEqual(moving(alone, step, arrived, gathered));
      }
    }
  });
});
