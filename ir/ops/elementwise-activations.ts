import type { NodeBuilder, OnnxForm } from "../operator.ts";
import { isFloat } from "../type.ts";
import { compositeForm, onnxInput, onnxNumber, scalarLike } from "./onnx-node.ts";

/** x · σ(alpha · x). */
const swish = compositeForm("Swish", 24, (node, builder, name) => {
  const x = onnxInput(node, builder, 0);
  const alpha = onnxNumber(node, builder, "alpha", 1);
  const gate = builder.add("sigmoid", [alpha === 1 ? x : builder.add("mul", [x, scalarLike(builder, x, alpha)])]);
  return builder.add("mul", [x, gate], {}, name);
});

/** clip(alpha · x + beta, 0, 1). */
const hardSigmoid = compositeForm("HardSigmoid", 1, (node, builder, name) => {
  const x = onnxInput(node, builder, 0);
  const scaled = builder.add("mul", [x, scalarLike(builder, x, onnxNumber(node, builder, "alpha", 0.2))]);
  const shifted = builder.add("add", [scaled, scalarLike(builder, x, onnxNumber(node, builder, "beta", 0.5))]);
  return builder.add("clip", [shifted], { low: 0, high: 1 }, name);
});

/** x · clip(x/6 + 1/2, 0, 1). */
const hardSwish = compositeForm("HardSwish", 14, (node, builder, name) => {
  const x = onnxInput(node, builder, 0);
  const scaled = builder.add("mul", [x, scalarLike(builder, x, 1 / 6)]);
  const gate = builder.add("clip", [builder.add("add", [scaled, scalarLike(builder, x, 0.5)])], { low: 0, high: 1 });
  return builder.add("mul", [x, gate], {}, name);
});

/** gamma · (max(x, 0) + alpha · (e^min(x, 0) − 1)). */
function exponentialUnit(x: string, alpha: number, gamma: number, builder: NodeBuilder, name: string): string {
  const below = builder.add("expm1", [builder.add("clip", [x], { high: 0 })]);
  const left = builder.add("mul", [below, scalarLike(builder, x, alpha * gamma)]);
  const positive = builder.add("relu", [x]);
  const right = gamma === 1 ? positive : builder.add("mul", [positive, scalarLike(builder, x, gamma)]);
  return builder.add("add", [right, left], {}, name);
}

const elu = compositeForm("Elu", 1, (node, builder, name) =>
  exponentialUnit(onnxInput(node, builder, 0), onnxNumber(node, builder, "alpha", 1), 1, builder, name),
);

const selu = compositeForm("Selu", 1, (node, builder, name) => {
  const alpha = onnxNumber(node, builder, "alpha", 1.6732631921768188);
  return exponentialUnit(
    onnxInput(node, builder, 0),
    alpha,
    onnxNumber(node, builder, "gamma", 1.0507010221481323),
    builder,
    name,
  );
});

/** max(x, 0) + min(0, alpha · (e^(x/alpha) − 1)). */
const celu = compositeForm("Celu", 12, (node, builder, name) => {
  const x = onnxInput(node, builder, 0);
  const alpha = scalarLike(builder, x, onnxNumber(node, builder, "alpha", 1));
  const below = builder.add("mul", [builder.add("expm1", [builder.add("div", [x, alpha])]), alpha]);
  return builder.add("add", [builder.add("relu", [x]), builder.add("clip", [below], { high: 0 })], {}, name);
});

/** x where x > alpha, 0 elsewhere. */
const thresholdedRelu = compositeForm("ThresholdedRelu", 10, (node, builder, name) => {
  const x = onnxInput(node, builder, 0);
  const above = builder.add("greater", [x, scalarLike(builder, x, onnxNumber(node, builder, "alpha", 1))]);
  return builder.add("where", [above, x, scalarLike(builder, x, 0)], {}, name);
});

/** x + bias where x < −lambd, x − bias where x > lambd, 0 elsewhere; integers are computed as floats. */
const shrink = compositeForm("Shrink", 9, (node, builder, name) => {
  const given = onnxInput(node, builder, 0);
  const { element } = builder.type(given);
  const x = isFloat(element) ? given : builder.add("cast", [given], { element: "f32" });
  const bound = onnxNumber(node, builder, "lambd", 0.5);
  const bias = scalarLike(builder, x, onnxNumber(node, builder, "bias", 0));
  const above = builder.add("greater", [x, scalarLike(builder, x, bound)]);
  const below = builder.add("less", [x, scalarLike(builder, x, -bound)]);
  const upper = builder.add("where", [above, builder.add("sub", [x, bias]), scalarLike(builder, x, 0)]);
  const operands = [below, builder.add("add", [x, bias]), upper];
  if (x === given) return builder.add("where", operands, {}, name);
  return builder.add("cast", [builder.add("where", operands)], { element }, name);
});

/** max(x, 0) + slope · min(x, 0); before opset 7 a slope of one axis lies along the channels. */
const prelu = compositeForm("PRelu", 1, (node, builder, name) => {
  const [x, given] = [onnxInput(node, builder, 0), onnxInput(node, builder, 1)];
  const { shape } = builder.type(given);
  const rank = builder.type(x).shape.length;
  const alongChannels = node.opset < 7 && shape.length === 1 && rank > 2;
  const slope = alongChannels
    ? builder.add("reshape", [given], { shape: [...shape, ...new Array<number>(rank - 2).fill(1)] })
    : given;
  const left = builder.add("mul", [builder.add("clip", [x], { high: 0 }), slope]);
  return builder.add("add", [builder.add("relu", [x]), left], {}, name);
});

/** x / (1 + |x|). */
const softsign = compositeForm("Softsign", 1, (node, builder, name) => {
  const x = onnxInput(node, builder, 0);
  return builder.add("div", [x, builder.add("add", [builder.add("abs", [x]), scalarLike(builder, x, 1)])], {}, name);
});

/** x · tanh(softplus(x)). */
const mish = compositeForm("Mish", 18, (node, builder, name) => {
  const x = onnxInput(node, builder, 0);
  return builder.add("mul", [x, builder.add("tanh", [builder.add("softplus", [x])])], {}, name);
});

/** Activation functions of ONNX that are written with other operators, by the operator that they are listed under. */
export const activationForms: Readonly<Record<string, readonly OnnxForm[]>> = {
  sigmoid: [swish],
  expm1: [elu, selu, celu],
  tanh: [mish],
  abs: [softsign],
  relu: [prelu, thresholdedRelu, shrink],
  clip: [hardSigmoid, hardSwish],
};
