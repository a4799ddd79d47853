import { BorealError, internalError, type Problem } from "../base/errors.ts";
import { product } from "../base/math.ts";
import type { Contractor } from "./contractor.ts";
import { type Graph, type Node, valueTypes } from "./graph.ts";
import { makeWasmContractor } from "./ops/contraction-kernels.ts";
import { operatorOf } from "./ops/index.ts";
import { makeTensor, type Tensor } from "./tensor.ts";
import { formatType, sameNumbers, type TensorType } from "./type.ts";

/** What else an evaluation does. */
export interface EvaluateOptions {
  /** Called with every input and every node's value, in graph order. */
  readonly observe?: (name: string, value: Tensor) => void;
  /** Computes contractions; when absent one is made if the graph has a large contraction. Pass one to evaluate often. */
  readonly contractor?: Contractor;
}

/** Multiply-accumulates from which on compiling the fast kernels pays. */
const largeContractionMacCount = 1_000_000;

/**
 * The outputs of a graph by name, each node's value rounded to its declared type: ONNX's answer for an f32 graph, the
 * chip's answer for a quantized one. Throws B702 with every missing or wrong input, B508 with every constant that a node
 * or output needs and that has no data.
 */
export function evaluate(
  graph: Graph,
  inputs: ReadonlyMap<string, Tensor>,
  options: EvaluateOptions = {},
): Map<string, Tensor> {
  const values = boundValues(graph, inputs);
  for (const input of graph.inputs) options.observe?.(input.name, boundValue(values, input.name));
  const contractor = options.contractor ?? (hasLargeContraction(graph) ? makeWasmContractor() : undefined);
  const lastUse = lastUses(graph);
  graph.nodes.forEach((node, index) => {
    const value = evaluateNode(node, values, contractor);
    values.set(node.name, value);
    options.observe?.(node.name, value);
    for (const name of [...node.operands, node.name]) {
      if (name !== null && (lastUse.get(name) ?? index) <= index) values.delete(name);
    }
  });
  return new Map(graph.outputs.map((name) => [name, boundValue(values, name)]));
}

function evaluateNode(node: Node, values: ReadonlyMap<string, Tensor>, contractor: Contractor | undefined): Tensor {
  const value = operatorOf(node.op).evaluate({
    operands: node.operands.map((name) => (name === null ? null : boundValue(values, name))),
    attributes: node.attributes,
    type: node.type,
    ...(contractor === undefined ? {} : { contractor }),
  });
  if (value.type.element !== node.type.element || value.data.length !== product(node.type.shape)) {
    throw internalError(`"${node.op}" gave ${formatType(value.type)}, expected ${formatType(node.type)}`, {
      tensor: node.name,
    });
  }
  return value;
}

function boundValue(values: ReadonlyMap<string, Tensor>, name: string): Tensor {
  const value = values.get(name);
  if (value === undefined) throw internalError(`value "${name}" is not there when it is needed`, { tensor: name });
  return value;
}

/** Inputs and constants by name; throws all problems together. */
function boundValues(graph: Graph, inputs: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
  const problems: Problem[] = [];
  const values = new Map<string, Tensor>();
  for (const { name, type } of graph.inputs) {
    const given = inputs.get(name);
    if (given === undefined) {
      problems.push({
        code: "B702",
        message: `Input "${name}" is missing, expected ${formatType(type)}.`,
        at: { tensor: name },
      });
    } else if (given.type.element !== type.element || !sameNumbers(given.type.shape, type.shape)) {
      const message = `Input "${name}" is ${formatType(given.type)}, expected ${formatType(type)}.`;
      problems.push({ code: "B702", message, at: { tensor: name } });
    } else values.set(name, makeTensor(type, given.data));
  }
  const declared = new Set(graph.inputs.map((input) => input.name));
  for (const name of inputs.keys()) {
    if (!declared.has(name)) {
      const message = `There is no input "${name}", expected ${[...declared].map((each) => `"${each}"`).join(", ") || "none"}.`;
      problems.push({ code: "B702", message, at: { tensor: name } });
    }
  }
  const needed = new Set([...graph.nodes.flatMap((node) => node.operands), ...graph.outputs]);
  for (const { name, type, data } of graph.constants) {
    if (data !== null) values.set(name, makeTensor(type, data));
    else if (needed.has(name)) {
      problems.push({
        code: "B508",
        message: `Constant "${name}" of type ${formatType(type)} has no data.`,
        at: { tensor: name },
      });
    }
  }
  if (problems.length > 0) throw new BorealError(problems);
  return values;
}

/** The index of the last node that reads a value; values that leave the graph are read after the last node. */
function lastUses(graph: Graph): Map<string, number> {
  const uses = new Map<string, number>();
  graph.nodes.forEach((node, index) => {
    for (const name of node.operands) if (name !== null) uses.set(name, index);
  });
  for (const name of graph.outputs) uses.set(name, graph.nodes.length);
  return uses;
}

function hasLargeContraction(graph: Graph): boolean {
  const types = valueTypes(graph);
  return graph.nodes.some((node) => {
    const operator = operatorOf(node.op);
    if (operator.runsOn !== "matrix" || operator.iteration === undefined) return false;
    const operands = node.operands.map((name): TensorType | null => (name === null ? null : (types.get(name) ?? null)));
    const { dimensions } = operator.iteration({ operands, attributes: node.attributes, type: node.type });
    return product(dimensions.map((dimension) => dimension.size)) >= largeContractionMacCount;
  });
}
