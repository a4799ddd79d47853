import { at, product, rowMajorStrides, sum } from "../../base/math.ts";
import type {
  GatherInstruction,
  MatmulInstruction,
  MoveInstruction,
  MulticastInstruction,
  Operand,
  ReduceInstruction,
  VectorInstruction,
} from "../../ir/instruction.ts";
import { type ElementType, elementBytes } from "../../ir/type.ts";
import { storedBytes } from "../../kernels/element.ts";
import type { ContractionTask, CopyTask, ElementView, Kernels, ReduceTask, VectorTask } from "../../kernels/kernels.ts";
import type { Operation } from "./operation.ts";
import { countSumsOutside, makeOverflowCheck, wordsAt } from "./overflow.ts";

/** Computes an instruction at the given addresses of the kernels' memory, one for each region of the operation, in its order. */
export type Compute = (addresses: Float64Array) => void;

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

/**
 * Prepares the work of a local instruction: everything but addresses is worked out once. Null for instructions that compute
 * nothing. `staging` is the address of room for `stagingBytes`; `overflowed` is told how many sums have left i32.
 */
export function prepareCompute(
  operation: Operation,
  kernels: Kernels,
  staging: number,
  overflowed: (count: number) => void,
): Compute | null {
  const { instruction } = operation;
  switch (instruction.kind) {
    case "matmul":
      return matmul(instruction, kernels, overflowed);
    case "vector":
      return vector(instruction, kernels, staging);
    case "reduce":
      return reduce(instruction, kernels, staging);
    case "gather":
      return gather(instruction, kernels);
    case "psum.recv":
      return receivePartial(instruction.count, kernels, overflowed);
    case "weights.load":
      return copyBytes(instruction.bytes, kernels);
    default:
      return null;
  }
}

function matmul(instruction: MatmulInstruction, kernels: Kernels, overflowed: (count: number) => void): Compute {
  const operand = <T extends { readonly element: ElementType }>(view: T) => ({
    ...view,
    address: 0,
    packed: elementBytes(view.element) < 1,
  });
  const activations: Writable<ContractionTask["activations"]> = operand(instruction.activations);
  const weights: Writable<ContractionTask["weights"]> = operand(instruction.weights);
  const { groups, rows, inner, columns, start } = instruction;
  const overflows = makeOverflowCheck(instruction, kernels);
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
    const before = overflows.startsThatMayOverflow(task);
    kernels.contract(task);
    if (before !== null) overflowed(overflows.count(task, before));
  };
}

function vector(instruction: VectorInstruction, kernels: Kernels, staging: number): Compute {
  const { function: name, counts, parameters, activation } = instruction;
  const stage = makeStage(kernels, staging);
  const sources = instruction.sources.map((source) => stage.operand(source, counts));
  const scales = activation.map(({ scale }) => (scale === null ? null : stage.operand(scale, counts)));
  const destination = stage.operand(instruction.destination, counts);
  const kept = activation.map(({ kept: view, element }) =>
    view === null ? null : stage.operand({ ...view, element }, counts),
  );
  const between = activation.map(({ element }, index) => kept[index]?.view ?? stage.between(element, counts));
  const results = [...between, destination.view];
  const tasks: readonly VectorTask[] = [
    { function: name, counts, sources: sources.map(({ view }) => view), destination: at(results, 0), parameters },
    ...activation.map((each, index) => ({
      function: each.function,
      counts,
      sources: [at(between, index), scales[index]?.view].filter((view) => view !== undefined),
      destination: at(results, index + 1),
      parameters: each.parameters,
    })),
  ];
  const read = [...sources, ...scales].filter((operand) => operand !== null);
  const written = [destination, ...kept].filter((operand) => operand !== null);
  return (addresses) => {
    for (let index = 0; index < read.length; index += 1)
      (read[index] as StagedOperand).bring(addresses[index] as number);
    for (let index = 0; index < written.length; index += 1) {
      (written[index] as StagedOperand).place(addresses[read.length + index] as number);
    }
    for (let index = 0; index < tasks.length; index += 1) kernels.vector(tasks[index] as VectorTask);
    for (let index = 0; index < written.length; index += 1) (written[index] as StagedOperand).takeBack();
  };
}

function reduce(instruction: ReduceInstruction, kernels: Kernels, staging: number): Compute {
  const { function: name, counts, inner } = instruction;
  const stage = makeStage(kernels, staging);
  const source = stage.operand(instruction.source, [...counts, ...inner]);
  const destination = stage.operand(instruction.destination, counts);
  const divisor = instruction.divisor === null ? null : stage.operand(instruction.divisor, counts);
  const task: ReduceTask = {
    function: name,
    counts,
    inner,
    source: source.view,
    divisor: divisor?.view ?? null,
    destination: destination.view,
  };
  return (addresses) => {
    source.bring(addresses[0] as number);
    destination.place(addresses[1] as number);
    divisor?.bring(addresses[2] as number);
    kernels.reduce(task);
    destination.takeBack();
  };
}

/** An operand as the kernels see it: where it lies, or unpacked in the room for staging. */
interface StagedOperand {
  readonly view: ElementView;
  /** Says where it lies, and unpacks it. */
  readonly bring: (address: number) => void;
  /** Says where it lies. */
  readonly place: (address: number) => void;
  /** Packs what was computed. */
  readonly takeBack: () => void;
}

/**
 * Hands out room for operands of 4 and 2 bits, which the vector unit's kernels read and write one a byte, and for what goes
 * from one function of a pass to the next.
 */
function makeStage(kernels: Kernels, staging: number) {
  let next = staging;
  const operand = ({ element, strides }: Operand, counts: readonly number[]): StagedOperand => {
    if (!isPacked(element)) {
      const view = { element, strides, address: 0 };
      const place = (address: number): void => {
        view.address = address;
      };
      return { view, bring: place, place, takeBack: () => undefined };
    }
    const view = { element, strides: rowMajorStrides(counts), address: next };
    next += product(counts);
    const home = { packed: true, strides, address: 0 };
    const staged = { packed: false, strides: view.strides, address: view.address };
    const place = (address: number): void => {
      home.address = address;
    };
    return {
      view,
      bring: (address) => {
        place(address);
        kernels.copyPacked({ counts, element, source: home, destination: staged });
      },
      place,
      takeBack: () => kernels.copyPacked({ counts, element, source: staged, destination: home }),
    };
  };
  const between = (element: ElementType, counts: readonly number[]): ElementView => {
    const bytes = storedBytes(element);
    const view = { element, strides: rowMajorStrides(counts).map((stride) => stride * bytes), address: next };
    next += product(counts) * bytes;
    return view;
  };
  return { operand, between };
}

function isPacked(element: Operand["element"]): boolean {
  return element !== "scale" && elementBytes(element) < 1;
}

/**
 * Bytes of staging that an instruction needs: one for each element of its operands of 4 and 2 bits, and room for what goes
 * from one function of a pass to the next.
 */
export function stagingBytes({ instruction }: Operation): number {
  const room = ({ element }: Operand, counts: readonly number[]): number => (isPacked(element) ? product(counts) : 0);
  if (instruction.kind === "vector") {
    const { sources, destination, counts, activation } = instruction;
    const between = activation.map(({ kept, element }) =>
      kept === null ? product(counts) * storedBytes(element) : room({ ...kept, element }, counts),
    );
    return sum([...[...sources, destination].map((operand) => room(operand, counts)), ...between]);
  }
  if (instruction.kind !== "reduce") return 0;
  const { source, destination, counts, inner } = instruction;
  return room(source, [...counts, ...inner]) + room(destination, counts);
}

function gather(instruction: GatherInstruction, kernels: Kernels): Compute {
  const copy = prepareElementCopy(instruction, kernels);
  return (addresses) => copy.through(addresses[0] as number, addresses[1] as number);
}

function receivePartial(count: number, kernels: Kernels, overflowed: (count: number) => void): Compute {
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
    const outside = countSumsOutside(
      wordsAt(kernels, source.address, count),
      wordsAt(kernels, destination.address, count),
    );
    if (outside > 0) overflowed(outside);
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

/**
 * Prepares the copies of a move, multicast or gather. Elements of any size are copied in words of 8, 4, 2 or 1 bytes, those of
 * less than a byte without the others that share it.
 */
export function prepareElementCopy(
  instruction: MoveInstruction | MulticastInstruction | GatherInstruction,
  kernels: Kernels,
): ElementCopy {
  const { counts, elementBytes } = instruction;
  if (elementBytes < 1) return prepareBitCopy(instruction, kernels);
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

function prepareBitCopy(
  { counts, elementBytes, source, destination }: MoveInstruction | MulticastInstruction | GatherInstruction,
  kernels: Kernels,
): ElementCopy {
  const element = elementBytes === 0.5 ? "u4" : "u2";
  const dense = rowMajorStrides(counts).map((stride) => stride * elementBytes);
  const copier =
    (from: readonly number[], to: readonly number[]): ElementCopy["through"] =>
    (sourceAddress, destinationAddress) =>
      kernels.copyPacked({
        counts,
        element,
        source: { packed: true, address: sourceAddress, strides: from },
        destination: { packed: true, address: destinationAddress, strides: to },
      });
  return {
    through: copier(source.strides, destination.strides),
    pack: copier(source.strides, dense),
    unpack: copier(dense, destination.strides),
  };
}
