import { product } from "../../base/math.ts";
import type { MatmulInstruction } from "../../ir/instruction.ts";
import { integerRange } from "../../ir/type.ts";
import type { ContractionTask, Kernels } from "../../kernels/kernels.ts";

const { low: least, high: greatest } = integerRange("i32");

/** How many sums of the numbers at equal places lie outside i32. */
export function countSumsOutside(left: Int32Array, right: Int32Array): number {
  let count = 0;
  for (let index = 0; index < left.length; index += 1) {
    const sum = (left[index] as number) + (right[index] as number);
    if (sum < least || sum > greatest) count += 1;
  }
  return count;
}

/** The i32 at an address of the kernels' memory, which need not be aligned. */
export function wordsAt({ memory }: Kernels, address: number, count: number): Int32Array {
  if (address % 4 === 0) return new Int32Array(memory.buffer, address, count);
  return new Int32Array(memory.buffer.slice(address, address + 4 * count));
}

/** Finds the partial sums of a matmul that leave i32, from what they were before and what they wrapped around to. */
export interface OverflowCheck {
  /** What the sums start from, as they are in the order of the sums, if any of them may leave i32; null otherwise. */
  readonly startsThatMayOverflow: (task: ContractionTask) => Int32Array | null;
  /** How many of the sums that have been computed have left it. */
  readonly count: (task: ContractionTask, starts: Int32Array) => number;
}

/**
 * Makes the check of an instruction. What is added to a sum is less than `bound`, the inner count × the greatest magnitudes of
 * the operands. A sum has left i32 exactly where it differs from its start by more than that, as long as the bound is
 * less than 2^31; beyond, at 131,072 products of 8 bits in one instruction, it is not detected.
 */
export function makeOverflowCheck(instruction: MatmulInstruction, kernels: Kernels): OverflowCheck {
  const { groups, rows, inner, columns, activations, weights, start } = instruction;
  const magnitude = (element: typeof activations.element): number => {
    const { low, high } = integerRange(element);
    return Math.max(-low, high);
  };
  const bound = product(inner) * magnitude(activations.element) * magnitude(weights.element);
  const rowCount = product(rows);
  const sumCount = groups * rowCount * columns;
  const mayOverflow = (starts: Int32Array): boolean => {
    for (let index = 0; index < starts.length; index += 1) {
      if (Math.abs(starts[index] as number) + bound > greatest) return true;
    }
    return false;
  };
  return {
    startsThatMayOverflow: ({ partial, bias }) => {
      if (start === "zero") return bound > greatest ? new Int32Array(sumCount) : null;
      if (start === "accumulate") {
        const sums = wordsAt(kernels, partial, sumCount);
        return mayOverflow(sums) ? sums.slice() : null;
      }
      const biases = wordsAt(kernels, bias, groups * columns);
      if (!mayOverflow(biases)) return null;
      return Int32Array.from({ length: sumCount }, (_, index) => {
        const group = Math.floor(index / (rowCount * columns));
        return biases[group * columns + (index % columns)] as number;
      });
    },
    count: ({ partial }, starts) => {
      const sums = wordsAt(kernels, partial, sumCount);
      let count = 0;
      for (let index = 0; index < sumCount; index += 1) {
        if (Math.abs((sums[index] as number) - (starts[index] as number)) > bound) count += 1;
      }
      return count;
    },
  };
}
