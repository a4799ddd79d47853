import { createHash } from "node:crypto";
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { basename, dirname } from "node:path";
import { problem } from "../../base/errors.ts";
import { decodeModel } from "./codec.ts";
import type { ModelProto } from "./proto-types.ts";

/** A model's file, or its bytes under a name. */
export type ModelSource = { readonly path: string } | { readonly bytes: Uint8Array; readonly name: string };

/** A decoded model and where it came from. */
export interface ModelFile {
  readonly model: ModelProto;
  readonly name: string;
  /** Hexadecimal, of the file's bytes. */
  readonly sha256: string;
  /** The folder that external data stand in; null when the model was given as bytes. */
  readonly folder: string | null;
  /** What messages call the file. */
  readonly file: string;
}

/** Protobuf's own limit for one message. */
const maximumBytes = 2 ** 31 - 1;

/** Reads a whole file; throws B103 when it cannot be read and B117 when it is too large for an ONNX model. */
function readBytes(path: string): Uint8Array {
  let handle: number | null = null;
  try {
    handle = openSync(path, "r");
    const status = fstatSync(handle);
    if (status.isDirectory()) throw problem("B103", "Found a folder; expected an ONNX file.", { file: path });
    if (status.size > maximumBytes) {
      throw problem(
        "B117",
        `The file has ${status.size} bytes; an ONNX file has at most ${maximumBytes}, with weights in external data beyond.`,
        { file: path },
      );
    }
    const bytes = new Uint8Array(status.size);
    for (let done = 0; done < bytes.length; ) {
      const read = readSync(handle, bytes, done, Math.min(bytes.length - done, 2 ** 30), done);
      if (read === 0) return bytes.subarray(0, done);
      done += read;
    }
    return bytes;
  } catch (error) {
    if (error instanceof Error && "code" in error)
      throw problem("B103", `The file cannot be read (${String(error.code)}).`, { file: path });
    throw error;
  } finally {
    if (handle !== null) closeSync(handle);
  }
}

function nameOf(path: string): string {
  const name = basename(path).replace(/\.onnx$/i, "");
  const folder = basename(dirname(path));
  return name === "model" && folder !== "" && folder !== "." ? folder : name;
}

/** Reads and decodes a model. Throws B101, B102, B103 or B117. */
export function readModel(source: ModelSource): ModelFile {
  const bytes = "path" in source ? readBytes(source.path) : source.bytes;
  const file = "path" in source ? source.path : source.name;
  return {
    model: decodeModel(bytes, { file }),
    name: "path" in source ? nameOf(source.path) : source.name,
    sha256: createHash("sha256").update(bytes).digest("hex"),
    folder: "path" in source ? dirname(source.path) : null,
    file,
  };
}
