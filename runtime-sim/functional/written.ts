import type { Space } from "../../ir/instruction.ts";
import type { Program } from "../../ir/program.ts";
import { type BufferIndex, bufferBefore, indexBuffers, type LiveBuffers } from "./buffers.ts";
import { type MachineMemories, spaceBytes } from "./memory-map.ts";

/** What is wrong with an access: the first wrong byte. */
export interface WrongByte {
  readonly address: number;
  readonly reason: "outside every live buffer" | "never written";
}

/**
 * Who wrote each byte of every memory last: 0 nobody; 2·b + 1 an instruction and 2·b + 2 the initial image, b the
 * number of the buffer that held the byte at the writing step. A byte counts as written only for the buffer under
 * which it was written, so what an earlier buffer left at the same place does not count. A byte of which a part was written
 * counts as written.
 */
export class WrittenBytes {
  readonly #buffers: BufferIndex;
  readonly #gridCores: number;
  readonly #tags = new Map<Space, Uint16Array | Uint32Array>();
  readonly #sizes = new Map<Space, number>();
  /** By buffer number: whether what instructions write stays for the next run. */
  readonly #stays: readonly boolean[];

  constructor(program: Program, machine: MachineMemories) {
    this.#buffers = indexBuffers(program);
    const { rows, columns } = program.target;
    this.#gridCores = rows * columns;
    const states = new Set(program.states.map(({ buffer }) => buffer));
    this.#stays = program.buffers.map(({ name }) => states.has(name));
    const wide = program.buffers.length > 32000;
    for (const space of ["memory", "weights", "partial", "frame"] as const) {
      const size = spaceBytes(machine, space, space === "frame");
      const bytes = space === "frame" ? size : size * this.#gridCores;
      this.#sizes.set(space, size);
      this.#tags.set(space, wide ? new Uint32Array(bytes) : new Uint16Array(bytes));
    }
  }

  /** Forgets what instructions wrote, states apart; images stay, except where an instruction has overwritten them. */
  restart(): void {
    for (const tags of this.#tags.values()) {
      for (let index = 0; index < tags.length; index += 1) {
        const tag = tags[index] as number;
        if (tag % 2 === 1 && this.#stays[(tag - 1) / 2] !== true) tags[index] = 0;
      }
    }
  }

  /** Notes initial contents; a byte outside every buffer that exists at any step is wrong. */
  place(program: Program, core: number, address: number, bytes: number): WrongByte | null {
    const tags = this.#tags.get("memory") as Uint16Array | Uint32Array;
    const origin = core * (this.#sizes.get("memory") as number);
    const holders = program.buffers
      .map((buffer, number) => ({ buffer, number }))
      .filter(({ buffer }) => buffer.space === "memory")
      .filter(({ buffer }) => buffer.address < address + bytes && address < buffer.address + buffer.bytes)
      .sort((left, right) => right.buffer.firstStep - left.buffer.firstStep);
    if (this.#buffers.live("memory", 0) === null) {
      tags.fill(2, origin + address, origin + address + bytes);
      return null;
    }
    for (const { buffer, number } of holders) {
      const from = Math.max(address, buffer.address);
      const to = Math.min(address + bytes, buffer.address + buffer.bytes);
      tags.fill(2 * number + 2, origin + from, origin + to);
    }
    const hole = tags.subarray(origin + address, origin + address + bytes).indexOf(0);
    return hole < 0 ? null : { address: address + hole, reason: "outside every live buffer" };
  }

  /** Notes that an instruction of a step writes bytes. */
  write(space: Space, core: number, step: number, start: number, length: number): WrongByte | null {
    const { address, bytes } = wholeBytes(start, length);
    const tags = this.#tags.get(space) as Uint16Array | Uint32Array;
    const origin = this.#origin(space, core);
    return this.#overBuffers(space, step, address, bytes, (from, to, number) => {
      tags.fill(2 * number + 1, origin + from, origin + to);
      return null;
    });
  }

  /** Checks that bytes which an instruction of a step reads have been written. */
  read(space: Space, core: number, step: number, start: number, length: number): WrongByte | null {
    const { address, bytes } = wholeBytes(start, length);
    const tags = this.#tags.get(space) as Uint16Array | Uint32Array;
    const origin = this.#origin(space, core);
    return this.#overBuffers(space, step, address, bytes, (from, to, number) => {
      for (let index = from; index < to; index += 1) {
        const tag = tags[origin + index] as number;
        if (tag !== 2 * number + 1 && tag !== 2 * number + 2) return { address: index, reason: "never written" };
      }
      return null;
    });
  }

  #origin(space: Space, core: number): number {
    return space === "frame" ? 0 : core * (this.#sizes.get(space) as number);
  }

  /** Visits the parts of a range that lie in each live buffer; a part outside all of them is wrong. */
  #overBuffers(
    space: Space,
    step: number,
    address: number,
    bytes: number,
    visit: (from: number, to: number, number: number) => WrongByte | null,
  ): WrongByte | null {
    const live: LiveBuffers | null = this.#buffers.live(space, step);
    if (live === null) return visit(address, address + bytes, 0);
    const end = address + bytes;
    let from = address;
    let index = bufferBefore(live, from);
    while (from < end) {
      if (index < 0 || from >= (live.ends[index] as number))
        return { address: from, reason: "outside every live buffer" };
      const to = Math.min(end, live.ends[index] as number);
      const wrong = visit(from, to, live.numbers[index] as number);
      if (wrong !== null) return wrong;
      from = to;
      index += 1;
      if (from < end && (index >= live.addresses.length || (live.addresses[index] as number) > from)) {
        return { address: from, reason: "outside every live buffer" };
      }
    }
    return null;
  }
}

/** The bytes of which a range reaches a part. */
function wholeBytes(start: number, length: number): { readonly address: number; readonly bytes: number } {
  const address = Math.floor(start);
  return { address, bytes: Math.ceil(start + length) - address };
}
