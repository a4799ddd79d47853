import type { Affine } from "./instruction.ts";

/** A value in a listing: a number, a word or text, a list, a record, or a field that varies over cores and turns. */
export type ListingValue =
  | null
  | boolean
  | number
  | string
  | Affine
  | readonly ListingValue[]
  | { readonly [key: string]: ListingValue };

/** Why a line of a listing cannot be read, with the 1-based column. */
export class ListingError extends Error {
  readonly column: number;

  constructor(message: string, column: number) {
    super(message);
    this.name = "ListingError";
    this.column = column;
  }
}

const bareWord = /^[A-Za-z_][A-Za-z0-9_.-]*$/;
const reserved: ReadonlySet<string> = new Set(["true", "false", "null", "inf", "nan"]);

/** Prints a value: `12`, `64+r*16+c*4+t*128`, `i8`, `"a b"`, `[1,2]`, `{a=1 b=[2]}`. */
export function formatValue(value: ListingValue): string {
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "number") return formatNumber(value);
  if (typeof value === "string") return bareWord.test(value) && !reserved.has(value) ? value : JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((item) => formatValue(item as ListingValue)).join(",")}]`;
  if (isAffine(value)) {
    const steps = [
      ["r", value.row],
      ["c", value.column],
      ["t", value.turn],
    ] as const;
    return `${value.base}+${steps
      .filter(([, step]) => step !== 0)
      .map(([name, step]) => `${name}*${step}`)
      .join("+")}`;
  }
  return `{${formatRecord(value as { readonly [key: string]: ListingValue })}}`;
}

/** Prints the entries of a record: `a=1 b=[2]`. */
export function formatRecord(record: { readonly [key: string]: ListingValue }): string {
  return Object.entries(record)
    .map(([key, value]) => `${key}=${formatValue(value)}`)
    .join(" ");
}

function formatNumber(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return "inf";
  if (value === Number.NEGATIVE_INFINITY) return "-inf";
  return Number.isNaN(value) ? "nan" : Object.is(value, -0) ? "-0" : String(value);
}

function isAffine(value: object): value is Affine {
  return "base" in value && "row" in value && "column" in value && "turn" in value;
}

/** Reads the entries of a record until the text ends; throws ListingError. */
export function parseRecord(text: string, start: number): { [key: string]: ListingValue } {
  const reader = new Reader(text, start);
  const record = reader.entries("");
  return record;
}

class Reader {
  readonly #text: string;
  #position: number;

  constructor(text: string, position: number) {
    this.#text = text;
    this.#position = position;
  }

  /** Entries up to the closing character, or to the end of the text when that is empty. */
  entries(close: string): { [key: string]: ListingValue } {
    const record: { [key: string]: ListingValue } = {};
    for (;;) {
      this.#skipSpaces();
      if (close === "" ? this.#position >= this.#text.length : this.#take(close)) return record;
      const key = this.#match(/[A-Za-z_][A-Za-z0-9_]*/y, "a name");
      if (key in record) throw this.#error(`"${key}" stands twice`);
      if (!this.#take("=")) throw this.#error(`expected "=" after "${key}"`);
      record[key] = this.value();
    }
  }

  value(): ListingValue {
    if (this.#take("[")) return this.#list();
    if (this.#take("{")) return this.entries("}");
    const next = this.#text[this.#position] ?? "";
    if (next === '"') return this.#string();
    if (/[-0-9]/.test(next)) return this.#number();
    const word = this.#match(/[A-Za-z_][A-Za-z0-9_.-]*/y, "a value");
    if (word === "true" || word === "false") return word === "true";
    if (word === "inf") return Number.POSITIVE_INFINITY;
    if (word === "nan") return Number.NaN;
    return word === "null" ? null : word;
  }

  #list(): ListingValue[] {
    const items: ListingValue[] = [];
    if (this.#take("]")) return items;
    for (;;) {
      items.push(this.value());
      if (this.#take("]")) return items;
      if (!this.#take(",")) throw this.#error('expected "," or "]"');
    }
  }

  #string(): string {
    const text = this.#match(/"(?:[^"\\]|\\.)*"/y, "a closed text");
    try {
      return JSON.parse(text) as string;
    } catch {
      throw this.#error(`${text} is not a JSON text`);
    }
  }

  #number(): ListingValue {
    if (this.#take("-inf")) return Number.NEGATIVE_INFINITY;
    const base = Number(this.#match(/-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?/y, "a number"));
    const steps = { r: 0, c: 0, t: 0 };
    let varies = false;
    while (this.#text[this.#position] === "+") {
      const [, name, step] =
        /^\+([rct])\*(-?[0-9.]+)$/.exec(this.#match(/\+[rct]\*-?[0-9]+(?:\.[0-9]+)?/y, "a step")) ?? [];
      steps[name as "r" | "c" | "t"] = Number(step);
      varies = true;
    }
    return varies ? { base, row: steps.r, column: steps.c, turn: steps.t } : base;
  }

  #match(pattern: RegExp, expected: string): string {
    pattern.lastIndex = this.#position;
    const match = pattern.exec(this.#text);
    if (match === null) throw this.#error(`expected ${expected}`);
    this.#position = pattern.lastIndex;
    return match[0];
  }

  #take(text: string): boolean {
    if (!this.#text.startsWith(text, this.#position)) return false;
    this.#position += text.length;
    return true;
  }

  #skipSpaces(): void {
    while (this.#text[this.#position] === " ") this.#position += 1;
  }

  #error(message: string): ListingError {
    const found = this.#text.slice(this.#position, this.#position + 12);
    return new ListingError(
      `${message}, found ${found === "" ? "the end of the line" : JSON.stringify(found)}`,
      this.#position + 1,
    );
  }
}
