import * as layout from "../../kernels/timing-layout.ts";
import type { InstructionPlace } from "../trace.ts";
import type { Code } from "./code.ts";
import { type TimingEngine, threadField } from "./engine.ts";
import type { Recorder, Recording } from "./recorder.ts";

/** Threads in the calendar: pairs of a thread and the cycles after which it comes out. */
type Due = Float64Array;

/** How a simulation stands after a barrier: all that decides what follows, times and events counted back from now. */
interface Snapshot {
  readonly time: number;
  /** The batch of the thread that completed the barrier. */
  readonly batch: number;
  /** What has been simulated since events were last taken over. */
  readonly events: Recording;
  /** [threads × fields], batches counted from `batch`. */
  readonly threads: Int32Array;
  /** [cores × tokens]. */
  readonly counters: Int32Array;
  /** By core: cycles for which its memory port is still taken. */
  readonly ports: Int32Array;
  /** What networks have carried so far, by network; and for how long each resource was held. */
  readonly byteHops: Float64Array;
  readonly busyCycles: Float64Array;
  /** In the order in which they come out. */
  readonly near: Due;
  /** In no order. */
  readonly far: Due;
}

/** Which of many things a stretch looked at or changed: their numbers, and by number whether it is one of them. */
interface Touched {
  readonly list: readonly number[];
  readonly isTouched: Uint8Array;
}

/** What happened between two barriers: from which state, to which, and what it depended on. */
interface Stretch {
  readonly start: Snapshot;
  readonly end: Snapshot;
  readonly duration: number;
  /** Batches from the one at the start on, that one included. */
  readonly batchesLeft: number;
  /** The last batch, counted from the one at the start, of which a thread did something. */
  readonly lastBatch: number;
  /** Whether a thread came to the end of its last batch. */
  readonly finishes: boolean;
  /** Whether a host instruction was reached, which takes time only with the host link. */
  readonly usesHost: boolean;
  readonly threads: Touched;
  readonly counters: Touched;
  /** The thread that completed the barrier at the end. */
  readonly lastThread: number;
  /** The stretch that began in the state in which this one ended, if it is remembered. */
  next: Stretch | null;
}

/** Where a state differs from that at the start of a stretch: threads and counters that the stretch leaves alone. */
interface Difference {
  readonly threads: readonly number[];
  readonly counters: readonly number[];
  /** Whether the calendars are equal, with nothing far away: further stretches can follow without a look at the state. */
  readonly hasEqualCalendar: boolean;
}

/** The stretches that simulations of one program have been through, by the step of the barrier before them. */
export type StretchMemory = Map<number, Stretch[]>;

/** Stretches that are remembered after one barrier. */
const stretchLimit = 4;

/** The parts of a simulation that a stretch reads and changes. */
export interface SimulationParts {
  readonly code: Code;
  readonly host: boolean;
  readonly batches: number;
  readonly engine: TimingEngine;
  readonly recorder: Recorder;
}

/**
 * Batches repeat each other, and so do the simulations with and without the host link: from equal states follow equal
 * events. Remembers what followed after each barrier and, when a simulation comes to it again in a state that is equal in
 * all that the stretch looked at, repeats its events instead of simulating them. Exact: every number of the trace is the
 * same. States with packets on their way, or with exchanges that some cores have yet to reach, are simulated.
 */
export class Stretches {
  readonly #memory: StretchMemory | null;
  readonly #parts: SimulationParts;
  /** Where it started, and the step of the barrier there; null when that state cannot be held. */
  #start: Snapshot | null = null;
  #startStep = 0;
  /** The stretch that was remembered last. */
  #latest: Stretch | null = null;

  constructor(memory: StretchMemory | null, parts: SimulationParts) {
    this.#memory = memory;
    this.#parts = parts;
  }

  /**
   * Called when all is done in the cycle in which `thread` completed a barrier: goes on to a state that is not known.
   * Without a memory events are taken over, no more.
   */
  passBarrier(thread: number): void {
    const memory = this.#memory;
    if (memory === null) {
      this.#takeEvents(thread);
      return;
    }
    let last = thread;
    let snapshot = this.#snapshot(last);
    if (this.#start !== null && snapshot !== null) this.#remember(memory, this.#start, snapshot, last);
    while (snapshot !== null) {
      const found = this.#find(memory, snapshot, last);
      if (found === null) break;
      const final = this.#furthest(found.stretch, found.difference, snapshot);
      this.#replay(found.stretch, final, found.difference, snapshot);
      last = final.lastThread;
      snapshot = this.#snapshot(last);
    }
    this.#start = snapshot;
    this.#startStep = this.#stepOf(last);
    const { header } = this.#parts.engine.tables;
    (header as Int32Array)[layout.stamp]! += 1;
    header[layout.usesHost] = 0;
    header[layout.takesHostTime] = 0;
  }

  /** Saves the states of threads, batches counted from that of one, and takes over all events so far; null when something is on its way. */
  #takeEvents(lastThread: number): Recording | null {
    const { engine, recorder } = this.#parts;
    if (!engine.isIdle()) return null;
    const { header, threads } = engine.tables;
    const batch = threadField(threads, lastThread, layout.batchField);
    if (!engine.save(batch, header[layout.eventCount] as number)) return null;
    return recorder.take(engine);
  }

  /** The state now, all events so far being taken over; null when it holds more than a snapshot does. */
  #snapshot(lastThread: number): Snapshot | null {
    const events = this.#takeEvents(lastThread);
    if (events === null) return null;
    const { engine } = this.#parts;
    const { header, threads, counters, portFree, byteHops, busyCycles, states, due } = engine.tables;
    engine.listDue();
    const { now } = engine;
    const near = header[layout.nearDue] as number;
    const far = header[layout.farDue] as number;
    return {
      time: now,
      batch: threadField(threads, lastThread, layout.batchField),
      events,
      threads: states.slice(),
      counters: counters.slice(),
      ports: cyclesUntil(portFree, now),
      byteHops: byteHops.slice(),
      busyCycles: busyCycles.slice(),
      near: due.slice(0, 2 * near),
      far: due.slice(2 * near, 2 * (near + far)),
    };
  }

  /** The step in which the barrier stands that a thread has just passed. */
  #stepOf(thread: number): number {
    const { code, engine } = this.#parts;
    const operation = threadField(engine.tables.threads, thread, layout.operationField) - 1;
    return (code.places[operation] as InstructionPlace).step;
  }

  /** Enters the stretch that ends now, when it can serve again. */
  #remember(memory: StretchMemory, start: Snapshot, end: Snapshot, lastThread: number): void {
    const { engine, batches } = this.#parts;
    const { header, threads, threadStamps, counterStamps } = engine.tables;
    const list = memory.get(this.#startStep) ?? [];
    if (list.length >= stretchLimit || header[layout.takesHostTime] === 1) return;
    const stamp = header[layout.stamp] as number;
    const touched = touchedBy(threadStamps, stamp);
    if (areSomeDue(start.far, touched) || areSomeDue(end.far, touched)) return;
    let lastBatch = 0;
    let finishes = false;
    for (const thread of touched.list) {
      if (threadField(threads, thread, layout.standingField) === layout.finished) finishes = true;
      else lastBatch = Math.max(lastBatch, this.#lastBatch(threads, thread) - start.batch);
    }
    const stretch: Stretch = {
      start,
      end,
      duration: end.time - start.time,
      batchesLeft: batches - start.batch,
      lastBatch,
      finishes,
      usesHost: header[layout.usesHost] === 1,
      threads: touched,
      counters: touchedBy(counterStamps, stamp),
      lastThread,
      next: null,
    };
    if (this.#latest?.end === start) this.#latest.next = stretch;
    this.#latest = stretch;
    list.push(stretch);
    memory.set(this.#startStep, list);
  }

  /** The last batch of which a thread has done something: not that at whose first instruction it waits. */
  #lastBatch(threads: Int32Array, thread: number): number {
    const { code } = this.#parts;
    const first = code.segmentStarts[thread] as number;
    const hasOnlyCome =
      threadField(threads, thread, layout.standingField) === layout.waiting &&
      threadField(threads, thread, layout.segmentField) === first &&
      threadField(threads, thread, layout.operationField) === code.segmentFirst[first];
    return threadField(threads, thread, layout.batchField) - Number(hasOnlyCome);
  }

  #find(
    memory: StretchMemory,
    now: Snapshot,
    lastThread: number,
  ): { readonly stretch: Stretch; readonly difference: Difference } | null {
    for (const stretch of memory.get(this.#stepOf(lastThread)) ?? []) {
      if (!this.#isFor(stretch, now.batch)) continue;
      const difference = this.#differenceOf(stretch, now);
      if (difference !== null) return { stretch, difference };
    }
    return null;
  }

  /** Whether a stretch that starts in a batch does the same in this simulation as in the one that it is from. */
  #isFor(stretch: Stretch, batch: number): boolean {
    const { host, batches } = this.#parts;
    const left = batches - batch;
    if (stretch.usesHost && host) return false;
    return stretch.batchesLeft === left || (!stretch.finishes && stretch.lastBatch < left);
  }

  /** How a state differs from that at the start of a stretch; null when it does in what the stretch looks at. */
  #differenceOf(stretch: Stretch, now: Snapshot): Difference | null {
    const { start } = stretch;
    if (firstDifferent(start.ports, now.ports, 0) >= 0) return null;
    for (const counter of stretch.counters.list) if (start.counters[counter] !== now.counters[counter]) return null;
    const threads: number[] = [];
    for (let at = firstDifferent(start.threads, now.threads, 0); at >= 0; ) {
      const thread = Math.floor(at / layout.stateFields);
      if (this.#concerns(stretch, thread, now)) return null;
      threads.push(thread);
      at = firstDifferent(start.threads, now.threads, (thread + 1) * layout.stateFields);
    }
    if (!comeOutEqual(stretch, now)) return null;
    const counters: number[] = [];
    for (let at = firstDifferent(start.counters, now.counters, 0); at >= 0; ) {
      counters.push(at);
      at = firstDifferent(start.counters, now.counters, at + 1);
    }
    const hasEqualCalendar = areDueAlike(start.near, now.near) && start.far.length + now.far.length === 0;
    return { threads, counters, hasEqualCalendar };
  }

  /** Whether it matters to a stretch where a thread stands: it moves it, or something that it does may set it free. */
  #concerns({ threads, counters }: Stretch, thread: number, now: Snapshot): boolean {
    if (threads.isTouched[thread] === 1) return true;
    const at = thread * layout.stateFields;
    if (now.threads[at + layout.standingField] !== layout.waiting) return false;
    const { tokenCount, token } = this.#parts.code;
    const awaited = token[now.threads[at + layout.operationField] as number] as number;
    return counters.isTouched[(thread >> 3) * tokenCount + awaited] === 1;
  }

  /** The last of the stretches that are known to follow a first one as long as nothing in which the state differs matters. */
  #furthest(first: Stretch, difference: Difference, now: Snapshot): Stretch {
    let final = first;
    if (!difference.hasEqualCalendar) return final;
    for (let next = first.next; next !== null; next = next.next) {
      const { start } = next;
      if (!this.#isFor(next, now.batch + start.batch - first.start.batch)) break;
      if (this.#matters(difference, next, now)) break;
      final = next;
    }
    return final;
  }

  /** Whether anything in which the state differs matters to a stretch. */
  #matters(difference: Difference, stretch: Stretch, now: Snapshot): boolean {
    for (const counter of difference.counters) if (stretch.counters.isTouched[counter] === 1) return true;
    for (const thread of difference.threads) if (this.#concerns(stretch, thread, now)) return true;
    return false;
  }

  /** Does from now on what stretches did, from a first one to a final one. */
  #replay(first: Stretch, final: Stretch, difference: Difference, now: Snapshot): void {
    const { engine, recorder } = this.#parts;
    const { start } = first;
    const { end } = final;
    const cycles = now.time - start.time;
    const time = end.time + cycles;
    for (let stretch: Stretch | null = first; stretch !== null; stretch = stretch === final ? null : stretch.next) {
      recorder.repeat(stretch.end.events, cycles, now.batch - start.batch);
    }
    engine.continueFrom(recorder.count);
    const { counters, portFree, byteHops, busyCycles, states, isRestored } = engine.tables;
    for (let core = 0; core < portFree.length; core += 1) portFree[core] = time + (end.ports[core] as number);
    addDifference(byteHops, start.byteHops, end.byteHops);
    addDifference(busyCycles, start.busyCycles, end.busyCycles);
    const isAlone = first === final;
    if (isAlone) {
      for (const counter of first.counters.list) counters[counter] = end.counters[counter] as number;
      isRestored.fill(0);
      for (const thread of first.threads.list) isRestored[thread] = 1;
    } else {
      counters.set(end.counters);
      for (const counter of difference.counters) counters[counter] = now.counters[counter] as number;
      isRestored.fill(1);
      for (const thread of difference.threads) isRestored[thread] = 0;
    }
    states.set(end.threads);
    engine.restore(now.batch - start.batch + end.batch, recorder.count);
    engine.jump(time);
    const { isTouched } = first.threads;
    if (isAlone) this.#schedule(now.near, now.time, (thread) => isTouched[thread] === 0);
    this.#schedule(end.near, time, (thread) => !isAlone || isTouched[thread] === 1);
  }

  /** Enters threads that came out after a time in the calendar, the last first, so that they come out in the same order. */
  #schedule(due: Due, time: number, isMeant: (thread: number) => boolean): void {
    const { engine } = this.#parts;
    for (let at = due.length - 2; at >= 0; at -= 2) {
      const thread = due[at] as number;
      if (isMeant(thread)) engine.schedule(thread, time + (due[at + 1] as number));
    }
  }
}

/** By core: the cycles from now for which its memory port is taken. */
function cyclesUntil(portFree: Float64Array, now: number): Int32Array {
  const cycles = new Int32Array(portFree.length);
  for (let core = 0; core < cycles.length; core += 1) cycles[core] = Math.max(0, (portFree[core] as number) - now);
  return cycles;
}

/** The first place from one on at which two columns of one length differ; −1 for none. */
function firstDifferent(left: Int32Array, right: Int32Array, from: number): number {
  for (let place = from; place < left.length; place += 1) if (left[place] !== right[place]) return place;
  return -1;
}

/** Adds what a column has grown by from one time to another. */
function addDifference(column: Float64Array, from: Float64Array, to: Float64Array): void {
  for (let index = 0; index < column.length; index += 1) {
    column[index] = (column[index] as number) + (to[index] as number) - (from[index] as number);
  }
}

function touchedBy(stamps: Int32Array, stamp: number): Touched {
  const list: number[] = [];
  const isTouched = new Uint8Array(stamps.length);
  for (let index = 0; index < stamps.length; index += 1) {
    if (stamps[index] !== stamp) continue;
    list.push(index);
    isTouched[index] = 1;
  }
  return { list, isTouched };
}

function areSomeDue(due: Due, threads: Touched): boolean {
  for (let at = 0; at < due.length; at += 2) if (threads.isTouched[due[at] as number] === 1) return true;
  return false;
}

function areDueAlike(left: Due, right: Due): boolean {
  if (left.length !== right.length) return false;
  for (let at = 0; at < left.length; at += 1) if (left[at] !== right[at]) return false;
  return true;
}

/**
 * Whether the same threads come out of the calendar in the same order during a stretch, and none that it leaves alone
 * comes out together with one that it scheduled.
 */
function comeOutEqual({ start, end, threads, duration }: Stretch, now: Snapshot): boolean {
  const { isTouched } = threads;
  const takesPart = (due: Due, at: number): boolean =>
    (due[at + 1] as number) <= duration || isTouched[due[at] as number] === 1;
  // Whether one that does not take part comes out when the stretch has another come out.
  const meets = (due: Due, at: number): boolean => {
    const delay = (due[at + 1] as number) - duration;
    for (let other = 0; other < end.near.length; other += 2) {
      if (end.near[other + 1] === delay && isTouched[end.near[other] as number] === 1) return true;
    }
    return false;
  };
  for (let at = 0; at < now.far.length; at += 2) if (takesPart(now.far, at) || meets(now.far, at)) return false;
  let before = nextPart(start.near, 0, takesPart);
  for (let at = 0; at < now.near.length; at += 2) {
    if (!takesPart(now.near, at)) {
      if (meets(now.near, at)) return false;
      continue;
    }
    if (before >= start.near.length) return false;
    if (start.near[before] !== now.near[at] || start.near[before + 1] !== now.near[at + 1]) return false;
    before = nextPart(start.near, before + 2, takesPart);
  }
  return before >= start.near.length;
}

/** The first place from one on that takes part. */
function nextPart(due: Due, from: number, takesPart: (due: Due, at: number) => boolean): number {
  let at = from;
  while (at < due.length && !takesPart(due, at)) at += 2;
  return at;
}
