import type { ElementName } from "./element.ts";
import type { tableFunctions } from "./table-names.ts";

/** An n-dimensional view: element [i0, i1, ...] stands at byte address + Σ i·stride. */
interface View {
  /** Byte address in the kernels' memory; any alignment. */
  readonly address: number;
  /** Bytes, one entry a count; 0 repeats an element, negative walks backwards. */
  readonly strides: readonly number[];
}

/** A view whose elements have a type. Integers of less than a byte, and bool, take one; `scale` elements are pairs of i32 (M, s). */
export interface ElementView extends View {
  readonly element: ElementName;
}

/** What a contraction reads as its first operand: element (g, m..., k...) at address + g·groupStride + Σ m·rowStride + Σ k·innerStride. */
interface ActivationView {
  readonly address: number;
  readonly element: ElementName;
  /** Whether elements of 4 and 2 bits take no more in memory: address and strides are then multiples of their share of a byte. */
  readonly packed?: boolean;
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
  /** As for activations. */
  readonly packed?: boolean;
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
  | "convert"
  | BinaryFunction
  | Comparison
  | "select"
  | "is_nan"
  | "is_infinite"
  | "clip"
  | "relu"
  | "leaky_relu"
  | "negate"
  | "absolute"
  | "sign"
  | "not"
  | TableFunction
  | "requantize"
  | "dequantize"
  | "quantize";

/** A function of two operands of one type, which its result has too. */
export type BinaryFunction =
  | "add"
  | "subtract"
  | "multiply"
  | "divide"
  | "modulo"
  | "remainder"
  | "power"
  | "maximum"
  | "minimum"
  | "and"
  | "or"
  | "xor"
  | "shift_left"
  | "shift_right";

/** A function of two operands of one type that gives a truth value. */
export type Comparison = "equal" | "less" | "less_or_equal" | "greater" | "greater_or_equal";

/** A function of one f16 operand that is a table of 65,536 correctly rounded entries. */
export type TableFunction = (typeof tableFunctions)[number];

/** A reduction that gives the place of an extreme element among the inner ones: the first or the last of equals. */
export type ArgumentFunction =
  | "first_maximum_index"
  | "last_maximum_index"
  | "first_minimum_index"
  | "last_minimum_index";

/** A function of `reduce`. */
type ReductionFunction =
  | "sum"
  | "mean"
  | "mean_of_squares"
  | "product"
  | "reduce_maximum"
  | "reduce_minimum"
  | ArgumentFunction;

/** Any function of the vector unit; `vector` and `reduce` throw a RangeError for one of the other's. */
export type KernelFunction = ElementwiseFunction | ReductionFunction;

/**
 * destination[i] = function(sources[i]...) for every i in counts. Operands may coincide exactly with the destination,
 * but not overlap it otherwise. Floats are f16; NaN results are 0x7e00. Integers have any width, and wrap around at it.
 * - add, subtract, multiply, divide, modulo, remainder, power, maximum, minimum, clip(low, high), relu, negate, absolute,
 *   sign: f16 or any integer, all operands and the destination alike. Bounds are first rounded to f16.
 * - leaky_relu(alpha) and the table functions: f16. and, or, xor, not, shift_left, shift_right: integers and bool.
 * - comparisons: f16 or any integer, both alike, to bool. is_nan, is_infinite(positive, negative): f16 to bool.
 * - select: bool, and two operands of the destination's element, whose bits are copied.
 * - convert: any element to any: floats rounded once, whole numbers wrapped, floats to integers as `integerFromFloat`.
 * - fill(value), copy: any element; fill rounds to f16 or f32, wraps integers; the destination decides.
 * - requantize(zero, low, high): i32, scale → integer of at most 16 bits. dequantize(zero): integer of at most 32 bits,
 *   scale → f16. quantize(zero, low, high): f16, scale (of the inverse) → integer of at most 32 bits. The products are
 *   exact while |a − zero| ≤ 2^31.
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
 * - f16 → f16: sum, mean and mean_of_squares (exact, rounded once), product (in f64, in order, rounded once), reduce_maximum, reduce_minimum.
 * - integers: sum, product (wrap-around), mean, reduce_maximum, reduce_minimum → the source's type; the sum of integers of
 *   at most 8 bits also → i32. mean: at most 16 bits rne(sum ÷ count) clamped, wider truncated toward zero.
 * - f16 or any integer → i64: the four indexes, row-major over the inner loops.
 * Means divide by the i32 element of `divisor` (strides over counts), or by the number of inner elements when it is null.
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

/** A view of elements of 4 or 2 bits: packed, the lowest bits of a byte first, or one in the low bits of each byte. */
interface PackableView extends View {
  readonly packed: boolean;
}

/**
 * destination[i] = source[i] for every i in counts, elements of 4 or 2 bits, packed or not on either side; unpacked ones
 * are extended to bytes by their sign or by zeros. Other elements in the destination's bytes stay.
 */
export interface PackedCopyTask {
  readonly counts: readonly number[];
  readonly element: ElementName;
  readonly source: PackableView;
  readonly destination: PackableView;
}

/**
 * The numeric kernels, on one memory; all addresses and strides are bytes, or fractions for packed elements. Two implementations give the same bytes
 * (f32 contractions: the same up to the order of additions): `wasmKernels` and `plainKernels`. Any number of counts is
 * allowed as long as at most 8 loops remain once adjacent ones that can be merged are merged; else a RangeError. The
 * kernels do not check bounds beyond the memory's; they never write outside the destination and their own scratch, but may read up to 7 bytes past packed elements.
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
  /** Moves, packs or unpacks elements of 4 and 2 bits; see PackedCopyTask. */
  copyPacked(task: PackedCopyTask): void;
  /** Converts `count` dense f32 to f16, each rounded once. */
  halfFromFloat(count: number, source: number, destination: number): void;
  /** Converts `count` dense f16 to f32, exactly. */
  floatFromHalf(count: number, source: number, destination: number): void;
}
