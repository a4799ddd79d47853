import { at } from "../../base/math.ts";
import type { Field, Instruction, SimpleInstruction } from "../../ir/instruction.ts";
import { type PlainData, skeletonOf, withFields } from "./affine-classes.ts";

/** Longest loop body that is looked for. */
const longestBody = 48;

/**
 * Rolls repetitions into loops: a stretch of instructions that repeats with fields advancing by equal steps becomes one
 * loop. Instructions must not have affine fields yet. Running the result does what running the list does.
 */
export function rollLoops(list: readonly SimpleInstruction[]): Instruction[] {
  const skeletons = list.map((instruction) => skeletonOf(instruction as unknown as PlainData));
  const result: Instruction[] = [];
  let start = 0;
  while (start < list.length) {
    let best = { period: 0, turns: 0 };
    const longest = Math.min(longestBody, Math.floor((list.length - start) / 2));
    for (let period = 1; period <= longest; period += 1) {
      if (at(skeletons, start).shape !== at(skeletons, start + period).shape) continue;
      const turns = countTurns(skeletons, start, period);
      if (turns > 1 && (turns - 1) * period > (best.turns - 1) * best.period) best = { period, turns };
    }
    if (best.turns > 1 && best.turns * best.period >= 3) {
      const body: SimpleInstruction[] = [];
      for (let offset = 0; offset < best.period; offset += 1) {
        const first = at(skeletons, start + offset).numbers;
        const second = at(skeletons, start + offset + best.period).numbers;
        const fields = first.map((base, index): Field => {
          const turn = at(second, index) - base;
          return turn === 0 ? base : { base, row: 0, column: 0, turn };
        });
        body.push(withFields(at(list, start + offset) as unknown as PlainData, fields) as unknown as SimpleInstruction);
      }
      result.push({ kind: "loop", count: best.turns, body });
      start += best.turns * best.period;
    } else {
      result.push(at(list, start));
      start += 1;
    }
  }
  return result;
}

function countTurns(
  skeletons: readonly { readonly shape: string; readonly numbers: readonly number[] }[],
  start: number,
  period: number,
): number {
  let turns = 1;
  while (start + (turns + 1) * period <= skeletons.length) {
    for (let offset = 0; offset < period; offset += 1) {
      const first = at(skeletons, start + offset);
      const second = at(skeletons, start + offset + period);
      const current = at(skeletons, start + offset + turns * period);
      if (current.shape !== first.shape || second.shape !== first.shape) return turns;
      for (let index = 0; index < first.numbers.length; index += 1) {
        const step = at(second.numbers, index) - at(first.numbers, index);
        if (current.numbers[index] !== at(first.numbers, index) + turns * step) return turns;
      }
    }
    turns += 1;
  }
  return turns;
}
