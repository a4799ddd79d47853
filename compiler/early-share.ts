import { at, sum } from "../base/math.ts";
import type { Range } from "../ir/iteration.ts";
import { concurrency } from "./concurrency.ts";
import type { NetworkPlan, StepPlan } from "./step-plan.ts";

/** A share of an output and the step beside whose work it leaves, by index. */
export interface PlacedShare {
  readonly output: number;
  readonly beside: number;
  /** The columns of the grid whose cores send. */
  readonly columns: Range;
}

/** What leaves of an output before its own step; nothing for other steps. */
export function earlyShares(plan: NetworkPlan, { index, step }: StepPlan): PlacedShare[] {
  let start = 0;
  return (step.early ?? []).map(({ step: name, columns }) => {
    const beside = plan.steps.findIndex((each) => each.step.name === name);
    const share = { output: index, beside, columns: { start, end: start + columns } };
    start += columns;
    return share;
  });
}

/** The columns of the grid whose cores send what they hold of an output in its own step. */
export function lateColumns({ target }: NetworkPlan, { step }: StepPlan): Range {
  return { start: sum((step.early ?? []).map(({ columns }) => columns)), end: target.grid.columns };
}

/**
 * By step: whether shares of an output may leave beside it: it stands between the output's maker and the output, computes, and runs beside no
 * other step.
 */
export function carriersOf({ network, steps }: NetworkPlan, { layer, index }: StepPlan): boolean[] {
  const { begins, ends } = concurrency(steps.map(({ step }) => step));
  const maker = network.producer.get(at(layer.reads, 0).value) ?? steps.length;
  return steps.map(({ layer: { kind } }, step) => {
    if (step <= maker || step >= index || at(begins, step) < at(ends, step)) return false;
    return kind === "contraction" || kind === "vector" || kind === "reduce" || kind === "movement";
  });
}

/** By output step: the share of its elements' columns that leaves early. */
export function earlyFraction(plan: NetworkPlan, { step, layer }: StepPlan): number {
  const columns = heldColumns(plan, layer.reads[0]?.value ?? "");
  const end = sum((step.early ?? []).map((share) => share.columns));
  return columns.length === 0 ? 0 : columns.filter((column) => column < end).length / columns.length;
}

/** The columns of the grid whose cores hold a part of a value, ascending. */
export function heldColumns({ homes, target }: NetworkPlan, value: string): number[] {
  const boxes = homes.get(value)?.spread.boxes ?? [];
  const { columns } = target.grid;
  return Array.from({ length: columns }, (_, column) => column).filter((column) =>
    boxes.some((box, core) => box !== null && core % columns === column),
  );
}
