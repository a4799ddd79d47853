// Who has reached the next barrier and the next exchange of each group.
import { threadsPerCore } from "../../timing-layout";
import { allocate, allocateFilled, floatAt, setFloatAt, setWordAt, wordAt } from "./memory";

/** An exchange of weights that its cores are in: all of them have come when there are `size` threads. */
@unmanaged
export class Exchange {
  corner: i32;
  rows: i32;
  columns: i32;
  size: i32;
  /** Threads in the order in which they came. */
  threadCount: i32;
  threads: usize;
  /** The cores that have started it, their rows and columns, and when each begins to send. */
  startedCount: i32;
  coreRows: usize;
  coreColumns: usize;
  begins: usize;
  /** When the memory ports have served it, as far as known. */
  end: f64;
  nextInBucket: Exchange | null;
}

const bucketCount = 1024;
let buckets: usize = 0;
let threadCount = 0;
let participants = 0;
/** By thread: whether it stands at the barrier. */
let atBarrier: usize = 0;
let barrierCount = 0;
/** When the pieces come to a port, by core; and by cycle how many do, all 0 between two uses. */
let comes: usize = 0;
let coming: usize = 0;
let comingCapacity = 0;

/** Empties barrier and exchanges. */
export function beginCollectives(threads: i32, participantCount: i32): void {
  threadCount = threads;
  participants = participantCount;
  barrierCount = 0;
  atBarrier = allocateFilled(<usize>threads);
  buckets = allocateFilled(bucketCount << 2);
  comes = allocate(<usize>threads << 3);
  comingCapacity = 0;
}

/** A thread has reached its barrier; whether it was the last. */
export function reachBarrier(thread: i32): bool {
  store<u8>(atBarrier + <usize>thread, 1);
  barrierCount += 1;
  return barrierCount >= participants;
}

/** Ends the barrier: `nextAtBarrier` goes through its threads. */
export function endBarrier(): void {
  barrierCount = 0;
}

/** The next thread, ascending, that stands at the barrier, and no longer does; −1 for none. */
export function nextAtBarrier(from: i32): i32 {
  for (let thread = from; thread < threadCount; thread += 1) {
    if (load<u8>(atBarrier + <usize>thread) == 0) continue;
    store<u8>(atBarrier + <usize>thread, 0);
    return thread;
  }
  return -1;
}

/** A thread has reached the exchange of the group with a corner core, rows and columns. */
export function reachExchange(thread: i32, corner: i32, rows: i32, columns: i32): Exchange {
  const bucket = ((corner * 31 + rows) * 31 + columns) & (bucketCount - 1);
  let exchange = changetype<Exchange | null>(<usize>wordAt(buckets, bucket));
  while (exchange !== null && (exchange.corner != corner || exchange.rows != rows || exchange.columns != columns)) {
    exchange = exchange.nextInBucket;
  }
  if (exchange === null) exchange = newExchange(bucket, corner, rows, columns);
  setWordAt(exchange.threads, exchange.threadCount, thread);
  exchange.threadCount += 1;
  return exchange;
}

function newExchange(bucket: i32, corner: i32, rows: i32, columns: i32): Exchange {
  const exchange = changetype<Exchange>(allocateFilled(offsetof<Exchange>()));
  exchange.corner = corner;
  exchange.rows = rows;
  exchange.columns = columns;
  exchange.size = rows * columns;
  const room = <usize>min(exchange.size * threadsPerCore, threadCount);
  exchange.threads = allocate(room << 2);
  exchange.coreRows = allocate(room << 2);
  exchange.coreColumns = allocate(room << 2);
  exchange.begins = allocate(room << 3);
  exchange.nextInBucket = changetype<Exchange | null>(<usize>wordAt(buckets, bucket));
  setWordAt(buckets, bucket, <i32>changetype<usize>(exchange));
  return exchange;
}

/** A core of an exchange begins to send; whether it is the last. */
export function startExchange(exchange: Exchange, row: i32, column: i32, begin: f64): bool {
  setWordAt(exchange.coreRows, exchange.startedCount, row);
  setWordAt(exchange.coreColumns, exchange.startedCount, column);
  setFloatAt(exchange.begins, exchange.startedCount, begin);
  exchange.startedCount += 1;
  return exchange.startedCount >= exchange.size;
}

/** Ends an exchange, so that its cores can come to the next. */
export function finishExchange(exchange: Exchange): void {
  exchange.threadCount = 0;
  exchange.startedCount = 0;
  exchange.end = 0;
}

/** Whether all cores of an exchange begin to send together. */
export function beginTogether(exchange: Exchange): bool {
  const first = floatAt(exchange.begins, 0);
  for (let index = 1; index < exchange.startedCount; index += 1) {
    if (floatAt(exchange.begins, index) != first) return false;
  }
  return true;
}

/**
 * When every core of a group has every piece, each core having begun to send its own: each eject port takes in one piece after the
 * other, for `holdCycles` each, and none before it has come over its hops. docs/timing.md.
 */
export function exchangeEnd(exchange: Exchange, hopCycles: f64, holdCycles: f64): f64 {
  const count = exchange.startedCount;
  let end: f64 = 0;
  for (let to = 0; to < count; to += 1) {
    const row = wordAt(exchange.coreRows, to);
    const column = wordAt(exchange.coreColumns, to);
    let first: f64 = Infinity;
    let last: f64 = 0;
    for (let from = 0; from < count; from += 1) {
      const hops = abs(row - wordAt(exchange.coreRows, from)) + abs(column - wordAt(exchange.coreColumns, from));
      const time = floatAt(exchange.begins, from) + <f64>hops * hopCycles;
      setFloatAt(comes, from, time);
      first = min(first, time);
      last = max(last, time);
    }
    // A piece that comes so early that all could follow it before the last comes does not delay the last.
    end = max(end, portFreeAfter(max(first, last - <f64>(count - 1) * holdCycles), last, count, holdCycles));
  }
  return end;
}

/** When a port has taken in the pieces that come between two times: the greatest sum of a time and the pieces from it on. */
function portFreeAfter(low: f64, high: f64, count: i32, holdCycles: f64): f64 {
  const range = <i32>(high - low) + 1;
  if (range > comingCapacity) {
    comingCapacity = 2 * range;
    coming = allocateFilled(<usize>comingCapacity << 2);
  }
  for (let from = 0; from < count; from += 1) {
    const time = floatAt(comes, from);
    if (time < low) continue;
    const place = <i32>(time - low);
    setWordAt(coming, place, wordAt(coming, place) + 1);
  }
  let pieces = 0;
  let end: f64 = 0;
  for (let place = range - 1; place >= 0; place -= 1) {
    const here = wordAt(coming, place);
    if (here == 0) continue;
    pieces += here;
    setWordAt(coming, place, 0);
    end = max(end, low + <f64>place + <f64>pieces * holdCycles);
  }
  return end;
}
