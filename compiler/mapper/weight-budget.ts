import { at, sum } from "../../base/math.ts";
import type { LayerPair } from "../concurrency.ts";
import type { Candidate } from "./candidates.ts";
import { weightReaderCounts } from "./layer-cost.ts";
import type { Weighing } from "./objective.ts";
import type { SearchResult, SearchSpace } from "./search.ts";
import { savedCycles } from "./shared-cores.ts";
import { takenPairs } from "./steps.ts";

/** A layer, or two that run at once, with its choices, one for each layer, that differ in where weights stay alone. */
interface Storer {
  readonly layers: readonly number[];
  readonly present: Storage;
  readonly options: readonly Storage[];
}

/** Choices for the layers of a storer. */
interface Storage {
  readonly candidates: readonly Candidate[];
  /** Until the last of the layers has ended. */
  readonly cycles: number;
  readonly energyPj: number;
  readonly weightBytes: number;
}

/** Another way to store weights: what it saves, and the bytes that it takes more. */
interface Exchange {
  readonly storer: number;
  readonly storage: Storage;
  readonly saved: number;
  readonly bytes: number;
}

/**
 * The same splits with weights stored anew, in `spareBytes` more of every core's memory, or as many less: first as lean as
 * can be, then time and again in the further copies that save most for their bytes. With splits and corners nothing else
 * changes. Weights that several layers read stay as they are, for alike they are stored once.
 */
export function budgetedWeights(
  space: SearchSpace,
  result: SearchResult,
  spareBytes: number,
  { perCycle, perPicojoule }: Weighing,
): SearchResult {
  const costOf = ({ cycles, energyPj }: Storage): number => perCycle * cycles + perPicojoule * energyPj;
  const storers = storersOf(space, result.chosen);
  const present = storers.map((storer) => storer.present);
  const stored = storers.map(({ options }, storer) =>
    options.reduce((lean, other) => (other.weightBytes < lean.weightBytes ? other : lean), at(present, storer)),
  );
  const total = (storages: readonly Storage[], figure: (storage: Storage) => number): number =>
    sum(storages.map(figure));
  const bytesOf = ({ weightBytes }: Storage): number => weightBytes;
  let room = spareBytes + total(present, bytesOf) - total(stored, bytesOf);
  for (;;) {
    let best: Exchange | null = null;
    for (let storer = 0; storer < stored.length; storer += 1) {
      const current = at(stored, storer);
      const { options } = at(storers, storer);
      for (let option = 0; option < options.length; option += 1) {
        const storage = at(options, option);
        const saved = costOf(current) - costOf(storage);
        const bytes = storage.weightBytes - current.weightBytes;
        if (saved <= 0 || bytes > room) continue;
        if (best === null || saved * best.bytes > best.saved * bytes) best = { storer, storage, saved, bytes };
      }
    }
    if (best === null) break;
    stored[best.storer] = best.storage;
    room -= best.bytes;
  }
  const chosen = [...result.chosen];
  storers.forEach(({ layers }, storer) => {
    layers.forEach((layer, place) => {
      chosen[layer] = at(at(stored, storer).candidates, place);
    });
  });
  const gained = (figure: (storage: Storage) => number): number => total(stored, figure) - total(present, figure);
  return {
    ...result,
    chosen,
    predictedCycles: result.predictedCycles + gained(({ cycles }) => cycles),
    predictedPj: result.predictedPj + gained(({ energyPj }) => energyPj),
  };
}

function storersOf(space: SearchSpace, chosen: readonly Candidate[]): Storer[] {
  const readerCounts = weightReaderCounts(space.network.layers);
  const alike = chosen.map((present, layer) =>
    at(readerCounts, layer) > 1
      ? [present]
      : at(space.candidates, layer).filter(
          ({ split, corner }) =>
            split === present.split && corner.row === present.corner.row && corner.column === present.corner.column,
        ),
  );
  const pairs = takenPairs(space, chosen);
  const paired = new Set(pairs.flatMap(({ left, right }) => [left, right]));
  const alone = [...chosen.keys()].filter((layer) => !paired.has(layer));
  const pairOf = (pair: LayerPair, first: Candidate, second: Candidate): Storage =>
    storageOf([first, second], savedCycles(space.network, pair, first, second));
  return [
    ...alone.map((layer) => ({
      layers: [layer],
      present: storageOf([at(chosen, layer)], 0),
      options: at(alike, layer).map((each) => storageOf([each], 0)),
    })),
    ...pairs.map((pair) => ({
      layers: [pair.left, pair.right],
      present: pairOf(pair, at(chosen, pair.left), at(chosen, pair.right)),
      options: at(alike, pair.left).flatMap((first) =>
        at(alike, pair.right).map((second) => pairOf(pair, first, second)),
      ),
    })),
  ];
}

function storageOf(candidates: readonly Candidate[], saved: number): Storage {
  return {
    candidates,
    cycles: sum(candidates.map(({ cost }) => cost.cycles)) - saved,
    energyPj: sum(candidates.map(({ energyPj }) => energyPj)),
    weightBytes: sum(candidates.map(({ weightBytes }) => weightBytes)),
  };
}
