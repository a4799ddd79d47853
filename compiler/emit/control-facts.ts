import type { Beginning, StepBody } from "./step-body.ts";

/** What decides a core's control thread in a step, before that of the next one. */
export class ControlFacts {
  readonly #body: StepBody;
  readonly #next: StepBody | null;
  /** The facts of the core that was asked for last. */
  readonly row: number[];

  constructor(body: StepBody, next: StepBody | null) {
    this.#body = body;
    this.#next = next;
    const starts = body.starts.reduce((most, { length }) => Math.max(most, length), 0);
    this.row = new Array<number>(4 + 3 * body.beginnings.length + starts).fill(0);
  }

  /** Writes a row that is equal for cores whose control threads do the same, and gives its length; a core that sends programs has one of its own. */
  of(core: number, sendsPrograms: boolean): number {
    const row = this.row;
    const { starts, beginnings, weightUses, doneCounts } = this.#body;
    row[0] = sendsPrograms ? core : -1;
    row[1] = doneCounts[core] as number;
    row[2] = weightUses[core] as number;
    row[3] = this.#next === null ? 0 : (this.#next.weightUses[core] as number);
    let length = 4;
    for (let index = 0; index < beginnings.length; index += 1) {
      const { arrivals, hasGathers, computeStarts } = beginnings[index] as Beginning;
      row[length] = arrivals[core] as number;
      row[length + 1] = hasGathers[core] ? 1 : 0;
      row[length + 2] = computeStarts[core] ?? -1;
      length += 3;
    }
    const own = starts[core] as readonly number[];
    for (let index = 0; index < own.length; index += 1) row[length + index] = own[index] as number;
    return length + own.length;
  }
}
