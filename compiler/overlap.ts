import { at } from "../base/math.ts";
import { goesOverEnd } from "../base/step-range.ts";
import type { MappedBuffer } from "../ir/mapping.ts";
import type { NetworkPlan } from "./step-plan.ts";

/** Which batch is computed while an input or output passes: ahead, the one before its own; behind, the one after. */
export type OverlapDirection = "ahead" | "behind";

/** An input or output that passes between framebuffer and cores while another batch than its own is computed. */
export interface Overlap {
  readonly direction: OverlapDirection;
  /** The step of the input or output. */
  readonly step: number;
  /** Of the other batch: ahead, the step from which on the input's buffer is free; behind, the step at whose end the output has left. */
  readonly fence: number;
}

/** The buffer of an input or output that may overlap with another batch. */
export interface BoundaryBuffer {
  readonly direction: OverlapDirection;
  readonly step: number;
  readonly buffer: string;
}

/**
 * The buffers of inputs that can be read ahead and of outputs that can be sent behind, in order of step: those of the graph, but of outputs not those
 * that lie where an input or a state does.
 */
export function boundaryBuffers({ network, steps, homes }: NetworkPlan): BoundaryBuffer[] {
  const taken = new Set(
    steps.flatMap(({ layer: { kind }, writes }) =>
      kind === "input" || kind === "state" ? writes.map(({ buffer }) => buffer) : [],
    ),
  );
  return network.layers.flatMap(({ kind, host, reads }, step): BoundaryBuffer[] => {
    if (host !== null) return [];
    if (kind === "input") return [{ direction: "ahead", step, buffer: at(at(steps, step).writes, 0).buffer }];
    const buffer = kind === "output" ? homes.get(at(reads, 0).value)?.buffer : undefined;
    return buffer === undefined || taken.has(buffer) ? [] : [{ direction: "behind", step, buffer }];
  });
}

/** The overlaps that placed buffers speak of: those of the values that are live over the end of a batch. */
export function overlapsOf(plan: NetworkPlan, buffers: readonly MappedBuffer[]): Overlap[] {
  const over = new Map(buffers.filter(goesOverEnd).map((buffer) => [buffer.name, buffer]));
  return boundaryBuffers(plan).flatMap(({ direction, step, buffer }) => {
    const range = over.get(buffer);
    if (range === undefined) return [];
    return [{ direction, step, fence: direction === "ahead" ? range.firstStep : range.lastStep }];
  });
}
