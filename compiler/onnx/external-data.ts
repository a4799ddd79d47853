import { realpathSync, statSync } from "node:fs";
import { isAbsolute, join, relative, sep } from "node:path";
import { type Location, problem } from "../../base/errors.ts";
import { elementCount, packedBytes, type TensorType } from "../../ir/type.ts";
import { type ByteSource, fileSource } from "./byte-source.ts";
import type { TensorProto } from "./proto-types.ts";
import { checkByteCount } from "./tensor-proto.ts";

/** Where a tensor's elements stand in another file. */
interface ExternalEntry {
  readonly location: string;
  readonly offsetBytes: number;
  readonly lengthBytes: number | null;
}

function entryOf(proto: TensorProto, at: Location): ExternalEntry {
  const entries = new Map((proto.externalData ?? []).map(({ key, value }) => [key ?? "", value ?? ""]));
  const integer = (key: string): number | null => {
    const text = entries.get(key);
    if (text === undefined) return null;
    if (/^\d+$/.test(text) && Number.isSafeInteger(Number(text))) return Number(text);
    throw problem("B108", `The ${key} of the external data is "${text}"; expected a count of bytes.`, at);
  };
  const location = entries.get("location") ?? "";
  if (location === "")
    throw problem("B108", "The external data have no location; expected a path beside the model.", at);
  return { location, offsetBytes: integer("offset") ?? 0, lengthBytes: integer("length") };
}

function leaves(path: string): boolean {
  return isAbsolute(path) || path === ".." || path.startsWith(`..${sep}`);
}

/** The file of a location beside the model; null when there is none. Throws B116 for one outside the model's folder. */
function resolveLocation(folder: string, location: string, at: Location): string | null {
  const refuse = (): never => {
    throw problem("B116", `External data stand at "${location}", which leaves the model's folder.`, at);
  };
  if (leaves(location) || /^[A-Za-z]:|^[\\/]|\0/.test(location) || location.split(/[\\/]/).includes("..")) refuse();
  try {
    const file = realpathSync(join(folder, location));
    return leaves(relative(realpathSync(folder), file)) ? refuse() : file;
  } catch (error) {
    if (!(error instanceof Error && "code" in error)) throw error;
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return null;
    throw problem("B108", `The external data file "${location}" cannot be read (${String(error.code)}).`, at);
  }
}

/** A part of a file that a tensor was read from. */
interface ReadRange {
  readonly start: number;
  readonly end: number;
  /** Held no longer than the tensors that view it. */
  readonly bytes: WeakRef<Uint8Array>;
}

/**
 * The files beside a model that its tensors stand in. Each tensor is read by itself, straight into its own bytes; tensors
 * of the same range share them, and ranges that overlap otherwise are refused, so that no more is read than there is.
 */
export class ExternalFiles {
  readonly #folder: string | null;
  /** By file, in the order of their starts. */
  readonly #ranges = new Map<string, ReadRange[]>();

  /** `folder`: that of the model; null when the model has none. */
  constructor(folder: string | null) {
    this.#folder = folder;
  }

  /**
   * The bytes of a tensor whose elements stand in another file; null when the file does not exist. Throws B108 for a
   * range outside the file or across another one, B115 for a wrong byte count, and B116 for a path outside the folder.
   */
  read(proto: TensorProto, type: TensorType, at: Location): Uint8Array | null {
    const { location, offsetBytes, lengthBytes } = entryOf(proto, at);
    if (this.#folder === null) return null;
    const file = resolveLocation(this.#folder, location, at);
    if (file === null) return null;
    const byteCount = lengthBytes ?? packedBytes(type.element, elementCount(type));
    if (!statSync(file).isFile())
      throw problem("B108", `External data stand at "${location}", which is not a file.`, at);
    const source = fileSource(file);
    const end = offsetBytes + byteCount;
    if (end > source.sizeBytes) {
      throw problem(
        "B108",
        `Bytes ${offsetBytes} to ${end} of "${location}" were asked for; the file has ${source.sizeBytes}.`,
        at,
      );
    }
    checkByteCount(type, byteCount, at);
    return byteCount === 0 ? new Uint8Array(0) : this.#readRange(file, source, offsetBytes, end, location, at);
  }

  #readRange(file: string, source: ByteSource, start: number, end: number, location: string, at: Location): Uint8Array {
    const ranges = this.#ranges.get(file) ?? [];
    this.#ranges.set(file, ranges);
    let [low, high] = [0, ranges.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((ranges[middle] as ReadRange).start < start) low = middle + 1;
      else high = middle;
    }
    const next = ranges[low];
    const isSame = next?.start === start && next.end === end;
    const shared = isSame ? next.bytes.deref() : undefined;
    if (shared !== undefined) return shared;
    const across = [ranges[low - 1], isSame ? undefined : next].find(
      (range) => range !== undefined && range.start < end && start < range.end,
    );
    if (across !== undefined) {
      throw problem(
        "B108",
        `Bytes ${start} to ${end} of "${location}" overlap bytes ${across.start} to ${across.end}, which another tensor has.`,
        at,
      );
    }
    const bytes = source.read(start, end - start);
    ranges.splice(low, isSame ? 1 : 0, { start, end, bytes: new WeakRef(bytes) });
    return bytes;
  }
}

/** The path that the external data of a tensor name. */
export function externalLocation(proto: TensorProto): string {
  return proto.externalData?.find(({ key }) => key === "location")?.value ?? "";
}
