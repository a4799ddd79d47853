// Where every thread (core × 8 + thread) stands in its queue, and what released it last.
import {
  batchField,
  causeField,
  causeKindField,
  collective,
  finished,
  operationField,
  scheduled,
  segmentField,
  sequenceField,
  standingField,
  startCause,
  stateFields,
  threadsPerCore,
  threadTable,
  turnField,
  turnsLeftField,
  waiting,
} from "../../timing-layout";
import { Exchange } from "./collectives";
import { allocateFilled, byteAt, setHeader, setWordAt, wordAt } from "./memory";

/** A thread; its words are those of ../../timing-layout.ts. */
@unmanaged
export class Thread {
  standing: i32;
  operation: i32;
  segment: i32;
  batch: i32;
  /** Turn of the loop that it is in, and how many are left. */
  turn: i32;
  turnsLeft: i32;
  /** Packets that it has sent in the step. */
  sequence: i32;
  /** What released it last: an event and a cause kind. */
  cause: i32;
  causeKind: i32;
  /** The operation after its segment. */
  operationEnd: i32;
  /** The event that it is in. */
  event: i32;
  /** The exchange that it has reached last. */
  exchange: Exchange | null;
}

let table: usize = 0;
let threadCount = 0;
let batchCount = 0;
let segmentStarts: usize = 0;
let segmentFirst: usize = 0;
let segmentEnd: usize = 0;

/** Has all threads stand at their first operations. Returns how many cores have queues. */
export function beginThreads(cores: i32, batches: i32, starts: usize, firsts: usize, ends: usize): i32 {
  batchCount = batches;
  segmentStarts = starts;
  segmentFirst = firsts;
  segmentEnd = ends;
  threadCount = cores * threadsPerCore;
  table = allocateFilled(<usize>threadCount * offsetof<Thread>());
  setHeader(threadTable, <i32>table);
  let participants = 0;
  for (let core = 0; core < cores; core += 1) {
    const first = core * threadsPerCore;
    for (let number = first; number < first + threadsPerCore; number += 1) {
      const thread = threadAt(number);
      thread.cause = -1;
      thread.causeKind = startCause;
      thread.standing = finished;
      const segment = wordAt(starts, number);
      if (segment == wordAt(starts, number + 1)) continue;
      thread.standing = scheduled;
      enter(thread, segment);
    }
    if (wordAt(starts, first) < wordAt(starts, first + threadsPerCore)) participants += 1;
  }
  return participants;
}

@inline
export function threadAt(thread: i32): Thread {
  return changetype<Thread>(table + <usize>thread * offsetof<Thread>());
}

/** Moves a thread that stands at the end of its queue in a step to the next step or batch; false when it is done. */
export function settleThread(thread: Thread, number: i32): bool {
  if (thread.operation < thread.operationEnd) return true;
  const next = thread.segment + 1;
  if (next < wordAt(segmentStarts, number + 1)) {
    enter(thread, next);
    return true;
  }
  thread.batch += 1;
  if (thread.batch < batchCount) {
    enter(thread, wordAt(segmentStarts, number));
    return true;
  }
  thread.standing = finished;
  return false;
}

/** States what released a thread. */
@inline
export function releaseThread(thread: Thread, event: i32, kind: i32): void {
  thread.cause = event;
  thread.causeKind = kind;
}

/** At the end of a turn of a loop: whether another follows. */
export function nextTurn(thread: Thread): bool {
  thread.turnsLeft -= 1;
  if (thread.turnsLeft > 0) {
    thread.turn += 1;
    return true;
  }
  thread.turn = 0;
  return false;
}

/** Has a thread stand at the first operation of a segment. */
export function enter(thread: Thread, segment: i32): void {
  thread.segment = segment;
  thread.operation = wordAt(segmentFirst, segment);
  thread.operationEnd = wordAt(segmentEnd, segment);
  thread.sequence = 0;
}

/** The last batch of which a thread has done something: not that at whose first instruction it waits. */
export function lastBatchOf(thread: Thread, number: i32): i32 {
  const first = wordAt(segmentStarts, number);
  const hasOnlyCome =
    thread.standing == waiting && thread.segment == first && thread.operation == wordAt(segmentFirst, first);
  return thread.batch - <i32>hasOnlyCome;
}

/**
 * Saves all that decides how threads go on: batches counted from `batch`, causes back from `event`. False when one waits for
 * other cores.
 */
export function saveThreads(table: usize, batch: i32, event: i32): bool {
  let states = table;
  memory.fill(states, 0, <usize>(threadCount * stateFields) << 2);
  for (let number = 0; number < threadCount; number += 1, states += stateFields << 2) {
    const thread = threadAt(number);
    if (thread.standing == collective) return false;
    setWordAt(states, standingField, thread.standing);
    if (thread.standing == finished) continue;
    setWordAt(states, operationField, thread.operation);
    setWordAt(states, segmentField, thread.segment);
    setWordAt(states, batchField, thread.batch - batch);
    setWordAt(states, turnField, thread.turn);
    setWordAt(states, turnsLeftField, thread.turnsLeft);
    setWordAt(states, sequenceField, thread.sequence);
    // What a thread waits for will state anew what released it.
    if (thread.standing == waiting) continue;
    setWordAt(states, causeField, thread.cause < 0 ? 0 : event - thread.cause);
    setWordAt(states, causeKindField, thread.causeKind);
  }
  return true;
}

/** Puts threads of one mark where a saved state has them; one that stands in a batch after the last is done. */
export function restoreThreads(table: usize, marks: usize, mark: i32, batch: i32, event: i32): void {
  let states = table;
  for (let number = 0; number < threadCount; number += 1, states += stateFields << 2) {
    if (byteAt(marks, number) != mark) continue;
    const thread = threadAt(number);
    const standing = wordAt(states, standingField);
    const ownBatch = batch + wordAt(states, batchField);
    if (standing == finished || ownBatch >= batchCount) {
      thread.standing = finished;
      thread.batch = batchCount;
      continue;
    }
    enter(thread, wordAt(states, segmentField));
    thread.standing = standing;
    thread.batch = ownBatch;
    thread.operation = wordAt(states, operationField);
    thread.turn = wordAt(states, turnField);
    thread.turnsLeft = wordAt(states, turnsLeftField);
    thread.sequence = wordAt(states, sequenceField);
    const cause = wordAt(states, causeField);
    releaseThread(thread, cause == 0 ? -1 : event - cause, wordAt(states, causeKindField));
  }
}
