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
  /** Threads, batches counted from `batch`, counters, memory ports, and what networks have carried so far; empty until it is held. */
  state: Uint8Array;
  /** In the order in which they come out. */
  readonly near: Due;
  /** In no order. */
  readonly far: Due;
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
  /** By thread, then by counter: 1 for one that it looked at or changed. */
  readonly touched: Uint8Array;
  /** The thread that completed the barrier at the end. */
  readonly lastThread: number;
  /** The stretch that began in the state in which this one ended, if it is remembered. */
  next: Stretch | null;
}

/** The stretches that simulations of one program have been through, by the step of the barrier before them. */
export type StretchMemory = Map<number, Stretch[]>;

/** The state of a snapshot that is not held. */
const unheld = new Uint8Array(0);

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
      const final = this.#furthest(found, snapshot);
      this.#replay(found, final, snapshot);
      last = final.lastThread;
      snapshot = this.#snapshot(last);
    }
    this.#start = snapshot;
    this.#hold(snapshot);
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
    const { header, threads, due } = engine.tables;
    engine.listDue();
    const near = header[layout.nearDue] as number;
    const far = header[layout.farDue] as number;
    return {
      time: engine.now,
      batch: threadField(threads, lastThread, layout.batchField),
      events,
      state: unheld,
      near: due.slice(0, 2 * near),
      far: due.slice(2 * near, 2 * (near + far)),
    };
  }

  /** Keeps the state of a snapshot of now, from which a stretch starts or with which one ends. */
  #hold(snapshot: Snapshot | null): void {
    if (snapshot?.state === unheld) snapshot.state = this.#parts.engine.tables.state.slice();
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
    const { header } = engine.tables;
    const list = memory.get(this.#startStep) ?? [];
    if (list.length >= stretchLimit || header[layout.takesHostTime] === 1) return;
    this.#hold(end);
    const touched = engine.touched();
    if (areSomeDue(start.far, touched) || areSomeDue(end.far, touched)) return;
    const stretch: Stretch = {
      start,
      end,
      duration: end.time - start.time,
      batchesLeft: batches - start.batch,
      lastBatch: Math.max(0, (header[layout.lastBatch] as number) - start.batch),
      finishes: header[layout.finishes] === 1,
      usesHost: header[layout.usesHost] === 1,
      touched,
      lastThread,
      next: null,
    };
    if (this.#latest?.end === start) this.#latest.next = stretch;
    this.#latest = stretch;
    list.push(stretch);
    memory.set(this.#startStep, list);
  }

  /** A stretch that leads on from a state; where that differs from the one at its start the engine has noted. */
  #find(memory: StretchMemory, now: Snapshot, lastThread: number): Stretch | null {
    const { engine } = this.#parts;
    const known = memory.get(this.#stepOf(lastThread)) ?? [];
    return (
      known.find(
        (stretch) =>
          this.#isFor(stretch, now.batch) &&
          engine.compare(stretch.start.state, stretch.touched) &&
          comeOutEqual(stretch, now),
      ) ?? null
    );
  }

  /** Whether a stretch that starts in a batch does the same in this simulation as in the one that it is from. */
  #isFor(stretch: Stretch, batch: number): boolean {
    const { host, batches } = this.#parts;
    const left = batches - batch;
    if (stretch.usesHost && host) return false;
    return stretch.batchesLeft === left || (!stretch.finishes && stretch.lastBatch < left);
  }

  /** The last of the stretches that are known to follow a first one as long as nothing in which the state differs matters. */
  #furthest(first: Stretch, now: Snapshot): Stretch {
    let final = first;
    // With equal calendars, and nothing far away, further stretches can follow without a look at the state.
    if (!areDueAlike(first.start.near, now.near) || first.start.far.length + now.far.length > 0) return final;
    for (let next = first.next; next !== null; next = next.next) {
      if (!this.#isFor(next, now.batch + next.start.batch - first.start.batch)) break;
      if (this.#parts.engine.matters(next.touched)) break;
      final = next;
    }
    return final;
  }

  /** Does from now on what stretches did, from a first one to a final one. */
  #replay(first: Stretch, final: Stretch, now: Snapshot): void {
    const { engine, recorder } = this.#parts;
    const { start } = first;
    const { end } = final;
    const cycles = now.time - start.time;
    const batches = now.batch - start.batch;
    const time = end.time + cycles;
    for (let stretch: Stretch | null = first; stretch !== null; stretch = stretch === final ? null : stretch.next) {
      recorder.repeat(stretch.end.events, cycles, batches);
    }
    engine.continueFrom(recorder.count);
    const touched = first === final ? first.touched : null;
    engine.replay({
      start: start.state,
      end: end.state,
      touched,
      time,
      batch: batches + end.batch,
      event: recorder.count,
    });
    engine.jump(time);
    if (touched !== null) this.#schedule(now.near, now.time, (thread) => touched[thread] === 0);
    this.#schedule(end.near, time, (thread) => touched === null || touched[thread] === 1);
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

function areSomeDue(due: Due, touched: Uint8Array): boolean {
  for (let at = 0; at < due.length; at += 2) if (touched[due[at] as number] === 1) return true;
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
function comeOutEqual({ start, end, touched, duration }: Stretch, now: Snapshot): boolean {
  const takesPart = (due: Due, at: number): boolean =>
    (due[at + 1] as number) <= duration || touched[due[at] as number] === 1;
  // Whether one that does not take part comes out when the stretch has another come out.
  const meets = (due: Due, at: number): boolean => {
    const delay = (due[at + 1] as number) - duration;
    for (let other = 0; other < end.near.length; other += 2) {
      if (end.near[other + 1] === delay && touched[end.near[other] as number] === 1) return true;
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
