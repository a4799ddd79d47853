import type { Graph, Node } from "./graph.ts";
import { isElementwise, operators } from "./ops/index.ts";
import { sameNumbers } from "./type.ts";
import { type Complaint, locationOf } from "./verify-complaint.ts";

/**
 * Breaches of the rules for layers: all nodes or none have one; together; one anchor, the rest element-wise; none joins
 * one that moves data or that the host computes.
 */
export function layerComplaints(graph: Graph): Complaint[] {
  const layered = graph.nodes.filter((node) => node.layer !== null);
  if (layered.length === 0) return [];
  const complaints: Complaint[] = [];
  const seen = new Set<string>();
  let anchor: Node | null = null;
  for (const node of graph.nodes) {
    const complain = (message: string): void => {
      complaints.push({ message, at: locationOf(node) });
    };
    if (node.layer === null) {
      complain(`"${node.name}" has no layer, although others have`);
      anchor = null;
    } else if (anchor?.layer === node.layer) memberComplaint(node, anchor, complain);
    else {
      if (seen.has(node.layer))
        complain(`the nodes of layer "${node.layer}" do not stand together: "${node.name}" stands apart`);
      seen.add(node.layer);
      anchor = node;
    }
  }
  return complaints;
}

function memberComplaint(node: Node, anchor: Node, complain: (message: string) => void): void {
  const where = operators.get(anchor.op)?.runsOn;
  if (where === "movement" || where === "folded") {
    const what = where === "movement" ? "moves data" : "the host computes";
    complain(`"${node.name}" joins layer "${anchor.layer}", which ${what} and takes no other node`);
  }
  if (operators.has(node.op) && !isElementwise(node.op))
    complain(`"${node.op}" joins layer "${anchor.layer}" behind its anchor, but is not element-wise`);
  if (!sameNumbers(node.type.shape, anchor.type.shape)) {
    complain(
      `"${node.name}" of shape [${node.type.shape.join(",")}] joins layer "${anchor.layer}" of shape [${anchor.type.shape.join(",")}]`,
    );
  }
}
