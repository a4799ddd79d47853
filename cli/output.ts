import { closeSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { problem } from "../base/errors.ts";

/** The exit code of a command that was interrupted. */
const interruptedExitCode = 130;

/** Bytes after which an interrupt is looked for. */
const pieceBytes = 2 ** 24;

/** Writes text to standard output. */
export function writeOut(text: string): void {
  process.stdout.write(text);
}

/** Writes text to standard error. */
export function writeError(text: string): void {
  process.stderr.write(text);
}

/** Whether standard output takes colours. */
export function hasColour(): boolean {
  return process.stdout.isTTY === true && (process.env.NO_COLOR ?? "") === "";
}

/**
 * Writes a file in pieces, under another name until it is whole: an interrupt or a failure leaves nothing behind. Folders
 * are made. Throws B602 when it cannot be written.
 */
export async function writeFileWhole(path: string, pieces: Iterable<string | Uint8Array>): Promise<void> {
  const temporary = `${path}.${process.pid}.part`;
  let interrupted = false;
  const interrupt = (): void => {
    interrupted = true;
  };
  process.on("SIGINT", interrupt);
  let handle: number | null = null;
  let isMade = false;
  try {
    mkdirSync(dirname(path), { recursive: true });
    handle = openSync(temporary, "w");
    isMade = true;
    let pending = 0;
    for (const piece of pieces) {
      writeAll(handle, typeof piece === "string" ? Buffer.from(piece) : piece);
      pending += piece.length;
      if (pending < pieceBytes) continue;
      pending = 0;
      await nextTurn();
      if (interrupted) break;
    }
    closeSync(handle);
    handle = null;
    if (!interrupted) renameSync(temporary, path);
    await nextTurn();
  } catch (error) {
    if (!(error instanceof Error && "code" in error)) throw error;
    throw problem("B602", `The file cannot be written (${String(error.code)}).`, { file: path });
  } finally {
    if (handle !== null) closeSync(handle);
    if (isMade) rmSync(temporary, { force: true });
    process.off("SIGINT", interrupt);
  }
  if (interrupted) process.exit(interruptedExitCode);
}

function writeAll(handle: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(handle, bytes, done, bytes.length - done);
}

/** Lets signals be delivered. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Hands data to where an option says: true is standard output, a text is a file. */
export async function deliver(destination: string | true, text: string): Promise<void> {
  if (destination === true) writeOut(text);
  else await writeFileWhole(destination, [text]);
}
