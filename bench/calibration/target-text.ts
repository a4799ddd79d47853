import { isMap, isScalar, parseDocument } from "yaml";

/** A replacement of part of a text. */
interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** The scalar at a path of a YAML text: where its text stands. Throws for none. */
function placeOf(text: string, path: readonly string[]): readonly [start: number, end: number] | null {
  let node: unknown = parseDocument(text).contents;
  for (const name of path) node = isMap(node) ? node.get(name, true) : undefined;
  return isScalar(node) && node.range ? [node.range[0], node.range[1]] : null;
}

function applied(text: string, edits: readonly Edit[]): string {
  return edits
    .toSorted((a, b) => b.start - a.start)
    .reduce((result, { start, end, text: part }) => result.slice(0, start) + part + result.slice(end), text);
}

/** A number in at most three figures, as a target file has it. */
export function rounded(value: number): number {
  return Number(value.toPrecision(3));
}

/** A target file before calibration: the value of every number that has a prior is that again. */
export function withPriors(text: string, paths: readonly string[]): string {
  return paths.reduce((current, path) => {
    const names = path.split(".");
    const prior = placeOf(current, [...names, "prior"]);
    const value = placeOf(current, [...names, "value"]);
    if (prior === null || value === null) return current;
    const line = current.lastIndexOf("\n", prior[0]) + 1;
    return applied(current, [
      { start: value[0], end: value[1], text: current.slice(...prior) },
      { start: line, end: current.indexOf("\n", prior[1]) + 1, text: "" },
    ]);
  }, text);
}

/** A target file before calibration with other values: each number that changes keeps its old one as `prior`. Layout and comments stay. */
export function withFit(text: string, fit: ReadonlyMap<string, number>): string {
  const edits = [...fit].flatMap(([path, value]): Edit[] => {
    const place = placeOf(text, [...path.split("."), "value"]);
    if (place === null) throw new Error(`${path} is no number of the target file`);
    const prior = text.slice(...place);
    if (Number(prior) === value) return [];
    const line = text.lastIndexOf("\n", place[0]) + 1;
    const indent = /^ */.exec(text.slice(line))?.[0] ?? "";
    const end = text.indexOf("\n", place[1]) + 1;
    return [
      { start: place[0], end: place[1], text: String(value) },
      { start: end, end, text: `${indent}prior: ${prior}\n` },
    ];
  });
  return applied(text, edits);
}

const recordStart = "# Calibration: ";

/** A target file with a record of its calibration as the last lines of the comment at its head; an older record is replaced. */
export function withRecord(text: string, record: readonly string[]): string {
  const head = text.indexOf("\nkind:");
  const comment = text.slice(0, head).split("\n");
  const old = comment.findIndex((line) => line.startsWith(recordStart));
  const kept = old < 0 ? comment : comment.slice(0, old);
  const lines = record.map((line, index) => `${index === 0 ? recordStart : "# "}${line}`);
  return [...kept, ...lines].join("\n") + text.slice(head);
}
