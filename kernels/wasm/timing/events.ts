// The events of a trace while it is being written: those that the other side has not yet taken stand in columns.
import {
  eventBatchTable,
  eventCauseKindTable,
  eventCauseTable,
  eventCount,
  eventEndTable,
  eventPlaceTable,
  eventSettledTable,
  eventStartTable,
  eventThreadTable,
  eventTurnTable,
  executionCount,
  executionTable,
  firstEvent,
  lastEventTable,
} from "../../timing-layout";
import { active, operationCount, stepCount, steps } from "./code";
import { allocate, allocateFilled, floatAt, grown, setFloatAt, setHeader, setWordAt, wordAt } from "./memory";

let first = 0;
let count = 0;
/** Room in the columns. */
let capacity = 0;
let starts: usize = 0;
let ends: usize = 0;
let settled: usize = 0;
let threads: usize = 0;
let places: usize = 0;
let batches: usize = 0;
let turns: usize = 0;
let causes: usize = 0;
let causeKinds: usize = 0;
let batchCount = 0;
let lastEvents: usize = 0;
/** Pairs of an operation in a batch and a number, and by operation and batch the pair; −1 for none. */
let executions: usize = 0;
let pairOf: usize = 0;

/** Empties the columns, for events of so many batches. */
export function beginEvents(allBatches: i32): void {
  batchCount = allBatches;
  lastEvents = allocate(<usize>(batchCount * stepCount) << 2);
  executions = allocate(<usize>(batchCount * operationCount) << 3);
  pairOf = allocateFilled(<usize>(batchCount * operationCount) << 2, 0xff);
  setHeader(lastEventTable, <i32>lastEvents);
  setHeader(executionTable, <i32>executions);
  capacity = 1 << 12;
  starts = allocate(<usize>capacity << 3);
  ends = allocate(<usize>capacity << 3);
  settled = allocate(<usize>capacity << 3);
  threads = allocate(<usize>capacity << 2);
  places = allocate(<usize>capacity << 2);
  batches = allocate(<usize>capacity << 2);
  turns = allocate(<usize>capacity << 2);
  causes = allocate(<usize>capacity << 2);
  causeKinds = allocate(<usize>capacity);
  writeTables();
  continueEvents(0);
}

/** Empties the columns; the next event has this number. */
export function continueEvents(event: i32): void {
  first = event;
  count = event;
  setHeader(firstEvent, first);
  setHeader(eventCount, count);
}

/** Finds the last event of each step in each batch, of several the first, counts events by operation and batch, and marks their threads. */
export function surveyEvents(): void {
  memory.fill(lastEvents, 0xff, <usize>(batchCount * stepCount) << 2);
  let pairCount = 0;
  for (let at = 0; at < count - first; at += 1) {
    store<u8>(active + <usize>wordAt(threads, at), 1);
    const batch = wordAt(batches, at);
    const operation = wordAt(places, at);
    const key = batch * stepCount + wordAt(steps, operation);
    const last = wordAt(lastEvents, key);
    if (last < 0 || floatAt(settled, at) > floatAt(settled, last)) setWordAt(lastEvents, key, at);
    const execution = batch * operationCount + operation;
    let pair = wordAt(pairOf, execution);
    if (pair < 0) {
      pair = pairCount;
      pairCount += 1;
      setWordAt(pairOf, execution, pair);
      setWordAt(executions, 2 * pair, execution);
      setWordAt(executions, 2 * pair + 1, 0);
    }
    setWordAt(executions, 2 * pair + 1, wordAt(executions, 2 * pair + 1) + 1);
  }
  for (let pair = 0; pair < pairCount; pair += 1) setWordAt(pairOf, wordAt(executions, 2 * pair), -1);
  setHeader(executionCount, pairCount);
}

/** Enters an event that starts now; returns its number. */
export function beginEvent(start: f64, thread: i32, place: i32, batch: i32, turn: i32, cause: i32, kind: i32): i32 {
  const at = count - first;
  if (at == capacity) growEvents();
  setFloatAt(starts, at, start);
  setFloatAt(ends, at, 0);
  setFloatAt(settled, at, 0);
  setWordAt(threads, at, thread);
  setWordAt(places, at, place);
  setWordAt(batches, at, batch);
  setWordAt(turns, at, turn);
  setWordAt(causes, at, cause);
  store<u8>(causeKinds + <usize>at, <u8>kind);
  count += 1;
  setHeader(eventCount, count);
  return count - 1;
}

/** States what released an event. */
export function releaseEvent(event: i32, cause: i32, kind: i32): void {
  const at = event - first;
  setWordAt(causes, at, cause);
  store<u8>(causeKinds + <usize>at, <u8>kind);
}

/** States when an event was done. */
export function completeEvent(event: i32, end: f64): void {
  setFloatAt(ends, event - first, end);
  settleEvent(event, end);
}

/** States that a message of an event has arrived. */
export function settleEvent(event: i32, time: f64): void {
  const at = event - first;
  if (time > floatAt(settled, at)) setFloatAt(settled, at, time);
}

function growEvents(): void {
  starts = grown(starts, <usize>capacity << 3, <usize>capacity << 4);
  ends = grown(ends, <usize>capacity << 3, <usize>capacity << 4);
  settled = grown(settled, <usize>capacity << 3, <usize>capacity << 4);
  threads = grown(threads, <usize>capacity << 2, <usize>capacity << 3);
  places = grown(places, <usize>capacity << 2, <usize>capacity << 3);
  batches = grown(batches, <usize>capacity << 2, <usize>capacity << 3);
  turns = grown(turns, <usize>capacity << 2, <usize>capacity << 3);
  causes = grown(causes, <usize>capacity << 2, <usize>capacity << 3);
  causeKinds = grown(causeKinds, <usize>capacity, <usize>capacity << 1);
  capacity *= 2;
  writeTables();
}

function writeTables(): void {
  setHeader(eventStartTable, <i32>starts);
  setHeader(eventEndTable, <i32>ends);
  setHeader(eventSettledTable, <i32>settled);
  setHeader(eventThreadTable, <i32>threads);
  setHeader(eventPlaceTable, <i32>places);
  setHeader(eventBatchTable, <i32>batches);
  setHeader(eventTurnTable, <i32>turns);
  setHeader(eventCauseTable, <i32>causes);
  setHeader(eventCauseKindTable, <i32>causeKinds);
}
