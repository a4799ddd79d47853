import { at } from "../base/math.ts";
import { matmulCycles, streamCycles, vectorCycles, vectorFillCycles } from "../targets/cost.ts";
import { type IdealResource, isFree } from "../targets/ideal.ts";
import type { ChipTarget } from "../targets/target.ts";
import { matmulShape } from "./timing/work.ts";
import { type InstructionPlace, type Trace, TraceReader } from "./trace.ts";

/** What a cycle of a step was spent on. */
export const cycleCauses = [
  "matrix",
  "vector",
  "fillAndDrain",
  "partialSums",
  "memory",
  "network",
  "programLoad",
  "host",
  "synchronization",
] as const;

/** What a cycle of a step was spent on. */
export type CycleCause = (typeof cycleCauses)[number];

/** Cycles by cause; they add up exactly to the cycles of the step. */
export type CycleStack = Readonly<Record<CycleCause, number>>;

/** A step in one batch: the cycles between the end of all steps before it and its own end, by cause. */
export interface StepCycles {
  readonly startCycle: number;
  readonly endCycle: number;
  readonly stack: CycleStack;
}

/** A stack without cycles. */
export function emptyStack(): Record<CycleCause, number> {
  return {
    matrix: 0,
    vector: 0,
    fillAndDrain: 0,
    partialSums: 0,
    memory: 0,
    network: 0,
    programLoad: 0,
    host: 0,
    synchronization: 0,
  };
}

/** The cause with the most cycles; the first of `cycleCauses` among equals. */
export function bindingResource(stack: CycleStack): CycleCause {
  return cycleCauses.reduce((best, cause) => (stack[cause] > stack[best] ? cause : best));
}

/** A stretch of an instruction's time and what it is charged to; the last one lasts until the instruction ends. */
interface Stretch {
  readonly cycles: number;
  readonly cause: CycleCause;
}

/** A cause, and the resource that is slow where cycles are charged to it. */
type Charge = readonly [cause: CycleCause, resource: IdealResource];

const memory: Charge = ["memory", "memory"];

/** What the time of an instruction goes to, from its start on. */
function stretchesOf(place: InstructionPlace, target: ChipTarget): readonly Stretch[] {
  const { instruction } = place;
  const open = (cause: CycleCause): Stretch => ({ cycles: Number.POSITIVE_INFINITY, cause });
  // Where all is free that an instruction uses, what remains is the cycle that every instruction takes.
  const rest = (...charges: readonly Charge[]): Stretch =>
    open(charges.find(([, resource]) => !isFree(target, resource))?.[0] ?? "synchronization");
  const unit = (cycles: number, fill: number, cause: CycleCause): Stretch[] => [
    { cycles: cycles - fill, cause },
    { cycles: fill, cause: "fillAndDrain" },
    rest(memory),
  ];
  switch (instruction.kind) {
    case "matmul":
      return unit(matmulCycles(target, matmulShape(instruction)), target.matrix.fillCycles, "matrix");
    case "vector":
    case "reduce": {
      const stages = place.work.vector;
      return unit(vectorCycles(target, stages), vectorFillCycles(target, stages.length), "vector");
    }
    case "psum.recv":
      return [rest(["partialSums", "vector"])];
    case "psum.send":
      return [rest(["partialSums", "network"])];
    case "gather":
    case "weights.load":
      return [rest(memory)];
    case "weights.stream": {
      const { rows, columns } = instruction.group;
      return [{ cycles: streamCycles(target, rows, columns, instruction.bytes), cause: "network" }, rest(memory)];
    }
    case "move":
    case "multicast":
      return [rest(["network", "network"], memory)];
    case "program.load":
      return [rest(["programLoad", "network"], memory)];
    case "host.in":
    case "host.out":
    case "host.run":
      return [rest(["host", "host"])];
    case "signal":
    case "wait":
    case "barrier":
      return [open("synchronization")];
  }
}

/** Walks back along what released what, from the last event of a step. */
class CriticalPath {
  readonly #trace: Trace;
  readonly #events: TraceReader;
  readonly #target: ChipTarget;
  /** By place, as far as the path has come by. */
  readonly #stretches = new Map<number, readonly Stretch[]>();

  constructor(trace: Trace, target: ChipTarget) {
    this.#trace = trace;
    this.#events = new TraceReader(trace);
    this.#target = target;
  }

  /** The causes of the cycles from `low` to `high`, at which `last` has settled. */
  stack(last: number, low: number, high: number): CycleStack {
    const events = this.#events;
    const result = emptyStack();
    let event = last;
    let time = high;
    const charge = (from: number, cause: CycleCause): void => {
      const start = Math.max(low, from);
      if (start >= time) return;
      result[cause] += time - start;
      time = start;
    };
    if (events.settled(event) > events.end(event)) charge(events.start(event), this.#messageCause(event));
    while (time > low) {
      const kind = events.causeKind(event);
      const cause = events.cause(event);
      if (kind === "collective") {
        event = cause;
        continue;
      }
      this.#chargeOwn(event, time, charge);
      if (kind === "start" || cause < 0) charge(low, "synchronization");
      else if (kind === "arrival") charge(events.start(cause), this.#messageCause(cause));
      else charge(events.end(cause), "synchronization");
      event = cause;
    }
    return result;
  }

  /** Charges the time of an event up to `high`, latest stretch first. */
  #chargeOwn(event: number, high: number, charge: (from: number, cause: CycleCause) => void): void {
    const start = this.#events.start(event);
    const stretches = this.#stretchesOf(event);
    const begins: number[] = [];
    let begin = start;
    for (const { cycles } of stretches) {
      begins.push(begin);
      begin += cycles;
    }
    for (let index = stretches.length - 1; index >= 0; index -= 1) {
      if (at(begins, index) < high) charge(at(begins, index), at(stretches, index).cause);
    }
  }

  /** What the time of an event's message is charged to. */
  #messageCause(event: number): CycleCause {
    return at(this.#stretchesOf(event), 0).cause;
  }

  #stretchesOf(event: number): readonly Stretch[] {
    const place = this.#events.place(event);
    let stretches = this.#stretches.get(place);
    if (stretches === undefined) {
      stretches = stretchesOf(at(this.#trace.places, place), this.#target);
      this.#stretches.set(place, stretches);
    }
    return stretches;
  }
}

/**
 * The steps of one batch in order. A step ends when all instructions of this and earlier steps have completed and
 * their messages have arrived; it starts where the one before it ended, the first one where the batch before ended.
 */
export function stepCyclesOf(trace: Trace, target: ChipTarget, batch: number): readonly StepCycles[] {
  const events = new TraceReader(trace);
  const path = new CriticalPath(trace, target);
  const steps: StepCycles[] = [];
  let startCycle = batch === 0 ? 0 : at(trace.batchEnds, batch - 1);
  for (const event of at(trace.lastEvents, batch)) {
    const endCycle = event < 0 ? startCycle : Math.max(startCycle, events.settled(event));
    const stack = endCycle === startCycle ? emptyStack() : path.stack(event, startCycle, endCycle);
    steps.push({ startCycle, endCycle, stack });
    startCycle = endCycle;
  }
  return steps;
}

/** The sum of stacks. */
export function addStacks(stacks: readonly CycleStack[]): CycleStack {
  const result = emptyStack();
  for (const stack of stacks) for (const cause of cycleCauses) result[cause] += stack[cause];
  return result;
}
