import { internalError } from "../base/errors.ts";
import type { Contractor } from "../ir/contractor.ts";
import { evaluate } from "../ir/evaluate.ts";
import type { Graph } from "../ir/graph.ts";
import type { Tensor } from "../ir/tensor.ts";
import type { ElementType } from "../ir/type.ts";
import { fromBoundary, toBoundary } from "./boundary.ts";
import type { Frame } from "./inputs.ts";

/** Sees the value of every input and node while a graph is evaluated. */
type Observe = (name: string, value: Tensor) => void;

/** What an evaluation may be given: a contractor to use again, and an observer. */
export interface EvaluationOptions {
  readonly contractor?: Contractor;
  readonly observe?: Observe;
}

/** The outputs of a float graph for one sample, in its order: what ONNX answers. Throws B702, B508. */
export function evaluateModel(graph: Graph, frame: Frame, options: EvaluationOptions = {}): Tensor[] {
  return inOrder(graph, evaluate(graph, frame, options));
}

/**
 * The outputs of a quantized graph for one sample of the model's types, in its order and in the types that the chip
 * stores: what the chip must answer. Throws B702, B703, B508.
 */
export function evaluateExact(
  chipGraph: Graph,
  frame: Frame,
  inputElements: ReadonlyMap<string, ElementType>,
  options: EvaluationOptions = {},
): Tensor[] {
  const quantized = new Map<string, Tensor>();
  for (const [name, value] of frame) {
    const input = chipGraph.inputs.find((each) => each.name === name);
    quantized.set(name, input === undefined ? value : toBoundary(value, input, inputElements.get(name) ?? "f32"));
  }
  return inOrder(chipGraph, evaluate(chipGraph, quantized, options));
}

function inOrder(graph: Graph, outputs: ReadonlyMap<string, Tensor>): Tensor[] {
  return graph.outputs.map((name) => {
    const value = outputs.get(name);
    if (value === undefined) throw internalError(`output "${name}" was not computed`);
    return value;
  });
}

/** Outputs in the element types that the model declares, from the types that the chip stores. */
export function toModelTypes(outputs: readonly Tensor[], elements: readonly ElementType[]): Tensor[] {
  return outputs.map((value, index) => fromBoundary(value, elements[index] ?? "f32"));
}
