import { problem } from "../../base/errors.ts";
import { roundUp } from "../../base/math.ts";
import type { Space } from "../../ir/instruction.ts";
import type { Program } from "../../ir/program.ts";

/** The sizes of a chip's memories. */
export interface MachineMemories {
  /** Of each core. */
  readonly memoryBytes: number;
  readonly weightBufferBytes: number;
  readonly partialBufferBytes: number;
  /** Of the whole chip. */
  readonly frameBufferBytes: number;
}

/** A core's place: io cores stand in column −1. */
export interface CorePosition {
  readonly row: number;
  readonly column: number;
}

/** The number of a core: row-major over the grid, then the io cores by row; −1 outside the chip. */
export function coreNumber(program: Program, row: number, column: number): number {
  const { rows, columns } = program.target;
  if (!(row >= 0 && row < rows && column >= -1 && column < columns)) return -1;
  return column < 0 ? rows * columns + row : row * columns + column;
}

/** How many cores a chip has, io cores included. */
export function coreCount(program: Program): number {
  return program.target.rows * (program.target.columns + 1);
}

/** Where a core stands. */
export function corePosition(program: Program, core: number): CorePosition {
  const { rows, columns } = program.target;
  const grid = rows * columns;
  return core < grid ? { row: Math.floor(core / columns), column: core % columns } : { row: core - grid, column: -1 };
}

/** Bytes of a memory of the core: grid cores have all but the framebuffer, io cores have that alone. */
export function spaceBytes(machine: MachineMemories, space: Space, io: boolean): number {
  if (io) return space === "frame" ? machine.frameBufferBytes : 0;
  switch (space) {
    case "memory":
      return machine.memoryBytes;
    case "weights":
      return machine.weightBufferBytes;
    case "partial":
      return machine.partialBufferBytes;
    case "frame":
      return 0;
  }
}

const alignment = 64;
const pageBytes = 65536;

/** Where every memory of the chip stands in one WebAssembly memory. */
export interface MemoryMap {
  readonly machine: MachineMemories;
  readonly coreCount: number;
  /** First byte of the framebuffer. */
  readonly frameBase: number;
  /** First byte of room for one packet. */
  readonly packetBase: number;
  /** First byte of room for operands of 4 and 2 bits, one a byte. */
  readonly stagingBase: number;
  /** Pages of 64 KiB that hold everything. */
  readonly pages: number;
  /** The address of a memory of a core; meaningless for a memory that the core does not have. */
  base(core: number, space: Space): number;
}

/** Lays the memories of a program's chip out from `firstByte` on. Throws B503 when they exceed the 4 GiB of a WebAssembly memory. */
export function makeMemoryMap(
  program: Program,
  machine: MachineMemories,
  firstByte: number,
  { packetBytes, stagingBytes }: { readonly packetBytes: number; readonly stagingBytes: number },
): MemoryMap {
  const { rows, columns } = program.target;
  const grid = rows * columns;
  const start = roundUp(firstByte, alignment);
  const weightsOffset = roundUp(machine.memoryBytes, alignment);
  const partialOffset = weightsOffset + roundUp(machine.weightBufferBytes, alignment);
  const stride = partialOffset + roundUp(machine.partialBufferBytes, alignment);
  const frameBase = start + grid * stride;
  const packetBase = frameBase + roundUp(machine.frameBufferBytes, alignment);
  const stagingBase = packetBase + roundUp(packetBytes, alignment);
  const end = stagingBase + roundUp(stagingBytes, alignment) + alignment;
  if (end > 4294967296) {
    throw problem(
      "B503",
      `The memories of ${rows}×${columns} cores take ${end} bytes; at most 4 GiB can be simulated.`,
    );
  }
  return {
    machine,
    coreCount: coreCount(program),
    frameBase,
    packetBase,
    stagingBase,
    pages: Math.ceil(end / pageBytes),
    base: (core, space) => {
      const offset = space === "memory" ? 0 : space === "weights" ? weightsOffset : partialOffset;
      return space === "frame" ? frameBase : start + core * stride + offset;
    },
  };
}
