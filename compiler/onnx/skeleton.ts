import type protobuf from "protobufjs/light.js";
import { type Location, problem } from "../../base/errors.ts";
import { type ByteSource, ByteWindow } from "./byte-source.ts";
import { limits } from "./limits.ts";

/**
 * The field of TensorProto that stands for data that stay in the file: the data's field number, offset and length. No
 * ONNX field has this number (the greatest that protobuf has); one that a file brings is dropped.
 */
export const storedField = 2 ** 29 - 1;

/** A replacement of bytes start…end of the source. */
interface Edit {
  readonly start: number;
  readonly end: number;
  readonly replacement: readonly number[];
}

const dataFieldNames = ["rawData", "floatData", "doubleData", "int32Data", "int64Data", "uint64Data"];

const fixedBytes: Readonly<Record<string, number>> = { float: 4, double: 8 };

/** What the walk does with a field. */
interface FieldPlan {
  /** The message within, or null for a scalar, text or bytes. */
  readonly message: protobuf.Type | null;
  readonly isTensorData: boolean;
  /** The least bytes of an element where its bytes may be a packed list; 0 where they may not. */
  readonly elementBytes: number;
}

/**
 * A model without the large data of its tensors: in their place stand references into the source, in `storedField`. Reads
 * the source in windows, skips large data, and refuses what is damaged (B102) or beyond the limits (B117) before anything
 * is decoded.
 */
export function readSkeleton(source: ByteSource, model: protobuf.Type, at: Location): Uint8Array {
  const scanner = new Scanner(source, at);
  const removed = scanner.message(model, 0, source.sizeBytes, 0);
  const sizeBytes = source.sizeBytes - removed;
  if (sizeBytes > limits.skeletonBytes) {
    throw problem(
      "B117",
      `The model has ${sizeBytes} bytes beside its large tensors; at most ${limits.skeletonBytes} are accepted.`,
      at,
    );
  }
  return applyEdits(source, scanner.edits, sizeBytes);
}

function applyEdits(source: ByteSource, edits: readonly Edit[], sizeBytes: number): Uint8Array {
  const skeleton = new Uint8Array(sizeBytes);
  let [from, to] = [0, 0];
  const copyUntil = (end: number): void => {
    source.readInto(skeleton.subarray(to, to + end - from), from);
    to += end - from;
  };
  for (const { start, end, replacement } of edits) {
    copyUntil(start);
    skeleton.set(replacement, to);
    to += replacement.length;
    from = end;
  }
  copyUntil(source.sizeBytes);
  return skeleton;
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) + 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes.push(rest);
  return bytes;
}

/** One walk over the messages of a model, by its schema. */
class Scanner {
  readonly edits: Edit[] = [];
  readonly #source: ByteSource;
  readonly #window: ByteWindow;
  readonly #at: Location;
  readonly #plans = new Map<protobuf.Type, Map<number, FieldPlan>>();
  #entryCount = 0;
  #offset = 0;

  constructor(source: ByteSource, at: Location) {
    this.#source = source;
    this.#window = new ByteWindow(source);
    this.#at = at;
  }

  /** Walks over a message at start…end and returns how many bytes its edits take away. */
  message(type: protobuf.Type, start: number, end: number, depth: number): number {
    if (depth > limits.nestedMessages) {
      throw problem("B117", `Messages are nested deeper than ${limits.nestedMessages}.`, { ...this.#at, byte: start });
    }
    this.#count(1, start);
    const plans = this.#plansOf(type);
    let removed = 0;
    this.#offset = start;
    while (this.#offset < end) {
      const fieldStart = this.#offset;
      const tag = this.#varint(end);
      const [number, wireType] = [Math.floor(tag / 8), tag % 8];
      if (number === 0 || number >= 2 ** 29) this.#refuse(fieldStart, `illegal field number ${number}`);
      const plan = plans.get(number);
      if (wireType === 2) {
        removed += this.#delimited(number, plan, fieldStart, end, depth);
      } else {
        this.#skipScalar(wireType, fieldStart, end);
        if (plan === undefined || plan.elementBytes > 0) this.#count(1, fieldStart);
        if (number === storedField) removed += this.#replace(fieldStart, this.#offset, []);
      }
    }
    return removed;
  }

  /** A field with a length: walks into messages, cuts large tensor data out, skips all else. */
  #delimited(number: number, plan: FieldPlan | undefined, fieldStart: number, end: number, depth: number): number {
    const lengthStart = this.#offset;
    const length = this.#varint(end);
    const start = this.#offset;
    if (length > end - start) {
      this.#refuse(fieldStart, `${length} bytes are announced, ${end - start} are left`, this.#source.sizeBytes);
    }
    const next = start + length;
    let removed = 0;
    if (plan === undefined) {
      this.#count(1, fieldStart);
      if (number === storedField) removed = this.#replace(fieldStart, next, []);
    } else if (plan.message !== null) {
      const place = this.edits.length;
      const inner = this.message(plan.message, start, next, depth + 1);
      if (inner > 0) {
        const replacement = varint(length - inner);
        this.edits.splice(place, 0, { start: lengthStart, end: start, replacement });
        removed = inner + (start - lengthStart) - replacement.length;
      }
    } else if (plan.isTensorData && length > limits.inlineDataBytes) {
      const numbers = [number, start, length].flatMap(varint);
      removed = this.#replace(fieldStart, next, [...varint(storedField * 8 + 2), numbers.length, ...numbers]);
    } else {
      this.#count(plan.elementBytes === 0 ? 1 : length / plan.elementBytes, fieldStart);
    }
    this.#offset = next;
    return removed;
  }

  #replace(start: number, end: number, replacement: readonly number[]): number {
    this.edits.push({ start, end, replacement });
    return end - start - replacement.length;
  }

  #skipScalar(wireType: number, fieldStart: number, end: number): void {
    if (wireType === 0) this.#varint(end);
    else if (wireType === 1) this.#offset += 8;
    else if (wireType === 5) this.#offset += 4;
    else this.#refuse(fieldStart, `invalid wire type ${wireType}`);
    if (this.#offset > end) this.#refuse(fieldStart, "the message ends within a number", end);
  }

  /** A variable-length number before `end`; beyond 2^53 only its magnitude is right. */
  #varint(end: number): number {
    const start = this.#offset;
    let [value, factor] = [0, 1];
    for (;;) {
      if (this.#offset >= end) this.#refuse(start, "the message ends within a number", end);
      const byte = this.#window.byte(this.#offset);
      this.#offset += 1;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
      factor *= 0x80;
      if (this.#offset - start >= 10) this.#refuse(start, "a number has more than 10 bytes");
    }
  }

  #count(entries: number, byte: number): void {
    this.#entryCount += entries;
    if (this.#entryCount <= limits.skeletonEntries) return;
    throw problem(
      "B117",
      `The model has more than ${limits.skeletonEntries} messages and list elements beside its large tensors.`,
      { ...this.#at, byte },
    );
  }

  #refuse(start: number, reason: string, stopped = start): never {
    const byte = Math.min(stopped, this.#source.sizeBytes);
    throw problem(
      "B102",
      `Decoding stopped at byte ${byte} of ${this.#source.sizeBytes} (${reason}); expected a serialized ONNX ModelProto.`,
      { ...this.#at, byte },
    );
  }

  #plansOf(type: protobuf.Type): Map<number, FieldPlan> {
    const known = this.#plans.get(type);
    if (known !== undefined) return known;
    const isTensor = type.name === "TensorProto";
    const plans = new Map(
      type.fieldsArray.map((each): [number, FieldPlan] => {
        const field = each.resolve();
        const message = field.resolvedType !== null && "fields" in field.resolvedType ? field.resolvedType : null;
        const isTensorData = isTensor && dataFieldNames.includes(field.name);
        const isList = field.repeated && message === null && !["string", "bytes"].includes(field.type);
        const elementBytes = isList ? (fixedBytes[field.type] ?? 1) : 0;
        return [field.id, { message, isTensorData, elementBytes }];
      }),
    );
    this.#plans.set(type, plans);
    return plans;
  }
}
