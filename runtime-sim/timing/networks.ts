import type { ChipTarget } from "../../targets/target.ts";
import type { NetworkTotals } from "../trace.ts";
import type { Calendar } from "./calendar.ts";
import type { Destinations } from "./destinations.ts";

/** Resources of a core in a network: links to its neighbours and the two ports of the core. */
export const resourcesPerCore = 6;
const east = 0;
const west = 1;
const north = 2;
const south = 3;
const inject = 4;
const eject = 5;

/** What the networks tell the cores. */
export interface NetworkClient {
  /** A message began injection now; its inject port is free again at `freeAt`. */
  injected(event: number, thread: number, readEnd: number, freeAt: number): void;
  /** A packet begins to arrive at a core now; returns when its memory port will have written it. */
  ejecting(core: number, portCycles: number): number;
  /** A message has arrived at a core now. */
  arrived(core: number, token: number, event: number): void;
}

/** What networks have carried up to some time. */
export interface Carried {
  /** By network. */
  readonly byteHops: readonly number[];
  /** By resource. */
  readonly busyCycles: Float64Array;
}

/** A message on its way. */
export interface Message {
  readonly network: number;
  /** Sender. */
  readonly core: number;
  readonly thread: number;
  readonly event: number;
  /** Order among packets that wait for the same link; the least goes first. */
  readonly priority: number;
  readonly bytes: number;
  /** Cycles for which the message holds each port and link. */
  readonly holdCycles: number;
  readonly destinations: Destinations;
  readonly token: number;
  /** Cycles asked of the memory port of each destination. */
  readonly arrivalPort: number;
  /** When the sender's memory port has read the message. */
  readonly readEnd: number;
}

/** The message of a token alone, which uses no network. */
export function tokenMessage(thread: number, event: number, token: number, destinations: Destinations): Message {
  return {
    network: 0,
    core: thread >> 3,
    thread,
    event,
    priority: 0,
    bytes: 0,
    holdCycles: 0,
    destinations,
    token,
    arrivalPort: 0,
    readEnd: 0,
  };
}

/** Where the numbers of a message stand in its record; those that every hop reads come first. */
const fields = {
  holdCycles: 0,
  bytes: 1,
  network: 2,
  core: 3,
  firstRow: 4,
  endRow: 5,
  firstColumn: 6,
  endColumn: 7,
  priority: 8,
  thread: 9,
  event: 10,
  token: 11,
  arrivalPort: 12,
  readEnd: 13,
  /** Flights of the message that are in use. */
  flights: 14,
} as const;
const recordLength = 16;

/**
 * The networks that carry packets: activation, partial, instruction. A flight is a packet on its way: it asks for one
 * resource after the other, in the manner of virtual cut-through, and forks where the tree of its message does. Ids in
 * the calendar: resources (a link becomes free) from `firstId`, then flights.
 */
export class Networks {
  readonly #calendar: Calendar;
  readonly #client: NetworkClient;
  readonly #columns: number;
  readonly #coreCount: number;
  readonly #hopCycles: readonly number[];
  readonly #firstResource: number;
  readonly #firstFlight: number;
  readonly #freeAt: Float64Array;
  readonly #busyCycles: Float64Array;
  readonly #byteHops = [0, 0, 0];
  #flightsInUse = 0;
  /** When the last port or link is free that was ever granted. */
  #lastFreeAt = 0;
  /** Pairing heap of the flights that wait for a resource: its root, −1 for none. */
  readonly #waiting: Int32Array;
  readonly #wakePending: Uint8Array;
  readonly #isTouched: Uint8Array;
  #touchedInjects: number[] = [];
  #touchedLinks: number[] = [];
  #flightCapacity = 4096;
  #flightCount = 0;
  /** Flights that are not in use, linked through `flightSibling`. */
  #freeFlight = -1;
  /** Where the record of a flight's message begins. */
  #flightMessage = new Int32Array(this.#flightCapacity);
  /** Resource that is asked for; −1 − core for a flight that is arriving. */
  #flightResource = new Int32Array(this.#flightCapacity);
  #flightPriority = new Float64Array(this.#flightCapacity);
  #flightSibling = new Int32Array(this.#flightCapacity);
  #flightChild = new Int32Array(this.#flightCapacity);
  /** Records of the messages on their way, and where those that are free begin. */
  #messages = new Float64Array(1024 * recordLength);
  #messageEnd = 0;
  readonly #freeMessages: number[] = [];

  constructor(target: ChipTarget, calendar: Calendar, client: NetworkClient, firstId: number) {
    this.#calendar = calendar;
    this.#client = client;
    this.#columns = target.grid.columns;
    this.#coreCount = target.grid.rows * (target.grid.columns + 1);
    const { activation, partial, instruction } = target.networks;
    this.#hopCycles = [activation.hopCycles, partial.hopCycles, instruction.hopCycles];
    const resourceCount = 3 * this.#coreCount * resourcesPerCore;
    this.#firstResource = firstId;
    this.#firstFlight = firstId + resourceCount;
    this.#freeAt = new Float64Array(resourceCount);
    this.#busyCycles = new Float64Array(resourceCount);
    this.#waiting = new Int32Array(resourceCount).fill(-1);
    this.#wakePending = new Uint8Array(resourceCount);
    this.#isTouched = new Uint8Array(resourceCount);
    calendar.grow(this.#firstFlight + this.#flightCapacity);
  }

  /** Sends a message whose inject port is asked for at `time`, now or later. */
  send(message: Message, time: number): void {
    this.#fork(this.#record(message), message.core, inject, time);
  }

  /** Has a token arrive at a core at a later cycle without use of a network. */
  deliver(message: Message, core: number, time: number): void {
    this.#calendar.schedule(this.#firstFlight + this.#newFlight(this.#record(message), -1 - core), time);
  }

  /** An id of the networks is due: a link has become free, a flight asks for its next resource or has arrived. */
  due(id: number): void {
    if (id < this.#firstFlight) {
      const resource = id - this.#firstResource;
      this.#wakePending[resource] = 0;
      this.#touch(resource);
      return;
    }
    const flight = id - this.#firstFlight;
    const resource = this.#flightResource[flight] as number;
    if (resource >= 0) {
      this.#enqueue(flight, resource);
      return;
    }
    const message = this.#flightMessage[flight] as number;
    const token = this.#messages[message + fields.token] as number;
    const event = this.#messages[message + fields.event] as number;
    this.#release(flight);
    this.#drop(message);
    this.#client.arrived(-1 - resource, token, event);
  }

  /** Grants every free resource to the first of the flights that wait for it: inject ports, then links and eject ports. */
  arbitrate(): void {
    for (const touched of [this.#touchedInjects, this.#touchedLinks]) {
      for (let index = 0; index < touched.length; index += 1) this.#grant(touched[index] as number);
      touched.length = 0;
    }
  }

  /** Whether nothing is on its way and nothing held. */
  isIdle(): boolean {
    return this.#flightsInUse === 0 && this.#lastFreeAt <= this.#calendar.now;
  }

  /** What all networks have carried so far. */
  carried(): Carried {
    return { byteHops: [...this.#byteHops], busyCycles: this.#busyCycles.slice() };
  }

  /** Adds what was carried between two times. */
  carry(from: Carried, to: Carried): void {
    for (let network = 0; network < this.#byteHops.length; network += 1) {
      this.#byteHops[network] =
        (this.#byteHops[network] as number) + (to.byteHops[network] as number) - (from.byteHops[network] as number);
    }
    const busy = this.#busyCycles;
    for (let resource = 0; resource < busy.length; resource += 1) {
      busy[resource] =
        (busy[resource] as number) + (to.busyCycles[resource] as number) - (from.busyCycles[resource] as number);
    }
  }

  /** What a network has carried so far. */
  totals(network: number): NetworkTotals {
    const size = this.#coreCount * resourcesPerCore;
    return {
      byteHops: this.#byteHops[network] as number,
      busyCycles: this.#busyCycles.slice(network * size, (network + 1) * size),
    };
  }

  #touch(resource: number): void {
    if (this.#isTouched[resource] === 1) return;
    this.#isTouched[resource] = 1;
    if (resource % resourcesPerCore === inject) this.#touchedInjects.push(resource);
    else this.#touchedLinks.push(resource);
  }

  #enqueue(flight: number, resource: number): void {
    this.#flightChild[flight] = -1;
    this.#waiting[resource] = this.#meld(this.#waiting[resource] as number, flight);
    this.#touch(resource);
  }

  #meld(left: number, right: number): number {
    if (left < 0) return right;
    if (right < 0) return left;
    if ((this.#flightPriority[right] as number) < (this.#flightPriority[left] as number)) {
      this.#flightSibling[left] = this.#flightChild[right] as number;
      this.#flightChild[right] = left;
      return right;
    }
    this.#flightSibling[right] = this.#flightChild[left] as number;
    this.#flightChild[left] = right;
    return left;
  }

  /** The heap without its root. */
  #withoutRoot(root: number): number {
    let pairs = -1;
    let child = this.#flightChild[root] as number;
    while (child >= 0) {
      const second = this.#flightSibling[child] as number;
      const rest = second < 0 ? -1 : (this.#flightSibling[second] as number);
      const pair = this.#meld(child, second);
      this.#flightSibling[pair] = pairs;
      pairs = pair;
      child = rest;
    }
    let heap = -1;
    while (pairs >= 0) {
      const rest = this.#flightSibling[pairs] as number;
      heap = this.#meld(heap, pairs);
      pairs = rest;
    }
    return heap;
  }

  #grant(resource: number): void {
    this.#isTouched[resource] = 0;
    const flight = this.#waiting[resource] as number;
    if (flight < 0) return;
    const { now } = this.#calendar;
    if ((this.#freeAt[resource] as number) <= now) {
      this.#waiting[resource] = this.#withoutRoot(flight);
      const message = this.#flightMessage[flight] as number;
      const holdCycles = this.#messages[message + fields.holdCycles] as number;
      const freeAt = now + holdCycles;
      this.#freeAt[resource] = freeAt;
      if (freeAt > this.#lastFreeAt) this.#lastFreeAt = freeAt;
      (this.#busyCycles as Float64Array)[resource]! += holdCycles;
      this.#begin(flight, message, resource);
    }
    if ((this.#waiting[resource] as number) >= 0 && this.#wakePending[resource] === 0) {
      this.#wakePending[resource] = 1;
      this.#calendar.schedule(this.#firstResource + resource, this.#freeAt[resource] as number);
    }
  }

  /** A flight begins to pass through a resource now. */
  #begin(flight: number, message: number, resource: number): void {
    const { now } = this.#calendar;
    const messages = this.#messages;
    const network = messages[message + fields.network] as number;
    const port = resource % resourcesPerCore;
    const core = Math.floor(resource / resourcesPerCore) - network * this.#coreCount;
    if (port === eject) {
      const written = this.#client.ejecting(core, messages[message + fields.arrivalPort] as number);
      this.#flightResource[flight] = -1 - core;
      const freeAt = now + (messages[message + fields.holdCycles] as number);
      this.#calendar.schedule(this.#firstFlight + flight, Math.max(freeAt, written));
      return;
    }
    this.#release(flight);
    if (port === inject) {
      this.#client.injected(
        messages[message + fields.event] as number,
        messages[message + fields.thread] as number,
        messages[message + fields.readEnd] as number,
        now + (messages[message + fields.holdCycles] as number),
      );
      this.#fanOut(message, core, inject, now);
    } else {
      (this.#byteHops as number[])[network]! += messages[message + fields.bytes] as number;
      const width = this.#columns + 1;
      const next = port === east ? core + 1 : port === west ? core - 1 : port === north ? core - width : core + width;
      this.#fanOut(message, next, port, now + (this.#hopCycles[network] as number));
    }
    this.#drop(message);
  }

  /** Makes the flights that leave the router of a core, which was entered from `from`, and has them ask at `time`. */
  #fanOut(message: number, core: number, from: number, time: number): void {
    const messages = this.#messages;
    const width = this.#columns + 1;
    const row = Math.floor(core / width);
    const column = (core % width) - 1;
    if (column < 0) {
      this.#fork(message, core, from === inject ? east : eject, time);
      return;
    }
    const firstRow = messages[message + fields.firstRow] as number;
    const endRow = messages[message + fields.endRow] as number;
    const firstColumn = messages[message + fields.firstColumn] as number;
    const endColumn = messages[message + fields.endColumn] as number;
    // Io cores hang at the routers of column 0, so the tree spreads over columns 0 and up.
    const firstTrunk = Math.max(firstColumn, 0);
    const lastTrunk = Math.max(endColumn - 1, 0);
    const alongX = from === inject || from === east || from === west;
    if (alongX) {
      if (from !== west && column < lastTrunk) this.#fork(message, core, east, time);
      if (from !== east && column > firstTrunk) this.#fork(message, core, west, time);
      if (column < firstTrunk || column > lastTrunk) return;
    }
    if (from !== south && row > firstRow) this.#fork(message, core, north, time);
    if (from !== north && row < endRow - 1) this.#fork(message, core, south, time);
    if (row < firstRow || row >= endRow) return;
    const sender = messages[message + fields.core] as number;
    if (column >= firstColumn && column < endColumn && core !== sender) this.#fork(message, core, eject, time);
    if (column === 0 && firstColumn < 0 && core - 1 !== sender) this.#fork(message, core, west, time);
  }

  /** A flight asks at `time`, now or later, for a link or port of a core. */
  #fork(message: number, core: number, port: number, time: number): void {
    const network = this.#messages[message + fields.network] as number;
    const resource = (network * this.#coreCount + core) * resourcesPerCore + port;
    const flight = this.#newFlight(message, resource);
    if (time === this.#calendar.now) this.#enqueue(flight, resource);
    else this.#calendar.schedule(this.#firstFlight + flight, time);
  }

  #newFlight(message: number, resource: number): number {
    this.#flightsInUse += 1;
    let flight = this.#freeFlight;
    if (flight >= 0) this.#freeFlight = this.#flightSibling[flight] as number;
    else {
      flight = this.#flightCount;
      this.#flightCount += 1;
      if (flight === this.#flightCapacity) this.#growFlights();
    }
    this.#flightMessage[flight] = message;
    this.#flightPriority[flight] = this.#messages[message + fields.priority] as number;
    this.#flightResource[flight] = resource;
    (this.#messages as Float64Array)[message + fields.flights]! += 1;
    return flight;
  }

  /** A flight is not in use any more; its message still is, until it is dropped. */
  #release(flight: number): void {
    this.#flightsInUse -= 1;
    this.#flightSibling[flight] = this.#freeFlight;
    this.#freeFlight = flight;
  }

  /** One flight less needs a message; the last one gives back its record. */
  #drop(message: number): void {
    const flights = (this.#messages[message + fields.flights] as number) - 1;
    this.#messages[message + fields.flights] = flights;
    if (flights === 0) this.#freeMessages.push(message);
  }

  /** Writes a message into a record and returns where that begins. */
  #record(message: Message): number {
    const start = this.#freeMessages.pop() ?? this.#newRecord();
    const messages = this.#messages;
    const { destinations } = message;
    messages[start + fields.holdCycles] = message.holdCycles;
    messages[start + fields.bytes] = message.bytes;
    messages[start + fields.network] = message.network;
    messages[start + fields.core] = message.core;
    messages[start + fields.firstRow] = destinations.firstRow;
    messages[start + fields.endRow] = destinations.endRow;
    messages[start + fields.firstColumn] = destinations.firstColumn;
    messages[start + fields.endColumn] = destinations.endColumn;
    messages[start + fields.priority] = message.priority;
    messages[start + fields.thread] = message.thread;
    messages[start + fields.event] = message.event;
    messages[start + fields.token] = message.token;
    messages[start + fields.arrivalPort] = message.arrivalPort;
    messages[start + fields.readEnd] = message.readEnd;
    messages[start + fields.flights] = 0;
    return start;
  }

  #newRecord(): number {
    const start = this.#messageEnd;
    this.#messageEnd += recordLength;
    if (start === this.#messages.length) this.#messages = grown(this.#messages, new Float64Array(2 * start));
    return start;
  }

  #growFlights(): void {
    this.#flightCapacity *= 2;
    this.#flightResource = grown(this.#flightResource, new Int32Array(this.#flightCapacity));
    this.#flightPriority = grown(this.#flightPriority, new Float64Array(this.#flightCapacity));
    this.#flightMessage = grown(this.#flightMessage, new Int32Array(this.#flightCapacity));
    this.#flightSibling = grown(this.#flightSibling, new Int32Array(this.#flightCapacity));
    this.#flightChild = grown(this.#flightChild, new Int32Array(this.#flightCapacity));
    this.#calendar.grow(this.#firstFlight + this.#flightCapacity);
  }
}

/** A longer array that begins with the numbers of a shorter one. */
function grown<T extends Int32Array | Float64Array>(old: T, fresh: T): T {
  fresh.set(old);
  return fresh;
}
