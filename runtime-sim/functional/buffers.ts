import type { Problem } from "../../base/errors.ts";
import { holdsStep, shareStep } from "../../base/step-range.ts";
import type { Space } from "../../ir/instruction.ts";
import type { Program, ProgramBuffer } from "../../ir/program.ts";
import { type MachineMemories, spaceBytes } from "./memory-map.ts";

/** The buffers of one space that are in use during a step, by address, and their numbers in the program. */
export interface LiveBuffers {
  readonly addresses: Int32Array;
  readonly ends: Int32Array;
  readonly numbers: Int32Array;
}

/** Which buffers a program declares, by space and step. */
export interface BufferIndex {
  /** The buffers of a space in use during a step; null when the program declares none of that space at all: no rule holds there. */
  live(space: Space, step: number): LiveBuffers | null;
}

/** Indexes the buffers of a program. */
export function indexBuffers(program: Program): BufferIndex {
  const declared = new Set<Space>(program.buffers.map((buffer) => buffer.space));
  const known = new Map<string, LiveBuffers>();
  const sorted = program.buffers
    .map((buffer, number) => ({ buffer, number }))
    .filter(({ buffer }) => buffer.bytes > 0)
    .sort((left, right) => left.buffer.address - right.buffer.address);
  return {
    live: (space, step) => {
      if (!declared.has(space)) return null;
      const key = `${space} ${step}`;
      const made = known.get(key) ?? collect(sorted, space, step);
      known.set(key, made);
      return made;
    },
  };
}

function collect(
  sorted: readonly { readonly buffer: ProgramBuffer; readonly number: number }[],
  space: Space,
  step: number,
): LiveBuffers {
  const live = sorted.filter(({ buffer }) => buffer.space === space && holdsStep(buffer, step));
  return {
    addresses: Int32Array.from(live, ({ buffer }) => buffer.address),
    ends: Int32Array.from(live, ({ buffer }) => buffer.address + buffer.bytes),
    numbers: Int32Array.from(live, ({ number }) => number),
  };
}

/** The index of the last live buffer that begins at or before the address; −1 when there is none. */
export function bufferBefore(live: LiveBuffers, address: number): number {
  let low = 0;
  let high = live.addresses.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((live.addresses[middle] as number) <= address) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Checks that buffers lie inside their memories (B503) and that those in use during the same step do not overlap (B504). */
export function checkBuffers(program: Program, machine: MachineMemories): Problem[] {
  const problems: Problem[] = [];
  for (const buffer of program.buffers) {
    const limit = spaceBytes(machine, buffer.space, false);
    if (buffer.address < 0 || buffer.address + buffer.bytes > limit) {
      const message = `Buffer ${describe(buffer)} leaves the ${limit} bytes of its space.`;
      problems.push({ code: "B503", message, at: {} });
    }
  }
  const sorted = program.buffers
    .filter((buffer) => buffer.bytes > 0)
    .sort((left, right) => left.address - right.address);
  sorted.forEach((left, index) => {
    for (let next = index + 1; next < sorted.length; next += 1) {
      const right = sorted[next] as ProgramBuffer;
      if (right.address >= left.address + left.bytes) break;
      if (left.space !== right.space || !shareStep(left, right)) continue;
      problems.push({ code: "B504", message: `Buffers ${describe(left)} and ${describe(right)} overlap.`, at: {} });
    }
  });
  return problems;
}

function describe(buffer: ProgramBuffer): string {
  const { name, space, address, bytes, firstStep, lastStep } = buffer;
  return `"${name}" (${space} ${address}..${address + bytes - 1}, steps ${firstStep}..${lastStep})`;
}
