import type {
  MatmulInstruction,
  MoveInstruction,
  MulticastInstruction,
  PartialSendInstruction,
  ProgramLoadInstruction,
  SimpleInstruction,
} from "../../ir/instruction.ts";
import { type ElementType, elementBytes } from "../../ir/type.ts";
import type { ChipTarget } from "../../targets/target.ts";
import { columnsAtOnce, count } from "./labour.ts";

/** Bytes that an instruction reads and writes in its core's memory. */
export interface MemoryBytes {
  readonly read: number;
  readonly written: number;
}

interface Seen {
  readonly space: string;
  readonly strides: readonly number[];
}

/** Distinct elements of a view in memory: a stride of 0 repeats an element; nothing when the view is of another memory. */
function distinct({ space, strides }: Seen, counts: readonly number[]): number {
  if (space !== "memory") return 0;
  return counts.reduce((total, each, axis) => (strides[axis] === 0 ? total : total * each), 1);
}

const width = (element: ElementType | "scale"): number => (element === "scale" ? 8 : elementBytes(element));

/** What an instruction asks of the memory port of its own core; of a transfer, what it reads. */
export function memoryBytes(target: ChipTarget, instruction: SimpleInstruction): MemoryBytes {
  switch (instruction.kind) {
    case "matmul":
      return { read: matmulBytes(target, instruction), written: 0 };
    case "vector": {
      const { sources, destination, counts, activation } = instruction;
      let read = sources.reduce((total, each) => total + distinct(each, counts) * width(each.element), 0);
      let written = distinct(destination, counts) * width(destination.element);
      for (const { scale, kept, element } of activation) {
        if (scale !== null) read += distinct(scale, counts) * width("scale");
        if (kept !== null) written += distinct(kept, counts) * width(element);
      }
      return { read, written };
    }
    case "reduce": {
      const { source, divisor, destination, counts, inner } = instruction;
      const read = distinct(source, [...counts, ...inner]) * width(source.element);
      const divided = divisor === null ? 0 : distinct(divisor, counts) * width(divisor.element);
      return { read: read + divided, written: distinct(destination, counts) * width(destination.element) };
    }
    case "gather": {
      const { source, destination, counts, elementBytes: bytes } = instruction;
      return { read: distinct(source, counts) * bytes, written: distinct(destination, counts) * bytes };
    }
    case "move":
    case "multicast":
      return { read: distinct(instruction.source, instruction.counts) * instruction.elementBytes, written: 0 };
    case "weights.load":
    case "weights.stream":
    case "program.load":
      return { read: instruction.bytes, written: 0 };
    case "psum.send":
    case "psum.recv":
    case "host.in":
    case "host.out":
    case "host.run":
    case "signal":
    case "wait":
    case "barrier":
      return { read: 0, written: 0 };
  }
}

/** Activations once for every pass over a block of columns; weights and bias once. */
function matmulBytes(target: ChipTarget, matmul: MatmulInstruction): number {
  const { groups, rows, inner, columns, activations, weights, start } = matmul;
  let bytes = 0;
  if (activations.space === "memory") {
    const pass = groups * count(rows) * count(inner) * elementBytes(activations.element);
    for (let column = 0; column < columns; column += columnsAtOnce(target, matmul)) bytes += pass;
  }
  if (weights.space === "memory") bytes += groups * count(inner) * columns * elementBytes(weights.element);
  if (start === "bias") bytes += groups * columns * 4;
  return bytes;
}

/** An instruction that sends a packet. */
export type SendInstruction = MoveInstruction | MulticastInstruction | PartialSendInstruction | ProgramLoadInstruction;

/** The network of a packet, its bytes, and those that each destination writes in its memory. */
export interface PacketWork {
  readonly network: "activation" | "partial" | "instruction";
  readonly carried: number;
  readonly written: number;
}

/** What an instruction sends. */
export function packetWork(instruction: SendInstruction): PacketWork {
  switch (instruction.kind) {
    case "move":
    case "multicast": {
      const carried = count(instruction.counts) * instruction.elementBytes;
      const written = instruction.destination.space === "memory" ? carried : 0;
      return { network: "activation", carried, written };
    }
    case "psum.send":
      return { network: "partial", carried: instruction.count * 4, written: 0 };
    case "program.load":
      return { network: "instruction", carried: instruction.bytes, written: 0 };
  }
}
