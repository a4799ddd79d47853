/** The cycles of an edge, [producer choice][consumer choice], each worked out when it is asked for; until then a lower bound stands for it. */
export class EdgeTable {
  /** Cycles where they are known, at most as many elsewhere. Entries only ever rise. */
  readonly least: Float64Array;
  readonly #isKnown: Uint8Array;
  readonly #cyclesOf: (entry: number) => number;
  #unknownCount: number;

  /** `isKnown` says by entry whether `least` is what `cyclesOf` would give; both arrays are kept. */
  constructor(least: Float64Array, isKnown: Uint8Array, cyclesOf: (entry: number) => number) {
    this.least = least;
    this.#isKnown = isKnown;
    this.#cyclesOf = cyclesOf;
    let unknownCount = 0;
    for (let entry = 0; entry < isKnown.length; entry += 1) if (isKnown[entry] === 0) unknownCount += 1;
    this.#unknownCount = unknownCount;
  }

  /** Entries of which only a bound is known. */
  get unknownCount(): number {
    return this.#unknownCount;
  }

  isKnown(entry: number): boolean {
    return this.#isKnown[entry] === 1;
  }

  /** The cycles of an entry, worked out if need be. */
  cycles(entry: number): number {
    if (this.#isKnown[entry] === 0) {
      this.least[entry] = this.#cyclesOf(entry);
      this.#isKnown[entry] = 1;
      this.#unknownCount -= 1;
    }
    return this.least[entry] as number;
  }

  /** All cycles. */
  whole(): Float64Array {
    for (let entry = 0; this.#unknownCount > 0; entry += 1) this.cycles(entry);
    return this.least;
  }

  /** The table of some of the entries, in that order. */
  of(entries: readonly number[]): EdgeTable {
    const [least, isKnown] = [new Float64Array(entries.length), new Uint8Array(entries.length)];
    entries.forEach((entry, place) => {
      least[place] = this.least[entry] as number;
      isKnown[place] = this.#isKnown[entry] as number;
    });
    return new EdgeTable(least, isKnown, (place) => this.cycles(entries[place] as number));
  }
}
