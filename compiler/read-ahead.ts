import { at } from "../base/math.ts";
import { goesOverEnd } from "../base/step-range.ts";
import type { MappedBuffer } from "../ir/mapping.ts";
import type { NetworkPlan } from "./step-plan.ts";

/** An input whose next batch is read while this one is computed. */
export interface ReadAhead {
  /** The step of the input. */
  readonly step: number;
  /** The step from which on its buffer is free for the next batch. */
  readonly fromStep: number;
}

/** By step: the buffers of the inputs that can be read ahead, those of the graph; null for all other steps. */
export function inputBuffers({ network, steps }: NetworkPlan): (string | null)[] {
  return network.layers.map(({ kind, host }, step) =>
    kind === "input" && host === null ? at(at(steps, step).writes, 0).buffer : null,
  );
}

/** The inputs that placed buffers say are read ahead: those whose value is live over the end of a batch. */
export function readsAhead(plan: NetworkPlan, buffers: readonly MappedBuffer[]): ReadAhead[] {
  const byName = new Map<string | null, MappedBuffer>(buffers.map((buffer) => [buffer.name, buffer]));
  return inputBuffers(plan).flatMap((name, step) => {
    const buffer = byName.get(name);
    return buffer !== undefined && goesOverEnd(buffer) ? [{ step, fromStep: buffer.firstStep }] : [];
  });
}
