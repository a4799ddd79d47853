import { at } from "../../base/math.ts";
import type { ChipTarget } from "../../targets/target.ts";
import { Activity } from "./activity.ts";
import type { Core } from "./core.ts";
import { nodeOf } from "./grid.ts";
import { type Labour, noLabour } from "./labour.ts";
import type { PortRequest } from "./memory-port.ts";
import { Mesh, type Packet } from "./mesh.ts";

/** One of the four networks on chip. */
export type NetworkName = keyof ChipTarget["networks"];

/** What a packet does at each destination: it writes bytes there, and then has arrived. */
export interface Cargo {
  readonly writtenBytes: number;
  readonly arrived: (core: Core) => void;
}

/** Something on its way to a core that needs no link any more, or never did. */
interface Message {
  readonly activity: Activity;
  readonly core: Core;
  readonly arrived: (core: Core) => void;
}

/** A packet that asks for injection when the memory port begins to serve its bytes. */
interface Sending {
  readonly mesh: Mesh<Cargo>;
  readonly packet: Packet<Cargo>;
  readonly core: Core;
  readonly request: PortRequest;
}

/** What moves between cores: the four networks, packets that wait for their bytes, and messages that arrive. */
export class Transport {
  readonly #target: ChipTarget;
  /** By number. */
  readonly #cores: readonly Core[];
  readonly #meshes: ReadonlyMap<NetworkName, Mesh<Cargo>>;
  #sendings: Sending[] = [];
  #messages: Message[] = [];

  constructor(target: ChipTarget, cores: readonly Core[]) {
    this.#target = target;
    this.#cores = cores;
    const names: NetworkName[] = ["model", "partial", "activation", "instruction"];
    this.#meshes = new Map(names.map((name) => [name, new Mesh(target.grid, target.networks[name].hopCycles)]));
  }

  /** Whether nothing is under way. */
  get quiet(): boolean {
    return (
      this.#sendings.length === 0 &&
      this.#messages.length === 0 &&
      [...this.#meshes.values()].every(({ quiet }) => quiet)
    );
  }

  /** Sends a packet of bytes, cut into flits, as soon as the port of its core begins to serve a request. */
  send(
    name: NetworkName,
    bytes: number,
    packet: Omit<Packet<Cargo>, "flitCount" | "injected">,
    request: PortRequest,
  ): Packet<Cargo> {
    const { networks, frameBuffer, grid } = this.#target;
    const link = networks[name].linkBytesPerCycle;
    const io = packet.source.column < 0 || packet.cores.column < 0;
    const flitBytes = io ? Math.min(link, frameBuffer.rowBytesPerCycle) : link;
    let flitCount = 1;
    for (let left = bytes - flitBytes; left > 0; left -= flitBytes) flitCount += 1;
    const whole = { ...packet, flitCount, injected: 0 };
    const core = at(this.#cores, nodeOf(grid, packet.source));
    this.#sendings.push({ mesh: this.#mesh(name), packet: whole, core, request });
    return whole;
  }

  /** A message that uses no link: it arrives when its way is over, a condition holds, and a cycle has passed. */
  pass(core: Core, way: Labour, condition: () => boolean, arrived: (core: Core) => void): void {
    this.#messages.push({ activity: new Activity(way, 1, condition), core, arrived });
  }

  /** The start of a cycle: flits come to routers, messages to their cores. */
  arrive(): void {
    for (const mesh of this.#meshes.values()) mesh.arrive();
    const over = new Set(this.#messages.filter(({ activity }) => activity.over));
    if (over.size === 0) return;
    this.#messages = this.#messages.filter((message) => !over.has(message));
    for (const { core, arrived } of over) arrived(core);
  }

  /** Packets whose bytes are served ask for injection; links are given; what begins to eject asks to be written. */
  transmit(): void {
    for (const { mesh, packet, core, request } of this.#sendings) if (core.port.serves(request)) mesh.send(packet);
    this.#sendings = this.#sendings.filter(({ core, request }) => !core.port.serves(request));
    for (const mesh of this.#meshes.values()) {
      for (const delivery of mesh.grant()) {
        const { packet, core: place } = delivery;
        const core = at(this.#cores, nodeOf(this.#target.grid, place));
        const written = core.port.ask(packet.cargo.writtenBytes);
        const complete = (): boolean => delivery.ejected === packet.flitCount && written.done;
        this.#messages.push({ activity: new Activity(noLabour(), 1, complete), core, arrived: packet.cargo.arrived });
      }
    }
  }

  /** A cycle passes. */
  tick(): void {
    for (const mesh of this.#meshes.values()) mesh.tick();
    for (const { activity } of this.#messages) activity.tick();
  }

  #mesh(name: NetworkName): Mesh<Cargo> {
    const mesh = this.#meshes.get(name);
    if (mesh === undefined) throw new RangeError(`there is no network "${name}"`);
    return mesh;
  }
}
