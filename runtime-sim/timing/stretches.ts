import type { InstructionPlace } from "../trace.ts";
import type { Calendar } from "./calendar.ts";
import type { Code } from "./code.ts";
import type { Carried, Networks } from "./networks.ts";
import type { Recorder } from "./recorder.ts";
import type { Servers } from "./servers.ts";
import { fieldsPerThread, standings, type Threads, threadFields } from "./threads.ts";

/** A thread in the calendar and the cycles after which it comes out. */
interface Due {
  readonly thread: number;
  readonly delay: number;
}

/** How a simulation stands after a barrier: all that decides what follows, times and events counted back from now. */
interface Snapshot {
  readonly time: number;
  /** The batch of the thread that completed the barrier. */
  readonly batch: number;
  /** The first event that follows. */
  readonly event: number;
  /** [threads × fields], batches counted from `batch`. */
  readonly threads: Int32Array;
  /** [cores × tokens]. */
  readonly counters: Int32Array;
  /** By core: cycles for which its memory port is still taken. */
  readonly ports: Int32Array;
  readonly carried: Carried;
  /** In the order in which they come out. */
  readonly near: readonly Due[];
  readonly far: readonly Due[];
}

/** Which of many things a stretch looked at or changed. */
interface Touched {
  readonly list: readonly number[];
  readonly has: (index: number) => boolean;
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
  /** Holds its events. */
  readonly recorder: Recorder;
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
  readonly calendar: Calendar;
  readonly threads: Threads;
  readonly counters: Int32Array;
  readonly servers: Servers;
  readonly networks: Networks;
  readonly recorder: Recorder;
}

/**
 * Batches repeat each other, and so do the simulations with and without the host link: from equal states follow equal
 * events. Remembers what followed after each barrier and, when a simulation comes to it again in a state that is equal in
 * all that the stretch looked at, copies its events instead of simulating them. Exact: every number of the trace is the
 * same. States with packets on their way, or with exchanges that some cores have yet to reach, are simulated.
 */
export class Stretches {
  readonly #memory: StretchMemory | null;
  readonly #parts: SimulationParts;
  /** By thread and by counter: the number of the stretch that touched it last. */
  readonly threadStamps: Int32Array;
  readonly counterStamps: Int32Array;
  /** The number of the stretch that is observed. */
  stamp = 1;
  /** Whether it has come to a host instruction, and to one that takes time. */
  usesHost = false;
  takesHostTime = false;
  /** Where it started, and the step of the barrier there; null when that state cannot be held. */
  #start: Snapshot | null = null;
  #startStep = 0;

  constructor(memory: StretchMemory | null, parts: SimulationParts) {
    this.#memory = memory;
    this.#parts = parts;
    this.threadStamps = new Int32Array(parts.threads.count);
    this.counterStamps = new Int32Array(parts.counters.length);
  }

  /**
   * Called when all is done in the cycle in which `thread` completed a barrier: goes on to a state that is not known.
   * Does nothing without a memory.
   */
  passBarrier(thread: number): void {
    const memory = this.#memory;
    if (memory === null) return;
    let last = thread;
    let snapshot = this.#snapshot(last);
    if (this.#start !== null && snapshot !== null) this.#remember(memory, this.#start, snapshot, last);
    while (snapshot !== null) {
      const stretch = this.#find(memory, snapshot, last);
      if (stretch === undefined) break;
      this.#replay(stretch, snapshot);
      last = stretch.lastThread;
      snapshot = this.#snapshot(last);
    }
    this.#start = snapshot;
    this.#startStep = this.#stepOf(last);
    this.stamp += 1;
    this.usesHost = false;
    this.takesHostTime = false;
  }

  /** The state now; null when it holds more than a snapshot does. */
  #snapshot(lastThread: number): Snapshot | null {
    const { calendar, threads, counters, servers, networks, recorder } = this.#parts;
    if (!networks.isIdle() || !servers.areUnitsFree(calendar.now)) return null;
    const batch = threads.batch[lastThread] as number;
    const states = threads.save(batch, recorder.count);
    if (states === null) return null;
    const [near, far]: [Due[], Due[]] = [[], []];
    calendar.forEachNear((id, delay) => near.push({ thread: id, delay }));
    calendar.forEachFar((id, delay) => far.push({ thread: id, delay }));
    return {
      time: calendar.now,
      batch,
      event: recorder.count,
      threads: states,
      counters: counters.slice(),
      ports: servers.portsTaken(calendar.now),
      carried: networks.carried(),
      near,
      far,
    };
  }

  /** The step in which the barrier stands that a thread has just passed. */
  #stepOf(thread: number): number {
    const { code, threads } = this.#parts;
    return (code.places[(threads.operation[thread] as number) - 1] as InstructionPlace).step;
  }

  /** Enters the stretch that ends now, when it can serve again. */
  #remember(memory: StretchMemory, start: Snapshot, end: Snapshot, lastThread: number): void {
    const { threads, recorder, batches } = this.#parts;
    const list = memory.get(this.#startStep) ?? [];
    const touched = touchedBy(this.threadStamps, this.stamp);
    if (list.length >= stretchLimit || this.takesHostTime) return;
    if (start.far.some(({ thread }) => touched.has(thread))) return;
    const active = touched.list.filter((thread) => threads.standing[thread] !== standings.finished);
    list.push({
      start,
      end,
      duration: end.time - start.time,
      batchesLeft: batches - start.batch,
      lastBatch: active.reduce((last, thread) => Math.max(last, threads.lastBatch(thread) - start.batch), 0),
      finishes: active.length < touched.list.length,
      usesHost: this.usesHost,
      threads: touched,
      counters: touchedBy(this.counterStamps, this.stamp),
      lastThread,
      recorder,
    });
    memory.set(this.#startStep, list);
  }

  #find(memory: StretchMemory, now: Snapshot, lastThread: number): Stretch | undefined {
    const { host, batches } = this.#parts;
    const left = batches - now.batch;
    return memory
      .get(this.#stepOf(lastThread))
      ?.find(
        (stretch) =>
          !(stretch.usesHost && host) &&
          (stretch.batchesLeft === left || (!stretch.finishes && stretch.lastBatch < left)) &&
          this.#isEqual(stretch, now) &&
          comeOutEqual(stretch, now),
      );
  }

  /** Whether a state is that at the start of a stretch in all that the stretch looked at. */
  #isEqual({ start, threads, counters }: Stretch, now: Snapshot): boolean {
    const { tokenCount, token } = this.#parts.code;
    if (counters.list.some((counter) => start.counters[counter] !== now.counters[counter])) return false;
    if (start.ports.some((cycles, core) => cycles !== now.ports[core])) return false;
    for (let thread = 0, at = 0; at < now.threads.length; thread += 1, at += fieldsPerThread) {
      if (hasEqualFields(start.threads, now.threads, at)) continue;
      if (threads.has(thread)) return false;
      // Another thread may stand elsewhere as long as nothing that the stretch does sets it free.
      if (now.threads[at + threadFields.standing] !== standings.waiting) continue;
      const awaited = token[now.threads[at + threadFields.operation] as number] as number;
      if (counters.has((thread >> 3) * tokenCount + awaited)) return false;
    }
    return true;
  }

  /** Does what a stretch did, from now on. */
  #replay(stretch: Stretch, now: Snapshot): void {
    const { calendar, threads, counters, servers, networks, recorder } = this.#parts;
    const { start, end, duration } = stretch;
    const time = now.time + duration;
    recorder.copy(stretch.recorder, start.event, end.event, now.time - start.time, now.batch - start.batch);
    for (const counter of stretch.counters.list) counters[counter] = end.counters[counter] as number;
    for (const thread of stretch.threads.list) {
      threads.restore(thread, end.threads, now.batch + end.batch - start.batch, recorder.count);
    }
    servers.takePorts(end.ports, time);
    networks.carry(start.carried, end.carried);
    calendar.jump(time);
    for (const { thread, delay } of now.near.toReversed()) {
      if (!stretch.threads.has(thread)) calendar.schedule(thread, now.time + delay);
    }
    for (const { thread, delay } of end.near.toReversed()) {
      if (stretch.threads.has(thread)) calendar.schedule(thread, time + delay);
    }
  }
}

function touchedBy(stamps: Int32Array, stamp: number): Touched {
  const list: number[] = [];
  const flags = new Uint8Array(stamps.length);
  for (let index = 0; index < stamps.length; index += 1) {
    if (stamps[index] !== stamp) continue;
    list.push(index);
    flags[index] = 1;
  }
  return { list, has: (index) => flags[index] === 1 };
}

function hasEqualFields(left: Int32Array, right: Int32Array, first: number): boolean {
  for (let field = first; field < first + fieldsPerThread; field += 1) if (left[field] !== right[field]) return false;
  return true;
}

/**
 * Whether the same threads come out of the calendar in the same order during a stretch, and none that it leaves alone
 * comes out together with one that it scheduled.
 */
function comeOutEqual({ start, end, threads, duration }: Stretch, now: Snapshot): boolean {
  const takesPart = ({ thread, delay }: Due): boolean => delay <= duration || threads.has(thread);
  const [before, after] = [start.near.filter(takesPart), now.near.filter(takesPart)];
  if (before.length !== after.length || now.far.some(takesPart)) return false;
  if (before.some(({ thread, delay }, index) => thread !== after[index]?.thread || delay !== after[index]?.delay)) {
    return false;
  }
  const others = [...now.near, ...now.far].filter((due) => !takesPart(due));
  return others.every(({ delay }) =>
    end.near.every((due) => due.delay !== delay - duration || !threads.has(due.thread)),
  );
}
