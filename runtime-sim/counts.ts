import { at } from "../base/math.ts";
import { fieldValue, type Rectangle, type RectangleField, type SimpleInstruction } from "../ir/instruction.ts";
import { enteringPorts, leavingPorts, type Program } from "../ir/program.ts";
import type { VectorCostClass } from "../ir/vector-function.ts";
import { treeHops } from "../targets/cost.ts";
import type { ChipTarget } from "../targets/target.ts";
import { type NetworkName, type Work, workOf } from "./timing/work.ts";
import { eventsUntil, type InstructionPlace, type Trace } from "./trace.ts";

/** Bytes read and written. */
export interface ByteCounts {
  readBytes: number;
  writtenBytes: number;
}

/** How often everything that has a price was done. */
export interface Counts {
  /** Unpadded multiply-accumulates by width of the weights in bits. */
  readonly macs: Record<"2" | "4" | "8", number>;
  readonly memory: ByteCounts;
  readonly weightBuffer: ByteCounts;
  /** Running sums in the matrix unit. */
  readonly accumulators: ByteCounts;
  readonly partialBuffer: ByteCounts;
  readonly frameBuffer: ByteCounts;
  /** Elements of vector functions by cost class. */
  readonly vectorElements: Record<VectorCostClass, number>;
  /** Sum over packets of bytes × links. */
  readonly byteHops: Record<NetworkName, number>;
  /** Instructions that take part in time. */
  instructionCount: number;
  hostBytes: number;
}

/** Counts of one run of a program: the whole, each step, and each core when asked for. */
export interface RunCounts {
  readonly total: Counts;
  /** One entry a step, by the step in which the instruction stands. */
  readonly steps: readonly Counts[];
  /** One entry a core, numbered as in a trace; null when not asked for. Bytes that arrive count at the destination. */
  readonly cores: readonly Counts[] | null;
}

/** Counts of nothing. */
export function emptyCounts(): Counts {
  const bytes = (): ByteCounts => ({ readBytes: 0, writtenBytes: 0 });
  return {
    macs: { "2": 0, "4": 0, "8": 0 },
    memory: bytes(),
    weightBuffer: bytes(),
    accumulators: bytes(),
    partialBuffer: bytes(),
    frameBuffer: bytes(),
    vectorElements: { copy: 0, compare: 0, add: 0, multiply: 0, divide: 0, root: 0, table: 0, power: 0, convert: 0 },
    byteHops: { model: 0, partial: 0, activation: 0, instruction: 0 },
    instructionCount: 0,
    hostBytes: 0,
  };
}

const bufferOf = { memory: "memory", weights: "weightBuffer", partial: "partialBuffer", frame: "frameBuffer" } as const;

/** Adds what `times` executions of an instruction do on their own core. */
function addOwnWork(counts: Counts, work: Work, times: number): void {
  counts.instructionCount += times;
  if (work.macs !== null) {
    counts.macs[work.macs.width] += times * work.macs.count;
    counts.accumulators.readBytes += times * work.macs.accumulators.read;
    counts.accumulators.writtenBytes += times * work.macs.accumulators.written;
  }
  for (const { cost, elements } of work.vector) counts.vectorElements[cost] += times * elements;
  for (const space of ["memory", "weights", "partial", "frame"] as const) {
    counts[bufferOf[space]].readBytes += times * work.own[space].read;
    counts[bufferOf[space]].writtenBytes += times * work.own[space].written;
  }
}

/** Adds the bytes of one packet that arrive at `destinations` cores. */
function addArrivals(counts: Counts, packet: NonNullable<Work["packet"]>, destinations: number): void {
  if (packet.space !== null) counts[bufferOf[packet.space]].writtenBytes += destinations * packet.bytes;
}

/** What the messages of one instruction have in common, and how much they carried so far. */
interface Route {
  readonly packet: NonNullable<Work["packet"]>;
  /** Where they go; null for the pieces of a collective, whose bytes `own` counts. */
  readonly destinations: RectangleField | null;
  /** Links that each passes when it goes nowhere that is stated. */
  readonly hops: number;
  /** The class of cores of which the destinations are fields. */
  readonly origin: Rectangle;
  readonly skipsSender: boolean;
  byteHops: number;
  arrivals: number;
}

/** The messages that an instruction sends; null when it sends none. */
function routeOf({ instruction, step, classIndex }: InstructionPlace, work: Work, program: Program): Route | null {
  const { packet } = work;
  if (packet === null) return null;
  return {
    packet,
    destinations: destinationsOf(instruction),
    hops: instruction.kind === "weights.stream" ? instruction.group.rows * instruction.group.columns - 1 : 0,
    origin: at(at(program.steps, step).classes, classIndex).cores,
    skipsSender: instruction.kind === "multicast",
    byteHops: 0,
    arrivals: 0,
  };
}

/** The cores that an instruction sends to, the sender perhaps among them; null when it sends to none that it states. */
function destinationsOf(instruction: SimpleInstruction): RectangleField | null {
  switch (instruction.kind) {
    case "move":
    case "psum.send":
      return { row: instruction.core.row, column: instruction.core.column, rows: 1, columns: 1 };
    case "multicast":
    case "program.load":
      return instruction.cores;
    default:
      return null;
  }
}

function contains(cores: Rectangle, core: { readonly row: number; readonly column: number }): boolean {
  const { row, column } = core;
  return (
    row >= cores.row && row < cores.row + cores.rows && column >= cores.column && column < cores.column + cores.columns
  );
}

/**
 * Counts what one run of a program does, from the events of the first batch (every batch executes the same
 * instructions). Bytes of inputs and outputs over the host link count when the trace was made with it, those of host
 * operations always.
 */
export function countsOf(trace: Trace, program: Program, target: ChipTarget, perCore = false): RunCounts {
  const works = trace.places.map(({ instruction }) => workOf(instruction, target));
  const routes = trace.places.map((place, index) => routeOf(place, at(works, index), program));
  const steps = program.steps.map(emptyCounts);
  const cores = perCore ? Array.from({ length: trace.rows * (trace.columns + 1) }, emptyCounts) : null;
  const executions = new Float64Array(trace.places.length);
  const messages = new MessageCounter(trace, cores);
  const addExecutions = (counts: Counts, work: Work, times: number): void => {
    addOwnWork(counts, work, times);
    if (work.host !== null && (trace.host || !isBoundary(work.host, program))) {
      addHostTransfers(counts, work.host, program, times);
    }
  };
  const end = eventsUntil(trace, 0);
  const { batch, place, thread } = trace;
  for (let event = 0; event < end; event += 1) {
    if (batch[event] !== 0) continue;
    const index = place[event] as number;
    executions[index] = (executions[index] as number) + 1;
    const route = routes[index] as Route | null;
    if (route !== null) messages.add(event, route);
    if (cores !== null) addExecutions(at(cores, (thread[event] as number) >> 3), at(works, index), 1);
  }
  works.forEach((work, index) => {
    const times = at(executions, index);
    if (times === 0) return;
    const step = at(steps, at(trace.places, index).step);
    addExecutions(step, work, times);
    const route = routes[index] as Route | null;
    if (route === null) return;
    step.byteHops[route.packet.network] += route.byteHops;
    addArrivals(step, route.packet, route.arrivals);
  });
  return { total: steps.reduce(addCounts, emptyCounts()), steps, cores };
}

/** Adds up what messages carry: on their routes, and on each core when asked for. */
class MessageCounter {
  readonly #trace: Trace;
  readonly #cores: readonly Counts[] | null;
  /** The sender and the destinations of the message at hand. */
  readonly #source = { row: 0, column: 0 };
  readonly #destinations = { row: 0, column: 0, rows: 0, columns: 0 };

  constructor(trace: Trace, cores: readonly Counts[] | null) {
    this.#trace = trace;
    this.#cores = cores;
  }

  /** Adds the packets of an event. */
  add(event: number, route: Route): void {
    const { thread, turn, columns } = this.#trace;
    const core = (thread[event] as number) >> 3;
    const source = this.#source;
    source.row = Math.floor(core / (columns + 1));
    source.column = (core % (columns + 1)) - 1;
    const hops =
      route.destinations === null ? route.hops : this.#arrive(route, route.destinations, turn[event] as number, core);
    const byteHops = route.packet.bytes * hops;
    route.byteHops += byteHops;
    if (this.#cores !== null) at(this.#cores, core).byteHops[route.packet.network] += byteHops;
  }

  /** Adds the bytes that a message of `source` writes at its destinations; returns the links that it passes. */
  #arrive(route: Route, { row, column, rows, columns }: RectangleField, turn: number, sender: number): number {
    const [source, destinations] = [this.#source, this.#destinations];
    const [ownRow, ownColumn] = [source.row - route.origin.row, source.column - route.origin.column];
    destinations.row = fieldValue(row, ownRow, ownColumn, turn);
    destinations.column = fieldValue(column, ownRow, ownColumn, turn);
    destinations.rows = rows;
    destinations.columns = columns;
    const isSkipped = route.skipsSender && contains(destinations, source);
    route.arrivals += rows * columns - (isSkipped ? 1 : 0);
    if (this.#cores !== null) this.#arriveAtCores(this.#cores, route.packet, isSkipped ? sender : -1);
    return treeHops(source, destinations);
  }

  #arriveAtCores(cores: readonly Counts[], packet: Route["packet"], skipped: number): void {
    const { row, column, rows, columns } = this.#destinations;
    for (let place = 0; place < rows * columns; place += 1) {
      const core = (row + Math.floor(place / columns)) * (this.#trace.columns + 1) + column + (place % columns) + 1;
      if (core !== skipped) addArrivals(at(cores, core), packet, 1);
    }
  }
}

/**
 * Counts with the host link from those on device: batches execute the same instructions, and only the transfers of inputs
 * and outputs are more.
 */
export function withHostTransfers(onDevice: Counts, withHost: Trace, program: Program, target: ChipTarget): Counts {
  const counts = addCounts(onDevice, emptyCounts());
  const transfers = withHost.places.map(({ instruction }) => {
    const isTransfer = instruction.kind === "host.in" || instruction.kind === "host.out";
    const transfer = isTransfer ? workOf(instruction, target).host : null;
    return transfer !== null && isBoundary(transfer, program) ? transfer : null;
  });
  const end = eventsUntil(withHost, 0);
  const { batch, place } = withHost;
  for (let event = 0; event < end; event += 1) {
    const transfer = transfers[place[event] as number] as HostTransfer | null;
    if (transfer !== null && batch[event] === 0) addHostTransfers(counts, transfer, program, 1);
  }
  return counts;
}

type HostTransfer = NonNullable<Work["host"]>;

/** Whether a transfer is that of an input or output of the program, not of a host operation. */
function isBoundary({ direction, port }: HostTransfer, program: Program): boolean {
  return port < (direction === "in" ? program.inputs : program.outputs).length;
}

function addHostTransfers(counts: Counts, { direction, port }: HostTransfer, program: Program, times: number): void {
  const incoming = direction === "in";
  const { bytes } = at(incoming ? enteringPorts(program) : leavingPorts(program), port);
  counts.hostBytes += times * bytes;
  counts.frameBuffer[incoming ? "writtenBytes" : "readBytes"] += times * bytes;
}

/** The sum of two counts. */
export function addCounts(left: Counts, right: Counts): Counts {
  const bytes = (a: ByteCounts, b: ByteCounts): ByteCounts => ({
    readBytes: a.readBytes + b.readBytes,
    writtenBytes: a.writtenBytes + b.writtenBytes,
  });
  const byKey = <Key extends string>(a: Record<Key, number>, b: Record<Key, number>): Record<Key, number> => {
    const result = { ...a };
    for (const key of Object.keys(b) as Key[]) result[key] += b[key];
    return result;
  };
  return {
    macs: byKey(left.macs, right.macs),
    memory: bytes(left.memory, right.memory),
    weightBuffer: bytes(left.weightBuffer, right.weightBuffer),
    accumulators: bytes(left.accumulators, right.accumulators),
    partialBuffer: bytes(left.partialBuffer, right.partialBuffer),
    frameBuffer: bytes(left.frameBuffer, right.frameBuffer),
    vectorElements: byKey(left.vectorElements, right.vectorElements),
    byteHops: byKey(left.byteHops, right.byteHops),
    instructionCount: left.instructionCount + right.instructionCount,
    hostBytes: left.hostBytes + right.hostBytes,
  };
}
