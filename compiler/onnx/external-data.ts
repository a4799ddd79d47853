import { closeSync, fstatSync, openSync, readSync, realpathSync } from "node:fs";
import { isAbsolute, join, relative, sep } from "node:path";
import { type Location, problem } from "../../base/errors.ts";
import { elementCount, packedBytes, type TensorType } from "../../ir/type.ts";
import type { TensorProto } from "./proto-types.ts";

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
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR")) return null;
    throw error;
  }
}

/**
 * Reads the bytes of a tensor whose elements stand in another file, beside the model in `folder`; null when the file
 * does not exist. Throws B108 for a range outside the file and B116 for a path outside the folder.
 */
export function readExternalData(
  proto: TensorProto,
  type: TensorType,
  folder: string | null,
  at: Location,
): Uint8Array | null {
  const { location, offsetBytes, lengthBytes } = entryOf(proto, at);
  if (folder === null) return null;
  const file = resolveLocation(folder, location, at);
  if (file === null) return null;
  const byteCount = lengthBytes ?? packedBytes(type.element, elementCount(type));
  const handle = openSync(file, "r");
  try {
    const status = fstatSync(handle);
    if (!status.isFile()) throw problem("B108", `External data stand at "${location}", which is not a file.`, at);
    if (offsetBytes + byteCount > status.size) {
      throw problem(
        "B108",
        `Bytes ${offsetBytes} to ${offsetBytes + byteCount} of "${location}" were asked for; the file has ${status.size}.`,
        at,
      );
    }
    const bytes = new Uint8Array(byteCount);
    for (let done = 0; done < bytes.length; ) {
      const read = readSync(handle, bytes, done, Math.min(bytes.length - done, 2 ** 30), offsetBytes + done);
      if (read === 0) throw problem("B108", `"${location}" ended at byte ${offsetBytes + done} while it was read.`, at);
      done += read;
    }
    return bytes;
  } finally {
    closeSync(handle);
  }
}

/** The path that the external data of a tensor name. */
export function externalLocation(proto: TensorProto): string {
  return proto.externalData?.find(({ key }) => key === "location")?.value ?? "";
}
