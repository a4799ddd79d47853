/** An exchange of weights that its cores are in: all of them have come when `threads` has `size` entries. */
export interface Exchange {
  readonly size: number;
  threads: number[];
  /** How many cores have started it. */
  started: number;
  /** When it ends, as far as known. */
  end: number;
}

/** Larger than any side of a rectangle of cores. */
const sideLimit = 2048;

/** Who has reached the next barrier and the next exchange of each group. */
export class Collectives {
  readonly #participantCount: number;
  #barrierThreads: number[] = [];
  readonly #exchanges = new Map<number, Exchange>();

  constructor(participantCount: number) {
    this.#participantCount = participantCount;
  }

  /** A thread has reached its barrier; all threads at it when it was the last, none before. */
  reachBarrier(thread: number): readonly number[] {
    this.#barrierThreads.push(thread);
    if (this.#barrierThreads.length < this.#participantCount) return [];
    const threads = this.#barrierThreads;
    this.#barrierThreads = [];
    return threads;
  }

  /** The exchange of the group with a corner core, rows and columns. */
  exchange(corner: number, rows: number, columns: number): Exchange {
    const key = (corner * sideLimit + rows) * sideLimit + columns;
    let exchange = this.#exchanges.get(key);
    if (exchange === undefined) {
      exchange = { size: rows * columns, threads: [], started: 0, end: 0 };
      this.#exchanges.set(key, exchange);
    }
    return exchange;
  }

  /** Ends an exchange, so that its cores can come to the next; returns their threads. */
  finish(exchange: Exchange): readonly number[] {
    const { threads } = exchange;
    exchange.threads = [];
    exchange.started = 0;
    exchange.end = 0;
    return threads;
  }
}
