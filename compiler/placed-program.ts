import { roundUp } from "../base/math.ts";
import type { MappedStep } from "../ir/mapping.ts";
import type { ChipTarget } from "../targets/target.ts";
import {
  type EmitOptions,
  type EmittedProgram,
  emitProgram,
  ProgramBufferError,
  ProgramRoomError,
} from "./emit/emitter.ts";
import { type MapOptions, type MapResult, placedWithin, withoutOverlaps } from "./mapper/mapper.ts";
import { MisfitError } from "./mapper/misfit.ts";
import { formatSplit } from "./mapper/splits.ts";
import { mapStreams, type StreamMapOptions } from "./mapper/stream-mapping.ts";
import type { Network } from "./network.ts";
import { overlapsOf } from "./overlap.ts";

/** Mappings that are tried with less and less memory for data. */
const roundLimit = 4;

/** Mappings that are tried with other splits where a step's program exceeds its buffer. */
const avoidingLimit = 6;

/**
 * Maps a network and writes its program. Where the data leave too little room for the programs, the network is mapped
 * again with that much less memory for data, as long as it fits; where a step's program exceeds the program buffer, with
 * another split of it, and where that are two layers side by side, without such pairs. Throws what `mapStreams` and
 * `emitProgram` throw.
 */
export function placedProgram(
  network: Network,
  target: ChipTarget,
  mapOptions: StreamMapOptions,
  emitOptions: EmitOptions,
  onPhase: (phase: string) => void = () => undefined,
): EmittedProgram & { readonly map: MapResult } {
  let options = mapOptions;
  for (let round = 1; ; round += 1) {
    try {
      return fittingProgram(network, target, options, emitOptions, onPhase);
    } catch (error) {
      if (!(error instanceof ProgramBufferError) || round === avoidingLimit) throw error;
      const other = avoiding(options, error.steps);
      if (other === null) throw error;
      options = other;
    }
  }
}

/** Options that keep steps from being chosen again; null where they were given, or are avoided already. */
function avoiding(options: StreamMapOptions, steps: readonly MappedStep[]): StreamMapOptions | null {
  if (options.sideBySide !== false && steps.some(({ beside }) => beside !== undefined))
    return { ...options, sideBySide: false };
  const given = new Set(options.mapping?.steps.map(({ name }) => name));
  const avoided = new Map(options.avoided);
  let isNew = false;
  for (const { name, split } of steps) {
    const text = formatSplit(split);
    const known = avoided.get(name);
    if (given.has(name) || known?.has(text) === true) continue;
    avoided.set(name, new Set([...(known ?? []), text]));
    isNew = true;
  }
  return isNew ? { ...options, avoided } : null;
}

function fittingProgram(
  network: Network,
  target: ChipTarget,
  mapOptions: StreamMapOptions,
  emitOptions: EmitOptions,
  onPhase: (phase: string) => void,
): EmittedProgram & { readonly map: MapResult } {
  const { core } = target;
  onPhase("map");
  let map = mapStreams(network, target, mapOptions);
  for (let round = 1; ; round += 1) {
    onPhase("emit");
    try {
      return emitted(map, target, mapOptions, emitOptions);
    } catch (error) {
      const isPlaced = (mapOptions.mapping?.buffers.length ?? 0) > 0;
      if (!(error instanceof ProgramRoomError) || isPlaced || round === roundLimit) throw error;
      // Another mapping has other programs: an eighth of them is kept free as well.
      const memoryBytes = core.memoryBytes - roundUp(error.programBytes + (error.programBytes >> 3), 16);
      if (memoryBytes <= 0) throw error;
      try {
        map = mapStreams(network, { ...target, core: { ...core, memoryBytes } }, mapOptions);
      } catch (misfit) {
        throw misfit instanceof MisfitError ? error : misfit;
      }
      map = { ...map, plan: { ...map.plan, target } };
    }
  }
}

/** The program of a mapping; what overlaps with other batches makes room for programs before anything else does. */
function emitted(
  map: MapResult,
  { core }: ChipTarget,
  { mapping }: MapOptions,
  options: EmitOptions,
): EmittedProgram & { readonly map: MapResult } {
  try {
    return { map, ...emitProgram(map.plan, map.mapping, options) };
  } catch (error) {
    const isFree = mapping === undefined || mapping.buffers.length === 0;
    const isAlone = overlapsOf(map.plan, map.mapping.buffers).length === 0;
    // Programs that exceed the program buffer may do so by what they send of outputs, or what still runs of the batch before.
    let nearer: MapResult;
    if (isFree && error instanceof ProgramBufferError) nearer = withoutOverlaps(map);
    else if (isFree && error instanceof ProgramRoomError && !isAlone)
      nearer = placedWithin(map, core.memoryBytes - error.programBytes);
    else throw error;
    return { map: nearer, ...emitProgram(nearer.plan, nearer.mapping, options) };
  }
}
