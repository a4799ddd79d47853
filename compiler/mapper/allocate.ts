import type { Problem } from "../../base/errors.ts";
import { roundUp } from "../../base/math.ts";
import { coversRange, goesOverEnd, shareStep } from "../../base/step-range.ts";
import type { MappedBuffer } from "../../ir/mapping.ts";
import type { BufferNeed } from "../step-plan.ts";

/** Addresses are multiples of this many bytes. */
export const bufferAlignment = 16;

/** Buffers with addresses, and how well they are packed. The addresses may pass the end of the memory: compare `peakBytes`. */
export interface Allocation {
  /** In the order of the needs. */
  readonly buffers: readonly MappedBuffer[];
  /** The end of the highest buffer. */
  readonly peakBytes: number;
  /** The most bytes that are live during one step: no packing needs less. */
  readonly liveBytes: number;
  /** The first step during which `liveBytes` are live. */
  readonly peakStep: number;
}

/** Orders that are tried to improve the best one. */
const turnLimit = 40;

/** How buffers are sorted before they are placed one after the other, in a batch of so many steps. */
const orders: readonly ((need: BufferNeed, stepCount: number) => number)[] = [
  (need) => -need.bytes,
  (need, stepCount) => -need.bytes * stepsOf(need, stepCount),
  (need) => need.firstStep,
];

function stepsOf(need: BufferNeed, stepCount: number): number {
  return need.lastStep - need.firstStep + 1 + (goesOverEnd(need) ? stepCount : 0);
}

/**
 * Places buffers so that no two that are live in the same step overlap: first those that live throughout the run, then
 * the others, each in the smallest gap that holds it (the lowest of equals). Of a few sorting orders the best is taken and
 * improved: up to `turnLimit` times the buffer that ends highest is placed earlier.
 */
export function allocate(needs: readonly BufferNeed[]): Allocation {
  const stepCount = stepCountOf(needs);
  const stays = (need: BufferNeed): boolean => stepsOf(need, stepCount) === stepCount;
  const { liveBytes, peakStep } = mostLive(liveBytesByStep(needs, stepCount));
  let addresses = new Map<number, number>();
  let peakBytes = Number.POSITIVE_INFINITY;
  let sorted: readonly number[] = [];
  let highest = -1;
  for (const order of orders) {
    const candidate = [...needs.keys()].sort((a, b) => {
      const [left, right] = [needs[a] as BufferNeed, needs[b] as BufferNeed];
      return Number(stays(right)) - Number(stays(left)) || order(left, stepCount) - order(right, stepCount) || a - b;
    });
    const attempt = placeAll(candidate, needs, stays, stepCount);
    if (attempt.peakBytes < peakBytes) {
      ({ addresses, peakBytes, highest } = attempt);
      sorted = candidate;
    }
    if (peakBytes === liveBytes) break;
  }
  const front = sorted.findIndex((index) => !stays(needs[index] as BufferNeed));
  for (let turn = 0; turn < turnLimit && peakBytes > liveBytes; turn += 1) {
    const place = sorted.indexOf(highest);
    // Half the way to the front of those that do not live throughout.
    const target = front + Math.floor((place - front) / 2);
    if (target >= place) break;
    sorted = [...sorted.slice(0, target), highest, ...sorted.slice(target, place), ...sorted.slice(place + 1)];
    const attempt = placeAll(sorted, needs, stays, stepCount);
    highest = attempt.highest;
    if (attempt.peakBytes < peakBytes) ({ addresses, peakBytes } = attempt);
  }
  const buffers = needs.map((need, index) => ({ ...need, address: addresses.get(index) ?? 0 }));
  return { buffers, peakBytes: needs.length === 0 ? 0 : peakBytes, liveBytes, peakStep };
}

function stepCountOf(needs: readonly BufferNeed[]): number {
  return needs.reduce((last, need) => Math.max(last, need.firstStep, need.lastStep), 0) + 1;
}

/** The most bytes that are live during one step, and that step: no packing needs less. */
export function livePeak(needs: readonly BufferNeed[]): { readonly liveBytes: number; readonly peakStep: number } {
  return mostLive(liveBytesByStep(needs, stepCountOf(needs)));
}

/** By step: the bytes of all buffers that are live, as they are aligned. */
export function liveBytesByStep(needs: readonly BufferNeed[], stepCount: number): Float64Array {
  const change = new Float64Array(stepCount + 1);
  for (const need of needs) {
    const bytes = roundUp(need.bytes, bufferAlignment);
    change[need.firstStep] = (change[need.firstStep] as number) + bytes;
    change[need.lastStep + 1] = (change[need.lastStep + 1] as number) - bytes;
    if (goesOverEnd(need)) change[0] = (change[0] as number) + bytes;
  }
  let live = 0;
  return change.subarray(0, stepCount).map((more) => {
    live += more;
    return live;
  });
}

function mostLive(live: Float64Array): { liveBytes: number; peakStep: number } {
  const liveBytes = live.reduce((most, bytes) => Math.max(most, bytes), 0);
  return { liveBytes, peakStep: Math.max(0, live.indexOf(liveBytes)) };
}

function placeAll(
  order: readonly number[],
  needs: readonly BufferNeed[],
  stays: (need: BufferNeed) => boolean,
  stepCount: number,
): { readonly addresses: Map<number, number>; readonly peakBytes: number; readonly highest: number } {
  const addresses = new Map<number, number>();
  /** The end of the buffers that live throughout, which stand below the others without gaps. */
  let floor = 0;
  const shelf = new Shelf(stepCount);
  let peakBytes = 0;
  let highest = -1;
  for (const index of order) {
    const need = needs[index] as BufferNeed;
    const bytes = roundUp(need.bytes, bufferAlignment);
    const start = stays(need) ? floor : bestGap(bytes, shelf.beside(need), floor);
    addresses.set(index, start);
    if (start + bytes > peakBytes) [peakBytes, highest] = [start + bytes, index];
    if (stays(need)) floor += bytes;
    else shelf.put({ need, start, end: start + bytes });
  }
  return { addresses, peakBytes, highest };
}

/** A buffer with its place. */
interface Placed {
  readonly need: BufferNeed;
  readonly start: number;
  readonly end: number;
}

/** Buffers that are placed, found by the steps in which they live: most live shortly, so that few are looked at. */
class Shelf {
  readonly #all: Placed[] = [];
  readonly #byStep: readonly Placed[][];

  constructor(stepCount: number) {
    this.#byStep = Array.from({ length: stepCount }, () => []);
  }

  put(placed: Placed): void {
    this.#all.push(placed);
    for (const list of this.#during(placed.need)) list.push(placed);
  }

  /** Those that live at the same time as a buffer, by ascending address. */
  beside(need: BufferNeed): Placed[] {
    const lists = this.#during(need);
    let count = 0;
    for (const list of lists) count += list.length;
    const found =
      count < this.#all.length ? [...new Set(lists.flat())] : this.#all.filter((other) => shareStep(other.need, need));
    return found.sort((a, b) => a.start - b.start);
  }

  /** The lists of the steps in which a buffer lives. */
  #during(need: BufferNeed): readonly Placed[][] {
    const { firstStep, lastStep } = need;
    return goesOverEnd(need)
      ? [...this.#byStep.slice(firstStep), ...this.#byStep.slice(0, lastStep + 1)]
      : this.#byStep.slice(firstStep, lastStep + 1);
  }
}

/** The start of the smallest gap from `floor` on, among buffers by ascending address, that holds `bytes`; else the end. */
function bestGap(bytes: number, placed: readonly Placed[], floor: number): number {
  let cursor = floor;
  let best = -1;
  let bestSize = Number.POSITIVE_INFINITY;
  for (const other of placed) {
    const gap = other.start - cursor;
    if (gap >= bytes && gap < bestSize) {
      best = cursor;
      bestSize = gap;
    }
    if (other.end > cursor) cursor = other.end;
  }
  return best < 0 ? cursor : best;
}

/**
 * What is wrong with the buffers of a mapping that was written by hand: a need without a buffer or with too small a one,
 * a buffer outside the memory, or two that overlap while both are live. B403 problems.
 */
export function checkBuffers(
  buffers: readonly MappedBuffer[],
  needs: readonly BufferNeed[],
  memoryBytes: number,
): Problem[] {
  const problems: Problem[] = [];
  const report = (step: string, message: string): void => {
    problems.push({ code: "B403", message, at: { layer: step } });
  };
  const byName = new Map(buffers.map((buffer) => [buffer.name, buffer]));
  const isPacked = areApart(buffers);
  for (const need of needs) {
    const buffer = byName.get(need.name);
    if (buffer === undefined) report(need.step, `There is no buffer "${need.name}" of ${need.bytes} bytes.`);
    else if (buffer.bytes < need.bytes) {
      report(need.step, `Buffer "${need.name}" has ${buffer.bytes} bytes; ${need.bytes} are needed.`);
    } else if (!coversRange(buffer, need)) {
      report(
        need.step,
        `Buffer "${need.name}" lives from step ${buffer.firstStep} to ${buffer.lastStep}; it is needed from ${need.firstStep} to ${need.lastStep}.`,
      );
    }
  }
  buffers.forEach((buffer, index) => {
    if (buffer.address % 4 !== 0)
      report(buffer.step, `Buffer "${buffer.name}" stands at ${buffer.address}; addresses are multiples of 4.`);
    if (buffer.address < 0 || buffer.address + buffer.bytes > memoryBytes) {
      report(
        buffer.step,
        `Buffer "${buffer.name}" ends at ${buffer.address + buffer.bytes}; a core has ${memoryBytes} bytes.`,
      );
    }
    if (isPacked) return;
    for (const other of buffers.slice(index + 1)) {
      if (!shareStep(other, buffer)) continue;
      if (other.address >= buffer.address + buffer.bytes || buffer.address >= other.address + other.bytes) continue;
      report(buffer.step, `Buffers "${buffer.name}" and "${other.name}" overlap while both are live.`);
    }
  });
  return problems;
}

/** Whether no two buffers overlap while both are live: goes through the steps with the live buffers by ascending address. */
function areApart(buffers: readonly MappedBuffer[]): boolean {
  const parts = buffers.flatMap((buffer) =>
    goesOverEnd(buffer)
      ? [
          { ...buffer, firstStep: 0 },
          { ...buffer, lastStep: Number.POSITIVE_INFINITY },
        ]
      : [buffer],
  );
  const starting = [...parts].sort((a, b) => a.firstStep - b.firstStep);
  const ending = [...parts].sort((a, b) => a.lastStep - b.lastStep);
  const live: MappedBuffer[] = [];
  let ended = 0;
  for (const buffer of starting) {
    for (; (ending[ended]?.lastStep ?? buffer.firstStep) < buffer.firstStep; ended += 1) {
      const gone = ending[ended] as MappedBuffer;
      const place = live.indexOf(gone, placeOf(live, gone.address));
      live.splice(place, 1);
    }
    const place = placeOf(live, buffer.address);
    const [before, after] = [live[place - 1], live[place]];
    if (before !== undefined && before.address + before.bytes > buffer.address) return false;
    if (after !== undefined && buffer.address + buffer.bytes > after.address) return false;
    live.splice(place, 0, buffer);
  }
  return true;
}

/** The number of buffers, sorted by address, that begin before an address. */
function placeOf(sorted: readonly MappedBuffer[], address: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] as MappedBuffer).address < address) low = middle + 1;
    else high = middle;
  }
  return low;
}
