import { createHash } from "node:crypto";
import { basename, dirname } from "node:path";
import { problem } from "../../base/errors.ts";
import { type ByteSource, fileSource, memorySource } from "./byte-source.ts";
import { decodeSkeleton } from "./codec.ts";
import { limits } from "./limits.ts";
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
  /** What the model's tensors refer to. */
  readonly bytes: ByteSource;
}

/** A file of at most the bytes that an ONNX model may have. Throws B103 or B117. */
function modelSource(path: string): ByteSource {
  const source = fileSource(path);
  if (source.sizeBytes <= limits.fileBytes) return source;
  throw problem(
    "B117",
    `The file has ${source.sizeBytes} bytes; an ONNX file has at most ${limits.fileBytes}, with weights in external data beyond.`,
    { file: path },
  );
}

/** SHA-256 of all bytes, read in pieces; hexadecimal. */
function sha256Of(source: ByteSource): string {
  const hash = createHash("sha256");
  const pieceBytes = 2 ** 22;
  const piece = new Uint8Array(Math.min(pieceBytes, source.sizeBytes));
  for (let offset = 0; offset < source.sizeBytes; offset += pieceBytes) {
    const part = piece.subarray(0, Math.min(pieceBytes, source.sizeBytes - offset));
    source.readInto(part, offset);
    hash.update(part);
  }
  return hash.digest("hex");
}

function nameOf(path: string): string {
  const name = basename(path).replace(/\.onnx$/i, "");
  const folder = basename(dirname(path));
  return name === "model" && folder !== "" && folder !== "." ? folder : name;
}

/** Reads and decodes a model; large data of tensors stay in the file until they are asked for. Throws B101, B102, B103 or B117. */
export function readModel(source: ModelSource): ModelFile {
  const bytes = "path" in source ? modelSource(source.path) : memorySource(source.bytes);
  const file = "path" in source ? source.path : source.name;
  return {
    model: decodeSkeleton(bytes, { file }),
    name: "path" in source ? nameOf(source.path) : source.name,
    sha256: sha256Of(bytes),
    folder: "path" in source ? dirname(source.path) : null,
    file,
    bytes,
  };
}
