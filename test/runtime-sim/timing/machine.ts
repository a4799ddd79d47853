import type {
  Field,
  GatherInstruction,
  Instruction,
  MatmulInstruction,
  MoveInstruction,
  MulticastInstruction,
  PartialReceiveInstruction,
  PartialSendInstruction,
  ProgramLoadInstruction,
  Rectangle,
  RectangleField,
  SignalInstruction,
  VectorInstruction,
  WaitInstruction,
  WeightsStreamInstruction,
} from "../../../ir/instruction.ts";
import type {
  CoreClass,
  HostOperation,
  InitialToken,
  Port,
  Program,
  ProgramStep,
  ThreadName,
} from "../../../ir/program.ts";
import { type ElementType, elementBytes } from "../../../ir/type.ts";
import type { VectorFunction } from "../../../ir/vector-function.ts";
import type { BoundWork } from "../../../runtime-sim/bound.ts";
import { simulateTiming } from "../../../runtime-sim/timing/simulate.ts";
import { type EventColumns, type Trace, type TracePiece, traceEvents } from "../../../runtime-sim/trace.ts";
import type { ChipTarget } from "../../../targets/target.ts";

/** A chip with round numbers, none equal to another where they could be confused. */
export const miniTarget: ChipTarget = {
  kind: "chip",
  name: "mini",
  grid: { rows: 4, columns: 4 },
  clockHz: 1e8,
  supplyVolts: 0.8,
  operationsPerMac: 2,
  core: {
    memoryBytes: 65536,
    memoryPortBytesPerCycle: 64,
    weightBufferBytes: 4096,
    partialBufferBytes: 8192,
    programBufferBytes: 2048,
    threadCount: 8,
  },
  matrix: { inputCount: 16, outputCount: { "2": 64, "4": 32, "8": 16 }, fillCycles: 5 },
  vector: {
    laneCount: 8,
    element: "f16",
    cycles: { copy: 1, compare: 2, add: 3, multiply: 4, divide: 9, root: 11, table: 6, power: 13, convert: 5 },
    fillCycles: 3,
  },
  activation: { fillCycles: 4 },
  networks: {
    model: { linkBytesPerCycle: 32, hopCycles: 2, hopEnergyPjPerByte: 0.5 },
    partial: { linkBytesPerCycle: 16, hopCycles: 1, hopEnergyPjPerByte: 0.25 },
    activation: { linkBytesPerCycle: 8, hopCycles: 3, hopEnergyPjPerByte: 0.125 },
    instruction: { linkBytesPerCycle: 4, hopCycles: 2, hopEnergyPjPerByte: 0.0625 },
  },
  frameBuffer: { bytes: 1 << 20, rowBytesPerCycle: 4 },
  host: { bytesPerSecond: 1e9, commandSeconds: 1e-6, operationSeconds: 3e-6, elementsPerSecond: 2.5e8 },
  synchronization: { barrierCycles: 7, issueCycles: 1 },
  energy: {
    macPj: { "2": 0.125, "4": 0.25, "8": 0.5 },
    memoryReadPjPerByte: 1,
    memoryWritePjPerByte: 2,
    weightBufferReadPjPerByte: 0.375,
    weightBufferWritePjPerByte: 0.75,
    accumulatorPjPerByte: 0.0625,
    partialBufferPjPerByte: 0.4375,
    vectorPj: { copy: 1, compare: 2, add: 3, multiply: 4, divide: 5, root: 6, table: 7, power: 9, convert: 8 },
    instructionPj: 16,
    frameBufferPjPerByte: 3,
    hostPjPerByte: 32,
    clockPjPerCycle: 64,
    leakageWatts: 0.5,
    interfaceWatts: 0.25,
  },
  provenance: new Map(),
};

/** A rectangle. */
export function cores(row: number, column: number, rows = 1, columns = 1): Rectangle {
  return { row, column, rows, columns };
}

/** A class of cores with the instructions of its threads. */
export function onCores(place: Rectangle, threads: Partial<Record<ThreadName, readonly Instruction[]>>): CoreClass {
  return { cores: place, threads };
}

/** A step of classes. */
export function step(name: string, classes: readonly CoreClass[], rest: Partial<ProgramStep> = {}): ProgramStep {
  return { name, kind: "vector", origin: [], macCount: 0, macElement: null, classes, ...rest };
}

/** A program of steps on a grid (default: that of the mini target). */
export function program(steps: readonly ProgramStep[], rest: Partial<Program> = {}): Program {
  return {
    kind: "program",
    name: "small",
    target: { name: "mini", rows: 4, columns: 4 },
    batchCount: 1,
    inputs: [],
    outputs: [],
    hostOperations: [],
    states: [],
    initialTokens: [],
    images: [],
    buffers: [],
    sidecar: null,
    steps,
    ...rest,
  };
}

/** An operation of the host on so many elements. */
export function hostWork(name: string, operands: readonly Port[], result: Port, elementCount: number): HostOperation {
  return { name, operator: "top_values", operands, result, elementCount, graph: "" };
}

/** A program of one step with one class for each entry. */
export function oneStep(classes: readonly CoreClass[], initialTokens: readonly InitialToken[] = []): Program {
  return program([step("only", classes)], { initialTokens });
}

/** A matmul [rows, inner] × [inner, columns] with activations in memory and weights in the weight buffer, i8 unless given. */
export function matmul(
  rows: number,
  inner: number,
  columns: number,
  rest: Partial<MatmulInstruction> & { elements?: readonly [activations: ElementType, weights: ElementType] } = {},
): MatmulInstruction {
  const { elements = ["i8", "i8"], ...fields } = rest;
  const [activationElement, weightElement] = elements;
  const [activationBytes, weightBytes] = [elementBytes(activationElement), elementBytes(weightElement)];
  return {
    kind: "matmul",
    groups: 1,
    rows: [rows],
    inner: [inner],
    columns,
    activations: {
      space: "memory",
      address: 0,
      element: activationElement,
      groupStride: 0,
      rowStrides: [inner * activationBytes],
      innerStrides: [activationBytes],
    },
    weights: {
      space: "weights",
      address: 0,
      element: weightElement,
      layout: "paired",
      groupStride: 0,
      innerStrides: [columns * weightBytes],
      columnStride: weightBytes,
    },
    partial: 0,
    start: "zero",
    bias: 0,
    ...fields,
  };
}

/** A vector function over i8 elements from memory to memory. */
export function vector(name: VectorFunction, count: number, sources = 1): VectorInstruction {
  const operand = { space: "memory", address: 0, element: "i8", strides: [1] } as const;
  return {
    kind: "vector",
    function: name,
    counts: [count],
    sources: Array.from({ length: sources }, () => operand),
    destination: operand,
    parameters: {},
    activation: [],
  };
}

/** A gather of `bytes` bytes. */
export function gather(bytes: number): GatherInstruction {
  const view = { space: "memory", address: 0, strides: [1] } as const;
  return { kind: "gather", counts: [bytes], elementBytes: 1, source: view, destination: view };
}

/** A move of `bytes` bytes. */
export function move(bytes: number, row: Field, column: Field, token: number, frame?: "from" | "to"): MoveInstruction {
  const view = { space: "memory", address: 0, strides: [1] } as const;
  const frameView = { ...view, space: "frame" } as const;
  return {
    kind: "move",
    counts: [bytes],
    elementBytes: 1,
    source: frame === "from" ? frameView : view,
    core: { row, column },
    destination: frame === "to" ? frameView : view,
    token,
  };
}

/** A multicast of `bytes` bytes. */
export function multicast(bytes: number, rectangle: RectangleField, token: number): MulticastInstruction {
  const view = { space: "memory", address: 0, strides: [1] } as const;
  return {
    kind: "multicast",
    counts: [bytes],
    elementBytes: 1,
    source: view,
    cores: rectangle,
    destination: view,
    token,
  };
}

/** A transfer of partial sums. */
export function psumSend(count: number, row: Field, column: Field, token: number): PartialSendInstruction {
  return { kind: "psum.send", count, address: 0, core: { row, column }, destination: 0, token };
}

/** The addition of partial sums that have arrived. */
export function psumReceive(count: number): PartialReceiveInstruction {
  return { kind: "psum.recv", count, source: 0, destination: 0 };
}

/** A collective exchange of weights. */
export function stream(bytes: number, group: RectangleField): WeightsStreamInstruction {
  return { kind: "weights.stream", bytes, source: 0, destination: 0, group };
}

/** A transfer of a program. */
export function programLoad(bytes: number, rectangle: RectangleField, token: number): ProgramLoadInstruction {
  return { kind: "program.load", bytes, source: 0, cores: rectangle, token };
}

/** A token for a core. */
export function signal(token: number, row: Field, column: Field): SignalInstruction {
  return { kind: "signal", token, core: { row, column } };
}

/** A wait. */
export function wait(token: number, count = 1): WaitInstruction {
  return { kind: "wait", token, count };
}

/** A port of `bytes` bytes. */
export function port(name: string, bytes: number): Port {
  return {
    name,
    type: { element: "i8", quantization: null, shape: [bytes] },
    modelElement: "f32",
    frameAddress: 0,
    bytes,
  };
}

/** Runs a program on device for one batch, or as stated. */
export function run(
  program: Program,
  options: { readonly target?: ChipTarget; readonly batches?: number; readonly host?: boolean } = {},
): Trace {
  const { target = miniTarget, batches = 1, host = false } = options;
  return simulateTiming(program, target, { host, batches });
}

/** All events of a trace in columns. */
export function columnsOf({ pieces }: Trace): EventColumns {
  const floats = (column: "start" | "end" | "settled"): Float64Array =>
    Float64Array.from(pieces.flatMap(({ columns, cycles }) => Array.from(columns[column], (time) => time + cycles)));
  const words = (
    column: "thread" | "place" | "batch" | "turn" | "cause",
    laterBy: (piece: TracePiece, value: number) => number = () => 0,
  ): Int32Array =>
    Int32Array.from(
      pieces.flatMap((piece) => Array.from(piece.columns[column], (value) => value + laterBy(piece, value))),
    );
  return {
    start: floats("start"),
    end: floats("end"),
    settled: floats("settled"),
    thread: words("thread"),
    place: words("place"),
    batch: words("batch", ({ batches }) => batches),
    turn: words("turn"),
    cause: words("cause", ({ events }, cause) => (cause < 0 ? 0 : events)),
    causeKind: Uint8Array.from(pieces.flatMap(({ columns }) => [...columns.causeKind])),
  };
}

/** The events of a trace as "(row,column) kind start-end", those whose messages arrive later with ">arrival"; by time, then place. */
export function timeline(trace: Trace, kinds?: readonly string[]): string[] {
  return [...traceEvents(trace)]
    .filter(({ place }) => kinds === undefined || kinds.includes(place.instruction.kind))
    .sort((a, b) => a.start - b.start || a.row - b.row || a.column - b.column)
    .map(({ row, column, place, start, end, settled }) => {
      const arrival = settled > end ? `>${settled}` : "";
      return `(${row},${column}) ${place.instruction.kind} ${start}-${end}${arrival}`;
    });
}

/** The mini target, or another, with changes in some of its parts. */
export function withTarget(change: (target: MutableTarget) => void, base: ChipTarget = miniTarget): ChipTarget {
  const { provenance, ...rest } = base;
  const copy: MutableTarget = structuredClone(rest);
  change(copy);
  return { ...copy, provenance };
}

/** A chip target whose numbers may be assigned. */
export type MutableTarget = Mutable<Omit<ChipTarget, "provenance">>;

/** A type whose parts may be assigned. */
type Mutable<T> = { -readonly [Key in keyof T]: T[Key] extends object ? Mutable<T[Key]> : T[Key] };

/** An affine field. */
export function affine(base: number, row = 0, column = 0, turn = 0): Field {
  return { base, row, column, turn };
}

/** The row and the column of the core itself, for a class whose corner is (row, column). */
export function ownCore(row = 0, column = 0): { readonly row: Field; readonly column: Field } {
  return { row: affine(row, 1, 0), column: affine(column, 0, 1) };
}

/** A layer that does nothing but what is given. */
export function idleWork(name: string, rest: Partial<BoundWork>): BoundWork {
  return {
    name,
    macCount: 0,
    macBits: 8,
    shape: null,
    operandBytes: 0,
    vectorElements: {},
    activationElements: {},
    conversionElements: {},
    inputBytes: 0,
    outputBytes: 0,
    isHostOperation: false,
    hostElementCount: 0,
    dependsOn: [],
    ...rest,
  };
}
