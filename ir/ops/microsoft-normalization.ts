import { at } from "../../base/math.ts";
import type { GraphBuilder, OnnxForm, OnnxNode } from "../operator.ts";
import { rowsAt, sliceAxis, sumOf } from "./composite-support.ts";
import { microsoftTranslation } from "./microsoft-support.ts";
import { addEpsilon, writeDeviation } from "./normalization-support.ts";
import { bindExtra, onnxInput, onnxNumber, onnxOptional } from "./onnx-node.ts";

const epsilonOf = (node: OnnxNode, builder: GraphBuilder): number => onnxNumber(node, builder, "epsilon", 1e-12);

/** Statistics of the last axis: the mean, and the reciprocal of the deviation, or of the root of the mean square. */
function bindStatistics(node: OnnxNode, builder: GraphBuilder, sum: string, centres: boolean): void {
  const over = { axes: [builder.type(sum).shape.length - 1], keepdims: true };
  bindExtra(node, builder, 1, (name) => builder.add("reduce_mean", [sum], over, name));
  bindExtra(node, builder, 2, (name) => {
    const square = (): string => builder.add("reduce_mean", [builder.add("mul", [sum, sum])], over);
    const divisor = centres
      ? writeDeviation(sum, over.axes, epsilonOf(node, builder), builder).deviation
      : builder.add("sqrt", [addEpsilon(square(), epsilonOf(node, builder), builder)]);
    return builder.add("reciprocal", [divisor], {}, name);
  });
}

/** input + skip + bias, normalized over the last axis; further outputs are the statistics and the sum. */
function skipNorm(centres: boolean): OnnxForm["translate"] {
  return (node, builder) => {
    const gamma = onnxInput(node, builder, 2);
    const beta = centres ? onnxOptional(node, 3) : null;
    const addends = [onnxInput(node, builder, 0), onnxInput(node, builder, 1), onnxOptional(node, centres ? 4 : 3)];
    const sum = sumOf(addends, builder) ?? at(addends as string[], 0);
    const attributes = { axis: -1, epsilon: epsilonOf(node, builder) };
    bindExtra(node, builder, 0, (name) =>
      centres
        ? builder.add("layer_norm", [sum, gamma, beta], attributes, name)
        : builder.add("rms_norm", [sum, gamma], attributes, name),
    );
    bindStatistics(node, builder, sum, centres);
    bindExtra(node, builder, 3, (name) => builder.add("identity", [sum], {}, name));
  };
}

/**
 * Word, position and segment embeddings of tokens [B,S], added and normalized over the last axis; further outputs are the
 * number of tokens that the mask keeps of each sequence, and the sum.
 */
const embedLayerNorm: OnnxForm["translate"] = (node, builder) => {
  const tokens = onnxInput(node, builder, 0);
  const [batch, length] = [at(builder.type(tokens).shape, 0), at(builder.type(tokens).shape, 1)];
  const [segments, positions] = [onnxOptional(node, 1), onnxOptional(node, 8)];
  const positionTable = onnxInput(node, builder, 3);
  const position =
    positions === null ? sliceAxis(positionTable, 0, 0, length, builder) : rowsAt(positionTable, positions, builder);
  const segmentTable = onnxOptional(node, 4);
  const segment = segments === null || segmentTable === null ? null : rowsAt(segmentTable, segments, builder);
  const sum = sumOf([rowsAt(onnxInput(node, builder, 2), tokens, builder), position, segment], builder) ?? position;
  const attributes = { axis: -1, epsilon: epsilonOf(node, builder) };
  const operands = [sum, onnxInput(node, builder, 5), onnxInput(node, builder, 6)];
  bindExtra(node, builder, 0, (name) => builder.add("layer_norm", operands, attributes, name));
  bindExtra(node, builder, 1, (name) => {
    const mask = onnxOptional(node, 7);
    if (mask === null) return builder.add("fill", [], { shape: [batch], value: 0, element: "i32" }, name);
    return builder.add("reduce_sum", [mask], { axes: [1], keepdims: false }, name);
  });
  bindExtra(node, builder, 2, (name) => builder.add("identity", [sum], {}, name));
};

/** EmbedLayerNormalization, SkipLayerNormalization and SkipSimplifiedLayerNormalization of ONNX Runtime. */
export const microsoftNormForms: readonly OnnxForm[] = [
  microsoftTranslation("EmbedLayerNormalization", embedLayerNorm),
  microsoftTranslation("SkipLayerNormalization", skipNorm(true)),
  microsoftTranslation("SkipSimplifiedLayerNormalization", skipNorm(false)),
];
