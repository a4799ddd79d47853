import type { NodeBuilder, OnnxForm } from "../operator.ts";
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
  const below = builder.add("exp", [builder.add("clip", [x], { high: 0 })]);
  const shifted = builder.add("sub", [below, scalarLike(builder, x, 1)]);
  const left = builder.add("mul", [shifted, scalarLike(builder, x, alpha * gamma)]);
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
  exp: [elu, selu],
  tanh: [mish],
  abs: [softsign],
  relu: [prelu],
  clip: [hardSigmoid, hardSwish],
};
