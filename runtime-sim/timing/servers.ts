/** The memory ports, units and host link: what instructions hold for a time. */
export class Servers {
  /** Begin of the service that `askPort` granted last. */
  portBegin = 0;
  readonly #portFreeAt: Float64Array;
  /** When each unit (core × 2 + unit) and, behind them, each direction of the host link is free, and who holds it. */
  readonly #freeAt: Float64Array;
  readonly #holder: Int32Array;
  readonly #hostBase: number;

  constructor(coreCount: number) {
    this.#portFreeAt = new Float64Array(coreCount);
    this.#hostBase = coreCount * 2;
    this.#freeAt = new Float64Array(this.#hostBase + 2);
    this.#holder = new Int32Array(this.#hostBase + 2);
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

  /** The number of a core's unit. */
  unit(core: number, unit: number): number {
    return core * 2 + unit;
  }

  /** The number of a direction of the host link. */
  host(direction: number): number {
    return this.#hostBase + direction;
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
