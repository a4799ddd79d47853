import type { ElementType } from "./type.ts";
import type { VectorFunction } from "./vector-function.ts";

/**
 * A number that differs over the cores of a class and over the turns of a loop:
 * base + row·(core's row in the class) + column·(core's column in the class) + turn·(turn of the enclosing loop).
 */
export interface Affine {
  readonly base: number;
  readonly row: number;
  readonly column: number;
  readonly turn: number;
}

/** An address, a coordinate or an offset: the same on all cores of a class, or affine. */
export type Field = number | Affine;

/** The value of a field on the core at (row, column) of its class, in the given turn of the enclosing loop. */
export function fieldValue(field: Field, row: number, column: number, turn: number): number {
  if (typeof field === "number") return field;
  return field.base + field.row * row + field.column * column + field.turn * turn;
}

/**
 * The memories that an instruction reaches. `memory`: the core's unified memory. `weights`: the weight buffer beside
 * the matrix unit. `partial`: the partial-sum buffer. `frame`: the chip's framebuffer (io cores only).
 */
export type Space = "memory" | "weights" | "partial" | "frame";

/** An n-dimensional view of a memory: element [i0, i1, ...] stands at address + Σ i·stride. Strides are bytes. */
export interface View {
  readonly space: Space;
  readonly address: Field;
  /** One entry for each count of the instruction; 0 repeats an element. */
  readonly strides: readonly number[];
}

/** A view whose elements have a type; `scale` elements are pairs of i32 (M, s). */
export interface Operand extends View {
  readonly element: ElementType | "scale";
}

/** A rectangle of cores. Io cores stand in column −1. */
export interface Rectangle {
  readonly row: number;
  readonly column: number;
  readonly rows: number;
  readonly columns: number;
}

/** Of the rectangles that lie beside each other without gaps, in rows and columns as `one` does, that which holds a core. */
export function tileAround(one: Rectangle, row: number, column: number): Rectangle {
  const { rows, columns } = one;
  return {
    row: one.row + Math.floor((row - one.row) / rows) * rows,
    column: one.column + Math.floor((column - one.column) / columns) * columns,
    rows,
    columns,
  };
}

/** A rectangle whose corner may differ over the cores of a class. */
export interface RectangleField {
  readonly row: Field;
  readonly column: Field;
  readonly rows: number;
  readonly columns: number;
}

/**
 * partial[g][m][n] (+)= Σ over inner of activations[g, m, k] · weights[g, k, n], in i32 with wrap-around. Partial sums are
 * dense i32 [groups][rows...][columns] at `partial`. `start`: zero, accumulate onto what stands there, or a copy of
 * the i32 bias [groups][columns] in memory for each row.
 *
 * Weights are `paired`: for each group [ceil(K/2)][columns][2], K the product of inner, a missing last element zero; or
 * `strided`: element (k, n) at address + Σ k·innerStrides + n·columnStride.
 */
export interface MatmulInstruction {
  readonly kind: "matmul";
  readonly groups: number;
  readonly rows: readonly number[];
  readonly inner: readonly number[];
  readonly columns: number;
  readonly activations: {
    readonly space: Space;
    readonly address: Field;
    readonly element: ElementType;
    readonly groupStride: number;
    readonly rowStrides: readonly number[];
    readonly innerStrides: readonly number[];
  };
  readonly weights: {
    readonly space: Space;
    readonly address: Field;
    readonly element: ElementType;
    readonly layout: "paired" | "strided";
    readonly groupStride: number;
    readonly innerStrides: readonly number[];
    readonly columnStride: number;
  };
  readonly partial: Field;
  readonly start: "zero" | "accumulate" | "bias";
  readonly bias: Field;
}

/**
 * What the activation unit does to each result that comes out of the vector unit, before it is stored: a function of one
 * operand and, for a conversion by a scale, that scale.
 */
export interface ActivationStage {
  readonly function: VectorFunction;
  /** The type that the stage takes: what the stage before it gives is rounded to it. */
  readonly element: ElementType;
  /** Where that is stored as well, for others to read; null where it goes to the stage alone. */
  readonly kept: View | null;
  readonly scale: Operand | null;
  readonly parameters: Readonly<Record<string, number>>;
}

/**
 * destination[i] = function(sources[i]...) for every i in counts; or, with stages of the activation unit, the last of them
 * on what the one before it gives. At most one stage is an activation, and at most one, behind it, a conversion
 * (`activationRole`).
 */
export interface VectorInstruction {
  readonly kind: "vector";
  readonly function: VectorFunction;
  readonly counts: readonly number[];
  readonly sources: readonly Operand[];
  readonly destination: Operand;
  readonly parameters: Readonly<Record<string, number>>;
  readonly activation: readonly ActivationStage[];
}

/**
 * destination[i] = reduction over j in inner of source[i, j]. The strides of `source` cover counts then inner; those of
 * `divisor` (i32 counts, for means; null otherwise) and of `destination` cover counts.
 */
export interface ReduceInstruction {
  readonly kind: "reduce";
  readonly function: VectorFunction;
  readonly counts: readonly number[];
  readonly inner: readonly number[];
  readonly source: Operand;
  readonly divisor: Operand | null;
  readonly destination: Operand;
}

/** Copies elements of `elementBytes` within the core's own memory. */
export interface GatherInstruction {
  readonly kind: "gather";
  readonly counts: readonly number[];
  readonly elementBytes: number;
  readonly source: View;
  readonly destination: View;
}

/** Copies elements over the activation network to one core; the token is raised there when the last byte has arrived. */
export interface MoveInstruction {
  readonly kind: "move";
  readonly counts: readonly number[];
  readonly elementBytes: number;
  readonly source: View;
  readonly core: { readonly row: Field; readonly column: Field };
  readonly destination: View;
  readonly token: number;
}

/** Copies elements over the activation network to every core of a rectangle but the sender; each raises the token. */
export interface MulticastInstruction {
  readonly kind: "multicast";
  readonly counts: readonly number[];
  readonly elementBytes: number;
  readonly source: View;
  readonly cores: RectangleField;
  readonly destination: View;
  readonly token: number;
}

/** Sends `count` i32 partial sums to a neighbour over the partial-sum network, into its partial-sum buffer. */
export interface PartialSendInstruction {
  readonly kind: "psum.send";
  readonly count: number;
  readonly address: Field;
  readonly core: { readonly row: Field; readonly column: Field };
  readonly destination: Field;
  readonly token: number;
}

/** Adds `count` i32 partial sums that have arrived at `source` to those at `destination`, in the vector unit. */
export interface PartialReceiveInstruction {
  readonly kind: "psum.recv";
  readonly count: number;
  readonly source: Field;
  readonly destination: Field;
}

/** Copies bytes from the core's memory into its weight buffer. */
export interface WeightsLoadInstruction {
  readonly kind: "weights.load";
  readonly bytes: number;
  readonly source: Field;
  readonly destination: Field;
}

/**
 * All cores of a group exchange their pieces over the model network: core j of the group (row-major) reads `bytes`
 * at `source` and every core of the group gets them at destination + j·bytes of its weight buffer. A collective: the
 * n-th one of a group starts when all its cores have reached it, and ends on all of them together. Groups are rectangles
 * beside each other, of which `group` is one: a core's own is that in which it stands (`tileAround`).
 */
export interface WeightsStreamInstruction {
  readonly kind: "weights.stream";
  readonly bytes: number;
  readonly source: Field;
  readonly destination: Field;
  readonly group: RectangleField;
}

/** Sends a step's program over the instruction network to every core of a rectangle, the sender included. */
export interface ProgramLoadInstruction {
  readonly kind: "program.load";
  readonly bytes: number;
  readonly source: Field;
  readonly cores: RectangleField;
  readonly token: number;
}

/** Receives the tensor of a port that enters (`enteringPorts`) from the host into the framebuffer. */
export interface HostInInstruction {
  readonly kind: "host.in";
  readonly port: number;
}

/** Sends the tensor of a port that leaves (`leavingPorts`) from the framebuffer to the host. */
export interface HostOutInstruction {
  readonly kind: "host.out";
  readonly port: number;
}

/** Has the host compute an operation, whose operands have left and whose result has yet to enter. */
export interface HostRunInstruction {
  readonly kind: "host.run";
  readonly operation: number;
}

/** Raises a token of a core, its own or another (which sees it after the hops between them). */
export interface SignalInstruction {
  readonly kind: "signal";
  readonly token: number;
  readonly core: { readonly row: Field; readonly column: Field };
}

/** Waits until the core's token counts at least `count`, then lowers it by `count`. */
export interface WaitInstruction {
  readonly kind: "wait";
  readonly token: number;
  readonly count: number;
}

/** Waits until every core of the program has reached its barrier. */
export interface BarrierInstruction {
  readonly kind: "barrier";
}

/** Repeats instructions; fields advance by their `turn`. Loops do not nest. */
export interface LoopInstruction {
  readonly kind: "loop";
  readonly count: number;
  readonly body: readonly SimpleInstruction[];
}

/** Any instruction but a loop. */
export type SimpleInstruction =
  | MatmulInstruction
  | VectorInstruction
  | ReduceInstruction
  | GatherInstruction
  | MoveInstruction
  | MulticastInstruction
  | PartialSendInstruction
  | PartialReceiveInstruction
  | WeightsLoadInstruction
  | WeightsStreamInstruction
  | ProgramLoadInstruction
  | HostInInstruction
  | HostOutInstruction
  | HostRunInstruction
  | SignalInstruction
  | WaitInstruction
  | BarrierInstruction;

/** Work of one thread of a core: never a duration, energy or rate. */
export type Instruction = SimpleInstruction | LoopInstruction;
