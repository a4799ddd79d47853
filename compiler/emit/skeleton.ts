import type { Affine, Field, SimpleInstruction } from "../../ir/instruction.ts";
import type { SequenceIndex } from "./sequence-index.ts";

/** Plain data: objects, arrays, texts, numbers, null. */
type PlainData = null | boolean | number | string | readonly PlainData[] | { readonly [key: string]: PlainData };

/** Names of the fields that may differ over cores and turns; every other number must be equal. */
const affineFields: ReadonlySet<string> = new Set([
  "address",
  "row",
  "column",
  "partial",
  "bias",
  "source",
  "destination",
  "offset",
]);

/** Data taken apart into what must be equal (the number of its shape, by a `SequenceIndex`) and the numbers that may be affine. */
export interface Skeleton {
  readonly shape: number;
  readonly numbers: readonly number[];
}

/** What stands for a number that may be affine, and around lists and records. */
const [varies, listBegin, listEnd, recordBegin, recordEnd] = [
  Symbol("#"),
  Symbol("["),
  Symbol("]"),
  Symbol("{"),
  Symbol("}"),
];

/** Takes an instruction, or other plain data, apart. Its fields must be plain numbers still. */
export function skeletonOf(data: object, shapes: SequenceIndex): Skeleton {
  const numbers: number[] = [];
  return { shape: shapeOf(0, data as PlainData, numbers, shapes), numbers };
}

/** The shape that begins like `begun` and goes on with a value; the numbers in it that may be affine are added to `numbers`. */
function shapeOf(begun: number, value: PlainData, numbers: number[], shapes: SequenceIndex): number {
  if (typeof value !== "object" || value === null) return shapes.and(begun, value);
  let shape = begun;
  if (Array.isArray(value)) {
    shape = shapes.and(shape, listBegin);
    for (let index = 0; index < value.length; index += 1) {
      shape = shapeOf(shape, value[index] as PlainData, numbers, shapes);
    }
    return shapes.and(shape, listEnd);
  }
  const record = value as { readonly [key: string]: PlainData };
  shape = shapes.and(shape, recordBegin);
  for (const key in record) {
    const item = record[key] as PlainData;
    shape = shapes.and(shape, key);
    if (typeof item === "number" && affineFields.has(key)) {
      numbers.push(item);
      shape = shapes.and(shape, varies);
    } else shape = shapeOf(shape, item, numbers, shapes);
  }
  return shapes.and(shape, recordEnd);
}

/** Puts fields in the place of the numbers that `skeletonOf` took out, in the same order. */
export function withFields<T extends object>(data: T, fields: readonly Field[]): T {
  let position = 0;
  const walk = (value: PlainData, key: string): PlainData => {
    if (typeof value === "number") {
      if (!affineFields.has(key)) return value;
      const field = fields[position] as Field;
      position += 1;
      return field as PlainData;
    }
    if (value === null || typeof value !== "object") return value;
    if (Array.isArray(value)) {
      // A list of plain numbers stays as it is.
      if (typeof value[0] !== "object") return value;
      return value.map((item) => walk(item as PlainData, ""));
    }
    const result: { [key: string]: PlainData } = {};
    const record = value as { readonly [key: string]: PlainData };
    for (const name in record) result[name] = walk(record[name] as PlainData, name);
    return result;
  };
  return walk(data as unknown as PlainData, "") as unknown as T;
}

/** A field, plain when nothing varies. */
export function affine(base: number, row: number, column: number, turn: number): Field {
  if (row === 0 && column === 0 && turn === 0) return base;
  const field: Affine = { base, row, column, turn };
  return field;
}

/** The skeleton of an instruction, and an instruction of the same shape, whose own numbers may be others. */
export interface Described extends Skeleton {
  readonly example: SimpleInstruction;
}

/** Describes an instruction; shapes can be compared that the same index has numbered. */
export function described(instruction: SimpleInstruction, shapes: SequenceIndex): Described {
  const { shape, numbers } = skeletonOf(instruction, shapes);
  return { example: instruction, shape, numbers };
}
