import { at } from "../base/math.ts";
import {
  type Field,
  fieldValue,
  type Rectangle,
  type RectangleField,
  type SimpleInstruction,
} from "../ir/instruction.ts";
import { enteringPorts, leavingPorts, type Program } from "../ir/program.ts";
import type { VectorCostClass } from "../ir/vector-function.ts";
import { treeHops } from "../targets/cost.ts";
import { coreNumber } from "./timing/code.ts";
import { type NetworkName, noWork, type Traffic, type Work } from "./timing/work.ts";
import type { Trace } from "./trace.ts";

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
  if (work === noWork) return;
  if (work.macs !== null) {
    counts.macs[work.macs.width] += times * work.macs.count;
    counts.accumulators.readBytes += times * work.macs.accumulators.read;
    counts.accumulators.writtenBytes += times * work.macs.accumulators.written;
  }
  for (const { cost, elements } of work.vector) counts.vectorElements[cost] += times * elements;
  addTraffic(counts.memory, work.own.memory, times);
  addTraffic(counts.weightBuffer, work.own.weights, times);
  addTraffic(counts.partialBuffer, work.own.partial, times);
  addTraffic(counts.frameBuffer, work.own.frame, times);
}

function addTraffic(counts: ByteCounts, { read, written }: Readonly<Traffic>, times: number): void {
  counts.readBytes += times * read;
  counts.writtenBytes += times * written;
}

type Packet = NonNullable<Work["packet"]>;

/** Adds the bytes that copies of a packet write where they arrive. */
function addArrivals(counts: Counts, packet: Packet, copies: number): void {
  if (packet.space !== null) counts[bufferOf[packet.space]].writtenBytes += copies * packet.bytes;
}

/** Adds the links that copies of a packet pass. */
function addHops(counts: Counts, { network, bytes }: Packet, hops: number): void {
  counts.byteHops[network] += bytes * hops;
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

/** Calls `visit` with the number of every core of a rectangle. */
function forEachCore(columns: number, cores: Rectangle, visit: (core: number) => void): void {
  for (let row = cores.row; row < cores.row + cores.rows; row += 1) {
    const first = coreNumber(columns, row, cores.column);
    for (let core = first; core < first + cores.columns; core += 1) visit(core);
  }
}

/** By how much a field is greater a row or a column further, or in the next turn. */
function slope(field: Field, along: "row" | "column" | "turn"): number {
  return typeof field === "number" ? 0 : field[along];
}

function contains(cores: Rectangle, core: { readonly row: number; readonly column: number }): boolean {
  const { row, column } = core;
  return (
    row >= cores.row && row < cores.row + cores.rows && column >= cores.column && column < cores.column + cores.columns
  );
}

/**
 * Counts what one run of a program does, from the events of the first batch (every batch executes the same
 * instructions, on all cores of their classes). Bytes of inputs and outputs over the host link count when the trace was
 * made with it, those of host operations always.
 */
export function countsOf(trace: Trace, program: Program, perCore = false): RunCounts {
  const steps = program.steps.map(emptyCounts);
  const cores = perCore ? Array.from({ length: trace.rows * (trace.columns + 1) }, emptyCounts) : null;
  const messages = new MessageCounter(trace.columns, cores);
  const addExecutions = (counts: Counts, work: Work, times: number): void => {
    addOwnWork(counts, work, times);
    if (work.host !== null && (trace.host || !isBoundary(work.host, program))) {
      addHostTransfers(counts, work.host, program, times);
    }
  };
  trace.places.forEach(({ instruction, work, step, classIndex }, index) => {
    const times = at(trace.executions, index);
    if (times === 0) return;
    const ofStep = at(steps, step);
    addExecutions(ofStep, work, times);
    const { cores: sources } = at(at(program.steps, step).classes, classIndex);
    const turns = times / (sources.rows * sources.columns);
    if (work.packet !== null) messages.add(ofStep, instruction, work.packet, sources, turns);
    if (cores === null) return;
    forEachCore(trace.columns, sources, (core) => addExecutions(at(cores, core), work, turns));
  });
  return { total: steps.reduce(addCounts, emptyCounts()), steps, cores };
}

/** Adds up what messages carry: on their routes, and on each core when asked for. */
class MessageCounter {
  readonly #columns: number;
  readonly #cores: readonly Counts[] | null;
  /** The sender and the destinations of the message at hand. */
  readonly #source = { row: 0, column: 0 };
  readonly #destinations = { row: 0, column: 0, rows: 0, columns: 0 };

  constructor(columns: number, cores: readonly Counts[] | null) {
    this.#columns = columns;
    this.#cores = cores;
  }

  /**
   * Adds the packets of an instruction that all cores of a class send in each of so many turns of a loop. Where sources and
   * destinations move alike from row to row or column to column, and the latter not at all from turn to turn, one packet
   * stands for all.
   */
  add(counts: Counts, instruction: SimpleInstruction, packet: Packet, cores: Rectangle, turns: number): void {
    if (instruction.kind === "weights.stream") {
      this.#addExchange(counts, instruction.group, packet, cores, turns);
      return;
    }
    const destinations = destinationsOf(instruction);
    if (destinations === null) return;
    const { row, column } = destinations;
    const isPerCore = this.#cores !== null;
    const rows = !isPerCore && slope(row, "row") === 1 && slope(column, "row") === 0 ? 1 : cores.rows;
    const rounds = slope(row, "turn") === 0 && slope(column, "turn") === 0 ? 1 : turns;
    const movesAlong = !isPerCore && slope(row, "column") === 0 && slope(column, "column") === 1;
    const source = this.#source;
    for (let ownRow = 0; ownRow < rows; ownRow += 1) {
      for (let turn = 0; turn < rounds; turn += 1) {
        for (let ownColumn = 0; ownColumn < cores.columns; ownColumn += 1) {
          source.row = cores.row + ownRow;
          source.column = cores.column + ownColumn;
          this.#aim(destinations, ownRow, ownColumn, turn);
          // Links of io cores are no columns of the grid.
          const all = movesAlong && source.column >= 0 && this.#destinations.column >= 0;
          const columns = all ? cores.columns - ownColumn : 1;
          this.#addWay(
            counts,
            packet,
            instruction.kind === "multicast",
            (columns * cores.rows * turns) / (rows * rounds),
          );
          ownColumn += columns - 1;
        }
      }
    }
  }

  /** Adds the pieces of an exchange that all cores of a class send; what arrives of them are own bytes of the cores. */
  #addExchange(counts: Counts, group: RectangleField, packet: Packet, cores: Rectangle, turns: number): void {
    const hops = turns * (group.rows * group.columns - 1);
    addHops(counts, packet, hops * cores.rows * cores.columns);
    const all = this.#cores;
    if (all !== null) forEachCore(this.#columns, cores, (core) => addHops(at(all, core), packet, hops));
  }

  /** Works out the destinations of a message in a turn from the place of its source in a class. */
  #aim({ row, column, rows, columns }: RectangleField, ownRow: number, ownColumn: number, turn: number): void {
    const destinations = this.#destinations;
    destinations.row = fieldValue(row, ownRow, ownColumn, turn);
    destinations.column = fieldValue(column, ownRow, ownColumn, turn);
    destinations.rows = rows;
    destinations.columns = columns;
  }

  /** Adds so many packets of the source at hand to the destinations at hand. */
  #addWay(counts: Counts, packet: Packet, skipsSender: boolean, packets: number): void {
    const source = this.#source;
    const destinations = this.#destinations;
    const hops = packets * treeHops(source, destinations);
    const isSkipped = skipsSender && contains(destinations, source);
    addHops(counts, packet, hops);
    addArrivals(counts, packet, packets * (destinations.rows * destinations.columns - Number(isSkipped)));
    const cores = this.#cores;
    if (cores === null) return;
    const sender = coreNumber(this.#columns, source.row, source.column);
    addHops(at(cores, sender), packet, hops);
    forEachCore(this.#columns, destinations, (core) => {
      if (!isSkipped || core !== sender) addArrivals(at(cores, core), packet, packets);
    });
  }
}

/**
 * Counts with the host link from those on device: batches execute the same instructions, and only the transfers of inputs
 * and outputs are more.
 */
export function withHostTransfers(onDevice: Counts, { places, executions }: Trace, program: Program): Counts {
  const counts = addCounts(onDevice, emptyCounts());
  places.forEach(({ work: { host } }, index) => {
    if (host !== null && isBoundary(host, program)) addHostTransfers(counts, host, program, at(executions, index));
  });
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
