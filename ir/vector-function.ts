import { type ElementType, elementTypes } from "./type.ts";

/** What a vector function costs, in the classes that a target prices in cycles for each group of lanes. */
export type VectorCostClass =
  | "copy"
  | "compare"
  | "add"
  | "multiply"
  | "divide"
  | "root"
  | "table"
  | "power"
  | "convert";

/** One function of the vector unit. */
export interface VectorFunctionEntry {
  /** Number of source operands. */
  readonly sources: number;
  readonly cost: VectorCostClass;
  /** Names of the immediates. */
  readonly parameters: readonly string[];
  readonly summary: string;
}

const binary = (cost: VectorCostClass, summary: string) => ({ sources: 2, cost, parameters: [], summary }) as const;
const unary = (cost: VectorCostClass, summary: string) => ({ sources: 1, cost, parameters: [], summary }) as const;

/**
 * The functions of the vector unit. On f16: each result is the exact value rounded once to nearest, ties to even;
 * functions of one operand are correctly rounded tables. max and min: a NaN operand gives NaN, and −0 < +0.
 * Integers of any width wrap around at it. Comparisons and tests give bool (0 or 1 in a byte).
 * Scale operands of the three conversions are pairs of i32 (M, s): the factor M·2^−s with 2^21 ≤ M < 2^22.
 */
export const vectorFunctions = {
  fill: { sources: 0, cost: "copy", parameters: ["value"], summary: "Stores a number." },
  copy: unary("copy", "Copies."),
  add: binary("add", "a + b."),
  subtract: binary("add", "a − b."),
  multiply: binary("multiply", "a × b."),
  divide: binary("divide", "a ÷ b; integers truncate toward zero, and give 0 for b = 0."),
  modulo: binary("divide", "The remainder of a ÷ b with the sign of b; integers give 0 for b = 0."),
  remainder: binary("divide", "The remainder of a ÷ b with the sign of a; integers give 0 for b = 0."),
  power: binary("power", "a^b; a negative power of an integer other than 1 and −1 is 0."),
  maximum: binary("compare", "The greater."),
  minimum: binary("compare", "The lesser."),
  equal: binary("compare", "Whether a = b."),
  less: binary("compare", "Whether a < b."),
  less_or_equal: binary("compare", "Whether a ≤ b."),
  greater: binary("compare", "Whether a > b."),
  greater_or_equal: binary("compare", "Whether a ≥ b."),
  and: binary("compare", "a AND b, bit by bit."),
  or: binary("compare", "a OR b, bit by bit."),
  xor: binary("compare", "a XOR b, bit by bit."),
  shift_left: binary("compare", "a · 2^b, bits lost above."),
  shift_right: binary("compare", "⌊a / 2^b⌋, of unsigned integers."),
  not: unary("compare", "The bits of an integer inverted; of a truth value the other one."),
  select: {
    sources: 3,
    cost: "compare",
    parameters: [],
    summary: "The bits of b where the truth value a is 1, else of c.",
  },
  is_nan: unary("compare", "Whether a is no number."),
  is_infinite: {
    sources: 1,
    cost: "compare",
    parameters: ["positive", "negative"],
    summary: "Whether a is infinite, of the signs whose parameter is not 0.",
  },
  convert: unary(
    "convert",
    "a in another element type: floats rounded once, integers wrapped, floats truncated (docs/numbers.md).",
  ),
  sign: unary("compare", "−1, 0 or 1; zeros and NaN as they are."),
  floor: unary("table", "The greatest integer not above a."),
  ceil: unary("table", "The least integer not below a."),
  round: unary("table", "The nearest integer, ties to even."),
  clip: {
    sources: 1,
    cost: "compare",
    parameters: ["low", "high"],
    summary: "max(low, min(high, a)), on f16 or stored integers.",
  },
  relu: unary("compare", "max(a, 0)."),
  leaky_relu: { sources: 1, cost: "multiply", parameters: ["alpha"], summary: "a if a ≥ 0, else alpha·a." },
  negate: unary("add", "−a."),
  absolute: unary("compare", "|a|."),
  square_root: unary("root", "√a."),
  reciprocal: unary("divide", "1 ÷ a."),
  exp: unary("table", "e^a."),
  exp_minus_one: unary("table", "e^a − 1."),
  log: unary("table", "ln a."),
  sin: unary("table", "The sine."),
  cos: unary("table", "The cosine."),
  tan: unary("table", "The tangent."),
  asin: unary("table", "The inverse sine."),
  acos: unary("table", "The inverse cosine."),
  atan: unary("table", "The inverse tangent."),
  sinh: unary("table", "The hyperbolic sine."),
  cosh: unary("table", "The hyperbolic cosine."),
  asinh: unary("table", "The inverse hyperbolic sine."),
  acosh: unary("table", "The inverse hyperbolic cosine."),
  atanh: unary("table", "The inverse hyperbolic tangent."),
  erf: unary("table", "The error function."),
  sigmoid: unary("table", "1 / (1 + e^−a)."),
  tanh: unary("table", "The hyperbolic tangent."),
  gelu: unary("table", "a/2 · (1 + erf(a/√2))."),
  gelu_tanh: unary("table", "GELU by its tanh approximation."),
  softplus: unary("table", "ln(1 + e^a)."),
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
  sum: unary("add", "Reduction: the exact sum, rounded once."),
  mean: {
    sources: 2,
    cost: "add",
    parameters: [],
    summary: "Reduction: the exact sum ÷ an i32 count (operand 2), rounded once.",
  },
  mean_of_squares: {
    sources: 2,
    cost: "multiply",
    parameters: [],
    summary: "Reduction of f16: the exact sum of the exact squares ÷ an i32 count (operand 2), rounded once.",
  },
  product: unary("multiply", "Reduction: the product in f64, in order, rounded once; of integers with wrap-around."),
  first_maximum_index: unary("compare", "Reduction to i64: the place of the greatest, the first of equals."),
  last_maximum_index: unary("compare", "Reduction to i64: the place of the greatest, the last of equals."),
  first_minimum_index: unary("compare", "Reduction to i64: the place of the least, the first of equals."),
  last_minimum_index: unary("compare", "Reduction to i64: the place of the least, the last of equals."),
  reduce_maximum: unary("compare", "Reduction: the greatest."),
  reduce_minimum: unary("compare", "Reduction: the least."),
} as const satisfies Record<string, VectorFunctionEntry>;

/** The name of a function of the vector unit. */
export type VectorFunction = keyof typeof vectorFunctions;

/** What a stage of the activation unit does: a function of one operand, or the conversion to the precision of the output. */
export type ActivationRole = "activation" | "conversion";

/** What the activation unit can do with what comes out of the vector unit; everything else the vector unit does alone. */
const activationRoles: Readonly<Partial<Record<VectorFunction, ActivationRole>>> = {
  clip: "activation",
  relu: "activation",
  leaky_relu: "activation",
  absolute: "activation",
  exp: "activation",
  exp_minus_one: "activation",
  log: "activation",
  erf: "activation",
  sigmoid: "activation",
  tanh: "activation",
  gelu: "activation",
  gelu_tanh: "activation",
  softplus: "activation",
  quantize: "conversion",
  convert: "conversion",
};

/** The part that a function can have in the activation unit; null for what only the vector unit does. */
export function activationRole(name: VectorFunction): ActivationRole | null {
  return activationRoles[name] ?? null;
}

/** Whether one pass can take these functions behind the vector unit: an activation, a conversion, or one and then the other. */
export function isActivationPipeline(names: readonly VectorFunction[]): boolean {
  const roles = names.map(activationRole);
  const [first, second] = roles;
  return (
    !roles.includes(null) &&
    (roles.length < 2 || (roles.length === 2 && first === "activation" && second === "conversion"))
  );
}

/** Bits of a lane of the vector unit, whose format is f16. */
const laneBits = elementTypes.f16.bits;

/** The conversions between i32 sums and narrow numbers: what the cost class "convert" prices as they are. */
const scaled: ReadonlySet<VectorFunction> = new Set(["requantize", "dequantize", "quantize"]);

/**
 * How many lanes an element of a vector instruction takes: ceil(bits / 16) of the widest of its operands and result,
 * scales aside; 1 for the conversions by a scale, whose price is that of i32.
 */
export function lanesPerElement(name: VectorFunction, elements: readonly (ElementType | "scale")[]): number {
  if (scaled.has(name)) return 1;
  const bits = elements.map((element) => (element === "scale" ? 0 : elementTypes[element].bits));
  return Math.max(1, Math.ceil(Math.max(...bits) / laneBits));
}
