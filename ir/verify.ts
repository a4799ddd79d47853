import { BorealError, type Problem } from "../base/errors.ts";
import type { Graph } from "./graph.ts";
import { type Complaint, onNodes } from "./verify-complaint.ts";
import { layerComplaints } from "./verify-layers.ts";
import { attributeComplaints, inferenceComplaint, operandComplaint, operatorComplaint } from "./verify-nodes.ts";
import { payloadComplaint, typeComplaint } from "./verify-types.ts";

/** A law that every valid graph keeps. */
export interface Invariant {
  /** G1, G2, ...; stands at the head of every message. */
  readonly id: string;
  /** One sentence, ending in a full stop. */
  readonly law: string;
  readonly check: (graph: Graph) => readonly Complaint[];
}

/** The laws of the IR, in the order in which they are checked. */
export const invariants: readonly Invariant[] = [
  {
    id: "G1",
    law: "Inputs, constants and nodes have names of their own: every value is bound once.",
    check: boundTwice,
  },
  {
    id: "G2",
    law: "A node reads only inputs, constants and values of nodes that stand before it.",
    check: readTooEarly,
  },
  {
    id: "G3",
    law: "Every node names an operator of the registry.",
    check: (graph) => onNodes(graph, (node) => [operatorComplaint(node)]),
  },
  {
    id: "G4",
    law: "A node has an entry for every operand of its operator; only optional ones are absent.",
    check: (graph) => onNodes(graph, (node) => [operandComplaint(node)]),
  },
  {
    id: "G5",
    law: "A node has all attributes of its operator, in their forms, and no others.",
    check: (graph) => onNodes(graph, attributeComplaints),
  },
  {
    id: "G6",
    law: "A node's type is the one that its operator infers from operands and attributes.",
    check: (graph) => inferenceProblems(graph),
  },
  {
    id: "G7",
    law: "Types are well formed: sizes are non-negative integers; only integers are quantized, with one positive finite scale and one storable zero for the tensor or for each index of an axis.",
    check: malformedTypes,
  },
  {
    id: "G8",
    law: "The graph has at least one output, and every output is bound.",
    check: unboundOutputs,
  },
  {
    id: "G9",
    law: "A constant's data has its type's storage, element count and range, or is absent and says so.",
    check: misfitPayloads,
  },
  {
    id: "G10",
    law: "Every node says which ONNX nodes it came from.",
    check: (graph) =>
      onNodes(graph, ({ origin }) => [
        origin.length === 0 || origin.includes("") ? "the origin is empty, expected names of ONNX nodes" : null,
      ]),
  },
  {
    id: "G11",
    law: "Either no node has a layer, or all have one; the nodes of a layer stand together, its first is a matrix, vector or movement operator, or is alone and left to the host, and the others are element-wise with that one's result shape.",
    check: layerComplaints,
  },
];

/** All breaches of the invariants (B202), in the order of the invariants; empty for a valid graph. */
export function verifyGraph(graph: Graph): Problem[] {
  return invariants.flatMap(({ id, check }) =>
    check(graph).map(({ message, at }): Problem => ({ code: "B202", message: `${id}: ${message}.`, at })),
  );
}

/** Throws B202 with all breaches of the invariants. */
export function assertValid(graph: Graph): void {
  const problems = verifyGraph(graph);
  if (problems.length > 0) throw new BorealError(problems);
}

function boundTwice(graph: Graph): Complaint[] {
  const bound = new Set<string>();
  const complaints: Complaint[] = [];
  for (const { name } of [...graph.inputs, ...graph.constants, ...graph.nodes]) {
    if (bound.has(name)) complaints.push({ message: `"${name}" is bound twice`, at: { tensor: name } });
    bound.add(name);
  }
  return complaints;
}

function readTooEarly(graph: Graph): Complaint[] {
  const bound = new Set([...graph.inputs, ...graph.constants].map((value) => value.name));
  const later = new Set(graph.nodes.map((node) => node.name));
  return onNodes(graph, (node) => {
    const missing = node.operands.filter((operand) => operand !== null && !bound.has(operand));
    bound.add(node.name);
    return missing.map((operand) =>
      later.has(operand as string) ? `"${operand}" is read before it is bound` : `"${operand}" is read but never bound`,
    );
  });
}

function inferenceProblems(graph: Graph): Complaint[] {
  const types = new Map([...graph.inputs, ...graph.constants].map(({ name, type }) => [name, type]));
  return onNodes(graph, (node) => {
    const complaint = inferenceComplaint(node, types);
    types.set(node.name, node.type);
    return [complaint];
  });
}

function malformedTypes(graph: Graph): Complaint[] {
  const values = [...graph.inputs, ...graph.constants].flatMap(({ name, type }) => {
    const message = typeComplaint(type);
    return message === null ? [] : [{ message: `${message}, in "${name}"`, at: { tensor: name } }];
  });
  return [...values, ...onNodes(graph, (node) => [typeComplaint(node.type)])];
}

function unboundOutputs(graph: Graph): Complaint[] {
  const bound = new Set([...graph.inputs, ...graph.constants, ...graph.nodes].map((value) => value.name));
  const complaints = graph.outputs
    .filter((output) => !bound.has(output))
    .map((output): Complaint => ({ message: `output "${output}" is not bound`, at: { tensor: output } }));
  return graph.outputs.length > 0
    ? complaints
    : [{ message: "the graph has no output, expected at least one", at: {} }];
}

function misfitPayloads(graph: Graph): Complaint[] {
  return graph.constants.flatMap((constant) => {
    const message = typeComplaint(constant.type) === null ? payloadComplaint(constant) : null;
    return message === null
      ? []
      : [{ message: `${message}, in constant "${constant.name}"`, at: { tensor: constant.name } }];
  });
}
