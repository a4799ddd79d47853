import { decompose } from "./decompose.ts";
import { eliminateDead } from "./eliminate-dead.ts";
import { foldBatchNorm } from "./fold-batch-norm.ts";
import { foldConstants } from "./fold-constants.ts";
import { fuseLayers } from "./fuse-layers.ts";
import { layout } from "./layout.ts";
import type { Pass } from "./pass.ts";
import { simplify } from "./simplify.ts";

/**
 * From an imported graph to a simplified float graph, which says the same in fewer nodes and knows no chip.
 * Constants are folded first, so that rules see weights as constants; batch norms fold after simplification, which
 * removes identities that stand between; layout comes last of the rewrites, for folding leaves more chains of
 * element-wise nodes; what it leaves (transposed constants, transposes that move nothing) is folded and simplified again.
 */
export const floatPipeline: readonly Pass[] = [
  foldConstants,
  eliminateDead,
  simplify,
  foldBatchNorm,
  layout,
  foldConstants,
  simplify,
  eliminateDead,
];

/**
 * From a quantized graph to layers that the chip runs. Composites are taken apart before layers are formed, for their
 * parts join different layers; constants and laws once more between, because composites bring their own constants.
 */
export const chipPipeline: readonly Pass[] = [decompose, foldConstants, simplify, eliminateDead, fuseLayers];

/** Every pass, in the order of its first use. */
export const passes: readonly Pass[] = [...new Set([...floatPipeline, ...chipPipeline])];

/** The pass of that name, or null; the names are what `--print-after` takes. */
export function findPass(name: string): Pass | null {
  return passes.find((pass) => pass.name === name) ?? null;
}
