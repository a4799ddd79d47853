// The text of events in the Chrome form of a trace: parts that recur, and integers. ../trace-text-layout.ts says where they stand.
import {
  arrivalPart,
  batchTable,
  causeKindTable,
  causePartTable,
  causeTable,
  durationPart,
  endPart,
  endTable,
  eventPart,
  kindPartTable,
  partTable,
  placeTable,
  settledTable,
  startPart,
  startTable,
  stepPartTable,
  textTable,
  threadPart,
  threadTable,
  turnPart,
  turnTable,
} from "../trace-text-layout";

@inline
function word(table: i32, index: i32): i32 {
  return load<i32>(<usize>load<i32>(<usize>table << 2) + (<usize>index << 2));
}

@inline
function float(table: i32, index: i32): f64 {
  return load<f64>(<usize>load<i32>(<usize>table << 2) + (<usize>index << 3));
}

/** What is added to the times, batches and causes of the events at hand. */
let moreCycles: f64 = 0;
let moreBatches = 0;
let moreEvents = 0;

/**
 * Writes those of `count` events, the first of this number, that are of the first batches; their times, batches and causes
 * are so much greater than the columns say. Returns the bytes of text.
 */
export function traceText(firstEvent: i32, count: i32, batches: i32, cycles: f64, shift: i32, events: i32): i32 {
  moreCycles = cycles;
  moreBatches = shift;
  moreEvents = events;
  const text = <usize>load<i32>(textTable << 2);
  let to = text;
  for (let index = 0; index < count; index += 1) {
    if (word(batchTable, index) + moreBatches < batches) to = addEvent(to, firstEvent, index);
  }
  return <i32>(to - text);
}

function addEvent(text: usize, firstEvent: i32, index: i32): usize {
  const thread = word(threadTable, index);
  const cause = word(causeTable, index);
  const place = word(placeTable, index);
  const start = float(startTable, index);
  const causeKind = <i32>load<u8>(<usize>load<i32>(causeKindTable << 2) + <usize>index);
  let to = addPart(text, word(kindPartTable, place));
  to = addInteger(to, thread >> 3);
  to = addPart(to, threadPart);
  to = addInteger(to, thread & 7);
  to = addPart(to, startPart);
  to = addInteger(to, <i64>(start + moreCycles));
  to = addPart(to, durationPart);
  to = addInteger(to, <i64>(float(endTable, index) - start));
  to = addPart(to, eventPart);
  to = addInteger(to, firstEvent + index);
  to = addPart(to, word(stepPartTable, place));
  to = addInteger(to, word(batchTable, index) + moreBatches);
  to = addPart(to, turnPart);
  to = addInteger(to, word(turnTable, index));
  to = addPart(to, arrivalPart);
  to = addInteger(to, <i64>(float(settledTable, index) + moreCycles));
  to = addPart(to, word(causePartTable, causeKind));
  to = addInteger(to, cause < 0 ? cause : cause + moreEvents);
  return addPart(to, endPart);
}

/** Copies 16 bytes at a time: what is written too much is written over. */
function addPart(to: usize, part: i32): usize {
  const entry = <usize>load<i32>(partTable << 2) + (<usize>part << 3);
  const from = <usize>load<i32>(entry);
  const length = <usize>load<i32>(entry, 4);
  for (let at: usize = 0; at < length; at += 16) v128.store(to + at, v128.load(from + at));
  return to + length;
}

/** Adds a number in decimal digits. */
function addInteger(to: usize, value: i64): usize {
  let rest = value;
  if (rest < 0) {
    store<u8>(to, 45);
    to += 1;
    rest = -rest;
  }
  if (rest > 0x7fff_ffff) return addLong(to, rest);
  let digits: usize = 1;
  for (let left = <u32>rest; left >= 10; left /= 10) digits += 1;
  let small = <u32>rest;
  for (let at = to + digits; at > to; at -= 1) {
    const next = small / 10;
    store<u8>(at - 1, <u8>(48 + small - 10 * next));
    small = next;
  }
  return to + digits;
}

function addLong(to: usize, value: i64): usize {
  const before = addInteger(to, value / 10);
  store<u8>(before, <u8>(48 + (value % 10)));
  return before + 1;
}
