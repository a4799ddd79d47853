import { at, sum } from "../../base/math.ts";
import type { EarlyShare } from "../../ir/mapping.ts";
import { carriersOf, heldColumns } from "../early-share.ts";
import type { NetworkPlan, StepPlan } from "../step-plan.ts";
import { type StepCost, transferCycles } from "./steps.ts";

/**
 * The plan with shares of outputs that leave while earlier steps do their work, as many columns of the grid as each of these has time for
 * when its own transfers are done; `keeps` says of which outputs nothing is changed.
 */
export function withEarlyShares(
  plan: NetworkPlan,
  costs: readonly StepCost[],
  keeps: (name: string) => boolean,
): NetworkPlan {
  const room = costs.map((cost) => cost.cycles - transferCycles(cost) - cost.work.synchronizationCycles);
  const steps = plan.steps.map((each): StepPlan => {
    const { layer, index, step } = each;
    if (layer.kind !== "output" || layer.host !== null || keeps(step.name)) return each;
    const { value } = at(layer.reads, 0);
    const columns = heldColumns(plan, value);
    if (columns.length === 0) return each;
    const cycles = transferCycles(at(costs, index)) / columns.length;
    const early: EarlyShare[] = [];
    let taken = 0;
    for (const [beside, carries] of carriersOf(plan, each).entries()) {
      if (!carries) continue;
      const count = Math.min(columns.length - taken, Math.floor(at(room, beside) / cycles));
      if (count <= 0) continue;
      taken += count;
      room[beside] = at(room, beside) - count * cycles;
      const end = at(columns, taken - 1) + 1;
      early.push({ step: at(plan.steps, beside).step.name, columns: end - sum(early.map((share) => share.columns)) });
    }
    return early.length === 0 ? each : { ...each, step: { ...step, early } };
  });
  return { ...plan, steps };
}
