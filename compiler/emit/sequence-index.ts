/** A part of a sequence: a plain value, or a value that is told apart by what it is, not by what stands in it. */
export type SequencePart = string | number | boolean | null | symbol | object;

/** Numbers sequences of parts: equal ones alike. A tree of their beginnings, which costs less than texts. */
export class SequenceIndex {
  /** By the number of a sequence: those of the sequences that are one part longer. */
  readonly #longer: Map<SequencePart, number>[] = [new Map()];

  /** The number of a sequence and one more part; that of the empty sequence is 0. */
  and(sequence: number, part: SequencePart): number {
    const longer = this.#longer[sequence] as Map<SequencePart, number>;
    const known = longer.get(part);
    if (known !== undefined) return known;
    const made = this.#longer.push(new Map()) - 1;
    longer.set(part, made);
    return made;
  }
}
