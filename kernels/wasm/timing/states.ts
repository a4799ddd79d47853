// States of the simulation beside the one that it is in: what a stretch between two barriers looked at, where two states differ, and
// how a stretch is done again. A state holds threads, counters, cycles for which memory ports are taken, and what networks have
// carried. ../../../runtime-sim/timing/stretches.ts says what for.
import {
  busyTable,
  byteHopsTable,
  counterStampTable,
  counterTable,
  endStateTable,
  finished,
  finishes,
  lastBatch,
  markBytes,
  networkCount,
  operationField,
  portFreeTable,
  resourcesPerCore,
  stamp,
  standingField,
  startStateTable,
  stateBytes,
  stateFields,
  stateTable,
  threadStampTable,
  threadsPerCore,
  touchedTable,
  waiting,
} from "../../timing-layout";
import { now } from "./calendar";
import { coreCount, tokenCount, tokens } from "./code";
import { allocate, allocateFilled, byteAt, floatAt, header, setFloatAt, setHeader, setWordAt, wordAt } from "./memory";
import { lastBatchOf, restoreThreads, saveThreads, threadAt } from "./threads";

let threadCount = 0;
let counterCount = 0;
/** Where the parts of a state stand behind its threads. */
let countersAt: usize = 0;
let portsAt: usize = 0;
let hopsAt: usize = 0;
let busyAt: usize = 0;
/** The state that was saved last, and those at both ends of a stretch that is known. */
let current: usize = 0;
let start: usize = 0;
let end: usize = 0;
/** By thread, then by counter, a byte: whether a stretch touched it, and whether it is another now than at the start. */
let touched: usize = 0;
let different: usize = 0;
let marks: usize = 0;

/** Makes room for states. */
export function beginStates(): void {
  threadCount = coreCount * threadsPerCore;
  counterCount = coreCount * tokenCount;
  countersAt = <usize>(threadCount * stateFields) << 2;
  portsAt = countersAt + (<usize>counterCount << 2);
  hopsAt = (portsAt + (<usize>coreCount << 2) + 7) & ~7;
  busyAt = hopsAt + (<usize>networkCount << 3);
  const bytes = busyAt + (<usize>(networkCount * coreCount * resourcesPerCore) << 3);
  marks = <usize>((threadCount + counterCount + 7) & ~7);
  current = allocate(bytes);
  start = allocate(bytes);
  end = allocate(bytes);
  touched = allocateFilled(marks);
  different = allocateFilled(marks);
  setHeader(stateTable, <i32>current);
  setHeader(startStateTable, <i32>start);
  setHeader(endStateTable, <i32>end);
  setHeader(touchedTable, <i32>touched);
  setHeader(stateBytes, <i32>bytes);
  setHeader(markBytes, <i32>marks);
}

/** Saves the state, batches counted from `batch`, causes back from `event`; false when a thread waits for other cores. */
export function saveState(batch: i32, event: i32): bool {
  if (!saveThreads(current, batch, event)) return false;
  memory.copy(current + countersAt, <usize>header(counterTable), <usize>counterCount << 2);
  const portFree = <usize>header(portFreeTable);
  for (let core = 0; core < coreCount; core += 1) {
    setWordAt(current + portsAt, core, <i32>max(0, floatAt(portFree, core) - now));
  }
  memory.copy(current + hopsAt, <usize>header(byteHopsTable), <usize>networkCount << 3);
  memory.copy(current + busyAt, <usize>header(busyTable), <usize>(networkCount * coreCount * resourcesPerCore) << 3);
  return true;
}

/** Marks what the stretch that is observed has touched; to the header goes of how many batches, and whether a thread finished. */
export function markTouched(): void {
  const stretch = header(stamp);
  const threadStamps = <usize>header(threadStampTable);
  const counterStamps = <usize>header(counterStampTable);
  let last = -1;
  setHeader(finishes, 0);
  for (let number = 0; number < threadCount; number += 1) {
    const isTouched = wordAt(threadStamps, number) == stretch;
    store<u8>(touched + <usize>number, <u8>isTouched);
    if (!isTouched) continue;
    const thread = threadAt(number);
    if (thread.standing == finished) setHeader(finishes, 1);
    else last = max(last, lastBatchOf(thread, number));
  }
  for (let counter = 0; counter < counterCount; counter += 1) {
    store<u8>(touched + <usize>(threadCount + counter), <u8>(wordAt(counterStamps, counter) == stretch));
  }
  setHeader(lastBatch, last);
}

/** Marks where the state that was saved last differs from that at the start of a stretch; false when that matters to it. */
export function compareStates(): bool {
  for (let core = 0; core < coreCount; core += 1) {
    if (wordAt(current + portsAt, core) != wordAt(start + portsAt, core)) return false;
  }
  for (let number = 0; number < threadCount; number += 1) {
    store<u8>(different + <usize>number, <u8>!standsAlike(<usize>(number * stateFields) << 2));
  }
  for (let counter = 0; counter < counterCount; counter += 1) {
    const isDifferent = wordAt(current + countersAt, counter) != wordAt(start + countersAt, counter);
    store<u8>(different + <usize>(threadCount + counter), <u8>isDifferent);
  }
  return !differenceMatters();
}

/** Whether a thread stands at the start of a stretch where it does now. */
function standsAlike(at: usize): bool {
  for (let field = 0; field < stateFields; field += 1) {
    if (wordAt(current + at, field) != wordAt(start + at, field)) return false;
  }
  return true;
}

/** Whether a marked difference matters to a stretch: it touches it, or something that it does may set a thread free. */
export function differenceMatters(): bool {
  for (let at: usize = 0; at < marks; at += 8) {
    if ((load<u64>(different + at) & load<u64>(touched + at)) != 0) return true;
  }
  for (let number = 0; number < threadCount; number += 1) {
    if (byteAt(different, number) == 0) continue;
    const thread = current + (<usize>(number * stateFields) << 2);
    if (wordAt(thread, standingField) != waiting) continue;
    const awaited = (number >> 3) * tokenCount + wordAt(tokens, wordAt(thread, operationField));
    if (byteAt(touched, threadCount + awaited) != 0) return true;
  }
  return false;
}

/**
 * Does what leads from the start of a stretch to the end, which is at `time`: to all that it touched when it is alone, else
 * to all in which the state does not differ. Batches and causes are counted as when the state at the end was saved.
 */
export function replayStretch(time: f64, batch: i32, event: i32, isAlone: i32): void {
  const marked = isAlone != 0 ? touched : different;
  const mark = isAlone != 0 ? 1 : 0;
  const counters = <usize>header(counterTable);
  for (let counter = 0; counter < counterCount; counter += 1) {
    if (byteAt(marked, threadCount + counter) != mark) continue;
    setWordAt(counters, counter, wordAt(end + countersAt, counter));
  }
  const portFree = <usize>header(portFreeTable);
  for (let core = 0; core < coreCount; core += 1) {
    setFloatAt(portFree, core, time + <f64>wordAt(end + portsAt, core));
  }
  addGrowth(<usize>header(byteHopsTable), hopsAt, networkCount);
  addGrowth(<usize>header(busyTable), busyAt, networkCount * coreCount * resourcesPerCore);
  restoreThreads(end, marked, mark, batch, event);
}

/** Adds to a table what it has grown by from the start of a stretch to the end. */
function addGrowth(table: usize, at: usize, length: i32): void {
  for (let place = 0; place < length; place += 1) {
    setFloatAt(table, place, floatAt(table, place) + floatAt(end + at, place) - floatAt(start + at, place));
  }
}
