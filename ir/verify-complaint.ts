import type { Location } from "../base/errors.ts";
import type { Graph, Node } from "./graph.ts";
import { printNode } from "./graph-text.ts";

/** Something wrong, and where. */
export interface Complaint {
  readonly message: string;
  readonly at: Location;
}

/** Where a node is. */
export function locationOf(node: Node): Location {
  const [onnxNode] = node.origin;
  return {
    tensor: node.name,
    operator: node.op,
    ...(onnxNode === undefined ? {} : { onnxNode }),
    ...(node.layer === null ? {} : { layer: node.layer }),
  };
}

/** What a check of single nodes complains about, with the node's text and place. */
export function onNodes(graph: Graph, complain: (node: Node) => readonly (string | null)[]): Complaint[] {
  return graph.nodes.flatMap((node) =>
    complain(node)
      .filter((message) => message !== null)
      .map((message) => ({ message: `${message}, in \`${shorten(printNode(node))}\``, at: locationOf(node) })),
  );
}

function shorten(line: string): string {
  return line.length <= 200 ? line : `${line.slice(0, 197)}...`;
}
