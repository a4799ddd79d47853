import { product } from "../../base/math.ts";
import type { Operand, SimpleInstruction, Space, VectorInstruction, View } from "../../ir/instruction.ts";
import { elementBytes, elementTypes, widerElement } from "../../ir/type.ts";
import { lanesPerElement, vectorFunctions } from "../../ir/vector-function.ts";
import { activationPortBytes, innerPasses, type MatmulShape, macWidth, type VectorStage } from "../../targets/cost.ts";
import type { ChipTarget } from "../../targets/target.ts";

/** The networks on chip. */
export type NetworkName = "model" | "partial" | "activation" | "instruction";

/** Bytes read and written in one memory. */
export interface Traffic {
  read: number;
  written: number;
}

/** What one execution of an instruction does, on any core and in any turn: amounts, no durations and no prices. */
export interface Work {
  readonly macs: { width: "2" | "4" | "8"; count: number; accumulators: Readonly<Traffic> } | null;
  /** What the vector unit does, and behind it the activation unit; empty for other instructions. */
  readonly vector: readonly VectorStage[];
  /** Bytes in the memories of the core that executes the instruction. */
  readonly own: Readonly<Record<Space, Readonly<Traffic>>>;
  /** What the instruction sends: bytes of the packet, and the space that each destination writes them to. */
  readonly packet: { network: NetworkName; bytes: number; space: Space | null } | null;
  /** Input or output port that crosses the host link. */
  readonly host: { direction: "in" | "out"; port: number } | null;
}

/** Bytes of one element of an operand; a scale is a pair of i32. */
function operandElementBytes(element: Operand["element"]): number {
  return element === "scale" ? 8 : elementBytes(element);
}

/** Elements of a view that differ: the product of the counts whose stride is not 0. */
export function distinctElements(counts: readonly number[], strides: readonly number[]): number {
  let result = 1;
  for (let axis = 0; axis < counts.length; axis += 1) {
    const count = counts[axis] ?? 1;
    if (count === 0) return 0;
    if (strides[axis] !== 0) result *= count;
  }
  return result;
}

function emptyTraffic(): Record<Space, Traffic> {
  const none = (): Traffic => ({ read: 0, written: 0 });
  return { memory: none(), weights: none(), partial: none(), frame: none() };
}

/** The work of instructions that only synchronize. */
export const noWork: Work = { macs: null, vector: [], own: emptyTraffic(), packet: null, host: null };

/** The shape of a matmul that its time depends on. */
export function matmulShape(instruction: Extract<SimpleInstruction, { kind: "matmul" }>): MatmulShape {
  return {
    groups: instruction.groups,
    rows: product(instruction.rows),
    inner: product(instruction.inner),
    columns: instruction.columns,
    macBits: elementTypes[widerElement(instruction.activations.element, instruction.weights.element)].bits,
  };
}

/** The functions that an instruction's elements pass one after the other, with the lanes that they take in each. */
function vectorStages({ function: name, counts, sources, destination, activation }: VectorInstruction): VectorStage[] {
  const count = product(counts);
  // What each function gives: the operand of the next, at last the destination.
  const results = [...activation.map(({ element }) => element), destination.element];
  const stages = [
    { name, operands: sources.map(({ element }) => element) },
    ...activation.map(({ function: stage, element }) => ({ name: stage, operands: [element] })),
  ];
  return stages.map(({ name: stage, operands }, index) => ({
    cost: vectorFunctions[stage].cost,
    elements: count * lanesPerElement(stage, [...operands, results[index] ?? "scale"]),
  }));
}

/** The work of one execution of an instruction: docs/machine.md, Time and Energy; docs/energy.md. */
export function workOf(instruction: SimpleInstruction, target: ChipTarget): Work {
  if (instruction.kind === "signal" || instruction.kind === "wait" || instruction.kind === "barrier") return noWork;
  const own = emptyTraffic();
  const read = (view: View, counts: readonly number[], bytes: number): void => {
    own[view.space].read += distinctElements(counts, view.strides) * bytes;
  };
  const write = (view: View, counts: readonly number[], bytes: number): void => {
    own[view.space].written += distinctElements(counts, view.strides) * bytes;
  };
  const nothing = { macs: null, vector: [], own, packet: null, host: null } as const;
  switch (instruction.kind) {
    case "matmul": {
      const shape = matmulShape(instruction);
      const { activations, weights } = instruction;
      const partialBytes = shape.groups * shape.rows * shape.columns * 4;
      const passes = innerPasses(target, shape.inner);
      own[activations.space].read += activationPortBytes(target, shape, elementBytes(activations.element));
      own[weights.space].read += shape.groups * shape.inner * shape.columns * elementBytes(weights.element);
      own.partial.written += partialBytes;
      if (instruction.start === "accumulate") own.partial.read += partialBytes;
      if (instruction.start === "bias") own.memory.read += shape.groups * shape.columns * 4;
      const count = shape.groups * shape.rows * shape.inner * shape.columns;
      const accumulators = { read: partialBytes * (passes - 1), written: partialBytes * passes };
      return { ...nothing, macs: { width: macWidth(shape.macBits), count, accumulators } };
    }
    case "vector": {
      const { counts, sources, destination, activation } = instruction;
      for (const source of sources) read(source, counts, operandElementBytes(source.element));
      for (const { element, kept, scale } of activation) {
        if (kept !== null) write(kept, counts, operandElementBytes(element));
        if (scale !== null) read(scale, counts, operandElementBytes(scale.element));
      }
      write(destination, counts, operandElementBytes(destination.element));
      return { ...nothing, vector: vectorStages(instruction) };
    }
    case "reduce": {
      const all = [...instruction.counts, ...instruction.inner];
      read(instruction.source, all, operandElementBytes(instruction.source.element));
      if (instruction.divisor !== null) {
        read(instruction.divisor, instruction.counts, operandElementBytes(instruction.divisor.element));
      }
      write(instruction.destination, instruction.counts, operandElementBytes(instruction.destination.element));
      const elements = product(all) * lanesPerElement(instruction.function, [instruction.source.element]);
      return { ...nothing, vector: [{ cost: vectorFunctions[instruction.function].cost, elements }] };
    }
    case "psum.recv":
      own.partial.read += 2 * 4 * instruction.count;
      own.partial.written += 4 * instruction.count;
      return { ...nothing, vector: [{ cost: "add", elements: instruction.count }] };
    case "gather":
      read(instruction.source, instruction.counts, instruction.elementBytes);
      write(instruction.destination, instruction.counts, instruction.elementBytes);
      return nothing;
    case "move":
    case "multicast": {
      read(instruction.source, instruction.counts, instruction.elementBytes);
      const bytes = product(instruction.counts) * instruction.elementBytes;
      return { ...nothing, packet: { network: "activation", bytes, space: instruction.destination.space } };
    }
    case "psum.send": {
      const bytes = 4 * instruction.count;
      own.partial.read += bytes;
      return { ...nothing, packet: { network: "partial", bytes, space: "partial" } };
    }
    case "program.load":
      own.memory.read += instruction.bytes;
      return { ...nothing, packet: { network: "instruction", bytes: instruction.bytes, space: null } };
    case "weights.load":
      own.memory.read += instruction.bytes;
      own.weights.written += instruction.bytes;
      return nothing;
    case "weights.stream":
      own.memory.read += instruction.bytes;
      own.weights.written += instruction.group.rows * instruction.group.columns * instruction.bytes;
      return { ...nothing, packet: { network: "model", bytes: instruction.bytes, space: "weights" } };
    case "host.run":
      return nothing;
    case "host.in":
    case "host.out":
      return { ...nothing, host: { direction: instruction.kind === "host.in" ? "in" : "out", port: instruction.port } };
  }
}
