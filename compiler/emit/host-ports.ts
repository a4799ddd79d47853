import { problem } from "../../base/errors.ts";
import { at, roundUp } from "../../base/math.ts";
import type { Graph } from "../../ir/graph.ts";
import { printGraph } from "../../ir/graph-text.ts";
import type { HostOperation, Port } from "../../ir/program.ts";
import { type ElementType, elementCount, packedBytes } from "../../ir/type.ts";
import type { HostPart } from "../layers.ts";
import type { NetworkPlan } from "../step-plan.ts";

/** Everything that crosses the host link: where it stands in the framebuffer, and what the host computes of it. */
export interface Ports {
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly hostOperations: readonly HostOperation[];
  /** Ports in each direction, those of host operations included. */
  readonly enteringCount: number;
  readonly leavingCount: number;
  /** Framebuffer address of the tensor that an input or output step moves, by step index. */
  readonly addressOfStep: ReadonlyMap<number, number>;
  /** The number that `host.in` or `host.out` of a step names, by step index. */
  readonly portOfStep: ReadonlyMap<number, number>;
  /** The operation that a step in the middle of a run brings an operand to, or whose result it brings back. */
  readonly operationOfStep: ReadonlyMap<number, number>;
}

/** Places the tensors of all input and output steps in the framebuffer, one after the other. Throws B401 when they do not fit. */
export function layOutPorts(
  { steps, network, target }: NetworkPlan,
  modelElements: ReadonlyMap<string, ElementType>,
): Ports {
  const addressOfStep = new Map<number, number>();
  const portOfStep = new Map<number, number>();
  const operationOfStep = new Map<number, number>();
  const [inputs, outputs, operands, hostOperations]: [Port[], Port[], Port[], HostOperation[]] = [[], [], [], []];
  // Ports of host operations are numbered behind those of the graph.
  const boundaries = { input: 0, output: 0 };
  for (const { layer } of steps) {
    if ((layer.kind === "input" || layer.kind === "output") && layer.host === null) boundaries[layer.kind] += 1;
  }
  let address = 0;
  let taken = 0;
  for (const { index, layer, reads, writes } of steps) {
    if (layer.kind !== "input" && layer.kind !== "output") continue;
    const { value, type } = layer.kind === "input" ? at(writes, 0).write : at(reads, 0).read;
    const { host } = layer;
    const modelElement = host === null ? (modelElements.get(value) ?? type.element) : type.element;
    const bytes = packedBytes(type.element, elementCount(type));
    const port: Port = { name: value, type, modelElement, frameAddress: address, bytes };
    addressOfStep.set(index, address);
    address += roundUp(bytes, 64);
    if (host === null) {
      const list = layer.kind === "input" ? inputs : outputs;
      portOfStep.set(index, list.length);
      list.push(port);
      continue;
    }
    operationOfStep.set(index, hostOperations.length);
    if (host.operand === null) {
      portOfStep.set(index, boundaries.input + hostOperations.length);
      hostOperations.push(hostOperation(network.graph, host, operands.slice(taken), port));
      taken = operands.length;
    } else {
      portOfStep.set(index, boundaries.output + operands.length);
      operands.push(port);
    }
  }
  if (address > target.frameBuffer.bytes)
    throw frameOverflow(address, target.frameBuffer.bytes, [
      ...inputs,
      ...outputs,
      ...operands,
      ...hostOperations.map(({ result }) => result),
    ]);
  return {
    inputs,
    outputs,
    hostOperations,
    enteringCount: inputs.length + hostOperations.length,
    leavingCount: outputs.length + operands.length,
    addressOfStep,
    portOfStep,
    operationOfStep,
  };
}

function frameOverflow(bytes: number, capacity: number, ports: readonly Port[]) {
  const terms = ports.map((port) => `${port.name}: ${port.bytes} bytes`).join("; ");
  return problem(
    "B401",
    `framebuffer: inputs and outputs need ${bytes} bytes, the chip has ${capacity} (gap ${bytes - capacity}). ${terms}.`,
    {},
    "A smaller batch or narrower boundary types would make it fit.",
  );
}

function hostOperation(
  graph: Graph,
  { node, elementCount }: HostPart,
  operands: readonly Port[],
  result: Port,
): HostOperation {
  return {
    name: node.name,
    operator: node.op,
    operands,
    result,
    elementCount,
    graph: printGraph({
      kind: "graph",
      name: node.name,
      inputs: operands.map(({ name, type }) => ({ name, type })),
      constants: graph.constants.filter(({ name }) => node.operands.includes(name)),
      nodes: [{ ...node, layer: null }],
      outputs: [node.name],
    }),
  };
}
