/** Buckets of the ring, one a cycle: most delays are shorter, so the heap behind it is rarely used. */
const ringSize = 8192;
const ringMask = ringSize - 1;

/**
 * A calendar of integer ids over integer cycles. Each id stands in it at most once at a time. A ring of buckets holds
 * the next 8,192 cycles as linked lists through `next`; a heap holds what is farther away. Empty cycles are skipped by
 * a bitmap, so the cost does not depend on the number of cycles.
 */
export class Calendar {
  /** The current cycle. */
  now = 0;
  /** The id after this one in a bucket that `advance` returned; −1 ends the list. */
  next: Int32Array;
  readonly #heads = new Int32Array(ringSize).fill(-1);
  readonly #occupied = new Int32Array(ringSize >> 5);
  #cursor = 0;
  readonly #farTimes: number[] = [];
  readonly #farIds: number[] = [];

  constructor(idCount: number) {
    this.next = new Int32Array(idCount);
  }

  /** Makes room for ids below `idCount`. */
  grow(idCount: number): void {
    const next = new Int32Array(idCount);
    next.set(this.next);
    this.next = next;
  }

  /** Enters an id at the current cycle, which `advance` then comes to again, or a later one. */
  schedule(id: number, time: number): void {
    const delay = time - this.now;
    if (delay >= ringSize) {
      this.#pushFar(id, time);
      return;
    }
    const slot = (this.#cursor + delay) & ringMask;
    this.next[id] = this.#heads[slot] as number;
    this.#heads[slot] = id;
    (this.#occupied as Int32Array)[slot >> 5]! |= 1 << (slot & 31);
  }

  /** Moves to the next cycle that has entries, takes them out and returns the first; −1 when the calendar is empty. */
  advance(): number {
    const slot = this.#nextSlot();
    if (slot < 0) {
      if (this.#farTimes.length === 0) return -1;
      this.now = this.#farTimes[0] as number;
      this.#cursor = 0;
    } else {
      this.now += (slot - this.#cursor) & ringMask;
      this.#cursor = slot;
    }
    while (this.#farTimes.length > 0 && (this.#farTimes[0] as number) - this.now < ringSize) this.#popFar();
    const head = this.#heads[this.#cursor] as number;
    this.#heads[this.#cursor] = -1;
    (this.#occupied as Int32Array)[this.#cursor >> 5]! &= ~(1 << (this.#cursor & 31));
    return head;
  }

  /** Calls `visit` with the ids of the ring and the cycles until each comes out, in the order in which they do. */
  forEachNear(visit: (id: number, delay: number) => void): void {
    for (let turn = 0; turn <= ringSize >> 5; turn += 1) {
      const word = ((this.#cursor >> 5) + turn) & ((ringSize >> 5) - 1);
      const behind = -1 << (this.#cursor & 31);
      let bits = this.#occupied[word] as number;
      if (turn === 0) bits &= behind;
      else if (turn === ringSize >> 5) bits &= ~behind;
      for (; bits !== 0; bits &= bits - 1) {
        const slot = (word << 5) + 31 - Math.clz32(bits & -bits);
        const delay = (slot - this.#cursor) & ringMask;
        for (let id = this.#heads[slot] as number; id >= 0; id = this.next[id] as number) visit(id, delay);
      }
    }
  }

  /** Calls `visit` with the ids that are farther away, in no order. */
  forEachFar(visit: (id: number, delay: number) => void): void {
    this.#farIds.forEach((id, index) => {
      visit(id, (this.#farTimes[index] as number) - this.now);
    });
  }

  /** Empties the ring and moves to a cycle before that of the first id that is farther away. */
  jump(time: number): void {
    this.#heads.fill(-1);
    this.#occupied.fill(0);
    this.#cursor = 0;
    this.now = time;
  }

  /** The occupied slot that comes first after the cursor; −1 for none. */
  #nextSlot(): number {
    const words = ringSize >> 5;
    const start = this.#cursor;
    let word = start >> 5;
    let bits = (this.#occupied[word] as number) & (-1 << (start & 31));
    for (let turn = 0; turn <= words; turn += 1) {
      if (bits !== 0) return (word << 5) + 31 - Math.clz32(bits & -bits);
      word = (word + 1) & (words - 1);
      bits = this.#occupied[word] as number;
    }
    return -1;
  }

  #pushFar(id: number, time: number): void {
    const [times, ids] = [this.#farTimes, this.#farIds];
    let child = times.length;
    times.push(time);
    ids.push(id);
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if ((times[parent] as number) <= time) break;
      times[child] = times[parent] as number;
      ids[child] = ids[parent] as number;
      child = parent;
    }
    times[child] = time;
    ids[child] = id;
  }

  #popFar(): void {
    const [times, ids] = [this.#farTimes, this.#farIds];
    const [firstTime, firstId] = [times[0] as number, ids[0] as number];
    const time = times.pop() as number;
    const id = ids.pop() as number;
    const count = times.length;
    let parent = 0;
    while (count > 0) {
      let child = 2 * parent + 1;
      if (child + 1 < count && (times[child + 1] as number) < (times[child] as number)) child += 1;
      if (child >= count || (times[child] as number) >= time) break;
      times[parent] = times[child] as number;
      ids[parent] = ids[child] as number;
      parent = child;
    }
    if (count > 0) {
      times[parent] = time;
      ids[parent] = id;
    }
    this.schedule(firstId, firstTime);
  }
}
