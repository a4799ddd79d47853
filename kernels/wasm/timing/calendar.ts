// A calendar of integer ids over integer cycles. Each id stands in it at most once at a time. A ring of buckets, one a cycle,
// holds the next 8,192 cycles as linked lists; a heap holds what is farther away. Empty cycles are skipped by a bitmap.
import { dueTable, farDue, nearDue } from "../../timing-layout";
import { allocate, allocateFilled, floatAt, grown, header, setFloatAt, setHeader, setWordAt, wordAt } from "./memory";

const ringSize = 8192;
const ringMask = ringSize - 1;
const ringWords = ringSize >> 5;

/** The current cycle. */
export let now: f64 = 0;
/** By id: the one after it in its bucket; −1 ends the list. */
let next: usize = 0;
let idCount = 0;
let heads: usize = 0;
let occupied: usize = 0;
let cursor = 0;
/** A binary heap of times, and the ids. */
let farTimes: usize = 0;
let farIds: usize = 0;
let farCount = 0;
let farCapacity = 0;

/** Empties the calendar, at cycle 0, for ids below `count`. */
export function beginCalendar(count: i32): void {
  now = 0;
  cursor = 0;
  idCount = count;
  next = allocate(<usize>count << 2);
  heads = allocateFilled(ringSize << 2, 0xff);
  occupied = allocateFilled(ringWords << 2);
  farCount = 0;
  farCapacity = 8;
  farTimes = allocate(<usize>farCapacity << 3);
  farIds = allocate(<usize>farCapacity << 2);
}

/** Makes room for ids below `count`. */
export function growCalendar(count: i32): void {
  next = grown(next, <usize>idCount << 2, <usize>count << 2);
  idCount = count;
}

/** The id after one that `advance` returned or that follows it; −1 for none. */
export function nextDue(id: i32): i32 {
  return wordAt(next, id);
}

/** Enters an id at the current cycle, which `advance` then comes to again, or a later one. */
export function schedule(id: i32, time: f64): void {
  const delay = time - now;
  if (delay >= ringSize) {
    pushFar(id, time);
    return;
  }
  const slot = (cursor + <i32>delay) & ringMask;
  setWordAt(next, id, wordAt(heads, slot));
  setWordAt(heads, slot, id);
  setWordAt(occupied, slot >> 5, wordAt(occupied, slot >> 5) | (1 << (slot & 31)));
}

/** Moves to the next cycle that has entries, takes them out and returns the first; −1 when the calendar is empty. */
export function advance(): i32 {
  const slot = nextSlot();
  if (slot < 0) {
    if (farCount == 0) return -1;
    now = floatAt(farTimes, 0);
    cursor = 0;
  } else {
    now += <f64>((slot - cursor) & ringMask);
    cursor = slot;
  }
  while (farCount > 0 && floatAt(farTimes, 0) - now < ringSize) popFar();
  const head = wordAt(heads, cursor);
  setWordAt(heads, cursor, -1);
  setWordAt(occupied, cursor >> 5, wordAt(occupied, cursor >> 5) & ~(1 << (cursor & 31)));
  return head;
}

/** Empties the ring and moves to a cycle before that of the first id that is farther away. */
export function jump(time: f64): void {
  memory.fill(heads, 0xff, ringSize << 2);
  memory.fill(occupied, 0, ringWords << 2);
  cursor = 0;
  now = time;
}

/**
 * Lists the ids of the ring and the cycles until each comes out, in the order in which they do; behind them those that are
 * farther away, in no order.
 */
export function listDue(): void {
  let list = <usize>header(dueTable);
  let near = 0;
  for (let turn = 0; turn <= ringWords; turn += 1) {
    const word = ((cursor >> 5) + turn) & (ringWords - 1);
    const behind = -1 << (cursor & 31);
    let bits = wordAt(occupied, word);
    if (turn == 0) bits &= behind;
    else if (turn == ringWords) bits &= ~behind;
    for (; bits != 0; bits &= bits - 1) {
      const slot = (word << 5) + ctz(bits);
      for (let id = wordAt(heads, slot); id >= 0; id = wordAt(next, id)) {
        store<f64>(list, <f64>id);
        store<f64>(list, <f64>((slot - cursor) & ringMask), 8);
        list += 16;
        near += 1;
      }
    }
  }
  for (let place = 0; place < farCount; place += 1) {
    store<f64>(list, <f64>wordAt(farIds, place));
    store<f64>(list, floatAt(farTimes, place) - now, 8);
    list += 16;
  }
  setHeader(nearDue, near);
  setHeader(farDue, farCount);
}

/** The occupied slot that comes first after the cursor; −1 for none. */
function nextSlot(): i32 {
  let word = cursor >> 5;
  let bits = wordAt(occupied, word) & (-1 << (cursor & 31));
  for (let turn = 0; turn <= ringWords; turn += 1) {
    if (bits != 0) return (word << 5) + ctz(bits);
    word = (word + 1) & (ringWords - 1);
    bits = wordAt(occupied, word);
  }
  return -1;
}

function pushFar(id: i32, time: f64): void {
  if (farCount == farCapacity) {
    farTimes = grown(farTimes, <usize>farCapacity << 3, <usize>farCapacity << 4);
    farIds = grown(farIds, <usize>farCapacity << 2, <usize>farCapacity << 3);
    farCapacity *= 2;
  }
  let child = farCount;
  farCount += 1;
  while (child > 0) {
    const parent = (child - 1) >> 1;
    if (floatAt(farTimes, parent) <= time) break;
    setFloatAt(farTimes, child, floatAt(farTimes, parent));
    setWordAt(farIds, child, wordAt(farIds, parent));
    child = parent;
  }
  setFloatAt(farTimes, child, time);
  setWordAt(farIds, child, id);
}

function popFar(): void {
  const firstTime = floatAt(farTimes, 0);
  const firstId = wordAt(farIds, 0);
  farCount -= 1;
  const time = floatAt(farTimes, farCount);
  const id = wordAt(farIds, farCount);
  let parent = 0;
  while (farCount > 0) {
    let child = 2 * parent + 1;
    if (child + 1 < farCount && floatAt(farTimes, child + 1) < floatAt(farTimes, child)) child += 1;
    if (child >= farCount || floatAt(farTimes, child) >= time) break;
    setFloatAt(farTimes, parent, floatAt(farTimes, child));
    setWordAt(farIds, parent, wordAt(farIds, child));
    parent = child;
  }
  if (farCount > 0) {
    setFloatAt(farTimes, parent, time);
    setWordAt(farIds, parent, id);
  }
  schedule(firstId, firstTime);
}
