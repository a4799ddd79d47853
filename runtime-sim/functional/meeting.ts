import type { Thread } from "./thread.ts";

/** Where a fixed set of cores meets again and again: the n-th meeting is complete when every core has come n times. */
export class Meeting {
  /** What is met for, in messages. */
  readonly name: string;
  /** The core numbers, in the order in which `complete` gives their threads. */
  readonly members: readonly number[];
  readonly #place: ReadonlyMap<number, number>;
  readonly #present: (Thread | null)[];
  readonly #early: Thread[] = [];
  #missing: number;

  constructor(name: string, members: readonly number[]) {
    this.name = name;
    this.members = members;
    this.#place = new Map(members.map((core, index) => [core, index]));
    this.#present = members.map(() => null);
    this.#missing = members.length;
  }

  /** Notes that a thread has come; true when the meeting is now complete. The core must be a member. */
  arrive(thread: Thread): boolean {
    const place = this.#place.get(thread.core) as number;
    if (this.#present[place] !== null) {
      this.#early.push(thread);
      return false;
    }
    this.#present[place] = thread;
    this.#missing -= 1;
    return this.#missing === 0;
  }

  /** The threads of a complete meeting, in the members' order. */
  threads(): readonly Thread[] {
    return this.#present as readonly Thread[];
  }

  /** Opens the next meeting: those who came early are there already. True when it is complete as well. */
  reopen(): boolean {
    this.#present.fill(null);
    this.#missing = this.members.length;
    const early = this.#early.splice(0);
    let complete = false;
    for (const thread of early) complete = this.arrive(thread);
    return complete;
  }

  /** The cores that have not come to the present meeting. */
  absent(): number[] {
    return this.members.filter((_, index) => this.#present[index] === null);
  }

  /** Forgets who has come. */
  clear(): void {
    this.#early.length = 0;
    this.reopen();
  }
}
