import { binaryArithmetic, comparisons, wideSign } from "../../kernels/arithmetic.ts";
import type { BinaryFunction, Comparison, TableFunction } from "../../kernels/kernels.ts";
import { evaluateFunction } from "../../kernels/tables.ts";
import type { VectorFunction } from "../vector-function.ts";

/** A function of one number, and how operators of it are declared. */
export interface UnaryEntry {
  readonly name: string;
  readonly summary: string;
  /** The ONNX operator and the first opset that has it; null for none. */
  readonly onnx: readonly [operator: string, since: number] | null;
  /** The vector unit's function. */
  readonly function: VectorFunction;
  /** "float": floats only; "number": unquantized integers too. */
  readonly domain: "float" | "number";
  readonly compute: (x: number) => number;
  /** The same on 64-bit integers, for the domain "number". */
  readonly computeBig?: (x: bigint) => bigint;
  /** Where samples are drawn from. */
  readonly range: readonly [low: number, high: number];
}

/** A function that the chip has as a table. */
function tabled(
  name: string,
  unit: TableFunction,
  onnx: UnaryEntry["onnx"],
  range: UnaryEntry["range"],
  summary: string,
): UnaryEntry {
  return { name, summary, onnx, function: unit, domain: "float", compute: (x) => evaluateFunction(unit, x), range };
}

/** Functions of one operand without attributes. */
export const unaryTable: readonly UnaryEntry[] = [
  tabled("sigmoid", "sigmoid", ["Sigmoid", 1], [-6, 6], "1 / (1 + e^−x)."),
  tabled("tanh", "tanh", ["Tanh", 1], [-4, 4], "The hyperbolic tangent."),
  tabled("exp", "exp", ["Exp", 1], [-6, 6], "e^x."),
  tabled("expm1", "exp_minus_one", null, [-6, 6], "e^x − 1, exact near 0."),
  tabled("log", "log", ["Log", 1], [0.01, 20], "The natural logarithm."),
  tabled("sqrt", "square_root", ["Sqrt", 1], [0, 20], "The square root."),
  tabled("erf", "erf", ["Erf", 9], [-3, 3], "The error function."),
  tabled("softplus", "softplus", ["Softplus", 1], [-6, 6], "ln(1 + e^x)."),
  tabled("reciprocal", "reciprocal", ["Reciprocal", 1], [0.1, 8], "1 / x."),
  tabled("sin", "sin", ["Sin", 7], [-7, 7], "The sine."),
  tabled("cos", "cos", ["Cos", 7], [-7, 7], "The cosine."),
  tabled("tan", "tan", ["Tan", 7], [-1.4, 1.4], "The tangent."),
  tabled("asin", "asin", ["Asin", 7], [-1, 1], "The inverse sine."),
  tabled("acos", "acos", ["Acos", 7], [-1, 1], "The inverse cosine."),
  tabled("atan", "atan", ["Atan", 7], [-4, 4], "The inverse tangent."),
  tabled("sinh", "sinh", ["Sinh", 9], [-4, 4], "The hyperbolic sine."),
  tabled("cosh", "cosh", ["Cosh", 9], [-4, 4], "The hyperbolic cosine."),
  tabled("asinh", "asinh", ["Asinh", 9], [-4, 4], "The inverse hyperbolic sine."),
  tabled("acosh", "acosh", ["Acosh", 9], [1, 9], "The inverse hyperbolic cosine."),
  tabled("atanh", "atanh", ["Atanh", 9], [-0.9, 0.9], "The inverse hyperbolic tangent."),
  tabled("floor", "floor", ["Floor", 1], [-8, 8], "The greatest integer that is not above x."),
  tabled("ceil", "ceil", ["Ceil", 1], [-8, 8], "The least integer that is not below x."),
  tabled("round", "round", ["Round", 11], [-8, 8], "The nearest integer, ties to even."),
  {
    name: "neg",
    summary: "−x.",
    onnx: ["Neg", 1],
    function: "negate",
    domain: "number",
    compute: (x) => -x,
    computeBig: (x) => -x,
    range: [-8, 8],
  },
  {
    name: "abs",
    summary: "|x|.",
    onnx: ["Abs", 1],
    function: "absolute",
    domain: "number",
    compute: Math.abs,
    computeBig: (x) => (x < 0n ? -x : x),
    range: [-8, 8],
  },
  {
    name: "sign",
    summary: "−1, 0 or 1; zeros and NaN as they are.",
    onnx: ["Sign", 9],
    function: "sign",
    domain: "number",
    compute: Math.sign,
    computeBig: wideSign,
    range: [-8, 8],
  },
];

/** A function of two numbers, and how operators of it are declared. */
export interface BinaryEntry {
  readonly name: string;
  readonly summary: string;
  /** The ONNX operator and the first opset that has it; null where the operator has forms of its own. */
  readonly onnx: readonly [operator: string, since: number] | null;
  readonly function: VectorFunction;
  /** Operands: numbers; also equally quantized integers and truth values; integers and truth values; unsigned integers. */
  readonly domain: "number" | "same" | "integer" | "unsigned";
  /** "truth": the result is bool, whatever the operands are. */
  readonly result: "operand" | "truth";
  readonly compute: (x: number, y: number) => number;
  /** The same on integers of at most 32 bits, where it differs. */
  readonly computeInteger?: (x: number, y: number) => number;
  readonly computeBig: (x: bigint, y: bigint) => bigint;
}

function combining(
  name: string,
  unit: BinaryFunction,
  domain: BinaryEntry["domain"],
  onnx: BinaryEntry["onnx"],
  summary: string,
): BinaryEntry {
  const { float, integer, wide } = binaryArithmetic[unit];
  const compute = float ?? integer;
  return {
    name,
    summary,
    onnx,
    function: unit,
    domain,
    result: "operand",
    compute,
    computeInteger: integer,
    computeBig: wide,
  };
}

function comparing(unit: Comparison, onnx: readonly [string, number], summary: string): BinaryEntry {
  const compare = comparisons[unit];
  return {
    name: unit,
    summary,
    onnx,
    function: unit,
    domain: "same",
    result: "truth",
    compute: (x, y) => (compare(x, y) ? 1 : 0),
    computeBig: (x, y) => (compare(x, y) ? 1n : 0n),
  };
}

/** Functions of two operands that broadcast against each other. */
export const binaryTable: readonly BinaryEntry[] = [
  combining("add", "add", "number", ["Add", 1], "x + y."),
  combining("sub", "subtract", "number", ["Sub", 1], "x − y."),
  combining("mul", "multiply", "number", ["Mul", 1], "x · y."),
  combining("div", "divide", "number", ["Div", 1], "x / y; integers truncate toward zero, and give 0 when y is 0."),
  combining("mod", "modulo", "number", null, "The remainder of x / y with the sign of y; integers give 0 when y is 0."),
  combining(
    "remainder",
    "remainder",
    "number",
    null,
    "The remainder of x / y with the sign of x; integers give 0 when y is 0.",
  ),
  combining("max", "maximum", "same", ["Max", 1], "The greater of x and y; NaN wins."),
  combining("min", "minimum", "same", ["Min", 1], "The lesser of x and y; NaN wins."),
  combining("pow", "power", "number", ["Pow", 1], "x raised to y."),
  comparing("equal", ["Equal", 1], "Whether x = y."),
  comparing("greater", ["Greater", 1], "Whether x > y."),
  comparing("greater_or_equal", ["GreaterOrEqual", 12], "Whether x ≥ y."),
  comparing("less", ["Less", 1], "Whether x < y."),
  comparing("less_or_equal", ["LessOrEqual", 12], "Whether x ≤ y."),
  combining("and", "and", "integer", ["And", 1], "Bit by bit whether both are set: both truth values true."),
  combining("or", "or", "integer", ["Or", 1], "Bit by bit whether one is set: one of two truth values true."),
  combining(
    "xor",
    "xor",
    "integer",
    ["Xor", 1],
    "Bit by bit whether exactly one is set: one of two truth values true.",
  ),
  combining("shift_left", "shift_left", "unsigned", null, "x · 2^y, bits lost above."),
  combining("shift_right", "shift_right", "unsigned", null, "⌊x / 2^y⌋."),
];
