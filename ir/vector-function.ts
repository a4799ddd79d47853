/** What a vector function costs, in the classes that a target prices in cycles for each group of lanes. */
export type VectorCostClass = "copy" | "compare" | "add" | "multiply" | "divide" | "root" | "table" | "convert";

/** One function of the vector unit. */
export interface VectorFunctionEntry {
  /** Number of source operands. */
  readonly sources: number;
  readonly cost: VectorCostClass;
  /** Names of the immediates. */
  readonly parameters: readonly string[];
  readonly summary: string;
}

/**
 * The functions of the vector unit. On f16: each result is the exact value rounded once to nearest, ties to even;
 * functions of one operand are correctly rounded tables. max and min: a NaN operand gives NaN, and −0 < +0.
 * Scale operands of the three conversions are pairs of i32 (M, s): the factor M·2^−s with 2^21 ≤ M < 2^22.
 */
export const vectorFunctions = {
  fill: { sources: 0, cost: "copy", parameters: ["value"], summary: "Stores a number." },
  copy: { sources: 1, cost: "copy", parameters: [], summary: "Copies." },
  add: { sources: 2, cost: "add", parameters: [], summary: "a + b." },
  subtract: { sources: 2, cost: "add", parameters: [], summary: "a − b." },
  multiply: { sources: 2, cost: "multiply", parameters: [], summary: "a × b." },
  divide: { sources: 2, cost: "divide", parameters: [], summary: "a ÷ b." },
  maximum: { sources: 2, cost: "compare", parameters: [], summary: "The greater." },
  minimum: { sources: 2, cost: "compare", parameters: [], summary: "The lesser." },
  clip: {
    sources: 1,
    cost: "compare",
    parameters: ["low", "high"],
    summary: "max(low, min(high, a)), on f16 or stored integers.",
  },
  relu: { sources: 1, cost: "compare", parameters: [], summary: "max(a, 0)." },
  leaky_relu: { sources: 1, cost: "multiply", parameters: ["alpha"], summary: "a if a ≥ 0, else alpha·a." },
  negate: { sources: 1, cost: "add", parameters: [], summary: "−a." },
  absolute: { sources: 1, cost: "compare", parameters: [], summary: "|a|." },
  square_root: { sources: 1, cost: "root", parameters: [], summary: "√a." },
  reciprocal: { sources: 1, cost: "divide", parameters: [], summary: "1 ÷ a." },
  exp: { sources: 1, cost: "table", parameters: [], summary: "e^a." },
  log: { sources: 1, cost: "table", parameters: [], summary: "ln a." },
  erf: { sources: 1, cost: "table", parameters: [], summary: "The error function." },
  sigmoid: { sources: 1, cost: "table", parameters: [], summary: "1 / (1 + e^−a)." },
  tanh: { sources: 1, cost: "table", parameters: [], summary: "The hyperbolic tangent." },
  gelu: { sources: 1, cost: "table", parameters: [], summary: "a/2 · (1 + erf(a/√2))." },
  gelu_tanh: { sources: 1, cost: "table", parameters: [], summary: "GELU by its tanh approximation." },
  softplus: { sources: 1, cost: "table", parameters: [], summary: "ln(1 + e^a)." },
  requantize: {
    sources: 2,
    cost: "convert",
    parameters: ["zero", "low", "high"],
    summary: "i32 to a narrow integer: clamp(rne(a·M·2^−s) + zero, low, high); operand 2 is the scale (M, s).",
  },
  dequantize: {
    sources: 2,
    cost: "convert",
    parameters: ["zero"],
    summary: "Integer to f16: (a − zero)·M·2^−s rounded once; operand 2 is the scale (M, s).",
  },
  quantize: {
    sources: 2,
    cost: "convert",
    parameters: ["zero", "low", "high"],
    summary:
      "f16 to a narrow integer: clamp(rne(a·M·2^−s) + zero, low, high), NaN gives zero; operand 2 is the inverse scale (M, s).",
  },
  sum: { sources: 1, cost: "add", parameters: [], summary: "Reduction: the exact sum, rounded once." },
  mean: {
    sources: 2,
    cost: "add",
    parameters: [],
    summary: "Reduction: the exact sum ÷ an i32 count (operand 2), rounded once.",
  },
  reduce_maximum: { sources: 1, cost: "compare", parameters: [], summary: "Reduction: the greatest." },
  reduce_minimum: { sources: 1, cost: "compare", parameters: [], summary: "Reduction: the least." },
} as const satisfies Record<string, VectorFunctionEntry>;

/** The name of a function of the vector unit. */
export type VectorFunction = keyof typeof vectorFunctions;
