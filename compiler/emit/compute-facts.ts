import type { Access, Box, Range } from "../../ir/iteration.ts";
import { reductionIndex } from "../geometry.ts";
import type { StepPlan } from "../step-plan.ts";
import type { Spread } from "../transfers.ts";
import type { EmitContext } from "./chain.ts";
import { RowIndex } from "./row-index.ts";
import type { SequenceIndex } from "./sequence-index.ts";

/** Where cores begin in a buffer: the bytes that the starts of a box's ranges and of its origin count for, and the bytes before. */
interface Beginnings extends Spread {
  /** Bytes by range of a core's box, and bytes by axis of its origin. */
  readonly steps: readonly number[];
  readonly before: number;
  /** Whether the box is the part in the buffer, or the core's part of the iteration space. */
  readonly isOwn: boolean;
}

/**
 * By core: equal for cores whose compute threads in a step are the same but for where the core stands, −1 for those without work. Worked
 * out once for steps that are divided alike and whose values lie alike in their buffers.
 */
export function alikeCores(context: EmitContext, plan: StepPlan): readonly number[] {
  const facts = new ComputeFacts(plan);
  const key = facts.keyIn(context.keys);
  const known = context.alikeCores.get(key);
  if (known !== undefined) return known;
  const alike = new RowIndex();
  const numbers = plan.active.map((isActive, core) => (isActive ? alike.of(facts.of(core)) : -1));
  context.alikeCores.set(key, numbers);
  return numbers;
}

/** What decides a core's compute threads in a step. */
class ComputeFacts {
  readonly #plan: StepPlan;
  readonly #beginnings: readonly Beginnings[];
  readonly #facts: number[];

  constructor(plan: StepPlan) {
    this.#plan = plan;
    const rank = plan.layer.dimensions.length;
    this.#beginnings = [
      ...plan.reads.flatMap(({ mode, read: { access }, boxes, layout, origins }): Beginnings[] => {
        if ((mode !== "in-place" && mode !== "around") || access === null) return [];
        return [{ boxes, layout, origins, isOwn: false, ...firstPoint(access, layout.strideBytes, rank) }];
      }),
      ...plan.writes.map(
        ({ spread }): Beginnings => ({ ...spread, isOwn: true, steps: spread.layout.strideBytes, before: 0 }),
      ),
    ];
    const count = rank + this.#beginnings.length + (plan.geometry.reduction === null ? 0 : 2);
    this.#facts = new Array<number>(count).fill(0);
  }

  /** A number that is equal for steps whose facts are the same on all cores. */
  keyIn(keys: SequenceIndex): number {
    const { boxes: parts, active, owns, geometry } = this.#plan;
    let key = keys.and(keys.and(keys.and(0, parts), active), geometry.reduction === null ? null : owns);
    for (const { boxes, origins, layout, steps, before, isOwn } of this.#beginnings) {
      for (const part of [boxes, origins, layout.strideBytes.join(), steps.join(), before, isOwn]) {
        key = keys.and(key, part);
      }
    }
    return key;
  }

  /** Equal for cores whose compute threads are the same but for where the core stands; valid until the next call. */
  of(core: number): readonly number[] {
    const facts = this.#facts;
    const { boxes, geometry, owns } = this.#plan;
    const box = boxes[core] as Box;
    let count = box.length;
    for (let index = 0; index < count; index += 1) {
      const { start, end } = box[index] as Range;
      facts[index] = end - start;
    }
    for (let index = 0; index < this.#beginnings.length; index += 1) {
      facts[count] = beginningOf(this.#beginnings[index] as Beginnings, core, box);
      count += 1;
    }
    if (geometry.reduction === null) return facts;
    const { columns } = geometry.grid;
    const isFirst = reductionIndex(geometry, Math.floor(core / columns), core % columns) === 0;
    facts[count] = isFirst ? 0 : 1;
    facts[count + 1] = owns[core] ? 1 : 0;
    return facts;
  }
}

/** The bytes that a core's part begins behind the start of its buffer; 0 where it has none. */
function beginningOf({ boxes, origins, layout, steps, before, isOwn }: Beginnings, core: number, box: Box): number {
  const held = boxes[core] ?? null;
  if (held === null) return 0;
  const part = isOwn ? held : box;
  const origin = origins[core] as readonly number[];
  let offset = before;
  for (let index = 0; index < steps.length; index += 1) {
    offset += (steps[index] as number) * (part[index] as Range).start;
  }
  for (let axis = 0; axis < origin.length; axis += 1) {
    offset -= (origin[axis] as number) * (layout.strideBytes[axis] as number);
  }
  return offset;
}

/** Bytes by dimension to the first point of a box in a value, as an access touches it. */
function firstPoint(
  access: Access,
  strideBytes: readonly number[],
  rank: number,
): Pick<Beginnings, "steps" | "before"> {
  const steps = new Array<number>(rank).fill(0);
  let before = 0;
  access.forEach(({ terms, offset }, axis) => {
    const bytes = strideBytes[axis] as number;
    before += offset * bytes;
    for (const { dimension, stride } of terms) steps[dimension] = (steps[dimension] as number) + stride * bytes;
  });
  return { steps, before };
}
