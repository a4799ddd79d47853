import { problem } from "../base/errors.ts";
import { sum } from "../base/math.ts";
import { evaluate } from "../ir/evaluate.ts";
import type { Graph } from "../ir/graph.ts";
import { parseGraph } from "../ir/graph-text.ts";
import type { HostOperation, Program } from "../ir/program.ts";
import { assertValid } from "../ir/verify.ts";
import type { HostOperationResult, Warning } from "../report/figures-schema.ts";
import { hostCycles, hostOperationCycles } from "../targets/cost.ts";
import type { ChipTarget } from "../targets/target.ts";
import { boundaryBytes, tensorFromBytes } from "./boundary.ts";
import { warning } from "./warnings.ts";

/**
 * What computes the operations of a program on the host, from bytes to bytes, by evaluating their graphs. It throws B201
 * and B202 for a graph that is wrong, B508 for one whose weights are absent, B702 for operands that are not its inputs, and
 * B503 for a result of other bytes than its port has.
 */
export function makeHost(): (operation: HostOperation, operands: readonly Uint8Array[]) => Uint8Array {
  const graphs = new Map<HostOperation, Graph>();
  return (operation, operands) => {
    const graph = graphs.get(operation) ?? readGraph(operation);
    graphs.set(operation, graph);
    const inputs = new Map(
      operation.operands.map((port, position) => [
        port.name,
        tensorFromBytes(port, operands[position] ?? new Uint8Array(0)),
      ]),
    );
    const [result] = evaluate(graph, inputs).values();
    const bytes = result === undefined ? new Uint8Array(0) : boundaryBytes(result);
    if (bytes.length !== operation.result.bytes) {
      const message = `The host computes ${bytes.length} bytes of "${operation.name}", its port has ${operation.result.bytes}.`;
      throw problem("B503", message, { tensor: operation.name });
    }
    return bytes;
  };
}

function readGraph({ graph: text }: HostOperation): Graph {
  const graph = parseGraph(text);
  assertValid(graph);
  return graph;
}

/** What the host does in the middle of each run, and how long that takes on its own: transfers one after the other, then the work. */
export function hostOperationResults({ hostOperations }: Program, chip: ChipTarget): HostOperationResult[] {
  return hostOperations.map(({ name, operator, operands, result, elementCount }) => {
    const ports = [...operands, result];
    return {
      name,
      operator,
      elementCount,
      transferBytes: sum(ports.map(({ bytes }) => bytes)),
      transferSeconds: sum(ports.map(({ bytes }) => hostCycles(chip, bytes))) / chip.clockHz,
      operationSeconds: hostOperationCycles(chip, elementCount) / chip.clockHz,
    };
  });
}

/** Says what the host does in the middle of each run, if it does anything. */
export function hostWarnings({ hostOperations }: Program): Warning[] {
  if (hostOperations.length === 0) return [];
  const named = hostOperations.map(({ name, operator }) => `${operator} "${name}"`).join(", ");
  return [warning("W205", `The host runs ${named} in the middle of each inference.`)];
}
