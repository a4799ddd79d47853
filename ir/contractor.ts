/** Elements of a dense array that a contraction walks over. Offsets and strides count elements. */
export interface ContractionOperand<Data extends ContractionData = ContractionData> {
  readonly data: Data;
  readonly offset: number;
  readonly groupStride: number;
  readonly innerStrides: readonly number[];
}

/** The arrays that contractions read. */
export type ContractionData =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array;

/**
 * result[g, m, n] = bias[g, n] + Σ_k activations[g, m, k] · weights[g, k, n], where rows (m) and inner (k) may have many
 * axes. Results are dense: [groups][rows...][columns].
 */
export interface ContractionTask {
  readonly groups: number;
  readonly rows: readonly number[];
  readonly inner: readonly number[];
  readonly columns: number;
  readonly activations: ContractionOperand & { readonly rowStrides: readonly number[] };
  readonly weights: ContractionOperand & { readonly columnStride: number };
  /** [groups][columns]; null for zeros. */
  readonly bias: Int32Array | Float32Array | Float64Array | null;
}

/** What computes contractions of whole tensors for the evaluator. */
export interface Contractor {
  /** Integer operands; sums modulo 2^32. */
  integer(task: ContractionTask): Int32Array;
  /** Float operands; sums in f32 or wider, in any order. */
  float(task: ContractionTask): Float32Array | Float64Array;
}
