import { carryStored } from "./carry-stored.ts";
import { copyConstantActivations } from "./copy-constant-activations.ts";
import { copyConstantOutputs } from "./copy-constant-outputs.ts";
import { decompose, decomposeContractions } from "./decompose.ts";
import { eliminateDead } from "./eliminate-dead.ts";
import { foldBatchNorm } from "./fold-batch-norm.ts";
import { foldConstants } from "./fold-constants.ts";
import { fuseLayers, fuseLayersWithHost } from "./fuse-layers.ts";
import { layout } from "./layout.ts";
import type { Pass } from "./pass.ts";
import { simplify } from "./simplify.ts";
import { storeSums } from "./store-sums.ts";

/**
 * From an imported graph to a simplified float graph, which says the same in fewer nodes and knows no chip.
 * Stored integers are carried first, before the numbers that they stand for fold. Constants are folded next, so that rules see weights as constants; composites that contain contractions are taken apart
 * next, for contractions are what gets quantized; batch norms fold after simplification, which
 * removes identities that stand between; layout comes last of the rewrites, for folding leaves more chains of
 * element-wise nodes; what it leaves (transposed constants, transposes that move nothing) is folded and simplified again.
 */
export const floatPipeline: readonly Pass[] = [
  carryStored,
  foldConstants,
  eliminateDead,
  decomposeContractions,
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
export const chipPipeline: readonly Pass[] = [
  decompose,
  foldConstants,
  simplify,
  eliminateDead,
  copyConstantOutputs,
  copyConstantActivations,
  storeSums,
  fuseLayers,
];

/** As `chipPipeline`, for a chip whose host runs what the chip cannot. */
export const hostPipeline: readonly Pass[] = chipPipeline.map((pass) =>
  pass === fuseLayers ? fuseLayersWithHost : pass,
);

/** Every pass, in the order of its first use. */
export const passes: readonly Pass[] = [...new Set([...floatPipeline, ...chipPipeline])];

/** The pass of that name, or null; the names are what `--print-after` takes. */
export function findPass(name: string): Pass | null {
  return passes.find((pass) => pass.name === name) ?? null;
}
