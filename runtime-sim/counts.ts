import { at } from "../base/math.ts";
import { fieldValue, type Rectangle, type SimpleInstruction } from "../ir/instruction.ts";
import { enteringPorts, leavingPorts, type Program } from "../ir/program.ts";
import type { VectorCostClass } from "../ir/vector-function.ts";
import { treeHops } from "../targets/cost.ts";
import type { ChipTarget } from "../targets/target.ts";
import { type NetworkName, type Work, workOf } from "./timing/work.ts";
import { coreOf, eventsUntil, type InstructionPlace, type Trace } from "./trace.ts";

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

/** The cores that an instruction on a core sends to, the sender perhaps among them; null when it sends nothing. */
function destinations(instruction: SimpleInstruction, row: number, column: number, turn: number): Rectangle | null {
  switch (instruction.kind) {
    case "move":
    case "psum.send":
      return {
        row: fieldValue(instruction.core.row, row, column, turn),
        column: fieldValue(instruction.core.column, row, column, turn),
        rows: 1,
        columns: 1,
      };
    case "multicast":
    case "program.load": {
      const { cores } = instruction;
      return {
        row: fieldValue(cores.row, row, column, turn),
        column: fieldValue(cores.column, row, column, turn),
        rows: cores.rows,
        columns: cores.columns,
      };
    }
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
  const steps = program.steps.map(emptyCounts);
  const cores = perCore ? Array.from({ length: trace.rows * (trace.columns + 1) }, emptyCounts) : null;
  const executions = new Float64Array(trace.places.length);
  const end = eventsUntil(trace, 0);
  const sends = Uint8Array.from(works, ({ packet, host }) => Number(packet !== null || host !== null));
  for (let event = 0; event < end; event += 1) {
    if (trace.batch[event] !== 0) continue;
    const placeIndex = trace.place[event] as number;
    executions[placeIndex] = (executions[placeIndex] as number) + 1;
    if (cores === null && sends[placeIndex] === 0) continue;
    const work = at(works, placeIndex);
    const core = (trace.thread[event] as number) >> 3;
    if (cores !== null) addOwnWork(at(cores, core), work, 1);
    const place = at(trace.places, placeIndex);
    const step = at(steps, place.step);
    const receivers = cores === null ? [step] : [step, at(cores, core)];
    if (work.host !== null && (trace.host || !isBoundary(work.host, program))) {
      for (const counts of receivers) addHostTransfer(counts, work.host, program);
    }
    if (work.packet === null) continue;
    const message = messageOf(place, program, trace, event, core);
    for (const counts of receivers) counts.byteHops[work.packet.network] += work.packet.bytes * message.hops;
    if (message.cores !== null) addMessage(trace, work.packet, message.cores, core, place, step, cores);
  }
  works.forEach((work, index) => {
    const times = at(executions, index);
    if (times > 0) addOwnWork(at(steps, at(trace.places, index).step), work, times);
  });
  return { total: steps.reduce(addCounts, emptyCounts()), steps, cores };
}

/**
 * Counts with the host link from those on device: batches execute the same instructions, and only the transfers of inputs
 * and outputs are more.
 */
export function withHostTransfers(onDevice: Counts, withHost: Trace, program: Program, target: ChipTarget): Counts {
  const counts = addCounts(onDevice, emptyCounts());
  const transfers = withHost.places.map(({ instruction }) =>
    instruction.kind === "host.in" || instruction.kind === "host.out" ? workOf(instruction, target).host : null,
  );
  const end = eventsUntil(withHost, 0);
  for (let event = 0; event < end; event += 1) {
    const transfer = transfers[withHost.place[event] as number] ?? null;
    if (transfer === null || withHost.batch[event] !== 0 || !isBoundary(transfer, program)) continue;
    addHostTransfer(counts, transfer, program);
  }
  return counts;
}

type HostTransfer = NonNullable<Work["host"]>;

/** Whether a transfer is that of an input or output of the program, not of a host operation. */
function isBoundary({ direction, port }: HostTransfer, program: Program): boolean {
  return port < (direction === "in" ? program.inputs : program.outputs).length;
}

function addHostTransfer(counts: Counts, { direction, port }: HostTransfer, program: Program): void {
  const incoming = direction === "in";
  const { bytes } = at(incoming ? enteringPorts(program) : leavingPorts(program), port);
  counts.hostBytes += bytes;
  counts.frameBuffer[incoming ? "writtenBytes" : "readBytes"] += bytes;
}

/** Where the packets of one event go and over how many links; no cores for a collective, whose pieces `own` counts. */
function messageOf(
  place: InstructionPlace,
  program: Program,
  trace: Trace,
  event: number,
  core: number,
): { readonly cores: Rectangle | null; readonly hops: number } {
  const { instruction } = place;
  if (instruction.kind === "weights.stream") {
    return { cores: null, hops: instruction.group.rows * instruction.group.columns - 1 };
  }
  const source = coreOf(trace, core);
  const origin = at(at(program.steps, place.step).classes, place.classIndex).cores;
  const turn = at(trace.turn, event);
  const cores = destinations(instruction, source.row - origin.row, source.column - origin.column, turn);
  return { cores, hops: cores === null ? 0 : treeHops(source, cores) };
}

/** Adds the bytes that a message writes at its destinations. */
function addMessage(
  trace: Trace,
  packet: NonNullable<Work["packet"]>,
  destinationCores: Rectangle,
  sender: number,
  place: InstructionPlace,
  step: Counts,
  cores: readonly Counts[] | null,
): void {
  const source = coreOf(trace, sender);
  const skipsSender = place.instruction.kind === "multicast" && contains(destinationCores, source);
  addArrivals(step, packet, destinationCores.rows * destinationCores.columns - (skipsSender ? 1 : 0));
  if (cores === null) return;
  for (let row = destinationCores.row; row < destinationCores.row + destinationCores.rows; row += 1) {
    for (let offset = 0; offset < destinationCores.columns; offset += 1) {
      const core = row * (trace.columns + 1) + destinationCores.column + offset + 1;
      if (!(skipsSender && core === sender)) addArrivals(at(cores, core), packet, 1);
    }
  }
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
