import { createHash } from "node:crypto";
import { makeRandom } from "../base/random.ts";
import type { Constant } from "./graph.ts";
import { type Cursor, describeToken, readList } from "./graph-text-cursor.ts";
import type { Token } from "./graph-text-lexer.ts";
import { elementsOf, tensorNumbers } from "./ops/values.ts";
import { allocateData, type TensorData, viewData } from "./tensor.ts";
import {
  type ElementType,
  elementCount,
  elementTypes,
  integerRange,
  isFloat,
  type TensorType,
  tensorType,
} from "./type.ts";

/** Constants of more elements than this are printed by their checksum when weights are printed by reference. */
const inlineLimit = 16;

/** What stands between the braces of a constant, as read; it becomes data once the type is known. */
export interface Payload {
  readonly kind: "values" | "splat" | "seed" | "data" | "absent";
  /** The first token, for messages. */
  readonly at: Token;
  readonly items: readonly Token[];
  readonly source: Constant["source"];
}

/** The lowercase hexadecimal SHA-256 of a constant's bytes, little-endian, row-major. */
export function dataChecksum(data: TensorData): string {
  return createHash("sha256")
    .update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    .digest("hex");
}

/** Prints what stands between the braces of a constant. */
export function formatPayload(constant: Constant, weights: "inline" | "reference"): string {
  const { data, source, type } = constant;
  if (data === null) return source === "absent" ? "absent" : `absent, source="${source}"`;
  const label = source === "model" ? "" : `, source="${source}"`;
  const first = data[0];
  if (data.length > 1 && data.every((value: number | bigint) => value === first && Object.is(value, first))) {
    return `splat=${formatElements(type, data.subarray(0, 1))[0]}${label}`;
  }
  if (weights === "reference" && data.length > inlineLimit) return `data="sha256:${dataChecksum(data)}"${label}`;
  return `values=[${formatElements(type, data).join(",")}]${label}`;
}

function formatElements({ element }: TensorType, data: TensorData): string[] {
  if (!isFloat(element)) return Array.from(data, String);
  const numbers = tensorNumbers({ type: tensorType(element, [data.length]), data });
  return Array.from(numbers, (value, index) =>
    Number.isNaN(value) ? formatBits(data, index) : formatNumber(fewestDigits(element, value)),
  );
}

/** The bits of a NaN, of which there are many. */
function formatBits(data: TensorData, index: number): string {
  const width = data.BYTES_PER_ELEMENT;
  const bytes = new Uint8Array(data.buffer, data.byteOffset + index * width, width);
  const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).reverse();
  return `0x${digits.join("")}`;
}

/** A number of few decimal digits that is stored alike: n bits of mantissa need at most ⌈1 + n·log10 2⌉. */
function fewestDigits(element: ElementType, value: number): number {
  if (element === "f64" || value === 0) return value;
  if (element !== "f32") return Number(value.toPrecision(element === "f16" ? 5 : 4));
  for (let digits = 6; digits < 9; digits += 1) {
    const candidate = Number(value.toPrecision(digits));
    if (Object.is(Math.fround(candidate), value)) return candidate;
  }
  return Number(value.toPrecision(9));
}

/** Prints a number so that it reads back as the same number; −0 keeps its sign. */
export function formatNumber(value: number): string {
  return Object.is(value, -0) ? "-0" : String(value);
}

/** Reads what stands between the braces of a constant; the opening brace was consumed before. */
export function readPayload(cursor: Cursor): Payload {
  const at = cursor.peek();
  let source: Constant["source"] | null = null;
  let kind: Payload["kind"] | null = null;
  let items: Token[] = [];
  readList(cursor, "}", () => {
    const key = cursor.expectKind(["word"], "values, splat, seed, data, absent or source");
    if (key.text === "absent") {
      kind = "absent";
      return;
    }
    cursor.expect("=");
    if (key.text === "source") {
      const token = cursor.expectKind(["string"], "a source");
      if (token.text !== "model" && token.text !== "random" && token.text !== "absent") {
        cursor.refuse(token, `found source ${describeToken(token)}, expected "model", "random" or "absent".`);
      }
      source = token.text as Constant["source"];
      return;
    }
    if (!isPayloadKey(key.text)) {
      return cursor.refuse(key, `found ${describeToken(key)}, expected values, splat, seed, data, absent or source.`);
    }
    kind = key.text;
    if (kind === "values") {
      cursor.expect("[");
      items = readList(cursor, "]", () => readElement(cursor));
    } else items = [kind === "data" ? cursor.expectKind(["string"], `a text "sha256:..."`) : readElement(cursor)];
  });
  const found = kind as Payload["kind"] | null;
  if (found === null)
    return cursor.refuse(at, "found a constant without a payload, expected values, splat, seed, data or absent.");
  const natural = found === "absent" ? "absent" : found === "seed" ? "random" : "model";
  return { kind: found, at, items, source: source ?? natural };
}

function isPayloadKey(text: string): text is "values" | "splat" | "seed" | "data" {
  return text === "values" || text === "splat" || text === "seed" || text === "data";
}

function readElement(cursor: Cursor): Token {
  const token = cursor.peek();
  if (token.kind === "word" && (token.text === "NaN" || token.text === "Infinity")) return cursor.next();
  return cursor.expectKind(["number"], "a number");
}

/** The data of a constant; null when it is absent. Throws B201 when the payload does not fit the type. */
export function payloadData(
  payload: Payload,
  type: TensorType,
  constants: ReadonlyMap<string, Uint8Array>,
  cursor: Cursor,
): TensorData | null {
  const count = elementCount(type);
  const { element } = type;
  const first = payload.items[0] as Token;
  switch (payload.kind) {
    case "absent":
      return null;
    case "values":
      if (payload.items.length !== count) {
        cursor.refuse(
          payload.at,
          `found ${payload.items.length} values, expected ${count} for shape [${type.shape.join(",")}].`,
        );
      }
      return parseElements(cursor, element, payload.items);
    case "splat": {
      const one = parseElements(cursor, element, [first]);
      const data = allocateData(element, count);
      for (let index = 0; index < count; index += 1) data[index] = one[0] as never;
      return data;
    }
    case "seed":
      return randomData(element, count, Number(first.text));
    case "data": {
      const bytes = constants.get(first.text.replace(/^sha256:/, ""));
      if (bytes === undefined)
        return cursor.refuse(first, `found data ${describeToken(first)}, expected a checksum of the side table.`);
      const data = viewData(element, bytes);
      if (data.length !== count || data.byteLength !== bytes.byteLength) {
        cursor.refuse(first, `found ${bytes.byteLength} bytes of data, expected ${count * data.BYTES_PER_ELEMENT}.`);
      }
      return data;
    }
  }
}

function parseElements(cursor: Cursor, element: ElementType, tokens: readonly Token[]): TensorData {
  if (!isFloat(element)) return parseIntegers(cursor, element, tokens);
  const data = elementsOf(
    element,
    tokens.map((token) => (token.text.startsWith("0x") ? 0 : Number(token.text))),
  );
  const width = data.BYTES_PER_ELEMENT;
  tokens.forEach((token, index) => {
    if (!token.text.startsWith("0x")) return;
    if (token.text.length !== 2 + 2 * width) {
      cursor.refuse(token, `found ${token.text}, expected ${2 * width} hexadecimal digits for ${element}.`);
    }
    const bytes = new Uint8Array(data.buffer, data.byteOffset + index * width, width);
    for (let byte = 0; byte < width; byte += 1) {
      bytes[width - 1 - byte] = Number.parseInt(token.text.slice(2 + 2 * byte, 4 + 2 * byte), 16);
    }
  });
  return data;
}

function parseIntegers(cursor: Cursor, element: ElementType, tokens: readonly Token[]): TensorData {
  const { bits, signed } = elementTypes[element];
  const low = signed ? -(2n ** BigInt(bits - 1)) : 0n;
  const high = element === "bool" ? 1n : low + 2n ** BigInt(bits) - 1n;
  const values = tokens.map((token) => {
    if (!/^-?\d+$/.test(token.text)) cursor.refuse(token, `found ${token.text}, expected an integer for ${element}.`);
    const value = BigInt(token.text);
    if (value < low || value > high)
      cursor.refuse(token, `found ${token.text}, expected ${low} to ${high} for ${element}.`);
    return value;
  });
  const data = allocateData(element, values.length);
  values.forEach((value, index) => {
    data[index] = (bits === 64 ? value : Number(value)) as never;
  });
  return data;
}

/** Normally distributed floats (mean 0, deviation 1), or integers spread over the range of at most 8 bits. */
function randomData(element: ElementType, count: number, seed: number): TensorData {
  const random = makeRandom(seed);
  if (isFloat(element))
    return elementsOf(
      element,
      Array.from({ length: count }, () => random.normal()),
    );
  const { bits, signed } = elementTypes[element];
  const { low, high } = bits <= 8 ? integerRange(element) : { low: signed ? -128 : 0, high: 127 };
  return elementsOf(
    element,
    Array.from({ length: count }, () => random.integer(low, element === "bool" ? 1 : high)),
  );
}
