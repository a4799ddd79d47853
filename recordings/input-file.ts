import { readFileSync } from "node:fs";
import { extname } from "node:path";
import { type Location, problem } from "../base/errors.ts";
import type { Tensor } from "../ir/tensor.ts";
import { parseCsv } from "./csv.ts";
import { parseNpy } from "./npy.ts";

/** Decodes a serialized ONNX TensorProto. */
export type DecodeTensor = (bytes: Uint8Array, at: Location) => Tensor;

/** The formats of input files, by the ending of their names. */
const inputFormats = [".npy", ".csv", ".pb"] as const;

/** A tensor read from a file. */
export interface InputFile {
  readonly path: string;
  readonly format: (typeof inputFormats)[number];
  readonly tensor: Tensor;
}

/** The bytes of a file; B701 when it cannot be read. */
function readInputBytes(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? "unknown";
    throw problem("B701", `The file cannot be read (${reason}).`, { file: path });
  }
}

/** Reads a tensor from a `.npy`, `.csv` or `.pb` file. Throws B701 for other files and for what is wrong inside. */
export function readInputFile(path: string, decodeTensor: DecodeTensor): InputFile {
  const format = inputFormats.find((ending) => ending === extname(path).toLowerCase());
  if (format === undefined) {
    throw problem("B701", `Found "${extname(path)}", expected a file that ends in ${inputFormats.join(", ")}.`, {
      file: path,
    });
  }
  const bytes = readInputBytes(path);
  switch (format) {
    case ".npy":
      return { path, format, tensor: parseNpy(bytes, path) };
    case ".csv":
      return { path, format, tensor: parseCsv(new TextDecoder().decode(bytes), path) };
    case ".pb":
      return { path, format, tensor: decodeTensor(bytes, { file: path }) };
  }
}
