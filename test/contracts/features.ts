import { at } from "../../base/math.ts";
import { largestBox } from "../../compiler/geometry.ts";
import { overlapsOf } from "../../compiler/overlap.ts";
import { precisionRules } from "../../compiler/quantize/precision.ts";
import { piecesOf } from "../../compiler/step-chunks.ts";
import type { NetworkPlan, StepPlan } from "../../compiler/step-plan.ts";
import { anchorElements, chunkCapacityBytes, contractionRoles, tileCapacity } from "../../compiler/tiling.ts";
import { contractionTiles } from "../../compiler/weights.ts";
import type { Program } from "../../ir/program.ts";
import { elementTypes } from "../../ir/type.ts";
import { activationRole } from "../../ir/vector-function.ts";
import type { Feature } from "../random-graph.ts";
import type { Built } from "./random-case.ts";

/** What random programs must be made of; each must turn up in at least one of fifty. */
export const programFeatures: readonly string[] = [
  "conv-1d",
  "conv-2d",
  "conv-grouped",
  "matmul",
  "matmul-activations",
  ...precisionRules,
  "weights-resident",
  "weights-streamed",
  "weights-in-copies",
  "split-group",
  "split-row",
  "split-column",
  "split-inner",
  "partial-sums-rows",
  "partial-sums-columns",
  "halo",
  "around",
  "fork",
  "join",
  "tiles-of-rows",
  "tiles-of-columns",
  "tiles-of-inner",
  "movement-over-network",
  "multicast",
  "idle-cores",
  "input-ahead",
  "output-behind",
  "activation-stage",
  "conversion-stage",
  "both-stages",
  "kept-operand-of-a-stage",
  "side-by-side",
  "same-cores",
];

/** A name of `programFeatures`. */
export type ProgramFeature = string;

/** What a program, and the graph that it was made of, is made of. */
export function featuresOf(
  { plan, mapping }: Built,
  graph: ReadonlySet<Feature>,
  kinds: ReadonlySet<string>,
): Set<ProgramFeature> {
  const found = new Set<ProgramFeature>();
  for (const feature of ["conv-1d", "conv-2d", "conv-grouped", "matmul", "matmul-activations"] as const) {
    if (graph.has(feature)) found.add(feature);
  }
  if (graph.has("conv-depthwise")) found.add("conv-grouped");
  if (kinds.has("multicast")) found.add("multicast");
  for (const { direction } of overlapsOf(plan, mapping.buffers))
    found.add(direction === "ahead" ? "input-ahead" : "output-behind");
  for (const step of plan.steps) {
    stepFeatures(plan, step, found);
    stageFeatures(step, found);
  }
  for (const readers of plan.network.readers.values()) if (readers.length > 1) found.add("fork");
  return found;
}

/** How the activation unit is used in a step. */
function stageFeatures({ chain }: StepPlan, found: Set<ProgramFeature>): void {
  for (const { stages, results } of chain.passes) {
    const roles = stages.slice(1).map(({ function: name }) => activationRole(name));
    for (const role of roles) found.add(`${role}-stage`);
    if (roles.length === 2) found.add("both-stages");
    if (results.length > 1) found.add("kept-operand-of-a-stage");
  }
}

function stepFeatures(plan: NetworkPlan, step: StepPlan, found: Set<ProgramFeature>): void {
  const { layer, geometry } = step;
  const values = new Set(layer.reads.filter((read) => !read.constant).map((read) => read.value));
  if (values.size > 1) found.add("join");
  if (step.step.beside !== undefined) found.add(step.sharesCores ? "same-cores" : "side-by-side");
  if (layer.kind !== "output" && step.active.some((active) => !active)) found.add("idle-cores");
  for (const read of step.reads) {
    const windowed = read.read.access?.some(
      ({ terms }) => terms.length > 1 && terms.some(({ dimension }) => at(geometry.parts, dimension) > 1),
    );
    if ((read.mode === "copied" || read.mode === "around") && windowed === true) found.add("halo");
    if (read.mode === "around") found.add("around");
  }
  if (layer.kind === "movement" && geometry.parts.some((parts) => parts > 1)) found.add("movement-over-network");
  if (step.roles === null) return;
  const { weights, activations } = anchorElements(layer);
  found.add(`w${elementTypes[weights].bits}a${elementTypes[activations].bits}`);
  const copies = step.step.weights?.copies;
  if (copies !== undefined) {
    const isResident = copies === "all" || piecesOf(step) === 1;
    found.add(isResident ? "weights-resident" : copies === 1 ? "weights-streamed" : "weights-in-copies");
  }
  for (const role of ["group", "row", "column", "inner"] as const) {
    if (contractionRoles(layer)[role].some((dimension) => at(geometry.parts, dimension) > 1))
      found.add(`split-${role}`);
  }
  if (geometry.reduction !== null) found.add(`partial-sums-${geometry.reduction.axis}`);
  const largest = largestBox(geometry);
  const { target } = plan;
  const tiles = contractionTiles(
    largest,
    largest,
    step.roles,
    step.step,
    tileCapacity(geometry, target, step.sharesCores),
    chunkCapacityBytes(target),
    anchorElements(layer).weights,
  );
  const distinct = (pick: (tile: (typeof tiles)[number]) => unknown): number =>
    new Set(tiles.map((tile) => JSON.stringify(pick(tile)))).size;
  if (distinct((tile) => tile.rows) > 1) found.add("tiles-of-rows");
  if (distinct((tile) => tile.columns) > 1) found.add("tiles-of-columns");
  if (tiles.some((tile) => tile.inner.length > 1)) found.add("tiles-of-inner");
}

/** The kinds of instructions that stand in a program. */
export function instructionKinds(program: Program): Set<string> {
  const kinds = new Set<string>();
  for (const step of program.steps) {
    for (const { threads } of step.classes) {
      for (const list of Object.values(threads)) {
        for (const instruction of list) {
          kinds.add(instruction.kind);
          if (instruction.kind === "loop") for (const inner of instruction.body) kinds.add(inner.kind);
        }
      }
    }
  }
  return kinds;
}
