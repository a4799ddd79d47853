/** Numbers rows of numbers, equal ones alike, from 0 on; quick where few differ. */
export class RowIndex {
  readonly #rows: (readonly number[])[] = [];

  /** The number of a row: of the first `length` numbers, which may change afterwards. */
  of(row: readonly number[], length: number = row.length): number {
    // Most often a row is like the last new one.
    for (let number = this.#rows.length - 1; number >= 0; number -= 1) {
      if (areSame(this.#rows[number] as readonly number[], row, length)) return number;
    }
    return this.#rows.push(row.slice(0, length)) - 1;
  }
}

function areSame(known: readonly number[], row: readonly number[], length: number): boolean {
  if (known.length !== length) return false;
  for (let index = 0; index < length; index += 1) if (known[index] !== row[index]) return false;
  return true;
}
