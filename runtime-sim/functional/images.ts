import { createHash } from "node:crypto";
import { type BorealError, problem } from "../../base/errors.ts";
import { fieldValue } from "../../ir/instruction.ts";
import type { Program } from "../../ir/program.ts";
import { coreNumber, type MachineMemories } from "./memory-map.ts";

/**
 * Checks that the sidecar is the one that the program names. Throws B508 when the program was written without weights,
 * B506 when the sidecar is missing (unless it is empty), has another length or another checksum.
 */
export function checkSidecar(program: Program, sidecar: Uint8Array | null): void {
  const named = program.sidecar;
  if (named === null) throw problem("B508", `Program "${program.name}" was written without weights.`);
  if (sidecar === null) {
    if (named.bytes === 0) return;
    throw problem("B506", `Program "${program.name}" needs its ${named.bytes} bytes of weights.`);
  }
  if (sidecar.length !== named.bytes) {
    throw problem("B506", `The weights are ${sidecar.length} bytes; program "${program.name}" names ${named.bytes}.`);
  }
  const found = createHash("sha256").update(sidecar).digest("hex");
  if (found !== named.sha256) {
    throw problem("B506", `The weights have the checksum ${found}; program "${program.name}" names ${named.sha256}.`);
  }
}

/** Calls `place` for every core that an image of the program stands on. Throws B503 for an image that leaves the memory, the grid or the sidecar. */
export function forEachImage(
  program: Program,
  machine: MachineMemories,
  place: (core: number, address: number, offset: number, bytes: number) => void,
): void {
  const sidecarBytes = program.sidecar?.bytes ?? 0;
  for (const image of program.images) {
    const { cores, bytes } = image;
    for (let row = 0; row < cores.rows; row += 1) {
      for (let column = 0; column < cores.columns; column += 1) {
        const position = { row: cores.row + row, column: cores.column + column };
        const core = coreNumber(program, position.row, position.column);
        const address = fieldValue(image.address, row, column, 0);
        const offset = fieldValue(image.offset, row, column, 0);
        const wrong = (what: string): BorealError =>
          problem("B503", `An image of ${bytes} bytes at ${address} from offset ${offset} ${what}.`, {
            core: position,
          });
        if (core < 0 || position.column < 0) throw wrong("stands outside the grid");
        if (address < 0 || address + bytes > machine.memoryBytes) {
          throw wrong(`leaves the memory of ${machine.memoryBytes} bytes`);
        }
        if (offset < 0 || offset + bytes > sidecarBytes) throw wrong(`leaves the sidecar of ${sidecarBytes} bytes`);
        place(core, address, offset, bytes);
      }
    }
  }
}
