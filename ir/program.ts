import type { StepRange } from "../base/step-range.ts";
import type { Field, Instruction, Rectangle } from "./instruction.ts";
import type { ElementType, TensorType } from "./type.ts";

/**
 * The eight threads of a core, each an in-order queue. control: barriers, program loads; weights: weights.load and
 * weights.stream; matrix: matmul; vector: vector, reduce, psum.recv; psum: psum.send, and vector and reduce of a step that shares its cores with
 * a contraction; send: move, multicast; gather:
 * gather and fills; host: host.in, host.out, host.run (io cores), moves of outputs that leave while the next batch is computed. signal,
 * wait and loop stand in any thread.
 */
export const threadNames = ["control", "weights", "matrix", "vector", "psum", "send", "gather", "host"] as const;

/** The name of a thread. */
export type ThreadName = (typeof threadNames)[number];

/** What the cores of a rectangle do in one step; only threads that do something are listed. */
export interface CoreClass {
  readonly cores: Rectangle;
  readonly threads: Readonly<Partial<Record<ThreadName, readonly Instruction[]>>>;
}

/** The part of a program that runs one layer. The queue of a thread is its instructions of all steps in order. */
export interface ProgramStep {
  readonly name: string;
  readonly kind: "input" | "state" | "contraction" | "vector" | "reduce" | "movement" | "output";
  /** The ONNX nodes that the step computes. */
  readonly origin: readonly string[];
  /** Unpadded multiply-accumulates of the whole step. */
  readonly macCount: number;
  /** The element type of the step's weights or second operand, when it has MACs; null otherwise. */
  readonly macElement: ElementType | null;
  /** A thread of a core stands in at most one class of a step; a thread in none of them is idle in the step. */
  readonly classes: readonly CoreClass[];
}

/** A tensor that crosses the host link, row-major in the framebuffer in its boundary format. */
export interface Port {
  readonly name: string;
  /** The type stored in the framebuffer. */
  readonly type: TensorType;
  /** The element type that the model declares; the host converts between the two. */
  readonly modelElement: ElementType;
  readonly frameAddress: number;
  readonly bytes: number;
}

/**
 * What the host computes in the middle of a run: one node of the graph, which the chip has no instructions for. Its
 * operands leave like outputs, in the types that the chip stores, and its result enters like an input.
 */
export interface HostOperation {
  /** The value that it computes. */
  readonly name: string;
  /** What it does: the name of the node's operator. */
  readonly operator: string;
  readonly operands: readonly Port[];
  readonly result: Port;
  /** Elements of operands and result, constants apart: what the host's time is counted by. */
  readonly elementCount: number;
  /** The node as a graph in `.bir` text, whose inputs are the operands; its constants stand in it, by checksum where weights are absent. */
  readonly graph: string;
}

/**
 * A buffer that keeps what the last run left, and is an input of the next: the input's name and type, the output that is its
 * next value, and the buffer's name. Its initial contents are images, which a reset places again.
 */
export interface ProgramState {
  readonly input: string;
  readonly output: string;
  readonly type: TensorType;
  readonly modelElement: ElementType;
  readonly buffer: string;
}

/** Initial contents of the cores of a rectangle: bytes of the sidecar at `offset`, placed at `address`. */
export interface MemoryImage {
  readonly cores: Rectangle;
  readonly address: Field;
  readonly offset: Field;
  readonly bytes: number;
}

/** A range of core memory and the steps during which it is in use, perhaps over the end of a batch; the same on all cores. */
export interface ProgramBuffer extends StepRange {
  readonly name: string;
  readonly space: "memory" | "partial" | "weights";
  readonly address: number;
  readonly bytes: number;
}

/** A token that is raised before the program starts. */
export interface InitialToken {
  readonly cores: Rectangle;
  readonly token: number;
  readonly count: number;
}

/**
 * What the chip runs: work, never its price. Cores stand at (row, column) of the grid; io cores at (row, −1), one for
 * each row, share the framebuffer. `sidecar` names the bytes that images refer to; null when weights are absent.
 */
export interface Program {
  readonly kind: "program";
  readonly name: string;
  readonly target: { readonly name: string; readonly rows: number; readonly columns: number };
  readonly batchCount: number;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  /** What the host computes; empty when all runs on the chip. */
  readonly hostOperations: readonly HostOperation[];
  readonly states: readonly ProgramState[];
  readonly initialTokens: readonly InitialToken[];
  readonly images: readonly MemoryImage[];
  readonly buffers: readonly ProgramBuffer[];
  readonly sidecar: { readonly sha256: string; readonly bytes: number } | null;
  readonly steps: readonly ProgramStep[];
}

/** The ports that `host.in` numbers: the inputs, then the results of host operations. */
export function enteringPorts({ inputs, hostOperations }: Program): Port[] {
  return [...inputs, ...hostOperations.map(({ result }) => result)];
}

/** The ports that `host.out` numbers: the outputs, then the operands of host operations in order. */
export function leavingPorts({ outputs, hostOperations }: Program): Port[] {
  return [...outputs, ...hostOperations.flatMap(({ operands }) => operands)];
}
