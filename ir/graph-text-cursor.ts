import { BorealError, type Problem } from "../base/errors.ts";
import { positionOf, type Token } from "./graph-text-lexer.ts";
import { type ElementType, elementTypes, type Quantization, type TensorType, tensorType } from "./type.ts";

/** Reads tokens one after the other; every reader throws B201 with what was found and what was expected. */
export interface Cursor {
  /** The next token, not consumed. */
  peek(): Token;
  /** Consumes the next token. */
  next(): Token;
  /** Whether the next token is the given punctuation mark or word; consumes it when it is. */
  accept(text: string): boolean;
  /** Consumes the given punctuation mark or word. */
  expect(text: string): Token;
  /** Consumes a token of one of the kinds; `wanted` says in the message what it should have been. */
  expectKind(kinds: readonly Token["kind"][], wanted: string): Token;
  /** The line of the token that was consumed last; 0 before the first. */
  previousLine(): number;
  /** Throws B201 at the token. */
  refuse(token: Token, message: string): never;
}

/** Makes a cursor at the first token. */
export function makeCursor(tokens: readonly Token[], file: string | undefined): Cursor {
  let position = 0;
  const peek = (): Token => tokens[Math.min(position, tokens.length - 1)] as Token;
  const next = (): Token => {
    const token = peek();
    position += 1;
    return token;
  };
  const isText = (token: Token, text: string): boolean =>
    (token.kind === "mark" || token.kind === "word") && token.text === text;
  const refuse = (token: Token, message: string): never => {
    throw new BorealError([{ code: "B201", message, at: positionOf(token, file) }]);
  };
  return {
    peek,
    next,
    refuse,
    previousLine: () => tokens[position - 1]?.line ?? 0,
    accept: (text) => {
      if (!isText(peek(), text)) return false;
      next();
      return true;
    },
    expect: (text) => {
      if (!isText(peek(), text)) refuse(peek(), `found ${describeToken(peek())}, expected "${text}".`);
      return next();
    },
    expectKind: (kinds, wanted) => {
      if (!kinds.includes(peek().kind)) refuse(peek(), `found ${describeToken(peek())}, expected ${wanted}.`);
      return next();
    },
  };
}

/** A token as a message shows it. */
export function describeToken(token: Token): string {
  if (token.kind === "end") return token.text;
  if (token.kind === "value") return `%${token.text}`;
  return JSON.stringify(token.text);
}

/** Runs a reader; problems that it throws are collected instead, and null is the answer. */
export function attempt<T>(problems: Problem[], reader: () => T): T | null {
  try {
    return reader();
  } catch (error) {
    if (!(error instanceof BorealError)) throw error;
    problems.push(...error.problems);
    return null;
  }
}

/** Reads items separated by commas up to the closing mark, which is consumed; the opening mark was consumed before. */
export function readList<T>(cursor: Cursor, close: string, item: () => T): T[] {
  const items: T[] = [];
  if (cursor.accept(close)) return items;
  do items.push(item());
  while (cursor.accept(","));
  cursor.expect(close);
  return items;
}

/** Reads a number, infinities and NaN included. */
export function readNumber(cursor: Cursor): number {
  if (cursor.accept("NaN")) return Number.NaN;
  if (cursor.accept("Infinity")) return Number.POSITIVE_INFINITY;
  return Number(cursor.expectKind(["number"], "a number").text);
}

/** Reads a number or a bracketed list of numbers. */
export function readNumbers(cursor: Cursor): number | number[] {
  return cursor.accept("[") ? readList(cursor, "]", () => readNumber(cursor)) : readNumber(cursor);
}

/** Reads a type: `f32[1,4]`, `i8<axis=0, scale=[0.1,0.2], zero=0>[2,3]`. */
export function readType(cursor: Cursor): TensorType {
  const token = cursor.expectKind(["word"], "an element type");
  if (!Object.hasOwn(elementTypes, token.text)) {
    cursor.refuse(
      token,
      `found ${describeToken(token)}, expected an element type (${Object.keys(elementTypes).join(" ")}).`,
    );
  }
  let axis: number | null = null;
  let scales: number | number[] | null = null;
  let zeros: number | number[] = 0;
  if (cursor.accept("<")) {
    if (cursor.accept("axis")) {
      cursor.expect("=");
      axis = readNumber(cursor);
      cursor.expect(",");
    }
    cursor.expect("scale");
    cursor.expect("=");
    scales = readNumbers(cursor);
    if (cursor.accept(",")) {
      cursor.expect("zero");
      cursor.expect("=");
      zeros = readNumbers(cursor);
    }
    cursor.expect(">");
  }
  cursor.expect("[");
  const shape = readList(cursor, "]", () => readNumber(cursor));
  return tensorType(token.text as ElementType, shape, readQuantization(axis, scales, zeros));
}

function readQuantization(
  axis: number | null,
  scale: number | readonly number[] | null,
  zero: number | readonly number[],
): Quantization | null {
  if (scale === null) return null;
  const scales = typeof scale === "number" ? [scale] : scale;
  return { axis, scales, zeros: typeof zero === "number" ? scales.map(() => zero) : zero };
}
