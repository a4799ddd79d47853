import type { Attributes, Node } from "../../ir/graph.ts";
import { booleanOf, numberOf, numbersOf, textOf } from "../../ir/ops/attributes.ts";
import { i64Tensor, type Tensor } from "../../ir/tensor.ts";
import { dataTypes } from "./tensor-proto.ts";
import type { WrittenAttribute } from "./write-model.ts";

/** The ONNX operator that computes what a node does: its inputs are the node's operands, then constants. */
export interface WrittenOperator {
  readonly operator: string;
  readonly attributes?: Readonly<Record<string, WrittenAttribute>>;
  /** Inputs behind the operands; a number is a scalar of the operands' type; null is left out. */
  readonly constants?: readonly (Tensor | number | null)[];
}

const sameOperators: Readonly<Record<string, string>> = {
  sigmoid: "Sigmoid",
  tanh: "Tanh",
  exp: "Exp",
  log: "Log",
  sqrt: "Sqrt",
  erf: "Erf",
  softplus: "Softplus",
  reciprocal: "Reciprocal",
  sin: "Sin",
  cos: "Cos",
  tan: "Tan",
  asin: "Asin",
  acos: "Acos",
  atan: "Atan",
  sinh: "Sinh",
  cosh: "Cosh",
  asinh: "Asinh",
  acosh: "Acosh",
  atanh: "Atanh",
  floor: "Floor",
  ceil: "Ceil",
  round: "Round",
  neg: "Neg",
  abs: "Abs",
  sign: "Sign",
  relu: "Relu",
  identity: "Identity",
  not: "Not",
  is_nan: "IsNaN",
  add: "Add",
  sub: "Sub",
  mul: "Mul",
  div: "Div",
  max: "Max",
  min: "Min",
  pow: "Pow",
  equal: "Equal",
  greater: "Greater",
  greater_or_equal: "GreaterOrEqual",
  less: "Less",
  less_or_equal: "LessOrEqual",
  and: "And",
  or: "Or",
  xor: "Xor",
  where: "Where",
};

const list = (attributes: Attributes, name: string): number[] => [...numbersOf(attributes, name)];

const window = (attributes: Attributes): Record<string, WrittenAttribute> => ({
  kernel_shape: list(attributes, "kernel"),
  strides: list(attributes, "strides"),
  pads: list(attributes, "pads"),
  dilations: list(attributes, "dilations"),
  ceil_mode: booleanOf(attributes, "ceil") ? 1 : 0,
});

const integers = (values: readonly number[]): Tensor => i64Tensor([values.length], values);

const reduction =
  (operator: string) =>
  ({ attributes }: Node): WrittenOperator => ({
    operator,
    attributes: { keepdims: booleanOf(attributes, "keepdims") ? 1 : 0 },
    constants: [integers(numbersOf(attributes, "axes"))],
  });

const alongAxis =
  (operator: string) =>
  ({ attributes }: Node): WrittenOperator => ({ operator, attributes: { axis: numberOf(attributes, "axis") } });

const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);

const otherOperators: Readonly<Record<string, (node: Node) => WrittenOperator>> = {
  leaky_relu: ({ attributes }) => ({
    operator: "LeakyRelu",
    attributes: { alpha: { float: numberOf(attributes, "alpha") } },
  }),
  gelu: ({ attributes }) => ({
    operator: "Gelu",
    attributes: { approximate: textOf(attributes, "approximate") },
  }),
  clip: ({ attributes }) => ({
    operator: "Clip",
    constants: [finite(numberOf(attributes, "low")), finite(numberOf(attributes, "high"))],
  }),
  power: ({ attributes }) => ({ operator: "Pow", constants: [numberOf(attributes, "exponent")] }),
  cast: ({ type }) => ({
    operator: "Cast",
    attributes: { to: dataTypes[type.element === "f16" ? "f32" : type.element] },
  }),
  softmax: alongAxis("Softmax"),
  log_softmax: alongAxis("LogSoftmax"),
  concat: alongAxis("Concat"),
  transpose: ({ attributes }) => ({ operator: "Transpose", attributes: { perm: list(attributes, "permutation") } }),
  reshape: ({ type }) => ({ operator: "Reshape", constants: [integers(type.shape)] }),
  expand: ({ type }) => ({ operator: "Expand", constants: [integers(type.shape)] }),
  tile: ({ attributes }) => ({ operator: "Tile", constants: [integers(numbersOf(attributes, "repeats"))] }),
  slice: ({ attributes }) => ({
    operator: "Slice",
    constants: ["starts", "ends", "axes", "steps"].map((name) => integers(numbersOf(attributes, name))),
  }),
  pad: ({ attributes }) => {
    const mode = textOf(attributes, "mode");
    const value = mode === "constant" ? [numberOf(attributes, "value")] : [];
    return { operator: "Pad", attributes: { mode }, constants: [integers(numbersOf(attributes, "pads")), ...value] };
  },
  gather: ({ attributes }) => ({
    operator: "Gather",
    attributes: { axis: numberOf(attributes, "axis") },
    constants: [i64Tensor(list(attributes, "indexShape"), numbersOf(attributes, "indices"))],
  }),
  max_pool: ({ attributes }) => ({ operator: "MaxPool", attributes: window(attributes) }),
  average_pool: ({ attributes }) => ({
    operator: "AveragePool",
    attributes: { ...window(attributes), count_include_pad: booleanOf(attributes, "countIncludePad") ? 1 : 0 },
  }),
  reduce_sum: reduction("ReduceSum"),
  reduce_mean: reduction("ReduceMean"),
  reduce_prod: reduction("ReduceProd"),
  reduce_max: reduction("ReduceMax"),
  reduce_min: reduction("ReduceMin"),
  matmul: () => ({ operator: "MatMul" }),
  conv: ({ attributes }) => ({
    operator: "Conv",
    attributes: {
      strides: list(attributes, "strides"),
      pads: list(attributes, "pads"),
      dilations: list(attributes, "dilations"),
      group: numberOf(attributes, "group"),
    },
  }),
};

/** The ONNX operator (opset 21) of a node; null where there is none. */
export function writtenOperator(node: Node): WrittenOperator | null {
  if (Object.hasOwn(sameOperators, node.op)) return { operator: sameOperators[node.op] as string };
  return Object.hasOwn(otherOperators, node.op) ? (otherOperators[node.op]?.(node) ?? null) : null;
}
