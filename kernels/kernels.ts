import type { ElementName } from "./element.ts";

/** An n-dimensional view: element [i0, i1, ...] stands at byte address + Σ i·stride. */
interface View {
  /** Byte address in the kernels' memory; any alignment. */
  readonly address: number;
  /** Bytes, one entry a count; 0 repeats an element, negative walks backwards. */
  readonly strides: readonly number[];
}

/** A view whose elements have a type. Sub-byte integers and bool take a byte; `scale` elements are pairs of i32 (M, s). */
export interface ElementView extends View {
  readonly element: ElementName;
}

/** What a contraction reads as its first operand: element (g, m..., k...) at address + g·groupStride + Σ m·rowStride + Σ k·innerStride. */
interface ActivationView {
  readonly address: number;
  readonly element: ElementName;
  readonly groupStride: number;
  readonly rowStrides: readonly number[];
  readonly innerStrides: readonly number[];
}

/**
 * What a contraction reads as its second operand. `paired`: [ceil(K/2)][columns][2] for each group, a missing last
 * element zero, innerStrides and columnStride unused; `strided`: element (g, k..., n) at address + g·groupStride + Σ k·innerStride + n·columnStride.
 */
interface WeightView {
  readonly address: number;
  readonly element: ElementName;
  readonly layout: "paired" | "strided";
  readonly groupStride: number;
  readonly innerStrides: readonly number[];
  readonly columnStride: number;
}

/**
 * partial[g][m][n] (+)= Σ_k activations[g, m, k] · weights[g, k, n]; partial is dense [groups][rows...][columns].
 * Integers: elements of at most 8 bits, partial i32 with wrap-around, bias i32 [groups][columns].
 * Floats (`contractFloat`): everything f32, only the `strided` weight layout, bias f32 [groups][columns].
 */
export interface ContractionTask {
  readonly groups: number;
  readonly rows: readonly number[];
  readonly inner: readonly number[];
  readonly columns: number;
  readonly activations: ActivationView;
  readonly weights: WeightView;
  /** Byte address of the partial sums, 4-byte elements. */
  readonly partial: number;
  readonly start: "zero" | "accumulate" | "bias";
  /** Byte address; read only when `start` is bias. */
  readonly bias: number;
}

/** destination = the weights of a group in `paired` layout, [ceil(K/2)][columns][2] bytes, groups one after the other. */
export interface PairingTask {
  readonly groups: number;
  readonly inner: readonly number[];
  readonly columns: number;
  readonly source: {
    readonly address: number;
    readonly groupStride: number;
    readonly innerStrides: readonly number[];
    readonly columnStride: number;
  };
  /** Byte address. */
  readonly destination: number;
}

/** A function of `vector`, element by element; the names and meanings of the vector unit (docs/numbers.md). */
type ElementwiseFunction =
  | "fill"
  | "copy"
  | "add"
  | "subtract"
  | "multiply"
  | "divide"
  | "maximum"
  | "minimum"
  | "clip"
  | "relu"
  | "leaky_relu"
  | "negate"
  | "absolute"
  | TableFunction
  | "requantize"
  | "dequantize"
  | "quantize";

/** A function of one f16 operand that is a table of 65,536 correctly rounded entries. */
export type TableFunction =
  | "square_root"
  | "reciprocal"
  | "exp"
  | "log"
  | "erf"
  | "sigmoid"
  | "tanh"
  | "gelu"
  | "gelu_tanh"
  | "softplus";

/** A function of `reduce`. */
type ReductionFunction = "sum" | "mean" | "reduce_maximum" | "reduce_minimum";

/** Any function of the vector unit; `vector` and `reduce` throw a RangeError for one of the other's. */
export type KernelFunction = ElementwiseFunction | ReductionFunction;

/**
 * destination[i] = function(sources[i]...) for every i in counts. Operands may coincide exactly with the destination,
 * but not overlap it otherwise.
 * - f16: add, subtract, multiply, divide, maximum, minimum, clip(low, high), relu, leaky_relu(alpha), negate,
 *   absolute and the table functions; sources and destination f16. Bounds are first rounded to f16; NaN results are 0x7e00.
 * - integers i2 … u8, i32: add, subtract, multiply (i32 only, wrap-around), maximum, minimum, clip(low, high), relu (compares with 0).
 * - fill(value), copy: any element type of 1, 2 or 4 bytes; fill rounds to f16 or f32, wraps integers; destination decides.
 * - requantize(zero, low, high): i32, scale → narrow integer. dequantize(zero): integer or i32, scale → f16.
 *   quantize(zero, low, high): f16, scale (of the inverse) → narrow integer. The products are exact while |a − zero| ≤ 2^31.
 */
export interface VectorTask {
  readonly function: KernelFunction;
  readonly counts: readonly number[];
  readonly sources: readonly ElementView[];
  readonly destination: ElementView;
  readonly parameters: Readonly<Record<string, number>>;
}

/**
 * destination[i] = reduction over j in inner of source[i, j]; the source's strides cover counts then inner.
 * - f16 → f16: sum and mean (exact, rounded once), reduce_maximum, reduce_minimum.
 * - narrow integers or i32: sum → i32 (wrap-around), mean → the source's type, rne(sum ÷ count) clamped to it,
 *   reduce_maximum, reduce_minimum → the source's type.
 * mean divides by the i32 element of `divisor` (strides over counts), or by the number of inner elements when it is null.
 */
export interface ReduceTask {
  readonly function: KernelFunction;
  readonly counts: readonly number[];
  readonly inner: readonly number[];
  readonly source: ElementView;
  readonly divisor: ElementView | null;
  readonly destination: ElementView;
}

/** destination[i] = source[i] for every i in counts; elements of 1, 2, 4 or 8 bytes. The two must not overlap. */
export interface CopyTask {
  readonly counts: readonly number[];
  readonly elementBytes: number;
  readonly source: View;
  readonly destination: View;
}

/**
 * The numeric kernels, on one memory; all addresses and strides are bytes. Two implementations give the same bytes
 * (f32 contractions: the same up to the order of additions): `wasmKernels` and `plainKernels`. Any number of counts is
 * allowed as long as at most 8 loops remain once adjacent ones that can be merged are merged; else a RangeError. The
 * kernels do not check bounds beyond the memory's; they never write outside the destination and their own scratch.
 */
export interface Kernels {
  readonly memory: WebAssembly.Memory;
  /** Integer contraction into i32; see ContractionTask. */
  contract(task: ContractionTask): void;
  /** f32 contraction; see ContractionTask. */
  contractFloat(task: ContractionTask): void;
  /** Rewrites strided byte weights in the paired layout. */
  pairWeights(task: PairingTask): void;
  /** One function of the vector unit; see VectorTask. */
  vector(task: VectorTask): void;
  /** One reduction; see ReduceTask. */
  reduce(task: ReduceTask): void;
  /** Moves elements; see CopyTask. */
  copy(task: CopyTask): void;
  /** Converts `count` dense f32 to f16, each rounded once. */
  halfFromFloat(count: number, source: number, destination: number): void;
  /** Converts `count` dense f16 to f32, exactly. */
  floatFromHalf(count: number, source: number, destination: number): void;
}
