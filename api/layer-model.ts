import { type ImportedModel, type ImportOptions, importOnnx } from "../compiler/onnx/importer.ts";
import { type WrittenModel, writeModel } from "../compiler/onnx/write-model.ts";
import { tensorType } from "../ir/type.ts";
import type { ConvLayer, GemmLayer, LayerDescription } from "./layer-description.ts";

/**
 * A model of one layer: input x, output y, its weights without numbers. With a seed they are random and labelled so; else
 * absent, as suffices for timing alone.
 */
export function layerModel(layer: LayerDescription, options: Pick<ImportOptions, "randomWeightsSeed">): ImportedModel {
  const written = layer.kind === "gemm" ? gemmModel(layer) : convModel(layer);
  const bytes = writeModel(written);
  return importOnnx({ bytes, name: written.name }, { ...options, allowAbsentWeights: true });
}

function gemmModel({ m, n, k }: GemmLayer): WrittenModel {
  return {
    name: `gemm-${m}x${n}x${k}`,
    opset: 17,
    inputs: [{ name: "x", element: "f32", shape: [1, m, k] }],
    outputs: [{ name: "y", element: "f32", shape: [1, m, n] }],
    nodes: [{ operator: "MatMul", name: "gemm", inputs: ["x", "w"], outputs: ["y"] }],
    absentInitializers: { w: tensorType("f32", [k, n]) },
  };
}

/** Numbers after their letter: one when they are equal, none when they are the usual one. */
function shortName(letter: string, numbers: readonly number[], usual: number): string {
  const [first] = numbers;
  if (numbers.some((each) => each !== first)) return `-${letter}${numbers.join("x")}`;
  return first === usual ? "" : `-${letter}${first}`;
}

function convModel(layer: ConvLayer): WrittenModel {
  const { count, inputChannels, sizes, outputChannels, kernel, strides, dilations, pads, groups } = layer;
  const outputSizes = sizes.map((size, axis) => {
    const reach = ((kernel[axis] ?? 1) - 1) * (dilations[axis] ?? 1) + 1;
    const padded = size + (pads[axis] ?? 0) + (pads[axis + sizes.length] ?? 0);
    return Math.floor((padded - reach) / (strides[axis] ?? 1)) + 1;
  });
  const settings = [
    shortName("s", strides, 1),
    shortName("p", pads, 0),
    shortName("d", dilations, 1),
    groups === 1 ? "" : `-g${groups}`,
  ];
  return {
    name: `conv-${[count, inputChannels, ...sizes].join("x")}-${[outputChannels, ...kernel].join("x")}${settings.join("")}`,
    opset: 17,
    inputs: [{ name: "x", element: "f32", shape: [count, inputChannels, ...sizes] }],
    outputs: [{ name: "y", element: "f32", shape: [count, outputChannels, ...outputSizes] }],
    nodes: [
      {
        operator: "Conv",
        name: "conv",
        inputs: ["x", "w"],
        outputs: ["y"],
        attributes: { kernel_shape: kernel, strides, dilations, pads, group: groups },
      },
    ],
    absentInitializers: { w: tensorType("f32", [outputChannels, inputChannels / groups, ...kernel]) },
  };
}
