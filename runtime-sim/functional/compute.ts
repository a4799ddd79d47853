import { internalError } from "../../base/errors.ts";
import { rowMajorStrides } from "../../base/math.ts";
import type {
  GatherInstruction,
  MatmulInstruction,
  MoveInstruction,
  MulticastInstruction,
  ReduceInstruction,
  VectorInstruction,
} from "../../ir/instruction.ts";
import type { ContractionTask, CopyTask, Kernels, ReduceTask, VectorTask } from "../../kernels/kernels.ts";
import type { Operation } from "./operation.ts";

/** Computes an instruction at the given addresses of the kernels' memory, one for each region of the operation, in its order. */
export type Compute = (addresses: Int32Array) => void;

/** Copies the elements of a move from one address to another. */
export interface ElementCopy {
  /** Element by element, from the source's strides to the destination's. */
  through(source: number, destination: number): void;
  /** From the source's strides to dense elements in row-major order. */
  pack(source: number, packet: number): void;
  /** From dense elements to the destination's strides. */
  unpack(packet: number, destination: number): void;
}

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

/** Prepares the work of a local instruction: everything but addresses is worked out once. Null for instructions that compute nothing. */
export function prepareCompute(operation: Operation, kernels: Kernels): Compute | null {
  const { instruction } = operation;
  switch (instruction.kind) {
    case "matmul":
      return matmul(instruction, kernels);
    case "vector":
      return vector(instruction, kernels);
    case "reduce":
      return reduce(instruction, kernels);
    case "gather":
      return gather(instruction, kernels);
    case "psum.recv":
      return receivePartial(instruction.count, kernels);
    case "weights.load":
      return copyBytes(instruction.bytes, kernels);
    default:
      return null;
  }
}

function matmul(instruction: MatmulInstruction, kernels: Kernels): Compute {
  const activations: Writable<ContractionTask["activations"]> = { ...instruction.activations, address: 0 };
  const weights: Writable<ContractionTask["weights"]> = { ...instruction.weights, address: 0 };
  const { groups, rows, inner, columns, start } = instruction;
  const task: Writable<ContractionTask> = {
    groups,
    rows,
    inner,
    columns,
    activations,
    weights,
    partial: 0,
    start,
    bias: 0,
  };
  return (addresses) => {
    activations.address = addresses[0] as number;
    weights.address = addresses[1] as number;
    task.partial = addresses[2] as number;
    if (start === "bias") task.bias = addresses[3] as number;
    kernels.contract(task);
  };
}

function vector(instruction: VectorInstruction, kernels: Kernels): Compute {
  const sources = instruction.sources.map(({ element, strides }) => ({ element, strides, address: 0 }));
  const destination = {
    element: instruction.destination.element,
    strides: instruction.destination.strides,
    address: 0,
  };
  const { function: name, counts, parameters } = instruction;
  const task: VectorTask = { function: name, counts, sources, destination, parameters };
  const count = sources.length;
  return (addresses) => {
    for (let index = 0; index < count; index += 1) {
      (sources[index] as { address: number }).address = addresses[index] as number;
    }
    destination.address = addresses[count] as number;
    kernels.vector(task);
  };
}

function reduce(instruction: ReduceInstruction, kernels: Kernels): Compute {
  const view = ({ element, strides }: ReduceInstruction["source"]) => ({ element, strides, address: 0 });
  const source = view(instruction.source);
  const destination = view(instruction.destination);
  const divisor = instruction.divisor === null ? null : view(instruction.divisor);
  const { function: name, counts, inner } = instruction;
  const task: ReduceTask = { function: name, counts, inner, source, divisor, destination };
  return (addresses) => {
    source.address = addresses[0] as number;
    destination.address = addresses[1] as number;
    if (divisor !== null) divisor.address = addresses[2] as number;
    kernels.reduce(task);
  };
}

function gather(instruction: GatherInstruction, kernels: Kernels): Compute {
  const copy = prepareElementCopy(instruction, kernels);
  return (addresses) => copy.through(addresses[0] as number, addresses[1] as number);
}

function receivePartial(count: number, kernels: Kernels): Compute {
  const strides = [4];
  const source = { element: "i32" as const, strides, address: 0 };
  const destination = { element: "i32" as const, strides, address: 0 };
  const task: VectorTask = {
    function: "add",
    counts: [count],
    sources: [source, destination],
    destination,
    parameters: {},
  };
  return (addresses) => {
    source.address = addresses[0] as number;
    destination.address = addresses[1] as number;
    kernels.vector(task);
  };
}

function copyBytes(bytes: number, kernels: Kernels): Compute {
  const memory = new Uint8Array(kernels.memory.buffer);
  return (addresses) => {
    const source = addresses[0] as number;
    memory.copyWithin(addresses[1] as number, source, source + bytes);
  };
}

/** Prepares the copies of a move, multicast or gather. Elements of any size are copied in words of 8, 4, 2 or 1 bytes. */
export function prepareElementCopy(
  instruction: MoveInstruction | MulticastInstruction | GatherInstruction,
  kernels: Kernels,
): ElementCopy {
  const { counts, elementBytes } = instruction;
  if (elementBytes < 1) throw internalError(`an element of ${elementBytes} bytes cannot be copied`);
  const word = [8, 4, 2, 1].find((width) => elementBytes % width === 0) as number;
  const words = elementBytes / word;
  const split = (list: readonly number[], last: number): readonly number[] => (words === 1 ? list : [...list, last]);
  const loops = split(counts, words);
  const dense = split(
    rowMajorStrides(counts).map((stride) => stride * elementBytes),
    word,
  );
  const sourceStrides = split(instruction.source.strides, word);
  const destinationStrides = split(instruction.destination.strides, word);
  const copier = (from: readonly number[], to: readonly number[]): ElementCopy["through"] => {
    const source = { address: 0, strides: from };
    const destination = { address: 0, strides: to };
    const task: CopyTask = { counts: loops, elementBytes: word, source, destination };
    return (sourceAddress, destinationAddress) => {
      source.address = sourceAddress;
      destination.address = destinationAddress;
      kernels.copy(task);
    };
  };
  return {
    through: copier(sourceStrides, destinationStrides),
    pack: copier(sourceStrides, dense),
    unpack: copier(dense, destinationStrides),
  };
}
