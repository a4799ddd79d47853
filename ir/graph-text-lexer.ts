import type { Location, Problem } from "../base/errors.ts";

/** A piece of `.bir` text. `value` is a name after a percent sign; `text` of quoted pieces is what they stand for. */
export interface Token {
  readonly kind: "word" | "value" | "number" | "string" | "mark" | "end";
  readonly text: string;
  /** 1-based. */
  readonly line: number;
  /** 1-based. */
  readonly column: number;
}

const pattern =
  /(?<space>[ \t\r\n]+|\/\/[^\n]*)|%(?:(?<value>[\w.]+)|(?<quotedValue>"(?:[^"\\\n]|\\.)*"))|(?<string>"(?:[^"\\\n]|\\.)*")|(?<number>-?(?:0x[0-9a-fA-F]+|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|Infinity\b))|(?<word>[A-Za-z_][\w.]*)|(?<mark>[(){}[\]<>=:,@])/y;

/** Cuts `.bir` text into tokens, the last of kind "end"; characters that fit nowhere are reported in `problems`. */
export function tokenize(text: string, file: string | undefined, problems: Problem[]): Token[] {
  const tokens: Token[] = [];
  const matcher = new RegExp(pattern);
  let line = 1;
  let lineStart = 0;
  let offset = 0;
  const add = (kind: Token["kind"], content: string): void => {
    tokens.push({ kind, text: content, line, column: offset - lineStart + 1 });
  };
  const report = (message: string): void => {
    problems.push({ code: "B201", message, at: positionOf({ line, column: offset - lineStart + 1 }, file) });
  };
  while (offset < text.length) {
    matcher.lastIndex = offset;
    const match = matcher.exec(text);
    if (match === null) {
      report(
        `found character ${JSON.stringify(text[offset])}, expected a name, a number, a text or a punctuation mark.`,
      );
      offset += 1;
      continue;
    }
    const { value, quotedValue, string, number, word, mark } = match.groups ?? {};
    const quoted = quotedValue ?? string;
    if (quoted !== undefined) {
      const content = unquote(quoted);
      if (content === null) report(`found ${quoted}, expected a text with JSON's escapes.`);
      add(quotedValue === undefined ? "string" : "value", content ?? "");
    } else if (value !== undefined) add("value", value);
    else if (number !== undefined) add("number", number);
    else if (word !== undefined) add("word", word);
    else if (mark !== undefined) add("mark", mark);
    const piece = match[0];
    for (let index = piece.indexOf("\n"); index >= 0; index = piece.indexOf("\n", index + 1)) {
      line += 1;
      lineStart = offset + index + 1;
    }
    offset += piece.length;
  }
  add("end", "the end of the text");
  return tokens;
}

/** A place in a text, with the file's name when there is one. */
export function positionOf(
  place: { readonly line: number; readonly column: number },
  file: string | undefined,
): Location {
  const { line, column } = place;
  return file === undefined ? { line, column } : { file, line, column };
}

function unquote(quoted: string): string | null {
  try {
    return JSON.parse(quoted) as string;
  } catch {
    return null;
  }
}
