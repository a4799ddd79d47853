/** Two directions of the host link, and the host. */
const hostServers = 3;

/** The memory ports, units and host link: what instructions hold for a time. */
export class Servers {
  /** Begin of the service that `askPort` granted last. */
  portBegin = 0;
  readonly #portFreeAt: Float64Array;
  /** When each unit (core × 2 + unit) and, behind them, each direction of the host link and the host is free, and who holds it. */
  readonly #freeAt: Float64Array;
  readonly #holder: Int32Array;
  readonly #hostBase: number;

  constructor(coreCount: number) {
    this.#portFreeAt = new Float64Array(coreCount);
    this.#hostBase = coreCount * 2;
    this.#freeAt = new Float64Array(this.#hostBase + hostServers);
    this.#holder = new Int32Array(this.#hostBase + hostServers);
  }

  /** Asks now for cycles of a core's memory port, first come, first served; returns when they are over. */
  askPort(core: number, cycles: number, now: number): number {
    this.portBegin = now;
    if (cycles === 0) return now;
    this.portBegin = Math.max(now, this.#portFreeAt[core] as number);
    const end = this.portBegin + cycles;
    this.#portFreeAt[core] = end;
    return end;
  }

  /** By core: the cycles from now for which its memory port is taken. */
  portsTaken(now: number): Int32Array {
    const freeAt = this.#portFreeAt;
    const cycles = new Int32Array(freeAt.length);
    for (let core = 0; core < cycles.length; core += 1) cycles[core] = Math.max(0, (freeAt[core] as number) - now);
    return cycles;
  }

  /** Has each core's memory port be taken for so many cycles from now. */
  takePorts(cycles: Int32Array, now: number): void {
    for (let core = 0; core < cycles.length; core += 1) this.#portFreeAt[core] = now + (cycles[core] as number);
  }

  /** Whether no unit of any core is held; the host and its link apart. */
  areUnitsFree(now: number): boolean {
    for (let unit = 0; unit < this.#hostBase; unit += 1) if ((this.#freeAt[unit] as number) > now) return false;
    return true;
  }

  /** The number of a core's unit. */
  unit(core: number, unit: number): number {
    return core * 2 + unit;
  }

  /** The number of a direction of the host link, or of the host (`hostNumbers`). */
  host(server: number): number {
    return this.#hostBase + server;
  }

  /** When a unit or host direction is free. */
  freeAt(server: number): number {
    return this.#freeAt[server] as number;
  }

  /** The event that held a unit or host direction last. */
  holder(server: number): number {
    return this.#holder[server] as number;
  }

  /** An event holds a unit or host direction until `end`. */
  hold(server: number, event: number, end: number): void {
    this.#freeAt[server] = end;
    this.#holder[server] = event;
  }
}
