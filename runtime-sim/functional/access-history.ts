import { type Clock, clockEntry } from "./clock.ts";
import { forEachRun, type Region } from "./region.ts";

/** When an access happened: the event `time` of a component (see clock.ts). */
export interface Access {
  readonly component: number;
  readonly time: number;
  readonly region: Region;
}

/** Told of two accesses to the same byte, or part of one, at least one a write, of which neither happened before the other in all orders. */
export type Conflict<A extends Access> = (earlier: A, later: A, address: number) => void;

interface Page {
  /** By part: the number of the access that wrote it last; 0 for none. */
  readonly writers: Int32Array;
  /** By part: the number of the set of accesses that have read it since. */
  readonly readers: Int32Array;
}

const pageParts = 4096;

/** Who wrote every byte, or part of one, last, and who has read it since; pages of memory that are never reached take no room. */
export class AccessHistory<A extends Access> {
  readonly #accesses: (A | null)[] = [null];
  readonly #sets: (readonly number[])[] = [[]];
  readonly #setNumbers = new Map<string, number>([["", 0]]);
  readonly #pages = new Map<number, Page>();
  readonly #conflict: Conflict<A>;
  /** Parts of a byte that are told apart: one, or four where elements have 4 or 2 bits. */
  readonly #parts: 1 | 4;

  constructor(parts: 1 | 4, conflict: Conflict<A>) {
    this.#parts = parts;
    this.#conflict = conflict;
  }

  /** Notes an access of bytes of the memory with the given number; `clock` says what has happened before it. */
  add(memory: number, address: number, access: A, clock: Clock): void {
    const number = this.#accesses.length;
    this.#accesses.push(access);
    const reads = access.region.use === "read";
    const extended = new Map<number, number>();
    forEachRun(access.region, address, (start, bytes) => {
      const end = (start + bytes) * this.#parts;
      for (let from = start * this.#parts; from < end; ) {
        const pageNumber = Math.floor(from / pageParts);
        const to = Math.min(end, (pageNumber + 1) * pageParts);
        const page = this.#page(memory, pageNumber);
        const offset = pageNumber * pageParts;
        if (reads) this.#read(page, from - offset, to - offset, offset, number, clock, extended);
        else this.#write(page, from - offset, to - offset, offset, number, clock);
        from = to;
      }
    });
  }

  #page(memory: number, pageNumber: number): Page {
    const key = memory * 4194304 + pageNumber;
    let page = this.#pages.get(key);
    if (page === undefined) {
      page = { writers: new Int32Array(pageParts), readers: new Int32Array(pageParts) };
      this.#pages.set(key, page);
    }
    return page;
  }

  #read(
    page: Page,
    from: number,
    to: number,
    offset: number,
    number: number,
    clock: Clock,
    extended: Map<number, number>,
  ): void {
    let ordered = -1;
    for (let index = from; index < to; index += 1) {
      const writer = page.writers[index] as number;
      if (writer !== ordered) {
        this.#order(writer, number, clock, offset + index);
        ordered = writer;
      }
      const set = page.readers[index] as number;
      let next = extended.get(set);
      if (next === undefined) {
        next = this.#extend(set, number, clock);
        extended.set(set, next);
        extended.set(next, next);
      }
      page.readers[index] = next;
    }
  }

  #write(page: Page, from: number, to: number, offset: number, number: number, clock: Clock): void {
    let orderedWriter = -1;
    let orderedSet = -1;
    for (let index = from; index < to; index += 1) {
      const writer = page.writers[index] as number;
      if (writer !== orderedWriter && writer !== number) {
        this.#order(writer, number, clock, offset + index);
        orderedWriter = writer;
      }
      const set = page.readers[index] as number;
      if (set !== orderedSet) {
        for (const reader of this.#sets[set] as readonly number[]) this.#order(reader, number, clock, offset + index);
        orderedSet = set;
      }
    }
    page.writers.fill(number, from, to);
    page.readers.fill(0, from, to);
  }

  #order(earlierNumber: number, laterNumber: number, clock: Clock, address: number): void {
    const earlier = this.#accesses[earlierNumber] as A | null;
    if (earlier === null || clockEntry(clock, earlier.component) >= earlier.time) return;
    this.#conflict(earlier, this.#accesses[laterNumber] as A, Math.floor(address / this.#parts));
  }

  /** The set with one reader more, less those that the new one follows in all orders. */
  #extend(set: number, number: number, clock: Clock): number {
    const kept = (this.#sets[set] as readonly number[]).filter((reader) => {
      const access = this.#accesses[reader] as A;
      return clockEntry(clock, access.component) < access.time;
    });
    const members = [...kept, number];
    const key = members.join(",");
    const known = this.#setNumbers.get(key);
    if (known !== undefined) return known;
    this.#sets.push(members);
    this.#setNumbers.set(key, this.#sets.length - 1);
    return this.#sets.length - 1;
  }
}
