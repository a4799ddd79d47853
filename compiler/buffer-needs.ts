import { at, roundUp } from "../base/math.ts";
import { concurrency } from "./concurrency.ts";
import type { Network } from "./network.ts";
import type { BufferNeed, StepPlan } from "./step-plan.ts";

/** The buffers that steps need, in the order of the steps, those that several share once. */
export function bufferNeeds(network: Network, plans: readonly StepPlan[]): BufferNeed[] {
  const last = plans.length - 1;
  const { begins, ends } = concurrency(plans.map(({ step }) => step));
  const nexts = new Set(network.ties.map(({ next }) => next));
  const needs: BufferNeed[] = [];
  /** By name of a value's buffer: its place in the list. */
  const places = new Map<string, number>();
  /** Constant buffers, which steps may share. */
  const stored = new Set<string>();
  const isNew = (buffer: string): boolean => {
    const found = stored.has(buffer);
    stored.add(buffer);
    return !found;
  };
  for (const plan of plans) {
    const { step, index } = plan;
    const [begin, end] = [at(begins, index), at(ends, index)];
    for (const write of plan.writes) {
      if (nexts.has(index)) continue;
      const readers = (network.readers.get(write.write.value) ?? []).map((reader) => at(ends, reader));
      const stays = plan.layer.kind === "state";
      const taken = places.get(write.buffer);
      if (taken !== undefined) {
        needs[taken] = { ...(needs[taken] as BufferNeed), lastStep: Math.max(end, ...readers) };
        continue;
      }
      places.set(write.buffer, needs.length);
      needs.push({
        name: write.buffer,
        role: "value",
        step: step.name,
        value: write.buffer,
        element: write.write.type.element,
        bytes: write.spread.layout.bytes,
        firstStep: stays ? 0 : begin,
        lastStep: stays ? last : Math.max(end, ...readers),
      });
    }
    const names = new Set<string>();
    for (const read of plan.reads) {
      if ((read.mode !== "copied" && read.mode !== "constant") || names.has(read.buffer)) continue;
      names.add(read.buffer);
      const copied = read.mode === "copied";
      if (!copied && !isNew(read.buffer)) continue;
      needs.push({
        name: read.buffer,
        role: copied ? "operand" : "constant",
        step: step.name,
        value: read.read.value,
        element: read.read.type.element,
        bytes: read.layout.bytes,
        firstStep: copied ? begin : 0,
        lastStep: copied ? end : last,
      });
    }
    if (plan.weights !== null && isNew(plan.weights.buffer)) {
      needs.push({
        name: plan.weights.buffer,
        role: "weights",
        step: step.name,
        value: plan.weights.read.value,
        element: plan.weights.read.type.element,
        bytes: plan.weights.bytes,
        firstStep: 0,
        lastStep: last,
      });
    }
    for (const table of plan.chain.tables) {
      if (!isNew(table.buffer)) continue;
      needs.push({
        name: table.buffer,
        role: "constant",
        step: step.name,
        value: null,
        element: null,
        bytes: table.bytes,
        firstStep: 0,
        lastStep: last,
      });
    }
    plan.chain.slotBytes.forEach((bytes, slot) => {
      needs.push({
        name: `${step.name}/scratch ${slot}`,
        role: "scratch",
        step: step.name,
        value: null,
        element: null,
        bytes,
        firstStep: begin,
        lastStep: end,
      });
    });
  }
  return needs.map((need) => ({ ...need, bytes: roundUp(need.bytes, 4) }));
}
