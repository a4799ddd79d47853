import { BorealError, type Problem } from "../../base/errors.ts";
import { product } from "../../base/math.ts";
import { type Graph, type Node, valueTypes } from "../../ir/graph.ts";
import type { RunsOn } from "../../ir/operator.ts";
import { isElementwise, operatorOf } from "../../ir/ops/index.ts";
import { sameNumbers } from "../../ir/type.ts";
import { locationOf } from "../../ir/verify-complaint.ts";
import type { Pass } from "./pass.ts";

interface LayerGroup {
  readonly anchor: Node;
  readonly nodes: Node[];
}

/**
 * Groups nodes into layers, each of which the chip runs as one step over all cores, and puts the nodes of a layer together.
 * Matrix, reduce and movement nodes begin a layer. An element-wise node joins the layer of its latest operand when its
 * shape is that layer's (its other operands are constants, values of the layer, or values of earlier layers, so they
 * are there before the layer starts); else it begins a layer of element-wise nodes. Movement layers take no other node.
 * A node that the chip cannot run is alone in its layer when the host may run it; else it throws B404 with all of them.
 * A layer has the name of its first node's ONNX node.
 *
 *     %a = matmul(%x, %w) : f32[1,4] @ "fc"            %a = matmul(%x, %w) : f32[1,4] @ "fc" in "fc"
 *     %b = relu(%a) : f32[1,4] @ "act"          ->     %b = relu(%a) : f32[1,4] @ "act" in "fc"
 */
export const fuseLayers: Pass = makeFuseLayers(false);

/** As `fuseLayers`, but the host runs what the chip cannot. */
export const fuseLayersWithHost: Pass = makeFuseLayers(true);

/** Refuses a bias beside a batch of weight matrices: the cores would add another matrix's share of it. */
function refuseBatchedBias(graph: Graph): void {
  const types = valueTypes(graph);
  const problems = graph.nodes.flatMap((node): Problem[] => {
    const [, weights, bias] = node.operands;
    if (node.op !== "matmul" || weights == null || bias == null) return [];
    const shape = types.get(weights)?.shape ?? [];
    if (product(shape.slice(0, -2)) === 1) return [];
    const message = `The chip adds no bias to products with a batch of weights [${shape.join(",")}]; expected one matrix, or an addition after it.`;
    return [{ code: "B404", message, at: locationOf(node) }];
  });
  if (problems.length > 0) throw new BorealError(problems);
}

function makeFuseLayers(hostOps: boolean): Pass {
  return {
    name: "fuse-layers",
    summary: "Groups nodes into layers: an anchor and the element-wise nodes that follow it.",
    run: (graph) => {
      if (!hostOps) refuseUnsupported(graph);
      refuseBatchedBias(graph);
      const groups = groupNodes(graph);
      const taken = new Set<string>();
      const nodes = groups.flatMap(({ anchor, nodes: members }) => {
        const layer = freshName(anchor.origin[0] ?? anchor.name, taken);
        return members.map((node) => (node.layer === layer ? node : { ...node, layer }));
      });
      return nodes.every((node, index) => node === graph.nodes[index]) ? graph : { ...graph, nodes };
    },
  };
}

function refuseUnsupported(graph: Graph): void {
  const problems = graph.nodes
    .filter((node) => operatorOf(node.op).runsOn === "folded")
    .map(
      (node): Problem => ({
        code: "B404",
        message: `The chip has no instruction for "${node.op}", and no pass could rewrite or compute it.${obstacleOf(node)}`,
        at: locationOf(node),
        hint: "With --host-ops the host runs it in the middle of the inference.",
      }),
    );
  if (problems.length > 0) throw new BorealError(problems);
}

function obstacleOf(node: Node): string {
  const { obstacle } = operatorOf(node.op);
  return obstacle === undefined ? "" : ` ${obstacle}`;
}

function groupNodes(graph: Graph): LayerGroup[] {
  const groups: LayerGroup[] = [];
  const groupOf = new Map<string, number>();
  for (const node of graph.nodes) {
    const latest = Math.max(-1, ...node.operands.map((operand) => groupOf.get(operand ?? "") ?? -1));
    const host = groups[latest];
    if (host !== undefined && joins(node, host)) {
      host.nodes.push(node);
      groupOf.set(node.name, latest);
    } else {
      groupOf.set(node.name, groups.length);
      groups.push({ anchor: node, nodes: [node] });
    }
  }
  return groups;
}

/** Where the anchors run that take element-wise nodes into their layers. */
const takesOthers: ReadonlySet<RunsOn> = new Set(["matrix", "vector"]);

function joins(node: Node, { anchor }: LayerGroup): boolean {
  return (
    isElementwise(node.op) &&
    takesOthers.has(operatorOf(anchor.op).runsOn) &&
    sameNumbers(node.type.shape, anchor.type.shape)
  );
}

function freshName(wanted: string, taken: Set<string>): string {
  let name = wanted;
  for (let number = 2; taken.has(name); number += 1) name = `${wanted}#${number}`;
  taken.add(name);
  return name;
}
