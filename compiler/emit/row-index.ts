/** Numbers rows of numbers, equal ones alike, from 0 on; quick where few differ. */
export class RowIndex {
  readonly #rows: (readonly number[])[] = [];

  /** The number of a row. */
  of(row: readonly number[]): number {
    // Most often a row is like the last new one.
    for (let number = this.#rows.length - 1; number >= 0; number -= 1) {
      if (areSame(this.#rows[number] as readonly number[], row)) return number;
    }
    return this.#rows.push(row) - 1;
  }
}

function areSame(left: readonly number[], right: readonly number[]): boolean {
  if (left.length !== right.length) return false;
  for (let index = 0; index < left.length; index += 1) if (left[index] !== right[index]) return false;
  return true;
}
