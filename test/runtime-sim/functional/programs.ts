import { createHash } from "node:crypto";
import type {
  Field,
  GatherInstruction,
  Instruction,
  MatmulInstruction,
  MoveInstruction,
  Rectangle,
  SimpleInstruction,
  Space,
  VectorInstruction,
  View,
} from "../../../ir/instruction.ts";
import type {
  CoreClass,
  HostOperation,
  InitialToken,
  MemoryImage,
  Port,
  Program,
  ProgramBuffer,
  ThreadName,
} from "../../../ir/program.ts";
import { tensorType } from "../../../ir/type.ts";
import type { MachineMemories } from "../../../runtime-sim/functional/memory-map.ts";

/** Small memories: 4096 bytes, weight buffer 1024, partial sums 1024, framebuffer 4096. */
export const smallMachine: MachineMemories = {
  memoryBytes: 4096,
  weightBufferBytes: 1024,
  partialBufferBytes: 1024,
  frameBufferBytes: 4096,
};

/** What the cores of a class do. */
export type Threads = Readonly<Partial<Record<ThreadName, readonly Instruction[]>>>;

/** One core as a rectangle. */
export function core(row: number, column: number): Rectangle {
  return { row, column, rows: 1, columns: 1 };
}

/** A class of cores. */
export function classOf(cores: Rectangle, threads: Threads): CoreClass {
  return { cores, threads };
}

/** What a test program is made of; everything but the steps may be left out. */
export interface ProgramParts {
  readonly rows?: number;
  readonly columns?: number;
  readonly inputs?: readonly Port[];
  readonly outputs?: readonly Port[];
  readonly hostOperations?: readonly HostOperation[];
  readonly initialTokens?: readonly InitialToken[];
  readonly images?: readonly MemoryImage[];
  readonly buffers?: readonly ProgramBuffer[];
  readonly sidecar?: Uint8Array;
  /** The classes of each step; steps are named `s0`, `s1`, ... */
  readonly steps: readonly (readonly CoreClass[])[];
}

/** Makes a program of parts; the sidecar is empty unless given. */
export function program(parts: ProgramParts): Program {
  const sidecar = parts.sidecar ?? new Uint8Array(0);
  return {
    kind: "program",
    name: "test",
    target: { name: "small", rows: parts.rows ?? 1, columns: parts.columns ?? 1 },
    batchCount: 1,
    inputs: parts.inputs ?? [],
    outputs: parts.outputs ?? [],
    hostOperations: parts.hostOperations ?? [],
    states: [],
    initialTokens: parts.initialTokens ?? [],
    images: parts.images ?? [],
    buffers: parts.buffers ?? [],
    sidecar: { sha256: createHash("sha256").update(sidecar).digest("hex"), bytes: sidecar.length },
    steps: parts.steps.map((classes, index) => ({
      name: `s${index}`,
      kind: "vector",
      origin: [],
      macCount: 0,
      macElement: null,
      classes,
    })),
  };
}

/** A port of bytes. */
export function bytePort(name: string, frameAddress: number, bytes: number): Port {
  return { name, type: tensorType("u8", [bytes]), modelElement: "u8", frameAddress, bytes };
}

/** A view of a space. */
export function view(address: Field, strides: readonly number[], space: Space = "memory"): View {
  return { space, address, strides };
}

/** A number that differs over rows, columns or turns. */
export function affine(base: number, row: number, column: number, turn = 0): Field {
  return { base, row, column, turn };
}

/** Stores `value` in `count` bytes of memory. */
export function fill(value: number, address: Field, count: number): VectorInstruction {
  const destination = { space: "memory" as const, address, strides: [1], element: "u8" as const };
  return {
    kind: "vector",
    function: "fill",
    counts: [count],
    sources: [],
    destination,
    parameters: { value },
    activation: [],
  };
}

/** Copies contiguous bytes within memory. */
export function copy(source: Field, destination: Field, bytes: number): GatherInstruction {
  return {
    kind: "gather",
    counts: [bytes],
    elementBytes: 1,
    source: view(source, [1]),
    destination: view(destination, [1]),
  };
}

/** Moves contiguous bytes of memory to another core. */
export function move(
  source: Field,
  to: { readonly row: Field; readonly column: Field },
  destination: Field,
  bytes: number,
  token: number,
): MoveInstruction {
  return {
    kind: "move",
    counts: [bytes],
    elementBytes: 1,
    source: view(source, [1]),
    core: to,
    destination: view(destination, [1]),
    token,
  };
}

/** Waits for a token. */
export function wait(token: number, count = 1): SimpleInstruction {
  return { kind: "wait", token, count };
}

/** A dense i8 product [rows, inner] × [inner, columns] with strided weights in memory. */
export function matmul(
  [rows, inner, columns]: readonly [number, number, number],
  activations: Field,
  weights: Field,
  partial: Field,
  start: MatmulInstruction["start"] = "zero",
  bias: Field = 0,
): MatmulInstruction {
  return {
    kind: "matmul",
    groups: 1,
    rows: [rows],
    inner: [inner],
    columns,
    activations: {
      space: "memory",
      address: activations,
      element: "i8",
      groupStride: 0,
      rowStrides: [inner],
      innerStrides: [1],
    },
    weights: {
      space: "memory",
      address: weights,
      element: "i8",
      layout: "strided",
      groupStride: 0,
      innerStrides: [columns],
      columnStride: 1,
    },
    partial,
    start,
    bias,
  };
}

/** The little-endian bytes of i32 numbers. */
export function i32Bytes(values: readonly number[]): Uint8Array {
  return new Uint8Array(Int32Array.from(values).buffer);
}

/** The numbers that little-endian i32 bytes hold. */
export function i32Values(bytes: Uint8Array): number[] {
  return [...new Int32Array(bytes.slice().buffer)];
}
