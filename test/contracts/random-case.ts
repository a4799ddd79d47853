import { boundaryBytes, toBoundary } from "../../api/boundary.ts";
import { BorealError } from "../../base/errors.ts";
import { at } from "../../base/math.ts";
import type { Random } from "../../base/random.ts";
import { type Prepared, prepare } from "../../compiler/compile.ts";
import { adjacentOrder, independentPairs, type LayerPair } from "../../compiler/concurrency.ts";
import { copyCounts, coreCount, sharingCores } from "../../compiler/core-group.ts";
import { emitProgram } from "../../compiler/emit/emitter.ts";
import { firstCore, type Geometry, type Grid, layOut } from "../../compiler/geometry.ts";
import type { Layer } from "../../compiler/layers.ts";
import { boundaryValue, checkStep } from "../../compiler/mapper/check.ts";
import { constantWeights } from "../../compiler/mapper/layer-cost.ts";
import { mapNetwork } from "../../compiler/mapper/mapper.ts";
import { MisfitError } from "../../compiler/mapper/misfit.ts";
import type { Objective } from "../../compiler/mapper/objective.ts";
import { mayRunBeside } from "../../compiler/mapper/pair-rules.ts";
import { splitViolations, weightsViolations } from "../../compiler/mapper/rules.ts";
import { mayShareCores, splitsMayShare } from "../../compiler/mapper/shared-cores.ts";
import { candidateSplits } from "../../compiler/mapper/splits.ts";
import { gridOf, type Network, networkOf } from "../../compiler/network.ts";
import {
  type Precision,
  type PrecisionPlan,
  parsePrecision,
  precisionRules,
} from "../../compiler/quantize/precision.ts";
import type { NetworkPlan } from "../../compiler/step-plan.ts";
import { contractionRoles, tilePlan } from "../../compiler/tiling.ts";
import type { Graph } from "../../ir/graph.ts";
import type { CorePlace, MappedStep, Mapping, Split, SplitPart, TilePlan } from "../../ir/mapping.ts";
import type { Program } from "../../ir/program.ts";
import type { Tensor } from "../../ir/tensor.ts";
import type { ElementType } from "../../ir/type.ts";
import { resident, streamed, type WeightPlan } from "../../ir/weight-plan.ts";
import { createExecutor, type ExecutorOptions } from "../../runtime-sim/functional/executor.ts";
import type { ChipTarget } from "../../targets/target.ts";
import { type Feature, randomGraph, randomInputs } from "../random-graph.ts";

/** A random graph, prepared for the chip, with inputs in the formats of its boundary. */
export interface RandomCase {
  readonly prepared: Prepared;
  readonly network: Network;
  readonly features: ReadonlySet<Feature>;
  readonly modelElements: ReadonlyMap<string, ElementType>;
  readonly inputs: ReadonlyMap<string, Tensor>;
}

/** A program with everything that it was made from. */
export interface Built {
  readonly mapping: Mapping;
  readonly plan: NetworkPlan;
  readonly program: Program;
  readonly sidecar: Uint8Array;
}

/** Makes a random graph and quantizes it over one random frame, to a random precision, or one of its own for each layer. */
export function randomCase(random: Random, options: { blockCount: number; maximumSize: number }): RandomCase {
  const { graph, features } = randomGraph(random, options);
  const rule = parsePrecision(pick(random, precisionRules));
  const layers =
    random.uniform() < 0.6
      ? new Map<string, Precision>()
      : new Map(
          graph.nodes
            .filter(({ op }) => op === "matmul" || op === "conv")
            .map(({ name }) => [name, parsePrecision(pick(random, precisionRules)).rule]),
        );
  return preparedCase(random, graph, features, { ...rule, layers });
}

/** Quantizes a float graph over one random frame. */
export function preparedCase(
  random: Random,
  graph: Graph,
  features: ReadonlySet<Feature> = new Set(),
  precision: string | PrecisionPlan = "w8a8",
): RandomCase {
  const prepared = prepare(graph, {
    precision,
    calibrationFrames: [randomInputs(random, graph)],
    hostOps: true,
  });
  const modelElements = new Map<string, ElementType>([
    ...graph.inputs.map(({ name, type }) => [name, type.element] as const),
    ...graph.nodes.map(({ name, type }) => [name, type.element] as const),
  ]);
  const values = randomInputs(random, graph);
  const inputs = new Map(
    prepared.chipGraph.inputs.map(({ name, type }) => [
      name,
      toBoundary(values.get(name) as Tensor, { name, type }, modelElements.get(name) ?? "f32"),
    ]),
  );
  return { prepared, network: networkOf(prepared.chipGraph), features, modelElements, inputs };
}

/**
 * Builds the program of a case; null when the given steps do not fit the chip. Without steps the mapper chooses; inputs and
 * outputs overlap with other batches unless the objective is latency.
 */
export function build(
  { network, modelElements }: RandomCase,
  target: ChipTarget,
  steps: readonly MappedStep[] | null,
  objective: Objective = "latency",
): Built | null {
  try {
    const pinned: Mapping = {
      kind: "mapping",
      graph: network.graph.name,
      target: target.name,
      batchCount: 1,
      steps: steps ?? [],
      layouts: [],
      buffers: [],
    };
    const { mapping, plan } = mapNetwork(network, target, { mapping: pinned, objective });
    const { program, sidecar } = emitProgram(plan, mapping, { name: network.graph.name, modelElements });
    return { mapping, plan, program, sidecar: sidecar ?? new Uint8Array(0) };
  } catch (error) {
    if (error instanceof MisfitError) return null;
    // Steps drawn at random may take so many turns that their programs do not fit either.
    if (steps !== null && error instanceof BorealError && error.problems.every(({ code }) => code === "B401"))
      return null;
    throw error;
  }
}

/** A part of the grid, from a corner on. */
interface Part {
  readonly corner: CorePlace;
  readonly grid: Grid;
}

/** A legal step for every layer: random splits, corners, places of weights and tiles; some layers side by side. */
export function randomSteps(random: Random, network: Network, target: ChipTarget): MappedStep[] {
  const steps = network.layers.map((layer, index) =>
    randomStep(random, layer, target, mayRunBeside(network, index) ? randomPart(random, target) : wholeOf(target)),
  );
  const taken: LayerPair[] = [];
  const free = new Set(network.layers.keys());
  for (const pair of independentPairs(network, 8)) {
    const { left, right } = pair;
    if (![left, right].every((layer) => free.has(layer) && mayRunBeside(network, layer))) continue;
    if (random.uniform() < 0.3 || adjacentOrder(network, [...taken, pair]) === null) continue;
    taken.push(pair);
    const whole = [wholeOf(target), wholeOf(target)];
    const parts = mayShareCores(network, pair) && random.uniform() < 0.6 ? whole : randomCut(random, target);
    const sides = random.uniform() < 0.5 ? [left, right] : [right, left];
    const shares = parts === whole;
    sides.forEach((layer, side) => {
      free.delete(layer);
      steps[layer] = randomStep(random, at(network.layers, layer), target, at(parts, side), shares);
    });
    if (shares && !splitsMayShare(network, pair, at(steps, left), at(steps, right))) continue;
    steps[right] = { ...at(steps, right), beside: at(steps, left).name };
  }
  return steps;
}

function wholeOf(target: ChipTarget): Part {
  return { corner: firstCore, grid: gridOf(target) };
}

/** The whole grid, or a part of it that ends where it ends. */
function randomPart(random: Random, target: ChipTarget): Part {
  if (random.uniform() < 0.7) return wholeOf(target);
  const { rows, columns } = target.grid;
  const corner = { row: random.integer(0, rows - 1), column: random.integer(0, columns - 1) };
  return { corner, grid: { rows: rows - corner.row, columns: columns - corner.column } };
}

/** The two parts of a grid that is cut between rows or columns. */
function randomCut(random: Random, target: ChipTarget): Part[] {
  const { rows, columns } = target.grid;
  if (rows > 1 && (columns === 1 || random.uniform() < 0.5)) {
    const row = random.integer(1, rows - 1);
    return [
      { corner: firstCore, grid: { rows: row, columns } },
      { corner: { row, column: 0 }, grid: { rows: rows - row, columns } },
    ];
  }
  const column = random.integer(1, columns - 1);
  return [
    { corner: firstCore, grid: { rows, columns: column } },
    { corner: { row: 0, column }, grid: { rows, columns: columns - column } },
  ];
}

function pick<T>(random: Random, items: readonly T[]): T {
  return at(items, random.integer(0, items.length - 1));
}

function randomStep(
  random: Random,
  layer: Layer,
  target: ChipTarget,
  { corner, grid }: Part,
  sharesCores = false,
): MappedStep {
  const plannedTile = (found: Layer, geometry: Geometry): TilePlan =>
    tilePlan(found, geometry, target, contractionRoles(found), undefined, sharesCores);
  for (let attempt = 0; attempt < 20; attempt += 1) {
    const draws = constantWeights(layer) === null || random.uniform() < 0.6 ? 1 : 4;
    const split = mostShared(
      layer,
      Array.from({ length: draws }, () => randomSplit(random, layer, grid)),
      target,
    );
    const geometry = layOut(layer.dimensions, split, target.grid, corner);
    const weights = constantWeights(layer) === null ? null : randomWeights(random, layer, geometry);
    const { reduction } = geometry;
    const step: MappedStep = {
      name: layer.name,
      kind: layer.kind,
      nodes: layer.nodes.map((node) => node.name),
      value: boundaryValue(layer),
      split,
      ...(corner.row + corner.column > 0 ? { corner } : {}),
      weights,
      tile: layer.kind === "contraction" ? randomTile(random, plannedTile(layer, geometry)) : null,
      reduction: reduction === null ? null : { axis: reduction.axis, parts: reduction.parts },
    };
    if (checkStep(layer, step, target, sharesCores).length === 0) return step;
  }
  throw new Error(`no legal step was found for layer "${layer.name}"`);
}

/** Of some splits the first under which the most cores share weights. */
function mostShared(layer: Layer, splits: readonly Split[], target: ChipTarget): Split {
  if (splits.length === 1) return at(splits, 0);
  const roles = contractionRoles(layer);
  const counts = splits.map((split) => coreCount(sharingCores(layOut(layer.dimensions, split, target.grid), roles)));
  return at(splits, counts.indexOf(Math.max(...counts)));
}

/** Weights in several copies, mostly, where the split allows them; resident or streamed ones otherwise. */
function randomWeights(random: Random, layer: Layer, geometry: Geometry): WeightPlan {
  const isLegal = weightsViolations(layer, geometry, streamed).length === 0;
  const counts = isLegal ? copyCounts(sharingCores(geometry, contractionRoles(layer))) : [];
  if (counts.length > 1 && random.uniform() < 0.75) return { copies: pick(random, counts.slice(1)) };
  return counts.length === 0 || random.uniform() < 0.35 ? resident : streamed;
}

/** The planned tile, or a smaller one, so that a core works in several turns. */
function randomTile(random: Random, tile: TilePlan): TilePlan {
  if (random.uniform() < 0.4) return tile;
  const less = (size: number): number => (random.uniform() < 0.5 ? size : random.integer(1, size));
  return { rows: less(tile.rows), columns: less(tile.columns), inner: less(tile.inner) };
}

/** A split that the mapper looks at, or one that it would not. */
function randomSplit(random: Random, layer: Layer, grid: Grid): Split {
  const usual = candidateSplits(layer, grid);
  if (random.uniform() < 0.5 || layer.kind === "output") return pick(random, usual);
  for (let attempt = 0; attempt < 30; attempt += 1) {
    const split = {
      rows: randomParts(random, layer, grid.rows),
      columns: randomParts(random, layer, grid.columns),
    };
    if (splitViolations(layer, split, grid).length === 0) return split;
  }
  return pick(random, usual);
}

function randomParts(random: Random, layer: Layer, cores: number): SplitPart[] {
  const roles = layer.kind === "contraction" ? contractionRoles(layer) : null;
  const names = layer.dimensions.filter(({ size }) => size > 1);
  const parts: SplitPart[] = [];
  let room = cores;
  const count = random.integer(0, 2);
  for (let turn = 0; turn < count && names.length > 0 && room > 1; turn += 1) {
    const inner = roles !== null && roles.inner.length > 0 && random.uniform() < 0.3;
    const dimension = inner ? at(layer.dimensions, pick(random, roles.inner)) : pick(random, names);
    const most = Math.min(room, dimension.size);
    if (most < 2 || parts.some((part) => part.dimension === dimension.name)) continue;
    const chosen = random.integer(2, most);
    parts.push({ dimension: dimension.name, parts: chosen });
    room = Math.floor(room / chosen);
  }
  return parts;
}

/** The memories of a chip, as the functional executor takes them. */
export function memoriesOf(target: ChipTarget) {
  return {
    memoryBytes: target.core.memoryBytes,
    weightBufferBytes: target.core.weightBufferBytes,
    partialBufferBytes: target.core.partialBufferBytes,
    frameBufferBytes: target.frameBuffer.bytes,
  };
}

/** Runs a program on the case's inputs. */
export function runFunctional(
  { program, sidecar }: Pick<Built, "program" | "sidecar">,
  inputs: ReadonlyMap<string, Tensor>,
  target: ChipTarget,
  options: ExecutorOptions = {},
): Map<string, Uint8Array> {
  const executor = createExecutor(program, sidecar, memoriesOf(target), options);
  return executor.run(new Map([...inputs].map(([name, tensor]) => [name, boundaryBytes(tensor)])));
}

/** The bytes of tensors, as the framebuffer holds them. */
export function bytesOf(values: ReadonlyMap<string, Tensor>): Map<string, Uint8Array> {
  return new Map([...values].map(([name, tensor]) => [name, boundaryBytes(tensor)]));
}

/** What differs between two sets of outputs, as a short text; empty when nothing does. */
export function difference(expected: ReadonlyMap<string, Uint8Array>, found: ReadonlyMap<string, Uint8Array>): string {
  const complaints: string[] = [];
  for (const [name, want] of expected) {
    const got = found.get(name);
    if (got === undefined) complaints.push(`"${name}" is missing`);
    else if (got.length !== want.length) complaints.push(`"${name}" has ${got.length} bytes, not ${want.length}`);
    else {
      const bad = want.reduce((count, byte, index) => count + (byte === got[index] ? 0 : 1), 0);
      if (bad > 0) complaints.push(`"${name}": ${bad} of ${want.length} bytes differ`);
    }
  }
  return complaints.join("; ");
}
