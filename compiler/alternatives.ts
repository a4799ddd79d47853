import { at, roundUp, sum } from "../base/math.ts";
import type { Mapping, ValueLayout } from "../ir/mapping.ts";
import type { Program } from "../ir/program.ts";
import { emitProgram, ProgramBufferError, ProgramRoomError, programsBuffer } from "./emit/emitter.ts";
import type { Candidate } from "./mapper/candidates.ts";
import type { PairCost } from "./mapper/elimination.ts";
import { cyclesAlone, type Weighing } from "./mapper/objective.ts";
import { placeOverlaps } from "./mapper/place-overlaps.ts";
import { fitMemory } from "./mapper/repair.ts";
import { type SearchSpace, search } from "./mapper/search.ts";
import { withEarlyShares } from "./mapper/share-early.ts";
import { inOrder, stepCosts } from "./mapper/steps.ts";

/** What the mapper predicts when one layer has a given choice and all others are searched again. */
export interface ForcedChoice {
  readonly candidate: Candidate;
  /** Of the layer, with the transfers of what it reads. */
  readonly layerCycles: number;
  readonly networkCycles: number;
  /** Cycles and dynamic energy of the network, as they weigh: what the objective makes small. */
  readonly networkCost: number;
}

/** The same space with one choice left for a layer. */
export function withChoice(space: SearchSpace, layer: number, candidate: Candidate): SearchSpace {
  const choice = at(space.candidates, layer).indexOf(candidate);
  /** The entries of a pair's table that are left; null where all are. */
  const entriesLeft = ({ left, right }: Pick<PairCost, "left" | "right">): number[] | null => {
    if (left !== layer && right !== layer) return null;
    const [height, width] = [at(space.candidates, left).length, at(space.candidates, right).length];
    return Array.from({ length: height * width }, (_, entry) => entry).filter(
      (entry) =>
        (left !== layer || Math.floor(entry / width) === choice) && (right !== layer || entry % width === choice),
    );
  };
  const part = (pair: Pick<PairCost, "left" | "right">, table: Float64Array): Float64Array => {
    const entries = entriesLeft(pair);
    return entries === null ? table : Float64Array.from(entries, (entry) => table[entry] as number);
  };
  const ends = space.edges.map(({ producer, consumer }) => ({ left: producer, right: consumer }));
  const cut = <Pair extends PairCost>(pair: Pair): Pair => ({ ...pair, table: part(pair, pair.table) });
  return {
    ...space,
    candidates: space.candidates.map((list, index) => (index === layer ? [candidate] : list)),
    tables: space.tables.map((table, index) => {
      const entries = entriesLeft(at(ends, index));
      return entries === null ? table : table.of(entries);
    }),
    energies: space.energies?.map((table, index) => part(at(ends, index), table)) ?? null,
    ties: space.ties.map(cut),
    savings: space.savings.map(cut),
  };
}

/**
 * Every choice of a layer with the cycles that the network is predicted to take with it, memory apart, the best by
 * cycles and energy as they weigh first: each is forced and the rest searched again, so the second is the exact second
 * best where the search is exact.
 */
export function forcedChoices(space: SearchSpace, layer: number, weighing: Weighing = cyclesAlone): ForcedChoice[] {
  return at(space.candidates, layer)
    .map((candidate): ForcedChoice => {
      const forced = withChoice(space, layer, candidate);
      const { chosen, predictedCycles, predictedPj } = search(forced, undefined, weighing);
      return {
        candidate,
        layerCycles: at(stepCosts(forced, chosen), layer).cycles,
        networkCycles: predictedCycles,
        networkCost: weighing.perCycle * predictedCycles + weighing.perPicojoule * predictedPj,
      };
    })
    .filter(({ networkCycles }) => Number.isFinite(networkCycles))
    .sort((a, b) => a.networkCost - b.networkCost);
}

/** A network that is mapped with one layer's choice fixed. */
export interface ForcedProgram {
  readonly program: Program;
  /** What the mapper predicts of it, all that it costs to fit in memory included. */
  readonly predictedCycles: number;
}

/** Mappings that are tried with less memory for data, as `placedProgram` does. */
const roundLimit = 4;

/**
 * The program of a network in which one layer has a given choice: the rest is searched again and everything is placed
 * anew, for timing alone, inputs and outputs over the ends of batches if `overlaps` says so. Null when it does not fit.
 */
export function forcedProgram(
  space: SearchSpace,
  layer: number,
  candidate: Candidate,
  layouts: readonly ValueLayout[],
  naming: Pick<Mapping, "graph" | "batchCount">,
  weighing: Weighing = cyclesAlone,
  overlaps = false,
): ForcedProgram | null {
  const forced = withChoice(space, layer, candidate);
  const { target } = space;
  let { memoryBytes } = target.core;
  for (let round = 0; round < roundLimit && memoryBytes > 0; round += 1) {
    const limited = { ...forced, target: { ...target, core: { ...target.core, memoryBytes } } };
    const { fitting } = fitMemory(limited, new Map(), layouts, weighing);
    if (fitting === null) return null;
    const { allocation, result } = fitting;
    const costs = inOrder(stepCosts(forced, result.chosen), fitting.plan);
    const own = { ...fitting.plan, target };
    const plan = overlaps ? withEarlyShares(own, costs, () => false) : own;
    const steps = plan.steps.map(({ step }) => step);
    const programOf = (buffers: Mapping["buffers"]): Program => {
      const mapping: Mapping = { kind: "mapping", ...naming, target: target.name, steps, layouts, buffers };
      const options = { name: naming.graph, modelElements: new Map(), shapesOnly: true };
      return emitProgram(plan, mapping, options).program;
    };
    try {
      const program = programOf(allocation.buffers);
      const room =
        target.core.memoryBytes - sum(program.buffers.map(({ name, bytes }) => (name === programsBuffer ? bytes : 0)));
      const placed = overlaps ? placeOverlaps(plan, allocation, costs, room) : allocation;
      const { predictedCycles } = result;
      return { program: placed === allocation ? program : programOf(placed.buffers), predictedCycles };
    } catch (error) {
      if (error instanceof ProgramBufferError) return null;
      if (!(error instanceof ProgramRoomError)) throw error;
      memoryBytes = target.core.memoryBytes - roundUp(error.programBytes + (error.programBytes >> 3), 16);
    }
  }
  return null;
}
