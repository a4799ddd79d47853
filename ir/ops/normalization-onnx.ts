import { at } from "../../base/math.ts";
import type { GraphBuilder, OnnxForm, OnnxNode } from "../operator.ts";
import { addEpsilon, alongChannels, normalizedAxes, writeDeviation } from "./normalization-support.ts";
import { bindExtra, compositeForm, onnxInput, onnxInteger, onnxNumber, onnxOptional, onnxOutput } from "./onnx-node.ts";

const epsilonOf = (node: OnnxNode, builder: GraphBuilder): number => onnxNumber(node, builder, "epsilon", 1e-5);

/** Statistics are f32 unless `stash_type` names no float: those of narrower floats are converted first. */
function stashed(node: OnnxNode, builder: GraphBuilder, x: string): string {
  const { element } = builder.type(x);
  const widens = onnxInteger(node, builder, "stash_type", 1) === 1 && (element === "f16" || element === "bf16");
  return widens ? builder.add("cast", [x], { element: "f32" }) : x;
}

/** LayerNormalization; runtimes knew it before opset 17. */
export const layerNormForm: OnnxForm = {
  operator: "LayerNormalization",
  since: 1,
  translate: (node, builder) => {
    const x = onnxInput(node, builder, 0);
    const attributes = { axis: onnxInteger(node, builder, "axis", -1), epsilon: epsilonOf(node, builder) };
    const operands = [x, onnxInput(node, builder, 1), onnxOptional(node, 2)];
    bindExtra(node, builder, 0, (name) => builder.add("layer_norm", operands, attributes, name));
    const over = { axes: normalizedAxes(attributes, builder.type(x)), keepdims: true };
    bindExtra(node, builder, 1, (name) => builder.add("reduce_mean", [stashed(node, builder, x)], over, name));
    bindExtra(node, builder, 2, (name) => {
      const { deviation } = writeDeviation(stashed(node, builder, x), over.axes, attributes.epsilon, builder);
      return builder.add("reciprocal", [deviation], {}, name);
    });
  },
};

/** InstanceNormalization: x [N,C,spatial...] over its spatial axes. */
export const instanceNormForm: OnnxForm = compositeForm("InstanceNormalization", 1, (node, builder, name) => {
  const x = onnxInput(node, builder, 0);
  const rank = builder.type(x).shape.length;
  const [scale, bias] = [1, 2].map((index) => alongChannels(onnxInput(node, builder, index), rank, builder));
  const attributes = { axis: 2, epsilon: epsilonOf(node, builder) };
  return builder.add("layer_norm", [x, scale ?? null, bias ?? null], attributes, name);
});

/** GroupNormalization: groups of channels; scale and bias are those of groups before opset 21 and of channels since. */
export const groupNormForm: OnnxForm = compositeForm("GroupNormalization", 18, (node, builder, name) => {
  const x = onnxInput(node, builder, 0);
  const { shape } = builder.type(x);
  const groups = onnxInteger(node, builder, "num_groups");
  const [batch, channels] = [at(shape, 0), at(shape, 1)];
  const ofGroups = node.opset < 21;
  const [scale, bias] = [1, 2].map((index) => onnxInput(node, builder, index)) as [string, string];
  const count = ofGroups ? groups : channels;
  const wrong = [scale, bias]
    .map((value) => builder.type(value).shape)
    .find((sizes) => sizes.join() !== `${count}` && sizes.join() !== "1");
  if (groups < 1 || channels % groups !== 0 || wrong !== undefined) {
    builder.refuse(
      "B110",
      `GroupNormalization of ${channels} channels in ${groups} groups needs scale and bias [${count}]; found [${(wrong ?? [count]).join(",")}].`,
    );
  }
  const spatial = shape.slice(2);
  const members = channels / groups;
  const placed = (value: string): string => {
    const ones = spatial.map(() => 1);
    const one = builder.type(value).shape[0] === 1;
    return builder.add("reshape", [value], {
      shape: one ? [1, 1, ...ones] : [groups, ofGroups ? 1 : members, ...ones],
    });
  };
  const grouped = builder.add("reshape", [x], { shape: [batch, groups, members, ...spatial] });
  const operands = [grouped, placed(scale), placed(bias)];
  const result = builder.add("layer_norm", operands, { axis: 2, epsilon: epsilonOf(node, builder) });
  return builder.add("reshape", [result], { shape }, name);
});

const rootMeanSquareForm = (operator: string, since: number): OnnxForm => ({
  operator,
  since,
  translate: (node, builder) => {
    const x = onnxInput(node, builder, 0);
    const attributes = { axis: onnxInteger(node, builder, "axis", -1), epsilon: epsilonOf(node, builder) };
    builder.bind(
      onnxOutput(node),
      builder.add("rms_norm", [x, onnxInput(node, builder, 1)], attributes, onnxOutput(node)),
    );
    bindExtra(node, builder, 1, (name) => {
      const wide = stashed(node, builder, x);
      const over = { axes: normalizedAxes(attributes, builder.type(x)), keepdims: true };
      const square = builder.add("reduce_mean", [builder.add("mul", [wide, wide])], over);
      const divisor = builder.add("sqrt", [addEpsilon(square, attributes.epsilon, builder)]);
      return builder.add("reciprocal", [divisor], {}, name);
    });
  },
});

/** RMSNormalization, and the name that runtimes gave it before. */
export const rootMeanSquareForms: readonly OnnxForm[] = [
  rootMeanSquareForm("RMSNormalization", 23),
  rootMeanSquareForm("SimplifiedLayerNormalization", 1),
];
