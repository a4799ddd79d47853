import { type Clock, clockEntry, joined } from "./clock.ts";

interface Source {
  /** Clocks of its raises, in order; those that the waiting thread has taken over are dropped from the front. */
  readonly clocks: Clock[];
  /** How many raises it has made in all, and how many of them the waiting thread knows of. */
  raised: number;
  taken: number;
}

interface Wait {
  /** The waiting thread, and when the wait ended in its own count of events. */
  readonly waiter: number;
  readonly time: number;
  /** By source: how many raises can have come before the wait ended. */
  readonly raised: number[];
}

/** The number of the source that raises tokens before the program starts. */
const initialSource = -1;

/** By wait of one token of one core: how many raises of each source can come before it ends, in any legal order. */
export type RaiseBounds = readonly (readonly number[])[];

/**
 * Which raises of a token of a core must have come before each wait ends, whatever the order. A wait that brings the
 * number of consumed raises to W, when at most T raises can have come, of which R from one source (whose raises stay
 * in order), is sure of the first R − (T − W) of that source: without the next one at most W − 1 would have come.
 *
 * T and R are first taken from the observed order; a raise that comes later without being caused by the wait shows
 * that they were too small. `bounds()` then gives the greater numbers, for another pass over the program. When a pass
 * finds no greater ones, what it took as sure is sure: the first event that came too early in some other legal order would
 * contradict the count above.
 */
export class TokenHistory {
  readonly #sources = new Map<number, number>();
  readonly #records: Source[] = [];
  readonly #waits: Wait[] = [];
  readonly #known: RaiseBounds;
  #consumed = 0;
  #grew = false;

  /** `known`: the bounds of the pass before. */
  constructor(known: RaiseBounds) {
    this.#known = known;
  }

  /** Notes raises from before the program starts. */
  raiseInitially(count: number): void {
    for (let index = 0; index < count; index += 1) this.raise(initialSource, new Int32Array(0));
  }

  /** Notes a raise by a source; the clock must be a copy. */
  raise(sourceNumber: number, clock: Clock): void {
    let index = this.#sources.get(sourceNumber);
    if (index === undefined) {
      index = this.#records.length;
      this.#sources.set(sourceNumber, index);
      this.#records.push({ clocks: [], raised: 0, taken: 0 });
    }
    const source = this.#records[index] as Source;
    source.clocks.push(clock);
    source.raised += 1;
    for (let number = this.#waits.length - 1; number >= 0; number -= 1) {
      const wait = this.#waits[number] as Wait;
      if (clockEntry(clock, wait.waiter) >= wait.time) break;
      const seen = wait.raised[index] ?? 0;
      if (seen >= source.raised) continue;
      wait.raised[index] = source.raised;
      this.#grew = true;
    }
  }

  /** The thread of the last wait when that is not sure to come before one with the given clock; −1 when it is. */
  rival(clock: Clock): number {
    const last = this.#waits.at(-1);
    return last === undefined || clockEntry(clock, last.waiter) >= last.time ? -1 : last.waiter;
  }

  /**
   * Ends a wait for `count` raises at `time` of the waiting thread; gives the thread's clock joined with what is sure.
   * All waits before must be sure to come before.
   */
  wait(waiter: number, clock: Clock, time: number, count: number): Clock {
    this.#consumed += count;
    const known = this.#known[this.#waits.length] ?? [];
    const raised = this.#records.map((source, index) => Math.max(source.raised, known[index] ?? 0));
    for (let index = raised.length; index < known.length; index += 1) raised.push(known[index] ?? 0);
    this.#waits.push({ waiter, time, raised });
    const unsure = raised.reduce((total, number) => total + number, 0) - this.#consumed;
    let result = clock;
    this.#records.forEach((source, index) => {
      const sure = (raised[index] as number) - unsure;
      for (; source.taken < sure && source.clocks.length > 0; source.taken += 1) {
        result = joined(result, source.clocks.shift() as Clock);
      }
    });
    return result;
  }

  /** Whether this pass found that more raises can come before some wait than it had assumed. One source alone does not count: T − R is known then. */
  get grew(): boolean {
    return this.#grew && this.#records.length > (this.#sources.has(initialSource) ? 2 : 1);
  }

  /** What this pass knows, for the next one. */
  bounds(): RaiseBounds {
    return this.#waits.map((wait) => wait.raised);
  }
}
