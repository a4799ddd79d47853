import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import { problem } from "../../base/errors.ts";

/** Bytes that are read in pieces: of a file, or in memory. */
export interface ByteSource {
  readonly sizeBytes: number;
  /** The bytes from `offset` on; a view where they are in memory. The range lies within the source. */
  readonly read: (offset: number, count: number) => Uint8Array;
  /** Fills `target` with the bytes from `offset` on. */
  readonly readInto: (target: Uint8Array, offset: number) => void;
}

/** Bytes in memory as a source. */
export function memorySource(bytes: Uint8Array): ByteSource {
  return {
    sizeBytes: bytes.length,
    read: (offset, count) => bytes.subarray(offset, offset + count),
    readInto: (target, offset) => target.set(bytes.subarray(offset, offset + target.length)),
  };
}

/** The greatest count of bytes that one read of the system takes. */
const readBytes = 2 ** 30;

/**
 * A regular file as a source; it is opened for each read, so that nothing stays open. Throws B103 when it cannot be
 * read, is no regular file, or becomes shorter while it is read.
 */
export function fileSource(path: string): ByteSource {
  const readInto = (target: Uint8Array, offset: number): void =>
    withFile(path, (handle) => {
      for (let done = 0; done < target.length; ) {
        const count = readSync(handle, target, done, Math.min(target.length - done, readBytes), offset + done);
        if (count === 0) {
          throw problem("B103", `The file ended at byte ${offset + done} while it was read.`, { file: path });
        }
        done += count;
      }
    });
  return {
    sizeBytes: withFile(path, (handle) => fstatSync(handle).size),
    read: (offset, count) => {
      const target = new Uint8Array(count);
      readInto(target, offset);
      return target;
    },
    readInto,
  };
}

/** Opens a regular file for one action; a pipe or device is refused before it is opened, which could block. */
function withFile<Result>(path: string, action: (handle: number) => Result): Result {
  let handle: number | null = null;
  try {
    const status = statSync(path);
    if (status.isDirectory()) throw problem("B103", "Found a folder; expected an ONNX file.", { file: path });
    if (!status.isFile()) {
      throw problem("B103", "Found a pipe or device; expected a regular file.", { file: path });
    }
    handle = openSync(path, "r");
    return action(handle);
  } catch (error) {
    if (error instanceof Error && "code" in error)
      throw problem("B103", `The file cannot be read (${String(error.code)}).`, { file: path });
    throw error;
  } finally {
    if (handle !== null) closeSync(handle);
  }
}

/** Reads a source in turn through one window, so that scanning it takes little memory. */
export class ByteWindow {
  readonly #source: ByteSource;
  readonly #windowBytes: number;
  #bytes: Uint8Array = new Uint8Array(0);
  #start = 0;

  constructor(source: ByteSource, windowBytes = 2 ** 20) {
    this.#source = source;
    this.#windowBytes = windowBytes;
  }

  /** The byte at an offset that lies within the source. */
  byte(offset: number): number {
    const index = offset - this.#start;
    if (index >= 0 && index < this.#bytes.length) return this.#bytes[index] as number;
    this.#start = offset;
    this.#bytes = this.#source.read(offset, Math.min(this.#windowBytes, this.#source.sizeBytes - offset));
    return this.#bytes[0] as number;
  }
}
