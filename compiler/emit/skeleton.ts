import type { Affine, Field, SimpleInstruction } from "../../ir/instruction.ts";

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

/** Data taken apart into what must be equal (`shape`) and the numbers that may be affine. */
export interface Skeleton {
  readonly shape: string;
  readonly numbers: readonly number[];
}

/** Takes an instruction, or other plain data, apart. Its fields must be plain numbers still. */
export function skeletonOf(data: object): Skeleton {
  const numbers: number[] = [];
  const shape = walkRecord(data as { readonly [key: string]: PlainData }, numbers);
  return { shape, numbers };
}

function walkRecord(record: { readonly [key: string]: PlainData }, numbers: number[]): string {
  let text = "";
  for (const key in record) {
    const value = record[key] as PlainData;
    if (typeof value === "number") {
      if (affineFields.has(key)) {
        numbers.push(value);
        text += `${key}#`;
      } else text += `${key}${value},`;
    } else if (typeof value === "string") text += `${key}"${value}"`;
    else if (Array.isArray(value)) text += `${key}${walkList(value, numbers)}`;
    else if (typeof value === "object" && value !== null) {
      text += `${key}{${walkRecord(value as { readonly [key: string]: PlainData }, numbers)}}`;
    } else text += `${key}${value}`;
  }
  return text;
}

function walkList(list: readonly PlainData[], numbers: number[]): string {
  let text = "[";
  for (let index = 0; index < list.length; index += 1) {
    const item = list[index] as PlainData;
    text +=
      typeof item === "object" && item !== null
        ? `{${walkRecord(item as { readonly [key: string]: PlainData }, numbers)}}`
        : `${item},`;
  }
  return `${text}]`;
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
    if (Array.isArray(value)) return value.map((item) => walk(item as PlainData, ""));
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

/** An instruction with its skeleton. */
export interface Described {
  readonly instruction: SimpleInstruction;
  readonly skeleton: Skeleton;
}

/** Describes instructions. */
export function describe(list: readonly SimpleInstruction[]): Described[] {
  return list.map((instruction) => ({ instruction, skeleton: skeletonOf(instruction) }));
}
