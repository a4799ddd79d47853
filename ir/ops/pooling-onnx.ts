import type { Attributes } from "../graph.ts";
import type { GraphBuilder, OnnxForm, OnnxNode } from "../operator.ts";
import { tensorType } from "../type.ts";
import {
  bindExtra,
  compositeForm,
  onnxInput,
  onnxInteger,
  onnxIntegers,
  onnxNumber,
  onnxOutput,
  scalarLike,
} from "./onnx-node.ts";
import { tensorOf } from "./values.ts";
import { onnxWindow, windowOf, windowPositions, windowTouches } from "./window.ts";

/** The attributes of a pool that an ONNX node describes. */
function poolOf(node: OnnxNode, builder: GraphBuilder, x: string): Attributes & { readonly kernel: readonly number[] } {
  const kernel =
    onnxIntegers(node, builder, "kernel_shape") ?? builder.refuse("B111", 'Attribute "kernel_shape" is missing.');
  const window = onnxWindow(node, builder, builder.type(x).shape.slice(2), kernel);
  return { kernel, ...window, ceil: onnxInteger(node, builder, "ceil_mode", 0) === 1 };
}

/** MaxPool; its second output says where each greatest element lies. */
export const maxPoolForm: OnnxForm = {
  operator: "MaxPool",
  since: 1,
  translate: (node, builder) => {
    const x = onnxInput(node, builder, 0);
    const pool = poolOf(node, builder, x);
    if ((node.outputs[0] ?? "") !== "" || node.outputs.length < 2)
      builder.bind(onnxOutput(node), builder.add("max_pool", [x], pool, onnxOutput(node)));
    const columnMajor = onnxInteger(node, builder, "storage_order", 0) === 1;
    bindExtra(node, builder, 1, (name) => builder.add("max_pool_indices", [x], { ...pool, columnMajor }, name));
  },
};

/** AveragePool. */
export const averagePoolForm: OnnxForm = compositeForm("AveragePool", 1, (node, builder, name) => {
  const x = onnxInput(node, builder, 0);
  const countIncludePad = onnxInteger(node, builder, "count_include_pad", 0) === 1;
  return builder.add("average_pool", [x], { ...poolOf(node, builder, x), countIncludePad }, name);
});

/** |x|^p. */
function magnitudePower(x: string, exponent: number, builder: GraphBuilder): string {
  if (exponent === 2) return builder.add("mul", [x, x]);
  const magnitude = builder.add("abs", [x]);
  return exponent === 1 ? magnitude : builder.add("power", [magnitude], { exponent });
}

/** The p-th root. */
function root(x: string, exponent: number, builder: GraphBuilder, name: string): string {
  if (exponent === 1) return builder.add("identity", [x], {}, name);
  if (exponent === 2) return builder.add("sqrt", [x], {}, name);
  return builder.add("power", [x], { exponent: 1 / exponent }, name);
}

/** LpPool: the mean of |x|^p over a window, padding counting as zeros, times the places of the window, and its p-th root. */
const lpPoolForm: OnnxForm = compositeForm("LpPool", 1, (node, builder, name) => {
  const x = onnxInput(node, builder, 0);
  const exponent = onnxNumber(node, builder, "p", 2);
  const pool = poolOf(node, builder, x);
  const { element, shape } = builder.type(x);
  const spatial = shape.slice(2);
  const window = windowOf("average_pool", pool, pool.kernel, spatial.length);
  const positions = windowPositions("average_pool", window, spatial, pool.ceil === true);
  const { places } = windowTouches(window, spatial, positions);
  const means = builder.add("average_pool", [magnitudePower(x, exponent, builder)], { ...pool, countIncludePad: true });
  const first = places[0] ?? 0;
  const counts = places.every((count) => count === first)
    ? scalarLike(builder, means, first)
    : builder.addConstant(tensorOf(tensorType(element, positions), places));
  return root(builder.add("mul", [means, counts]), exponent, builder, name);
});

/** GlobalLpPool: the p-norm over all spatial axes. */
const globalLpPoolForm: OnnxForm = compositeForm("GlobalLpPool", 1, (node, builder, name) => {
  const x = onnxInput(node, builder, 0);
  const exponent = onnxNumber(node, builder, "p", 2);
  const axes = builder.type(x).shape.flatMap((_, axis) => (axis < 2 ? [] : [axis]));
  const total = builder.add("reduce_sum", [magnitudePower(x, exponent, builder)], { axes, keepdims: true });
  return root(total, exponent, builder, name);
});

/** Pools of p-norms. */
export const normPoolForms: readonly OnnxForm[] = [lpPoolForm, globalLpPoolForm];
