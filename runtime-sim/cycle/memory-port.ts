/** What an instruction wants of a memory port: parts, each of which begins in a cycle of its own. */
export class PortRequest {
  readonly #parts: number[];

  /** A request for parts of so many bytes; empty parts are none. */
  constructor(parts: readonly number[]) {
    this.#parts = parts.filter((bytes) => bytes > 0);
  }

  /** Whether all bytes have passed. */
  get done(): boolean {
    return this.#parts.length === 0;
  }

  /** Lets at most so many bytes of one part pass. */
  take(bytes: number): void {
    const left = (this.#parts[0] ?? 0) - bytes;
    if (left > 0) this.#parts[0] = left;
    else this.#parts.shift();
  }
}

/** The one port of a core's memory: it serves requests one after the other, in the order in which they were made. */
export class MemoryPort {
  readonly #bytesPerCycle: number;
  #queue: PortRequest[] = [];

  constructor(bytesPerCycle: number) {
    this.#bytesPerCycle = bytesPerCycle;
  }

  /** Asks for the port; a request without bytes is done at once. */
  ask(...parts: readonly number[]): PortRequest {
    const request = new PortRequest(parts);
    if (!request.done) this.#queue.push(request);
    return request;
  }

  /** Whether the service of a request has begun, or begins in this cycle. */
  serves(request: PortRequest): boolean {
    return request.done || this.#queue[0] === request;
  }

  /** A cycle passes. */
  tick(): void {
    this.#queue[0]?.take(this.#bytesPerCycle);
    if (this.#queue[0]?.done) this.#queue.shift();
  }
}
