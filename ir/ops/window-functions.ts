import type { GraphBuilder, OnnxForm, OnnxNode } from "../operator.ts";
import { tensorType } from "../type.ts";
import { indexList } from "./movement-declaration.ts";
import { onnxElement } from "./onnx-elements.ts";
import { compositeForm, onnxConstantNumbers, onnxInteger } from "./onnx-node.ts";
import { tensorOf } from "./values.ts";

/** Coefficients a, b, c of the windows a − b·cos θ + c·cos 2θ, as ONNX 17 defines them. */
const cosineWindows = {
  HannWindow: [0.5, 0.5, 0],
  HammingWindow: [25 / 46, 21 / 46, 0],
  BlackmanWindow: [0.42, 0.5, 0.08],
} as const;

function knownNumber(node: OnnxNode, builder: GraphBuilder, index: number): number {
  return (
    onnxConstantNumbers(node, builder, index)?.[0] ?? builder.refuse("B110", `${node.operator} needs input ${index}.`)
  );
}

/** A constant of the node's `output_datatype`. */
function constantOf(
  node: OnnxNode,
  builder: GraphBuilder,
  shape: readonly number[],
  numbers: ArrayLike<number>,
  name: string,
): string {
  const element = onnxElement(onnxInteger(node, builder, "output_datatype", 1), builder);
  return builder.addConstant(tensorOf(tensorType(element, shape), numbers), name);
}

const cosineWindowForms = Object.entries(cosineWindows).map(([operator, [a, b, c]]) =>
  compositeForm(operator, 17, (node, builder, name) => {
    const size = knownNumber(node, builder, 0);
    if (size < 0) builder.refuse("B110", `${operator} cannot have ${size} elements.`);
    const period = onnxInteger(node, builder, "periodic", 1) !== 0 ? size : Math.max(1, size - 1);
    const angle = (2 * Math.PI) / period;
    const numbers = indexList(size).map((index) => a - b * Math.cos(angle * index) + c * Math.cos(2 * angle * index));
    return constantOf(node, builder, [size], numbers, name);
  }),
);

/** Triangular filters that are equally wide on the mel scale, 2595·log10(1 + f/700), as ONNX 17 defines them. */
const melWeightForm = compositeForm("MelWeightMatrix", 17, (node, builder, name) => {
  const [bands, length, rate, lowest, highest] = [0, 1, 2, 3, 4].map((index) => knownNumber(node, builder, index)) as [
    number,
    number,
    number,
    number,
    number,
  ];
  if (bands < 1 || length < 1 || rate < 1)
    builder.refuse("B110", `MelWeightMatrix cannot have ${bands} bands, length ${length} and rate ${rate}.`);
  const mel = (frequency: number): number => 2595 * Math.log10(1 + frequency / 700);
  const frequency = (mels: number): number => 700 * (10 ** (mels / 2595) - 1);
  const step = (mel(highest) - mel(lowest)) / (bands + 2);
  const edges = indexList(bands + 2).map((index) =>
    Math.floor(((length + 1) * frequency(mel(lowest) + index * step)) / rate),
  );
  const rows = Math.floor(length / 2) + 1;
  const weight = (row: number, band: number): number => {
    const [low, centre, high] = edges.slice(band, band + 3) as [number, number, number];
    if (row >= centre && row < high) return (high - row) / (high - centre);
    if (row === centre) return 1;
    return row >= low && row < centre ? (row - low) / (centre - low) : 0;
  };
  const numbers = Float64Array.from({ length: rows * bands }, (_, index) =>
    weight(Math.floor(index / bands), index % bands),
  );
  return constantOf(node, builder, [rows, bands], numbers, name);
});

/** HannWindow, HammingWindow, BlackmanWindow and MelWeightMatrix: constants of sizes that are known at compile time. */
export const windowFunctionForms: readonly OnnxForm[] = [...cosineWindowForms, melWeightForm];
