import type { Box } from "../ir/iteration.ts";
import type { MappedBuffer, MappedStep } from "../ir/mapping.ts";
import type { ChipTarget } from "../targets/target.ts";
import type { ChainPlan } from "./chain.ts";
import type { CoreGroup } from "./core-group.ts";
import type { Geometry } from "./geometry.ts";
import type { Layer, LayerRead, LayerWrite } from "./layers.ts";
import type { LocalLayout } from "./local-layout.ts";
import type { Network } from "./network.ts";
import type { ContractionRoles } from "./tiling.ts";
import type { Spread } from "./transfers.ts";

/** A buffer that every core needs, the same on all of them: what for, how many bytes, during which steps. */
export type BufferNeed = Omit<MappedBuffer, "address">;

/** How a layer gets one of the values that it reads. */
export interface ReadPlan {
  readonly read: LayerRead;
  /**
   * in-place: read where its producer left it; around: there as well, with what neighbours hold and padding brought into the
   * margin around it; copied: brought into an operand buffer; constant: placed before the
   * program starts; weights: constant weights of a contraction, see WeightsPlan; pieces: a movement layer's copies.
   */
  readonly mode: "in-place" | "around" | "copied" | "constant" | "weights" | "pieces";
  readonly buffer: string;
  readonly layout: LocalLayout;
  /** By core: the box that the core needs, clipped to the tensor; null when the core is idle. */
  readonly boxes: readonly (Box | null)[];
  /** By core: the box that it touches, padding included. */
  readonly touched: readonly (Box | null)[];
  /** By core: the coordinate at the start of the buffer. */
  readonly origins: readonly (readonly number[])[];
  /** Whether any core's footprint leaves the tensor, so that the buffer is filled first. */
  readonly padded: boolean;
}

/** A value that a layer leaves in memory. */
export interface WritePlan {
  readonly write: LayerWrite;
  readonly buffer: string;
  readonly spread: Spread;
}

/** Constant weights of a contraction: how they are cut and where each core keeps them. */
export interface WeightsPlan {
  readonly read: LayerRead;
  readonly buffer: string;
  /** The rectangle of cores that store a copy of a slice between them; 1 × 1 when resident. */
  readonly group: CoreGroup;
  /** What a core stores, at most. */
  readonly bytes: number;
}

/** Everything that is decided about one step, with nothing placed yet. */
export interface StepPlan {
  readonly index: number;
  readonly step: MappedStep;
  readonly layer: Layer;
  readonly geometry: Geometry;
  /** By core: its part of the iteration space. */
  readonly boxes: readonly Box[];
  readonly active: readonly boolean[];
  readonly owns: readonly boolean[];
  readonly reads: readonly ReadPlan[];
  readonly writes: readonly WritePlan[];
  readonly roles: ContractionRoles | null;
  readonly weights: WeightsPlan | null;
  readonly chain: ChainPlan;
  /** Whether another step computes at once on some of its cores. */
  readonly sharesCores: boolean;
}

/** A network with its decisions worked out: what every step reads, writes and needs in memory. */
export interface NetworkPlan {
  readonly network: Network;
  readonly target: ChipTarget;
  readonly steps: readonly StepPlan[];
  /** By value: where its producer leaves it. */
  readonly homes: ReadonlyMap<string, WritePlan>;
  readonly buffers: readonly BufferNeed[];
}
