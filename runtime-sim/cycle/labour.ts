import { problem } from "../../base/errors.ts";
import type { MatmulInstruction, ReduceInstruction, VectorInstruction } from "../../ir/instruction.ts";
import { type ElementType, elementTypes } from "../../ir/type.ts";
import { type VectorFunction, vectorFunctions } from "../../ir/vector-function.ts";
import type { ChipTarget } from "../../targets/target.ts";
import type { Place } from "./grid.ts";

/** Work of a unit: each element that it yields is one cycle in which the unit works. */
export type Labour = Generator<void, void, void>;

/** Nothing to do. */
export function* noLabour(): Labour {}

/** Waiting for so many cycles. */
export function* idle(cycles: number): Labour {
  for (let left = cycles; left > 0; left -= 1) yield;
}

/** How many elements lie in counts along axes. */
export function count(counts: readonly number[]): number {
  return counts.reduce((total, each) => total * each, 1);
}

/** Columns that the matrix unit takes at once: those of its wider operand. */
export function columnsAtOnce(target: ChipTarget, { activations, weights }: MatmulInstruction): number {
  const bits = Math.max(elementTypes[activations.element].bits, elementTypes[weights.element].bits);
  return target.matrix.outputCount[bits > 4 ? "8" : bits > 2 ? "4" : "2"];
}

/** The matrix unit: in a cycle it multiplies one row's next inputs with one block of columns; then the pipeline drains. */
export function* matrixLabour(target: ChipTarget, matmul: MatmulInstruction): Labour {
  const [rows, inner] = [count(matmul.rows), count(matmul.inner)];
  const width = columnsAtOnce(target, matmul);
  for (let group = 0; group < matmul.groups; group += 1) {
    for (let column = 0; column < matmul.columns; column += width) {
      for (let row = 0; row < rows; row += 1) {
        for (let input = 0; input < inner; input += target.matrix.inputCount) yield;
      }
    }
  }
  yield* idle(target.matrix.fillCycles);
}

/** What a station of the vector pipeline does in a pass: so many pieces of 16 bits, each lane keeping its piece for so many cycles. */
interface Station {
  readonly pieces: number;
  readonly cycles: number;
}

/**
 * The vector unit, and behind it the activation unit: all lanes take their next pieces of 16 bits, and keep them for the cycles
 * of the function. Stations pass elements on like a chain of buckets, so that the pass lasts as long as its busiest one;
 * then each unit that took part drains.
 */
export function* vectorLabour(
  target: ChipTarget,
  instruction: VectorInstruction | ReduceInstruction | { readonly kind: "psum.recv"; readonly count: number },
): Labour {
  const chain = stations(target, instruction).map((station) => ({ ...station, busyCycles: 0 }));
  for (;;) {
    for (const station of chain) {
      while (station.busyCycles === 0 && station.pieces > 0) {
        station.pieces -= target.vector.laneCount;
        station.busyCycles = station.cycles;
      }
    }
    if (chain.every(({ busyCycles }) => busyCycles === 0)) break;
    yield;
    for (const station of chain) station.busyCycles = Math.max(0, station.busyCycles - 1);
  }
  yield* idle(target.vector.fillCycles);
  if (chain.length === 1) return;
  if (target.activation === null) {
    throw problem("B509", `Target "${target.name}" has no activation unit, and the program uses one.`);
  }
  yield* idle(target.activation.fillCycles);
}

function stations(
  target: ChipTarget,
  instruction: VectorInstruction | ReduceInstruction | { readonly kind: "psum.recv"; readonly count: number },
): Station[] {
  if (instruction.kind === "psum.recv") return [{ pieces: instruction.count, cycles: target.vector.cycles.add }];
  const cyclesOf = (name: VectorFunction): number => target.vector.cycles[vectorFunctions[name].cost];
  if (instruction.kind === "reduce") {
    const elements = count(instruction.counts) * count(instruction.inner);
    return [{ pieces: elements * lanes([instruction.source.element]), cycles: cyclesOf(instruction.function) }];
  }
  const elements = count(instruction.counts);
  const station = (name: VectorFunction, operands: readonly (ElementType | "scale")[]): Station => {
    const scaled = ["requantize", "dequantize", "quantize"].includes(name);
    return { pieces: elements * (scaled ? 1 : lanes(operands)), cycles: cyclesOf(name) };
  };
  const { activation, destination, sources } = instruction;
  const [first, second] = activation;
  const last = destination.element;
  const all = [station(instruction.function, [...sources.map(({ element }) => element), first?.element ?? last])];
  if (first !== undefined) all.push(station(first.function, [first.element, second?.element ?? last]));
  if (second !== undefined) all.push(station(second.function, [second.element, last]));
  return all;
}

/** Lanes of 16 bits that the widest of some elements fills; scales are no data of a lane. */
function lanes(elements: readonly (ElementType | "scale")[]): number {
  let most = 1;
  for (const element of elements) {
    if (element === "scale") continue;
    let taken = 0;
    for (let bits = elementTypes[element].bits; bits > 0; bits -= 16) taken += 1;
    most = Math.max(most, taken);
  }
  return most;
}

/** The host link: the command, then as many bytes a cycle as the link brings. */
export function linkLabour(target: ChipTarget, bytes: number): Labour {
  return secondsLabour(target, target.host.commandSeconds, bytes, target.host.bytesPerSecond);
}

/** The host at an operation: its start, then as many elements a cycle as it takes. */
export function hostLabour(target: ChipTarget, elements: number): Labour {
  return secondsLabour(target, target.host.operationSeconds, elements, target.host.elementsPerSecond);
}

/** A beginning, rounded to whole cycles, and then an amount at a rate. */
function* secondsLabour(target: ChipTarget, seconds: number, amount: number, perSecond: number): Labour {
  yield* idle(Math.round(seconds * target.clockHz));
  // Scaled by the clock, so that no fraction of a byte is lost.
  for (let left = amount * target.clockHz; left > 0; left -= perSecond) yield;
}

/** A signal's way to another core: a cycle for it at least; between io cores of different rows through column 0. */
export function* walk(from: Place, to: Place, hopCycles: number): Labour {
  let { row, column } = from;
  const turn = row === to.row ? to.column : Math.max(to.column, 0);
  for (; column !== turn; column += Math.sign(turn - column)) yield* idle(hopCycles);
  for (; row !== to.row; row += Math.sign(to.row - row)) yield* idle(hopCycles);
  for (; column !== to.column; column += Math.sign(to.column - column)) yield* idle(hopCycles);
}
