import { at } from "../../base/math.ts";
import type { Rectangle } from "../../ir/instruction.ts";
import { contains, type Grid, nodeOf, type Place, placesOf } from "./grid.ts";

/** Ways out of a router; core is the eject port. */
export const directions = ["east", "west", "north", "south", "core"] as const;

/** A way out of a router. */
export type Direction = (typeof directions)[number];

/** What travels: flits of one packet, to every core of a rectangle. */
export interface Packet<Cargo = unknown> {
  /** Compared entry by entry; the least goes first. */
  readonly priority: readonly number[];
  readonly source: Place;
  readonly cores: Rectangle;
  /** Whether the sender, when it lies in the rectangle, takes in a copy through its own router. */
  readonly returns: boolean;
  readonly flitCount: number;
  readonly cargo: Cargo;
  /** Flits that have passed the inject port. */
  injected: number;
}

/** A copy of a packet at its destination. */
export interface Delivery<Cargo = unknown> {
  readonly packet: Packet<Cargo>;
  readonly core: Place;
  /** Flits that have passed the eject port. */
  ejected: number;
}

/** Flits of a packet that have come to a router, whence they go out in up to four directions. */
interface Arrival<Cargo> {
  readonly packet: Packet<Cargo>;
  readonly core: Place;
  readonly from: Direction;
  flits: number;
}

/** A copy of a packet that wants to leave a router in one direction, or does. */
interface Departure<Cargo> {
  readonly arrival: Arrival<Cargo>;
  readonly direction: Direction;
  /** The same packet at the next router, or at the core; null until the first flit goes. */
  next: Arrival<Cargo> | Delivery<Cargo> | null;
  flits: number;
}

/** A link between routers, or an eject port: it belongs to one packet from its first flit to its last. */
interface Link<Cargo> {
  readonly waiting: Departure<Cargo>[];
  holder: Departure<Cargo> | null;
  /** Flits on their way: the cycles that each still needs. */
  readonly flying: { cycles: number; readonly to: Arrival<Cargo> }[];
}

interface Router<Cargo> {
  readonly core: Place;
  readonly inject: { readonly waiting: Packet<Cargo>[]; holder: Arrival<Cargo> | null };
  readonly links: Readonly<Record<Direction, Link<Cargo>>>;
}

function first<T>(items: readonly T[], priority: (item: T) => readonly number[]): T {
  return items.reduce((best, item) => (less(priority(item), priority(best)) ? item : best));
}

function less(left: readonly number[], right: readonly number[]): boolean {
  const axis = left.findIndex((value, index) => value !== right[index]);
  return axis >= 0 && at(left, axis) < at(right, axis);
}

/**
 * Where a packet goes on from a router that it entered coming from the core itself ("core") or moving in a direction:
 * along X to the columns of its rectangle, at each of them along Y to the rows, to every core on the way that is a
 * destination. Io cores hang west of column 0.
 */
export function waysOut(packet: Packet, { row, column }: Place, moving: Direction): Direction[] {
  const { cores, source } = packet;
  const isSource = (place: Place): boolean => place.row === source.row && place.column === source.column;
  const wants = (place: Place): boolean => contains(cores, place) && (packet.returns || !isSource(place));
  if (column < 0) {
    const ways: Direction[] = wants({ row, column }) ? ["core"] : [];
    return moving === "core" ? [...ways, "east"] : ways;
  }
  const [west, east] = [Math.max(cores.column, 0), Math.max(cores.column + cores.columns - 1, 0)];
  const along = moving === "north" || moving === "south";
  const ways: Direction[] = [];
  if ((moving === "core" || moving === "east") && column < east) ways.push("east");
  if ((moving === "core" || moving === "west") && column > west) ways.push("west");
  if (along || (column >= west && column <= east)) {
    if (moving !== "south" && row > cores.row) ways.push("north");
    if (moving !== "north" && row < cores.row + cores.rows - 1) ways.push("south");
    if (column === 0 && wants({ row, column: -1 })) ways.push("west");
    if (wants({ row, column })) ways.push("core");
  }
  return ways;
}

/** One network on chip: a router at every core and io core, and links on which every flit takes `hopCycles`. */
export class Mesh<Cargo> {
  readonly #grid: Grid;
  readonly #hopCycles: number;
  readonly #routers: readonly Router<Cargo>[];
  /** Packets at inject ports, copies that want to leave a router or do, and flits between routers. */
  #moving = 0;

  constructor(grid: Grid, hopCycles: number) {
    this.#grid = grid;
    this.#hopCycles = hopCycles;
    const link = (): Link<Cargo> => ({ waiting: [], holder: null, flying: [] });
    this.#routers = placesOf(grid).map((core) => ({
      core,
      inject: { waiting: [], holder: null },
      links: { east: link(), west: link(), north: link(), south: link(), core: link() },
    }));
  }

  /** Asks for the inject port of the packet's source. */
  send(packet: Packet<Cargo>): void {
    at(this.#routers, nodeOf(this.#grid, packet.source)).inject.waiting.push(packet);
    this.#moving += 1;
  }

  /** Whether nothing is on its way. */
  get quiet(): boolean {
    return this.#moving === 0;
  }

  /** The start of a cycle: flits that have flown for a whole hop come to the next router. */
  arrive(): void {
    if (this.quiet) return;
    for (const { links } of this.#routers) {
      for (const direction of directions) {
        const { flying } = links[direction];
        for (const flit of flying) flit.cycles -= 1;
        while (flying[0]?.cycles === 0) {
          const arrival = at(flying, 0).to;
          flying.shift();
          this.#moving -= 1;
          arrival.flits += 1;
          if (arrival.flits === 1) this.#fork(arrival);
        }
      }
    }
  }

  /** Gives free inject ports, then free links and eject ports, to the first of those that wait; the deliveries that begin. */
  grant(): Delivery<Cargo>[] {
    const begun: Delivery<Cargo>[] = [];
    if (this.quiet) return begun;
    for (const { core, inject } of this.#routers) {
      if (inject.holder !== null || inject.waiting.length === 0) continue;
      const packet = first(inject.waiting, ({ priority }) => priority);
      inject.waiting.splice(inject.waiting.indexOf(packet), 1);
      inject.holder = { packet, core, from: "core", flits: 0 };
      this.#fork(inject.holder);
    }
    for (const { links } of this.#routers) {
      for (const direction of directions) {
        const link = links[direction];
        if (link.holder !== null || link.waiting.length === 0) continue;
        const departure = first(link.waiting, ({ arrival }) => arrival.packet.priority);
        link.waiting.splice(link.waiting.indexOf(departure), 1);
        link.holder = departure;
        const { packet, core } = departure.arrival;
        if (direction === "core") {
          const delivery = { packet, core, ejected: 0 };
          departure.next = delivery;
          begun.push(delivery);
        } else departure.next = { packet, core: neighbour(core, direction), from: direction, flits: 0 };
      }
    }
    return begun;
  }

  /** A cycle passes: every port and link that belongs to a packet takes one of its flits. */
  tick(): void {
    if (this.quiet) return;
    for (const { inject } of this.#routers) {
      if (inject.holder === null) continue;
      const { packet } = inject.holder;
      inject.holder.flits += 1;
      packet.injected += 1;
      if (packet.injected === packet.flitCount) {
        inject.holder = null;
        this.#moving -= 1;
      }
    }
    for (const { links } of this.#routers) {
      for (const direction of directions) this.#pass(links[direction]);
    }
  }

  #pass(link: Link<Cargo>): void {
    const { holder } = link;
    // A flit can go only when it has come.
    if (holder === null || holder.flits === holder.arrival.flits) return;
    const { next } = holder;
    if (next === null) throw new RangeError("a link belongs to a packet that goes nowhere");
    holder.flits += 1;
    if ("ejected" in next) {
      next.ejected += 1;
    } else {
      link.flying.push({ cycles: this.#hopCycles, to: next });
      this.#moving += 1;
    }
    if (holder.flits === holder.arrival.packet.flitCount) {
      link.holder = null;
      this.#moving -= 1;
    }
  }

  #fork(arrival: Arrival<Cargo>): void {
    const { links } = at(this.#routers, nodeOf(this.#grid, arrival.core));
    for (const direction of waysOut(arrival.packet, arrival.core, arrival.from)) {
      links[direction].waiting.push({ arrival, direction, next: null, flits: 0 });
      this.#moving += 1;
    }
  }
}

function neighbour({ row, column }: Place, direction: Exclude<Direction, "core">): Place {
  switch (direction) {
    case "east":
      return { row, column: column + 1 };
    case "west":
      return { row, column: column - 1 };
    case "north":
      return { row: row - 1, column };
    case "south":
      return { row: row + 1, column };
  }
}
