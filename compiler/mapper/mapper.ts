import { BorealError, internalError, type Problem } from "../../base/errors.ts";
import { at } from "../../base/math.ts";
import type { MappedBuffer, MappedStep, Mapping } from "../../ir/mapping.ts";
import type { ChipTarget } from "../../targets/target.ts";
import { coresOf, sharingSteps } from "../concurrency.ts";
import type { Network } from "../network.ts";
import type { NetworkPlan } from "../step-plan.ts";
import { type Allocation, allocate, checkBuffers } from "./allocate.ts";
import { checkEarly, checkOverlaps, checkStep } from "./check.ts";
import { frameMisfit, memoryMisfit } from "./demand.ts";
import { valueLayouts } from "./layouts.ts";
import { MisfitError } from "./misfit.ts";
import {
  cyclesAlone,
  energyAlone,
  type Objective,
  overlapsFor,
  productNear,
  staticPjPerCycle,
  type Weighing,
} from "./objective.ts";
import { orderedPairs, pairProblems } from "./pair-rules.ts";
import { hiddenCycles, placeOverlaps } from "./place-overlaps.ts";
import { type Fit, fitMemory, gapOf } from "./repair.ts";
import { type AvoidedSplits, type SearchSpace, searchSpace } from "./search.ts";
import { withEarlyShares } from "./share-early.ts";
import { formatSplit } from "./splits.ts";
import { inOrder, type StepCost, stepCosts } from "./steps.ts";
import type { StreamSpace, StreamTurns } from "./stream-pairs.ts";
import { type VectorWork, vectorWork } from "./work.ts";

/** How a network is to be mapped. */
export interface MapOptions {
  /** What is made small; latency by default. */
  readonly objective?: Objective;
  /** Steps that stand as given; layers without one are searched. Its buffers are kept when there are any. */
  readonly mapping?: Mapping;
  /** Inferences in a batch, those of all streams together; 1 by default. */
  readonly batchCount?: number;
  /** Whether layers may run side by side that no given step says so of; by default they may. */
  readonly sideBySide?: boolean;
  /** Splits whose programs were too large. */
  readonly avoided?: AvoidedSplits;
  /** The vector passes of the layers, when they are known; by default derived from the operators. */
  readonly work?: VectorWork;
}

/** A mapping and what it is predicted to cost. */
export interface MapResult {
  readonly mapping: Mapping;
  /** The mapping's decisions worked out. */
  readonly plan: NetworkPlan;
  readonly predictedCycles: number;
  /** Of a batch in steady state: without what is read and sent of it while other batches are computed. */
  readonly predictedIntervalCycles: number;
  readonly layerCosts: readonly StepCost[];
  /** Whether no other choice among the candidates is predicted to be quicker; false after pruning or pricing of memory. */
  readonly exact: boolean;
  /** Predicted dynamic picojoules of a batch; null where the objective asks for none. */
  readonly predictedPj: number | null;
  /**
   * By what share the objective's figure may lie above the least that the candidates allow: 0 where the choice is proven best,
   * null where nothing is proven.
   */
  readonly gap: number | null;
  /** The end of the highest buffer on every core. */
  readonly peakBytes: number;
  /** The most bytes that are live at once: no packing needs less. */
  readonly liveBytes: number;
}

/** Choices for all layers, with the best memory that was found for them. */
interface Choices {
  readonly space: SearchSpace;
  readonly fit: Fit;
  readonly pins: ReadonlyMap<string, MappedStep>;
  readonly layouts: Mapping["layouts"];
}

/** How the layers of a network are split and where weights stay; with `streams`, so that the buffers of all of them fit. */
function choicesFor(network: Network, target: ChipTarget, options: MapOptions, streams: StreamSpace | null): Choices {
  const frame = frameMisfit(streams === null ? network : at(streams.pairings, 0).network, target);
  if (frame !== null) throw new MisfitError(frame);
  const pins = pinsOf(network, target, options.mapping);
  const layouts = valueLayouts(network);
  const given = new Map(options.mapping?.layouts.map((layout) => [layout.value, layout]));
  const chosenLayouts = layouts.map((layout) => given.get(layout.value) ?? layout);
  const work = options.work ?? vectorWork(network.layers, target);
  const { objective = "latency" } = options;
  const countsEnergy = objective === "energy" || objective === "edp";
  const spaceWith = (pairs: boolean): SearchSpace =>
    searchSpace(network, work, target, pins, countsEnergy, pairs, options.avoided);
  const found = bestFit(spaceWith, options.sideBySide ?? true, objective, pins, chosenLayouts, streams);
  return { ...found, pins, layouts: chosenLayouts };
}

/** The steps that are chosen for each of a network's streams. */
export interface StreamChoice {
  readonly steps: readonly MappedStep[];
  /** How the streams take turns so that the buffers of all fit. */
  readonly turns: StreamTurns;
  readonly gap: number | null;
  readonly exact: boolean;
}

/**
 * Chooses how the layers of a network are split that is computed in streams, and where weights stay, so that the buffers of all of
 * them fit, and which steps of them run at once. Throws as `mapNetwork`.
 */
export function chooseForStreams(
  network: Network,
  streams: StreamSpace,
  target: ChipTarget,
  options: MapOptions,
): StreamChoice {
  const { fit, pins } = choicesFor(network, target, { ...options, sideBySide: false }, streams);
  if (fit.fitting === null) throw new MisfitError(memoryMisfit(network, fit.leanest, target));
  const { steps, result, turns } = fit.fitting;
  if (turns === null) throw internalError("the streams have no order");
  // Splits are chosen as if nothing ran at once: where something may, nothing is proven.
  const isAlone = streams.pairings.every(({ possible }) => possible.length === 0);
  const gap = isAlone && pins.size === 0 ? fit.gap : null;
  return { steps, turns, gap, exact: isAlone && result.exact && fit.rounds === 1 };
}

/**
 * Chooses how every layer is split over the grid, where weights stay, and where each buffer lies. Throws B401 with a
 * Misfit when the network does not fit, and B403 with all broken rules when the given mapping is not legal.
 */
export function mapNetwork(network: Network, target: ChipTarget, options: MapOptions = {}): MapResult {
  const { space, fit, pins, layouts } = choicesFor(network, target, options, null);
  const { objective = "latency" } = options;
  const countsEnergy = objective === "energy" || objective === "edp";
  const buffers = options.mapping?.buffers ?? [];
  if (buffers.length > 0) {
    const problems = [
      ...checkBuffers(buffers, fit.leanest.needs, target.core.memoryBytes),
      ...checkOverlaps(fit.leanest.plan, buffers),
    ];
    if (problems.length > 0) throw new BorealError(problems);
  } else if (fit.fitting === null) throw new MisfitError(memoryMisfit(network, fit.leanest, target));
  const attempt = fit.fitting ?? fit.leanest;
  const layerCosts = inOrder(stepCosts(space, attempt.result.chosen), attempt.plan);
  const isFree = overlapsFor(objective) && buffers.length === 0;
  const plan = isFree ? withEarlyShares(attempt.plan, layerCosts, (name) => pins.has(name)) : attempt.plan;
  const problems = checkEarly(plan);
  if (problems.length > 0) throw new BorealError(problems);
  const map: MapResult = {
    mapping: mappingOf(network, target, options, plan, layouts, buffers),
    plan,
    predictedCycles: attempt.result.predictedCycles,
    predictedIntervalCycles: attempt.result.predictedCycles - hiddenCycles(plan, buffers, layerCosts),
    layerCosts,
    exact: attempt.result.exact && fit.rounds === 1,
    predictedPj: countsEnergy ? attempt.result.predictedPj : null,
    gap: pins.size > 0 ? null : fit.gap,
    peakBytes: attempt.allocation.peakBytes,
    liveBytes: attempt.allocation.liveBytes,
  };
  if (buffers.length > 0) return map;
  return withBuffers(
    map,
    isFree ? placeOverlaps(plan, attempt.allocation, layerCosts, target.core.memoryBytes) : attempt.allocation,
  );
}

/** The same mapping with inputs read ahead and outputs sent behind as far as fits into so many bytes on each core; not at all if need be. */
export function placedWithin(map: MapResult, memoryBytes: number): MapResult {
  return withBuffers(map, placeOverlaps(map.plan, allocate(map.plan.buffers), map.layerCosts, memoryBytes));
}

/** The same steps with every input and output in its own step alone. */
export function withoutOverlaps(map: MapResult): MapResult {
  const steps = map.plan.steps.map(({ step: { early: _, ...step }, ...rest }) => ({ ...rest, step }));
  const plan = { ...map.plan, steps };
  const mapping = { ...map.mapping, steps: steps.map(({ step }) => step) };
  return withBuffers({ ...map, plan, mapping }, allocate(plan.buffers));
}

function withBuffers(map: MapResult, { buffers, peakBytes, liveBytes }: Allocation): MapResult {
  const hidden = hiddenCycles(map.plan, buffers, map.layerCosts);
  const mapping = { ...map.mapping, buffers };
  return { ...map, mapping, predictedIntervalCycles: map.predictedCycles - hidden, peakBytes, liveBytes };
}

/**
 * Choices that fit, with pairs of layers side by side where that is predicted to be better. Where they are the best of all
 * candidates, no search without pairs can do better; else one is made, and the better one taken.
 */
function bestFit(
  spaceWith: (pairs: boolean) => SearchSpace,
  sideBySide: boolean,
  objective: Objective,
  pins: ReadonlyMap<string, MappedStep>,
  layouts: Mapping["layouts"],
  streams: StreamSpace | null,
): { readonly space: SearchSpace; readonly fit: Fit } {
  const space = spaceWith(sideBySide);
  const fit = fitFor(objective, space, pins, layouts, streams);
  const isBest = fit.rounds === 1 && fit.leanest.result.exact && objective !== "edp";
  if (!sideBySide || space.savings.length === 0 || isBest) return { space, fit };
  const aloneSpace = spaceWith(false);
  const alone = fitFor(objective, aloneSpace, pins, layouts, streams);
  const figure = (one: Fit): number =>
    objective === "edp" && one.fitting !== null ? productOf(one, space.target) : one.cost;
  if (figure(fit) <= figure(alone)) return { space, fit };
  // The gap is to the best of all candidates, those side by side among them.
  const gap = objective === "edp" ? null : gapOf(alone.cost, fit.leastCost);
  return { space: aloneSpace, fit: { ...alone, gap, rounds: alone.rounds + fit.rounds } };
}

/** Searches for the least product of energy and time that are made. */
const productTurns = 4;

/**
 * Choices that fit, for an objective. The product of energy and time is made small in turns: each search weighs both as the
 * product changes with them at the last choices, until it falls no more.
 */
function fitFor(
  objective: Objective,
  space: SearchSpace,
  pins: ReadonlyMap<string, MappedStep>,
  layouts: Mapping["layouts"],
  streams: StreamSpace | null,
): Fit {
  const { target } = space;
  const fitWith = (weighing: Weighing): Fit => fitMemory(space, pins, layouts, weighing, streams);
  switch (objective) {
    case "latency":
    case "throughput":
      return fitWith(cyclesAlone);
    case "energy":
      return fitWith(energyAlone(target));
    case "edp": {
      let best = fitWith(cyclesAlone);
      for (let turn = 0; turn < productTurns && best.fitting !== null; turn += 1) {
        const next = fitWith(productNear(cyclesOf(best), energyPjOf(best, target), target));
        if (next.fitting === null || productOf(next, target) >= productOf(best, target)) break;
        best = next;
      }
      return { ...best, gap: null };
    }
    default:
      throw internalError(`objective "${String(objective)}"`);
  }
}

function cyclesOf({ fitting, leanest }: Fit): number {
  return (fitting ?? leanest).result.predictedCycles;
}

/** Dynamic and static energy, in picojoules. */
function energyPjOf(fit: Fit, target: ChipTarget): number {
  return (fit.fitting ?? fit.leanest).result.predictedPj + cyclesOf(fit) * staticPjPerCycle(target);
}

/** Energy × cycles. */
function productOf(fit: Fit, target: ChipTarget): number {
  return energyPjOf(fit, target) * cyclesOf(fit);
}

function mappingOf(
  network: Network,
  target: ChipTarget,
  options: MapOptions,
  plan: NetworkPlan,
  layouts: Mapping["layouts"],
  buffers: readonly MappedBuffer[],
): Mapping {
  return {
    kind: "mapping",
    graph: network.graph.name,
    target: target.name,
    batchCount: options.batchCount ?? options.mapping?.batchCount ?? 1,
    steps: plan.steps.map(({ step }) => step),
    layouts,
    buffers,
  };
}

/** The given steps by layer name, after the checker; throws all their problems. */
function pinsOf(network: Network, target: ChipTarget, mapping: Mapping | undefined): Map<string, MappedStep> {
  const pins = new Map<string, MappedStep>();
  if (mapping === undefined) return pins;
  const problems: Problem[] = [];
  const layers = new Map(network.layers.map((layer) => [layer.name, layer]));
  const sharing = sharingSteps(mapping.steps);
  for (const step of mapping.steps) {
    const layer = layers.get(step.name);
    if (layer === undefined) {
      problems.push({ code: "B403", message: `There is no layer "${step.name}".`, at: { layer: step.name } });
    } else if (pins.has(step.name)) {
      problems.push({ code: "B403", message: `Step "${step.name}" stands twice.`, at: { layer: step.name } });
    } else {
      problems.push(...checkStep(layer, step, target, sharing.has(step.name)));
      pins.set(step.name, step);
    }
  }
  problems.push(...layoutProblems(network, mapping), ...tieProblems(network, pins), ...pairProblems(network, pins));
  if (problems.length > 0) throw new BorealError(problems);
  return orderedPairs(network, pins);
}

/** The next value of a state must be split as the state is, for it takes its place. */
function tieProblems(network: Network, pins: ReadonlyMap<string, MappedStep>): Problem[] {
  return network.ties.flatMap(({ state, next }): Problem[] => {
    const [own, other] = [state, next].map((index) => pins.get(network.layers[index]?.name ?? ""));
    if (own === undefined || other === undefined) return [];
    if (other.corner !== undefined && coresOf(other).row + coresOf(other).column > 0) {
      const message = `The step has a corner; that of step "${own.name}", whose place it takes, is (0, 0).`;
      return [{ code: "B403", message, at: { layer: other.name } }];
    }
    if (formatSplit(own.split) === formatSplit(other.split)) return [];
    const message = `The split is ${formatSplit(other.split)}; that of step "${own.name}", whose place it takes, is ${formatSplit(own.split)}.`;
    return [{ code: "B403", message, at: { layer: other.name } }];
  });
}

function layoutProblems(network: Network, mapping: Mapping): Problem[] {
  const problems: Problem[] = [];
  for (const { value, order } of mapping.layouts) {
    const producer = network.producer.get(value);
    const layer = producer === undefined ? undefined : network.layers[producer];
    const rank = layer?.writes.find((write) => write.value === value)?.type.shape.length;
    if (rank === undefined) {
      problems.push({
        code: "B403",
        message: `A layout is given for "${value}", which no layer leaves.`,
        at: { tensor: value },
      });
    } else if ([...order].sort((a, b) => a - b).join() !== Array.from({ length: rank }, (_, axis) => axis).join()) {
      problems.push({
        code: "B403",
        message: `The layout [${order.join(", ")}] does not order the ${rank} axes of "${value}".`,
        at: { tensor: value },
      });
    }
  }
  return problems;
}
