import { at } from "../../base/math.ts";
import type { GraphBuilder, OnnxForm, OnnxNode } from "../operator.ts";
import { normalizeAxis } from "./broadcast.ts";
import { compositeForm, onnxConstantNumbers, onnxInput, onnxInteger, onnxOptional } from "./onnx-node.ts";

/** DFT: the axis is an attribute up to opset 19 and an input from 20 on. */
export const fourierForms: readonly OnnxForm[] = [
  compositeForm("DFT", 17, (node, builder, name) => {
    const x = onnxInput(node, builder, 0);
    const { shape } = builder.type(x);
    const given =
      node.opset < 20 ? onnxInteger(node, builder, "axis", 1) : (onnxConstantNumbers(node, builder, 2)?.[0] ?? -2);
    const axis = normalizeAxis(given, shape.length);
    const inverse = onnxInteger(node, builder, "inverse", 0) !== 0;
    const onesided = onnxInteger(node, builder, "onesided", 0) !== 0;
    const size = at(shape, axis);
    const natural = inverse && onesided ? 2 * (size - 1) : size;
    const length = onnxConstantNumbers(node, builder, 1)?.[0] ?? natural;
    return builder.add("fourier_transform", [x], { axis, length, inverse, onesided }, name);
  }),
];

/** A number that an input must give. */
function requiredNumber(node: OnnxNode, builder: GraphBuilder, index: number, what: string): number {
  return onnxConstantNumbers(node, builder, index)?.[0] ?? builder.refuse("B110", `${node.operator} needs ${what}.`);
}

/** STFT; a signal without an axis for its parts is real. */
export const shortTimeForms: readonly OnnxForm[] = [
  compositeForm("STFT", 17, (node, builder, name) => {
    const signal = onnxInput(node, builder, 0);
    const { shape } = builder.type(signal);
    const step = requiredNumber(node, builder, 1, "a frame step");
    const window = onnxOptional(node, 2);
    const length =
      onnxConstantNumbers(node, builder, 3)?.[0] ??
      (window === null
        ? builder.refuse("B110", "STFT needs a window or a frame length.")
        : builder.type(window).shape[0]);
    const parts = shape.length === 2 ? builder.add("reshape", [signal], { shape: [...shape, 1] }) : signal;
    const onesided = onnxInteger(node, builder, "onesided", 1) !== 0;
    return builder.add("short_time_fourier_transform", [parts, window], { step, length: length ?? 0, onesided }, name);
  }),
];
