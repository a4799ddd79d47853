import { at } from "../../base/math.ts";
import type { Affine, Field, Rectangle } from "../../ir/instruction.ts";

/** A value whose numbers are to be written as affine fields. Plain data: objects, arrays, texts, numbers, null. */
export type PlainData = null | boolean | number | string | readonly PlainData[] | { readonly [key: string]: PlainData };

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

/** Data taken apart: its shape as text, with a mark for each number that may vary, and those numbers. */
export interface Skeleton {
  readonly shape: string;
  readonly numbers: readonly number[];
}

/** Takes data apart into what must be equal and what may be affine. */
export function skeletonOf(data: PlainData): Skeleton {
  const numbers: number[] = [];
  const walk = (value: PlainData, variable: boolean): string => {
    if (typeof value === "number") {
      if (!variable) return String(value);
      numbers.push(value);
      return "#";
    }
    if (variable && isAffine(value)) {
      numbers.push(value.base);
      return `#${value.turn}`;
    }
    if (value === null || typeof value !== "object") return JSON.stringify(value);
    if (Array.isArray(value)) return `[${value.map((item) => walk(item as PlainData, false)).join()}]`;
    let text = "{";
    for (const [key, item] of Object.entries(value as { [key: string]: PlainData })) {
      text += `${key}:${walk(item, affineFields.has(key))},`;
    }
    return `${text}}`;
  };
  return { shape: walk(data, false), numbers };
}

function isAffine(value: unknown): value is Affine {
  return typeof value === "object" && value !== null && "base" in value && "turn" in value;
}

/** Puts fields in the place of the numbers that `skeletonOf` took out, in the same order. */
export function withFields(data: PlainData, fields: readonly Field[]): PlainData {
  let position = 0;
  const walk = (value: PlainData, variable: boolean): PlainData => {
    if (typeof value === "number") {
      if (!variable) return value;
      const field = at(fields, position);
      position += 1;
      return field as PlainData;
    }
    if (variable && isAffine(value)) {
      const field = at(fields, position);
      position += 1;
      const spread = typeof field === "number" ? { base: field, row: 0, column: 0 } : field;
      return { ...spread, turn: value.turn } as unknown as PlainData;
    }
    if (value === null || typeof value !== "object") return value;
    if (Array.isArray(value)) return value.map((item) => walk(item as PlainData, false));
    const result: { [key: string]: PlainData } = {};
    for (const [key, item] of Object.entries(value as { [key: string]: PlainData })) {
      result[key] = walk(item, affineFields.has(key));
    }
    return result;
  };
  return walk(data, false);
}

/** A class of cores and the one piece of data that stands for all of them. */
export interface AffineClass<T> {
  readonly cores: Rectangle;
  readonly data: T;
}

/**
 * Groups cores whose data differ only by fields that are affine in (row, column) into rectangles. `byCore` holds null
 * for cores without data. The data of each core must be a fresh value, without affine fields yet.
 */
export function affineClasses<T>(byCore: readonly (T | null)[], columns: number): AffineClass<T>[] {
  const rows = byCore.length / columns;
  const cache = new Map<T, Skeleton>();
  const skeletons = byCore.map((data) => {
    if (data === null) return null;
    const known = cache.get(data);
    if (known !== undefined) return known;
    const skeleton = skeletonOf(data as PlainData);
    cache.set(data, skeleton);
    return skeleton;
  });
  const taken = new Array<boolean>(byCore.length).fill(false);
  const classes: AffineClass<T>[] = [];
  for (let core = 0; core < byCore.length; core += 1) {
    const first = skeletons[core];
    if (first === null || first === undefined || taken[core]) continue;
    const row = Math.floor(core / columns);
    const column = core % columns;
    const candidate = (index: number): Skeleton | null => {
      const skeleton = skeletons[index];
      if (skeleton === null || skeleton === undefined || taken[index]) return null;
      return skeleton.shape === first.shape ? skeleton : null;
    };
    const east = column + 1 < columns ? candidate(core + 1) : null;
    const eastSteps = east === null ? [] : difference(east.numbers, first.numbers);
    let width = 1;
    if (east !== null) {
      width = 2;
      while (column + width < columns && follows(candidate(core + width), first.numbers, eastSteps, width)) width += 1;
    }
    const south = row + 1 < rows ? candidate(core + columns) : null;
    const southSteps = south === null ? [] : difference(south.numbers, first.numbers);
    let height = 1;
    if (south !== null) {
      const fits = (down: number): boolean => {
        for (let across = 0; across < width; across += 1) {
          const skeleton = candidate(core + down * columns + across);
          if (skeleton === null) return false;
          for (let index = 0; index < first.numbers.length; index += 1) {
            const expected =
              at(first.numbers, index) + (width > 1 ? across * at(eastSteps, index) : 0) + down * at(southSteps, index);
            if (skeleton.numbers[index] !== expected) return false;
          }
        }
        return true;
      };
      while (row + height < rows && fits(height)) height += 1;
    }
    for (let down = 0; down < height; down += 1) {
      for (let across = 0; across < width; across += 1) taken[core + down * columns + across] = true;
    }
    const fields = first.numbers.map((base, index) =>
      affine(base, height > 1 ? at(southSteps, index) : 0, width > 1 ? at(eastSteps, index) : 0, 0),
    );
    classes.push({
      cores: { row, column, rows: height, columns: width },
      data: withFields(byCore[core] as PlainData, fields) as T,
    });
  }
  return classes;
}

/** A field, plain when nothing varies. */
export function affine(base: number, row: number, column: number, turn: number): Field {
  if (row === 0 && column === 0 && turn === 0) return base;
  const field: Affine = { base, row, column, turn };
  return field;
}

function difference(left: readonly number[], right: readonly number[]): number[] {
  return left.map((value, index) => value - at(right, index));
}

function follows(skeleton: Skeleton | null, base: readonly number[], steps: readonly number[], times: number): boolean {
  if (skeleton === null) return false;
  return skeleton.numbers.every((value, index) => value === at(base, index) + times * at(steps, index));
}
