import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, type YAMLMap } from "yaml";
import { BorealError, type Location, type Problem } from "../../base/errors.ts";

/** Reads YAML of a fixed form and collects everything that is wrong with its place; wrong fields read as harmless values. */
export class MappingReader {
  readonly #lines = new LineCounter();
  readonly #file: string;
  readonly #problems: Problem[] = [];
  readonly #root: Node | null;

  /** Throws B402 at once when the text is not YAML. */
  constructor(source: string, file: string) {
    this.#file = file;
    const document = parseDocument(source, { lineCounter: this.#lines, version: "1.2" });
    for (const error of document.errors) {
      const message = (error.message.split(" at line ")[0] as string).trim().replace(/\.?$/, ".");
      this.#problems.push({ code: "B402", message, at: this.#place(error.pos[0]) });
    }
    this.finish();
    this.#root = document.contents;
  }

  /** The fields of the file itself. */
  root(allowed: readonly string[]): Fields {
    return this.#fields(this.#root, allowed, "the file");
  }

  /** Throws all problems, if there are any. */
  finish(): void {
    if (this.#problems.length > 0) throw new BorealError(this.#problems);
  }

  #place(offset: number): Location {
    const { line, col } = this.#lines.linePos(offset);
    return { file: this.#file, line, column: col };
  }

  #report(node: Node | null, message: string): void {
    this.#problems.push({ code: "B402", message, at: this.#place(node?.range?.[0] ?? 0) });
  }

  #fields(node: Node | null, allowed: readonly string[], what: string): Fields {
    if (!isMap(node)) {
      this.#report(node, `Expected ${what} to be a map with the keys ${allowed.join(", ")}.`);
      // Its keys are not missed one by one.
      return new Fields(
        null,
        what,
        () => undefined,
        (inner, keys, name) => this.#fields(inner, keys, name),
      );
    }
    for (const { key } of node.items) {
      const name = isScalar(key) ? sourceText(key) : null;
      if (name === null || !allowed.includes(name)) {
        this.#report(
          isScalar(key) ? key : node,
          `Unknown key ${JSON.stringify(name)} in ${what}; expected one of ${allowed.join(", ")}.`,
        );
      }
    }
    return new Fields(
      node,
      what,
      (place, message) => this.#report(place, message),
      (inner, keys, name) => this.#fields(inner, keys, name),
    );
  }
}

/** A scalar as it was written, so that `1` or `null` may stand as a name; the value itself for quoted text. */
function sourceText(node: { readonly value: unknown; readonly source?: string | undefined }): string {
  return typeof node.value === "string" ? node.value : (node.source ?? String(node.value));
}

/** The fields of one map, read by key. */
export class Fields {
  readonly #node: YAMLMap | null;
  readonly #what: string;
  readonly #report: (node: Node | null, message: string) => void;
  readonly #open: (node: Node | null, allowed: readonly string[], what: string) => Fields;

  constructor(
    node: YAMLMap | null,
    what: string,
    report: (node: Node | null, message: string) => void,
    open: (node: Node | null, allowed: readonly string[], what: string) => Fields,
  ) {
    this.#node = node;
    this.#what = what;
    this.#report = report;
    this.#open = open;
  }

  #find(key: string): Node | null {
    const pair = this.#node?.items.find((item) => isScalar(item.key) && sourceText(item.key) === key);
    return (pair?.value ?? null) as Node | null;
  }

  /** Whether the key stands in the map. */
  has(key: string): boolean {
    return this.#node?.items.some((item) => isScalar(item.key) && sourceText(item.key) === key) ?? false;
  }

  #wrong(key: string, node: Node | null, expected: string): void {
    const missing = !this.has(key);
    this.#report(
      missing ? this.#node : (node ?? this.#node),
      `${missing ? "Missing" : "Wrong"} "${key}" in ${this.#what}; expected ${expected}.`,
    );
  }

  /** A name. */
  text(key: string): string {
    const node = this.#find(key);
    if (isScalar(node)) return sourceText(node);
    this.#wrong(key, node, "a name");
    return "";
  }

  /** One of some words. */
  choice<Word extends string>(key: string, words: readonly Word[]): Word {
    const node = this.#find(key);
    const found = words.find((word) => isScalar(node) && sourceText(node) === word);
    if (found === undefined) this.#wrong(key, node, words.join(" or "));
    return found ?? (words[0] as Word);
  }

  /** Text that `parse` reads; null, and a problem, where it gives null. */
  read<Value>(key: string, parse: (text: string) => Value | null, expected: string): Value | null {
    const node = this.#find(key);
    const found = isScalar(node) ? parse(sourceText(node)) : null;
    if (found === null) this.#wrong(key, node, expected);
    return found;
  }

  /** An integer of at least `least`. */
  integer(key: string, least: number): number {
    const node = this.#find(key);
    return this.#integerAt(key, node, least);
  }

  #integerAt(key: string, node: Node | null, least: number): number {
    if (isScalar(node) && typeof node.value === "number" && Number.isSafeInteger(node.value) && node.value >= least) {
      return node.value;
    }
    this.#wrong(key, node, `an integer of at least ${least}`);
    return least;
  }

  /** A list of integers of at least `least`. */
  numbers(key: string, least: number): number[] {
    return this.#items(key).map((node) => this.#integerAt(key, node, least));
  }

  /** A list of names. */
  texts(key: string): string[] {
    return this.#items(key).map((node) => {
      if (isScalar(node)) return sourceText(node);
      this.#wrong(key, node, "a list of names");
      return "";
    });
  }

  /** A map from names to integers of at least `least`, in its order. */
  integers(key: string, least: number): [string, number][] {
    const node = this.#find(key);
    if (!isMap(node)) {
      this.#wrong(key, node, "a map from names to integers");
      return [];
    }
    return node.items.map((item) => {
      const name = isScalar(item.key) ? sourceText(item.key) : "";
      return [name, this.#integerAt(key, item.value as Node | null, least)];
    });
  }

  /** A map with given keys. */
  map(key: string, allowed: readonly string[]): Fields {
    return this.#open(this.#find(key), allowed, `"${key}"`);
  }

  /** A list of maps with given keys. */
  list(key: string, allowed: readonly string[]): Fields[] {
    return this.#items(key).map((node, index) => this.#open(node, allowed, `entry ${index + 1} of "${key}"`));
  }

  #items(key: string): (Node | null)[] {
    const node = this.#find(key);
    if (isSeq(node)) return node.items as Node[];
    this.#wrong(key, node, "a list");
    return [];
  }
}
