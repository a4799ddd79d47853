/** An exchange of weights that its cores are in: all of them have come when `threads` has `size` entries. */
export interface Exchange {
  readonly size: number;
  threads: number[];
  /** The cores that have started it, and when each begins to send. */
  cores: number[];
  begins: number[];
  /** When the memory ports have served it, as far as known. */
  end: number;
}

/** Larger than any side of a rectangle of cores. */
const sideLimit = 2048;

/** Who has reached the next barrier and the next exchange of each group. */
export class Collectives {
  readonly #participantCount: number;
  #barrierThreads: number[] = [];
  readonly #exchanges = new Map<number, Exchange>();
  /** By thread. */
  readonly #reached = new Map<number, Exchange>();

  constructor(participantCount: number) {
    this.#participantCount = participantCount;
  }

  /** A thread has reached its barrier; all threads at it, ascending, when it was the last, none before. */
  reachBarrier(thread: number): readonly number[] {
    this.#barrierThreads.push(thread);
    if (this.#barrierThreads.length < this.#participantCount) return [];
    const threads = this.#barrierThreads;
    this.#barrierThreads = [];
    // Where they go on in one order, batches whose cores arrived in different orders are equal from here on.
    return threads.sort((left, right) => left - right);
  }

  /** A thread has reached the exchange of the group with a corner core, rows and columns. */
  reachExchange(thread: number, corner: number, rows: number, columns: number): Exchange {
    const key = (corner * sideLimit + rows) * sideLimit + columns;
    let exchange = this.#exchanges.get(key);
    if (exchange === undefined) {
      exchange = { size: rows * columns, threads: [], cores: [], begins: [], end: 0 };
      this.#exchanges.set(key, exchange);
    }
    exchange.threads.push(thread);
    this.#reached.set(thread, exchange);
    return exchange;
  }

  /** The exchange that a thread has reached last. */
  exchangeOf(thread: number): Exchange {
    return this.#reached.get(thread) as Exchange;
  }

  /** Ends an exchange, so that its cores can come to the next; returns their threads. */
  finish(exchange: Exchange): readonly number[] {
    const { threads } = exchange;
    exchange.threads = [];
    exchange.cores = [];
    exchange.begins = [];
    exchange.end = 0;
    return threads;
  }
}

/**
 * When every core of a group has every piece, core j having begun to send its own at begins[j]: each eject port takes
 * in one piece after the other, for `holdCycles` each, and none before it has come over its hops. docs/timing.md.
 */
export function exchangeEnd(
  cores: readonly number[],
  begins: readonly number[],
  gridWidth: number,
  hopCycles: number,
  holdCycles: number,
): number {
  const rows = cores.map((core) => Math.floor(core / gridWidth));
  const columns = cores.map((core) => core % gridWidth);
  const comes = new Float64Array(cores.length);
  let end = 0;
  for (let to = 0; to < cores.length; to += 1) {
    for (let from = 0; from < cores.length; from += 1) {
      const hops =
        Math.abs((rows[to] as number) - (rows[from] as number)) +
        Math.abs((columns[to] as number) - (columns[from] as number));
      comes[from] = (begins[from] as number) + hops * hopCycles;
    }
    comes.sort();
    for (let index = 0; index < comes.length; index += 1) {
      end = Math.max(end, (comes[index] as number) + (comes.length - index) * holdCycles);
    }
  }
  return end;
}
