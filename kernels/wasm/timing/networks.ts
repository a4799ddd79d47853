// The networks that carry packets: activation, partial, instruction. A flight is a packet on its way: it asks for one resource
// after the other, in the manner of virtual cut-through, and forks where the tree of its message does. Ids in the calendar:
// resources (a link becomes free) from `firstResource`, then flights.
import { busyTable, byteHopsTable, networkCount, resourcesPerCore } from "../../timing-layout";
import { growCalendar, now, schedule } from "./calendar";
import { packetArrived, packetEjects, packetInjected } from "./engine";
import { allocate, allocateFilled, floatAt, grown, setFloatAt, setHeader, setWordAt, wordAt } from "./memory";

/** Resources of a core in a network: links to its neighbours and the two ports of the core. */
const east = 0;
const west = 1;
const north = 2;
const south = 3;
const inject = 4;
const eject = 5;

/** A message on its way. */
@unmanaged
export class Message {
  /** Order among packets that wait for the same link; the least goes first. */
  priority: f64;
  bytes: f64;
  /** Cycles for which the message holds each port and link. */
  holdCycles: f64;
  /** Cycles asked of the memory port of each destination. */
  arrivalPort: f64;
  /** When the sender's memory port has read the message. */
  readEnd: f64;
  network: i32;
  /** Sender. */
  core: i32;
  thread: i32;
  event: i32;
  token: i32;
  /** The cores that it goes to: rows [firstRow, endRow), columns [firstColumn, endColumn); io cores in column −1. */
  firstRow: i32;
  endRow: i32;
  firstColumn: i32;
  endColumn: i32;
  /** Flights of the message that are in use. */
  flights: i32;
  /** The next of the messages that are not in use. */
  nextFree: Message | null;
}

@unmanaged
class Flight {
  priority: f64;
  message: Message;
  /** Resource that is asked for; −1 − core for a flight that is arriving. */
  resource: i32;
  sibling: i32;
  child: i32;
}

let columnCount = 0;
let coreCount = 0;
let firstResource = 0;
let firstFlight = 0;
let hopCycles: usize = 0;
let freeAt: usize = 0;
let busy: usize = 0;
let byteHops: usize = 0;
/** Heap of the flights that wait for a resource: its root, −1 for none. */
let waitingFor: usize = 0;
let wakePending: usize = 0;
let isTouched: usize = 0;
let injects: usize = 0;
let injectCount = 0;
let links: usize = 0;
let linkCount = 0;
let linkCapacity = 0;
let flights: usize = 0;
let flightCapacity = 0;
let flightCount = 0;
/** Flights that are not in use, linked through `sibling`. */
let freeFlight = -1;
let firstFree: Message | null = null;
let flightsInUse = 0;
/** When the last port or link is free that was ever granted. */
let lastFreeAt: f64 = 0;

/** Empties the networks of a grid. Returns how many ids they need from `firstId` on. */
export function beginNetworks(columns: i32, cores: i32, firstId: i32, hops: usize): i32 {
  const resources = networkCount * cores * resourcesPerCore;
  columnCount = columns;
  coreCount = cores;
  hopCycles = hops;
  firstResource = firstId;
  firstFlight = firstId + resources;
  freeAt = allocateFilled(<usize>resources << 3);
  busy = allocateFilled(<usize>resources << 3);
  byteHops = allocateFilled(networkCount << 3);
  waitingFor = allocateFilled(<usize>resources << 2, 0xff);
  wakePending = allocateFilled(<usize>resources);
  isTouched = allocateFilled(<usize>resources);
  injects = allocate(<usize>resources << 2);
  injectCount = 0;
  linkCapacity = 64;
  links = allocate(<usize>linkCapacity << 2);
  linkCount = 0;
  flightCapacity = 256;
  flights = allocate(<usize>flightCapacity * offsetof<Flight>());
  flightCount = 0;
  freeFlight = -1;
  firstFree = null;
  flightsInUse = 0;
  lastFreeAt = 0;
  setHeader(busyTable, <i32>busy);
  setHeader(byteHopsTable, <i32>byteHops);
  return resources + flightCapacity;
}

/** A message to be filled in, then to be sent or delivered. */
export function newMessage(): Message {
  const free = firstFree;
  const message = free === null ? changetype<Message>(allocate(offsetof<Message>())) : free;
  if (free !== null) firstFree = free.nextFree;
  message.flights = 0;
  return message;
}

/** Sends a message whose inject port is asked for at `time`, now or later. */
export function sendMessage(message: Message, time: f64): void {
  fork(message, message.core, inject, time);
}

/** Has a token arrive at a core at a later cycle without use of a network. */
export function deliverMessage(message: Message, core: i32, time: f64): void {
  schedule(firstFlight + newFlight(message, -1 - core), time);
}

/** An id of the networks is due: a link has become free, a flight asks for its next resource or has arrived. */
export function networksDue(id: i32): void {
  if (id < firstFlight) {
    const resource = id - firstResource;
    store<u8>(wakePending + <usize>resource, 0);
    touch(resource);
    return;
  }
  const flight = id - firstFlight;
  const record = flightAt(flight);
  const resource = record.resource;
  if (resource >= 0) {
    enqueue(flight, resource);
    return;
  }
  const message = record.message;
  const token = message.token;
  const event = message.event;
  release(flight);
  drop(message);
  packetArrived(-1 - resource, token, event);
}

/** Grants every free resource to the first of the flights that wait for it: inject ports, then links and eject ports. */
export function arbitrate(): void {
  for (let index = 0; index < injectCount; index += 1) grant(wordAt(injects, index));
  injectCount = 0;
  for (let index = 0; index < linkCount; index += 1) grant(wordAt(links, index));
  linkCount = 0;
}

/** Whether nothing is on its way and nothing held. */
export function areNetworksIdle(): bool {
  return flightsInUse == 0 && lastFreeAt <= now;
}

@inline
function flightAt(flight: i32): Flight {
  return changetype<Flight>(flights + <usize>flight * offsetof<Flight>());
}

function touch(resource: i32): void {
  if (load<u8>(isTouched + <usize>resource) != 0) return;
  store<u8>(isTouched + <usize>resource, 1);
  if (resource % resourcesPerCore == inject) {
    setWordAt(injects, injectCount, resource);
    injectCount += 1;
    return;
  }
  // Where links take no time, one is granted more than once in a cycle.
  if (linkCount == linkCapacity) {
    links = grown(links, <usize>linkCapacity << 2, <usize>linkCapacity << 3);
    linkCapacity *= 2;
  }
  setWordAt(links, linkCount, resource);
  linkCount += 1;
}

function enqueue(flight: i32, resource: i32): void {
  flightAt(flight).child = -1;
  setWordAt(waitingFor, resource, meld(wordAt(waitingFor, resource), flight));
  touch(resource);
}

function meld(left: i32, right: i32): i32 {
  if (left < 0) return right;
  if (right < 0) return left;
  const leftFlight = flightAt(left);
  const rightFlight = flightAt(right);
  if (rightFlight.priority < leftFlight.priority) {
    leftFlight.sibling = rightFlight.child;
    rightFlight.child = left;
    return right;
  }
  rightFlight.sibling = leftFlight.child;
  leftFlight.child = right;
  return left;
}

/** The heap without its root. */
function withoutRoot(root: i32): i32 {
  let pairs = -1;
  let child = flightAt(root).child;
  while (child >= 0) {
    const second = flightAt(child).sibling;
    const rest = second < 0 ? -1 : flightAt(second).sibling;
    const pair = meld(child, second);
    flightAt(pair).sibling = pairs;
    pairs = pair;
    child = rest;
  }
  let heap = -1;
  while (pairs >= 0) {
    const rest = flightAt(pairs).sibling;
    heap = meld(heap, pairs);
    pairs = rest;
  }
  return heap;
}

function grant(resource: i32): void {
  store<u8>(isTouched + <usize>resource, 0);
  const flight = wordAt(waitingFor, resource);
  if (flight < 0) return;
  if (floatAt(freeAt, resource) <= now) {
    setWordAt(waitingFor, resource, withoutRoot(flight));
    const message = flightAt(flight).message;
    const end = now + message.holdCycles;
    setFloatAt(freeAt, resource, end);
    if (end > lastFreeAt) lastFreeAt = end;
    setFloatAt(busy, resource, floatAt(busy, resource) + message.holdCycles);
    pass(flight, message, resource);
  }
  if (wordAt(waitingFor, resource) >= 0 && load<u8>(wakePending + <usize>resource) == 0) {
    store<u8>(wakePending + <usize>resource, 1);
    schedule(firstResource + resource, floatAt(freeAt, resource));
  }
}

/** A flight begins to pass through a resource now. */
function pass(flight: i32, message: Message, resource: i32): void {
  const network = message.network;
  const place = resource / resourcesPerCore;
  const port = resource - place * resourcesPerCore;
  const core = place - network * coreCount;
  if (port == eject) {
    const written = packetEjects(core, message.arrivalPort);
    flightAt(flight).resource = -1 - core;
    schedule(firstFlight + flight, max(now + message.holdCycles, written));
    return;
  }
  release(flight);
  if (port == inject) {
    packetInjected(message.event, message.thread, message.readEnd, now + message.holdCycles);
    fanOut(message, core, inject, now);
  } else {
    setFloatAt(byteHops, network, floatAt(byteHops, network) + message.bytes);
    const width = columnCount + 1;
    const next = port == east ? core + 1 : port == west ? core - 1 : port == north ? core - width : core + width;
    fanOut(message, next, port, now + floatAt(hopCycles, network));
  }
  drop(message);
}

/** Makes the flights that leave the router of a core, which was entered from `from`, and has them ask at `time`. */
function fanOut(message: Message, core: i32, from: i32, time: f64): void {
  const width = columnCount + 1;
  const row = core / width;
  const column = core - row * width - 1;
  if (column < 0) {
    fork(message, core, from == inject ? east : eject, time);
    return;
  }
  // Io cores hang at the routers of column 0, so the tree spreads over columns 0 and up.
  const firstTrunk = max(message.firstColumn, 0);
  const lastTrunk = max(message.endColumn - 1, 0);
  if (from == inject || from == east || from == west) {
    if (from != west && column < lastTrunk) fork(message, core, east, time);
    if (from != east && column > firstTrunk) fork(message, core, west, time);
    if (column < firstTrunk || column > lastTrunk) return;
  }
  if (from != south && row > message.firstRow) fork(message, core, north, time);
  if (from != north && row < message.endRow - 1) fork(message, core, south, time);
  if (row < message.firstRow || row >= message.endRow) return;
  const sender = message.core;
  if (column >= message.firstColumn && column < message.endColumn && core != sender) fork(message, core, eject, time);
  if (column == 0 && message.firstColumn < 0 && core - 1 != sender) fork(message, core, west, time);
}

/** A flight asks at `time`, now or later, for a link or port of a core. */
function fork(message: Message, core: i32, port: i32, time: f64): void {
  const resource = (message.network * coreCount + core) * resourcesPerCore + port;
  const flight = newFlight(message, resource);
  if (time == now) enqueue(flight, resource);
  else schedule(firstFlight + flight, time);
}

function newFlight(message: Message, resource: i32): i32 {
  flightsInUse += 1;
  let flight = freeFlight;
  if (flight >= 0) freeFlight = flightAt(flight).sibling;
  else {
    flight = flightCount;
    flightCount += 1;
    if (flight == flightCapacity) growFlights();
  }
  const record = flightAt(flight);
  record.message = message;
  record.priority = message.priority;
  record.resource = resource;
  message.flights += 1;
  return flight;
}

/** A flight is not in use any more; its message still is, until it is dropped. */
function release(flight: i32): void {
  flightsInUse -= 1;
  flightAt(flight).sibling = freeFlight;
  freeFlight = flight;
}

/** One flight less needs a message; the last one gives it back. */
function drop(message: Message): void {
  message.flights -= 1;
  if (message.flights == 0) freeMessage(message);
}

/** Gives back a message that no flight needs. */
export function freeMessage(message: Message): void {
  message.nextFree = firstFree;
  firstFree = message;
}

function growFlights(): void {
  const bytes = <usize>flightCapacity * offsetof<Flight>();
  flights = grown(flights, bytes, 2 * bytes);
  flightCapacity *= 2;
  growCalendar(firstFlight + flightCapacity);
}
