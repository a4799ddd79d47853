import { roundToEven } from "../../kernels/fixed-point.ts";
import type { TableFunction } from "../../kernels/kernels.ts";
import { evaluateFunction } from "../../kernels/tables.ts";
import type { VectorFunction } from "../vector-function.ts";

/** A function of one number, and how operators of it are declared. */
export interface UnaryEntry {
  readonly name: string;
  readonly summary: string;
  /** The ONNX operator and the first opset that has it; null for none. */
  readonly onnx: readonly [operator: string, since: number] | null;
  /** The vector unit's function; null when the chip has none. */
  readonly function: VectorFunction | null;
  /** "float": floats only; "number": unquantized integers too. */
  readonly domain: "float" | "number";
  readonly compute: (x: number) => number;
  /** The same on 64-bit integers, for the domain "number". */
  readonly computeBig?: (x: bigint) => bigint;
  /** Where samples are drawn from. */
  readonly range: readonly [low: number, high: number];
}

const table =
  (name: TableFunction) =>
  (x: number): number =>
    evaluateFunction(name, x);

/** Functions of one operand without attributes. */
export const unaryTable: readonly UnaryEntry[] = [
  {
    name: "sigmoid",
    summary: "1 / (1 + e^−x).",
    onnx: ["Sigmoid", 1],
    function: "sigmoid",
    domain: "float",
    compute: table("sigmoid"),
    range: [-6, 6],
  },
  {
    name: "tanh",
    summary: "The hyperbolic tangent.",
    onnx: ["Tanh", 1],
    function: "tanh",
    domain: "float",
    compute: table("tanh"),
    range: [-4, 4],
  },
  {
    name: "exp",
    summary: "e^x.",
    onnx: ["Exp", 1],
    function: "exp",
    domain: "float",
    compute: table("exp"),
    range: [-6, 6],
  },
  {
    name: "log",
    summary: "The natural logarithm.",
    onnx: ["Log", 1],
    function: "log",
    domain: "float",
    compute: table("log"),
    range: [0.01, 20],
  },
  {
    name: "sqrt",
    summary: "The square root.",
    onnx: ["Sqrt", 1],
    function: "square_root",
    domain: "float",
    compute: table("square_root"),
    range: [0, 20],
  },
  {
    name: "erf",
    summary: "The error function.",
    onnx: ["Erf", 9],
    function: "erf",
    domain: "float",
    compute: table("erf"),
    range: [-3, 3],
  },
  {
    name: "softplus",
    summary: "ln(1 + e^x).",
    onnx: ["Softplus", 1],
    function: "softplus",
    domain: "float",
    compute: table("softplus"),
    range: [-6, 6],
  },
  {
    name: "reciprocal",
    summary: "1 / x.",
    onnx: ["Reciprocal", 1],
    function: "reciprocal",
    domain: "float",
    compute: table("reciprocal"),
    range: [0.1, 8],
  },
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
    name: "floor",
    summary: "The greatest integer that is not above x.",
    onnx: ["Floor", 1],
    function: null,
    domain: "float",
    compute: Math.floor,
    range: [-8, 8],
  },
  {
    name: "ceil",
    summary: "The least integer that is not below x.",
    onnx: ["Ceil", 1],
    function: null,
    domain: "float",
    compute: Math.ceil,
    range: [-8, 8],
  },
  {
    name: "round",
    summary: "The nearest integer, ties to even.",
    onnx: ["Round", 11],
    function: null,
    domain: "float",
    compute: roundToEven,
    range: [-8, 8],
  },
];

/** A function of two numbers, and how operators of it are declared. */
export interface BinaryEntry {
  readonly name: string;
  readonly summary: string;
  readonly onnx: readonly [operator: string, since: number];
  readonly function: VectorFunction | null;
  /** "logical" results are bool. `number` takes numbers, `same` also equally quantized integers, `bool` only truth values. */
  readonly domain: "number" | "same" | "bool";
  readonly logical: boolean;
  readonly compute: (x: number, y: number) => number;
  /** The same on integers of at most 32 bits, where it differs. */
  readonly computeInteger?: (x: number, y: number) => number;
  readonly computeBig: (x: bigint, y: bigint) => bigint;
}

const truth = (value: boolean): number => (value ? 1 : 0);
const bigTruth = (value: boolean): bigint => (value ? 1n : 0n);

function bigPower(x: bigint, y: bigint): bigint {
  if (y >= 0n) return x ** y;
  return x === 1n ? 1n : x === -1n ? (y % 2n === 0n ? 1n : -1n) : 0n;
}

/** Functions of two operands that broadcast against each other. */
export const binaryTable: readonly BinaryEntry[] = [
  {
    name: "add",
    summary: "x + y.",
    onnx: ["Add", 1],
    function: "add",
    domain: "number",
    logical: false,
    compute: (x, y) => x + y,
    computeBig: (x, y) => x + y,
  },
  {
    name: "sub",
    summary: "x − y.",
    onnx: ["Sub", 1],
    function: "subtract",
    domain: "number",
    logical: false,
    compute: (x, y) => x - y,
    computeBig: (x, y) => x - y,
  },
  {
    name: "mul",
    summary: "x · y.",
    onnx: ["Mul", 1],
    function: "multiply",
    domain: "number",
    logical: false,
    compute: (x, y) => x * y,
    computeInteger: Math.imul,
    computeBig: (x, y) => x * y,
  },
  {
    name: "div",
    summary: "x / y; integers truncate toward zero, and give 0 when y is 0.",
    onnx: ["Div", 1],
    function: "divide",
    domain: "number",
    logical: false,
    compute: (x, y) => x / y,
    computeInteger: (x, y) => Math.trunc(x / y),
    computeBig: (x, y) => (y === 0n ? 0n : x / y),
  },
  {
    name: "max",
    summary: "The greater of x and y; NaN wins.",
    onnx: ["Max", 1],
    function: "maximum",
    domain: "same",
    logical: false,
    compute: Math.max,
    computeBig: (x, y) => (x > y ? x : y),
  },
  {
    name: "min",
    summary: "The lesser of x and y; NaN wins.",
    onnx: ["Min", 1],
    function: "minimum",
    domain: "same",
    logical: false,
    compute: Math.min,
    computeBig: (x, y) => (x < y ? x : y),
  },
  {
    name: "pow",
    summary: "x raised to y.",
    onnx: ["Pow", 1],
    function: null,
    domain: "number",
    logical: false,
    compute: (x, y) => x ** y,
    computeInteger: (x, y) => Number(BigInt.asIntN(32, bigPower(BigInt(x), BigInt(y)))),
    computeBig: bigPower,
  },
  {
    name: "equal",
    summary: "Whether x = y.",
    onnx: ["Equal", 1],
    function: null,
    domain: "same",
    logical: true,
    compute: (x, y) => truth(x === y),
    computeBig: (x, y) => bigTruth(x === y),
  },
  {
    name: "greater",
    summary: "Whether x > y.",
    onnx: ["Greater", 1],
    function: null,
    domain: "same",
    logical: true,
    compute: (x, y) => truth(x > y),
    computeBig: (x, y) => bigTruth(x > y),
  },
  {
    name: "greater_or_equal",
    summary: "Whether x ≥ y.",
    onnx: ["GreaterOrEqual", 12],
    function: null,
    domain: "same",
    logical: true,
    compute: (x, y) => truth(x >= y),
    computeBig: (x, y) => bigTruth(x >= y),
  },
  {
    name: "less",
    summary: "Whether x < y.",
    onnx: ["Less", 1],
    function: null,
    domain: "same",
    logical: true,
    compute: (x, y) => truth(x < y),
    computeBig: (x, y) => bigTruth(x < y),
  },
  {
    name: "less_or_equal",
    summary: "Whether x ≤ y.",
    onnx: ["LessOrEqual", 12],
    function: null,
    domain: "same",
    logical: true,
    compute: (x, y) => truth(x <= y),
    computeBig: (x, y) => bigTruth(x <= y),
  },
  {
    name: "and",
    summary: "Whether both are true.",
    onnx: ["And", 1],
    function: null,
    domain: "bool",
    logical: true,
    compute: (x, y) => x & y,
    computeBig: (x, y) => x & y,
  },
  {
    name: "or",
    summary: "Whether one is true.",
    onnx: ["Or", 1],
    function: null,
    domain: "bool",
    logical: true,
    compute: (x, y) => x | y,
    computeBig: (x, y) => x | y,
  },
  {
    name: "xor",
    summary: "Whether exactly one is true.",
    onnx: ["Xor", 1],
    function: null,
    domain: "bool",
    logical: true,
    compute: (x, y) => x ^ y,
    computeBig: (x, y) => x ^ y,
  },
];
