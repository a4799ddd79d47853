import type { Labour } from "./labour.ts";

/** Something that takes time: it is over when its labour is done, a least number of cycles has passed, and a condition holds. */
export class Activity {
  readonly #labour: Labour;
  readonly #leastCycles: number;
  readonly #condition: () => boolean;
  #working: boolean;
  #cycles = 0;

  constructor(labour: Labour, leastCycles: number, condition: () => boolean = () => true) {
    this.#labour = labour;
    this.#leastCycles = leastCycles;
    this.#condition = condition;
    this.#working = !labour.next().done;
  }

  get over(): boolean {
    return !this.#working && this.#cycles >= this.#leastCycles && this.#condition();
  }

  /** A cycle passes. */
  tick(): void {
    this.#cycles += 1;
    if (this.#working) this.#working = !this.#labour.next().done;
  }
}
