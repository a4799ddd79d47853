import { at } from "../../base/math.ts";
import type { Field, Instruction } from "../../ir/instruction.ts";
import { affine, type Described, withFields } from "./skeleton.ts";

/** Longest loop body that is looked for. */
const longestBody = 48;

/**
 * A stretch of a list: `turns` repetitions of the body, whose numbers advance by `steps` (one list an instruction); of instructions that
 * do not repeat, one turn.
 */
export interface Stretch {
  readonly turns: number;
  readonly body: readonly Described[];
  readonly steps: readonly (readonly number[])[];
}

/**
 * Finds repetitions: instructions that repeat with fields advancing by equal steps become one stretch of many turns; all between two of
 * those are one of a single turn. Running them in order does what running the list does.
 */
export function stretchesOf(list: readonly Described[]): Stretch[] {
  // Too short to gain.
  if (list.length < 3) return list.length === 0 ? [] : [{ turns: 1, body: list, steps: [] }];
  const stretches: Stretch[] = [];
  let [begin, start] = [0, 0];
  const endSingles = (): void => {
    if (start === begin) return;
    const isAll = begin === 0 && start === list.length;
    stretches.push({ turns: 1, body: isAll ? list : list.slice(begin, start), steps: [] });
  };
  while (start < list.length) {
    const { period, turns } = bestRepetition(list, start);
    if (turns === 1) {
      start += 1;
      continue;
    }
    endSingles();
    const body = list.slice(start, start + period);
    const steps = body.map(({ numbers }, offset) => difference(at(list, start + offset + period).numbers, numbers));
    stretches.push({ turns, body, steps });
    start += period * turns;
    begin = start;
  }
  endSingles();
  return stretches;
}

/** Rolls repetitions of a list into loops. */
export function rollLoops(list: readonly Described[]): Instruction[] {
  return stretchesOf(list).flatMap((stretch) => instructionsOf(stretch, (_, base, turn) => affine(base, 0, 0, turn)));
}

/** The instructions of a stretch: a loop, or those that do not repeat; `fieldOf` is asked for each number, in order. */
export function instructionsOf(
  stretch: Stretch,
  fieldOf: (position: number, base: number, turn: number) => Field,
): Instruction[] {
  let position = 0;
  const body = stretch.body.map(({ example, numbers }, offset) => {
    const fields = numbers.map((base, index) => {
      const field = fieldOf(position, base, stretch.steps[offset]?.[index] ?? 0);
      position += 1;
      return field;
    });
    return withFields(example, fields);
  });
  return stretch.turns === 1 ? body : [{ kind: "loop", count: stretch.turns, body }];
}

/** What most instructions begin: nothing repeats. */
const once = { period: 1, turns: 1 } as const;

function bestRepetition(list: readonly Described[], start: number): { period: number; turns: number } {
  let best: { period: number; turns: number } = once;
  const { shape } = list[start] as Described;
  const longest = Math.min(longestBody, Math.floor((list.length - start) / 2));
  for (let period = 1; period <= longest; period += 1) {
    if ((list[start + period] as Described).shape !== shape) continue;
    const turns = countTurns(list, start, period);
    const saved = (turns - 1) * period;
    if (turns > 1 && turns * period >= 3 && saved > (best.turns - 1) * best.period) best = { period, turns };
  }
  return best;
}

function countTurns(list: readonly Described[], start: number, period: number): number {
  let turns = 1;
  while (start + (turns + 1) * period <= list.length) {
    for (let offset = start; offset < start + period; offset += 1) {
      const first = list[offset] as Described;
      const current = list[offset + turns * period] as Described;
      if (current.shape !== first.shape) return turns;
      // The second turn says how numbers advance.
      if (turns > 1 && !advances(first.numbers, (list[offset + period] as Described).numbers, current.numbers, turns))
        return turns;
    }
    turns += 1;
  }
  return turns;
}

/** Whether numbers advance by equal steps from the first turn to the second and so on. */
function advances(
  first: readonly number[],
  second: readonly number[],
  current: readonly number[],
  turns: number,
): boolean {
  for (let index = 0; index < first.length; index += 1) {
    const base = first[index] as number;
    if ((current[index] as number) !== base + turns * ((second[index] as number) - base)) return false;
  }
  return true;
}

function difference(left: readonly number[], right: readonly number[]): number[] {
  return left.map((value, index) => value - (right[index] as number));
}
