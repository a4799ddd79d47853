import type { Constant, Graph } from "../../ir/graph.ts";
import { removeDead } from "../passes/eliminate-dead.ts";
import { rewriteGraph } from "../passes/rewriter.ts";
import { type RoundedLayer, type RoundWeightsOptions, WeightRounder } from "./weight-rounder.ts";
import { type WeightSite, weightSites } from "./weight-sites.ts";

/** A float graph whose contractions read stored weights, and how these were made; no layers when nothing was measured. */
export interface RoundedGraph {
  readonly graph: Graph;
  readonly layers: readonly RoundedLayer[];
}

/**
 * Rounds the constant float weights of contractions to signed integers, symmetric, one scale for each output channel. Layers are
 * rounded in order, each on what the rounded ones before it and the stored activations give; weights that several contractions share, on
 * what these read in the float graph.
 *
 *     %y = matmul(%x, %w, %b) : f32[1,4]  ->  %v = dequantize(%w.rounded) : f32[8,4]
 *                                             %y = matmul(%x, %v, %b) : f32[1,4]
 */
export function roundWeights(graph: Graph, options: RoundWeightsOptions): RoundedGraph {
  const sites = weightSites(graph, options);
  if (sites.length === 0) return { graph, layers: [] };
  const rounder = new WeightRounder(graph, sites, options);
  rounder.run();
  return { graph: withStoredWeights(graph, sites, rounder.stored), layers: rounder.layers };
}

function withStoredWeights(
  graph: Graph,
  sites: readonly WeightSite[],
  stored: ReadonlyMap<string, Omit<Constant, "name">>,
): Graph {
  const weightsOf = new Map(sites.flatMap((site) => site.nodes.map(({ name }) => [name, site.constant] as const)));
  const real = new Map<string, string>();
  return removeDead(
    rewriteGraph(graph, (node, rewriter) => {
      const weights = weightsOf.get(node.name);
      const integers = weights === undefined ? undefined : stored.get(weights.name);
      if (weights === undefined || integers === undefined) return null;
      const [x = null, , bias = null] = node.operands;
      const known =
        real.get(weights.name) ??
        rewriter.add(
          "dequantize",
          [rewriter.addConstantInfo(integers, `${weights.name}.rounded`)],
          { element: weights.type.element },
          `${weights.name}.real`,
        );
      real.set(weights.name, known);
      return rewriter.add(node.op, [x, known, bias], node.attributes, node.name);
    }),
  );
}
