import type { StepRange } from "../base/step-range.ts";
import type { ElementType } from "./type.ts";
import type { WeightPlan } from "./weight-plan.ts";

/** A dimension of a step's iteration space divided into `parts` equal ranges (the last ones may be short or empty). */
export interface SplitPart {
  readonly dimension: string;
  readonly parts: number;
}

/**
 * How a step's iteration space is spread over the grid: along each grid axis a list of parts, outermost first; the
 * products of parts are at most the grid's rows and columns, cores beyond them are idle. A dimension may stand on both
 * axes: its range index is then rowIndex·(parts on columns) + columnIndex.
 */
export interface Split {
  readonly rows: readonly SplitPart[];
  readonly columns: readonly SplitPart[];
}

/** Sizes of the tiles of a contraction inside a core: output positions, output columns, and inner elements. */
export interface TilePlan {
  readonly rows: number;
  readonly columns: number;
  readonly inner: number;
  /**
   * The outermost loop: rows unless it says columns, in which case the weights of a tile of columns stay until all rows have
   * passed; only where inner elements are not cut.
   */
  readonly outer?: "columns";
}

/** Cores along one grid axis that hold partial sums of the same results; the last one ends up with the sum. */
export interface ReductionPlan {
  readonly axis: "rows" | "columns";
  readonly parts: number;
}

/** A share of an output that leaves while an earlier step than the output's own does its work. */
export interface EarlyShare {
  readonly step: string;
  /** Columns of the grid whose cores send what they hold, those east of the shares before; the first share begins with column 0. */
  readonly columns: number;
}

/** A core of the grid. */
export interface CorePlace {
  readonly row: number;
  readonly column: number;
}

/** One layer over the cores of its split. */
export interface MappedStep {
  /** The layer's name. */
  readonly name: string;
  readonly kind: "input" | "state" | "contraction" | "vector" | "reduce" | "movement" | "output";
  /** The nodes that are computed, in graph order; for input, state and output steps none. */
  readonly nodes: readonly string[];
  /** For input, state and output steps: the graph value that enters, stays or leaves. */
  readonly value: string | null;
  readonly split: Split;
  /** The north-west core of the split; (0, 0) where it is left out. */
  readonly corner?: CorePlace;
  /** The step that this one runs beside, on other cores: both begin when the step before them has ended. */
  readonly beside?: string;
  readonly weights: WeightPlan | null;
  readonly tile: TilePlan | null;
  readonly reduction: ReductionPlan | null;
  /** For outputs: what leaves before, in order of steps. */
  readonly early?: readonly EarlyShare[];
}

/**
 * How a core holds its box of a value: the axes of the value from outermost to innermost in memory. Strides are dense
 * over the largest box of any core.
 */
export interface ValueLayout {
  readonly value: string;
  readonly order: readonly number[];
}

/**
 * A range of every core's memory. `role` says what for; live from `firstStep` to `lastStep`. The value of an input may be live
 * over the end of a batch: from `firstStep` on the next batch's is read.
 */
export interface MappedBuffer extends StepRange {
  readonly name: string;
  readonly role: "value" | "operand" | "weights" | "constant" | "scratch" | "program";
  readonly step: string;
  /** The graph value or constant that the buffer holds; null for scratch and programs. */
  readonly value: string | null;
  readonly element: ElementType | null;
  readonly address: number;
  readonly bytes: number;
}

/** Which core computes which tile and where each byte lives. May be written or edited by hand. */
export interface Mapping {
  readonly kind: "mapping";
  readonly graph: string;
  readonly target: string;
  readonly batchCount: number;
  readonly steps: readonly MappedStep[];
  readonly layouts: readonly ValueLayout[];
  readonly buffers: readonly MappedBuffer[];
}
