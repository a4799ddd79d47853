import { type Document, isMap, isScalar, isSeq, LineCounter, type Pair, parseDocument } from "yaml";
import type { z } from "zod";
import { BorealError, type Location, type Problem } from "../base/errors.ts";
import { didYouMean } from "./nearest-name.ts";
import { operatingProblems } from "./operating-point.ts";
import { formulaProblems, type Locate, schemaOf, type Target, targetOf } from "./tree.ts";

const startOf = (node: unknown): number | undefined =>
  (node as { readonly range?: readonly number[] | null } | null)?.range?.[0];

const pairOf = (node: unknown, name: PropertyKey): Pair | undefined =>
  isMap(node) ? node.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === name) : undefined;

/** Makes the function that finds lines and columns in a document. `locateKey` finds the key instead of the value. */
function locators(
  document: Document,
  lines: LineCounter,
  file: string,
): { readonly locate: Locate; readonly locateKey: Locate } {
  const position = (offset: number | undefined): Location => {
    if (offset === undefined) return { file };
    const { line, col } = lines.linePos(offset);
    return { file, line, column: col };
  };
  const find = (path: readonly PropertyKey[], wanted: "key" | "value"): Location => {
    let node: unknown = document.contents;
    let offset = startOf(node);
    for (const [index, name] of path.entries()) {
      const pair = pairOf(node, name);
      const value = pair === undefined && isSeq(node) ? node.items[Number(name)] : pair?.value;
      if (value === undefined) break;
      // A missing part is reported at the key of the section that lacks it.
      const last = index === path.length - 1;
      offset = startOf(last && wanted === "value" ? value : (pair?.key ?? value)) ?? startOf(pair?.key);
      node = value;
    }
    return position(offset);
  };
  return { locate: (path) => find(path, "value"), locateKey: (path) => find(path, "key") };
}

const shown = (value: unknown): string => {
  if (typeof value === "number") return String(value);
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
};

const valueAt = (raw: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>((value, name) => (value as Record<PropertyKey, unknown> | null | undefined)?.[name], raw);

/** The names that a schema admits in the section at a path. */
function namesAt(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let section: unknown = schema;
  for (const name of path) section = (section as { readonly shape?: Record<PropertyKey, unknown> }).shape?.[name];
  return Object.keys((section as { readonly shape?: object } | undefined)?.shape ?? {});
}

/** What a schema expected where it found something else. */
function expectation(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return (
        { int: "a whole number", object: "a section", string: "a text", tuple: "[low, high]" }[
          issue.expected as string
        ] ?? `a ${issue.expected}`
      );
    case "invalid_value":
      return issue.values.map((value) => `"${String(value)}"`).join(" or ");
    case "too_small":
      return issue.origin === "string"
        ? "some text"
        : `${issue.inclusive === true ? "at least" : "more than"} ${issue.minimum}`;
    case "too_big":
      return `${issue.inclusive === true ? "at most" : "less than"} ${issue.maximum}`;
    default:
      return issue.message;
  }
}

/** The problems that an issue of a schema stands for. */
function issueProblems(
  issue: z.core.$ZodIssue,
  raw: unknown,
  schema: z.ZodType,
  locate: Locate,
  locateKey: Locate,
): Problem[] {
  const path = issue.path.map(String).join(".");
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => {
      const where = path === "" ? "" : `${path}: `;
      const message = `${where}unknown key "${key}"${didYouMean(key, namesAt(schema, issue.path))}`;
      return { code: "B302", message, at: locateKey([...issue.path, key]) };
    });
  }
  const found = valueAt(raw, issue.path);
  if (found === undefined) {
    const name = String(issue.path.at(-1) ?? "");
    const section = path.slice(0, Math.max(0, path.length - name.length - 1));
    const where = section === "" ? "" : `${section}: `;
    return [{ code: "B302", message: `${where}missing "${name}".`, at: locateKey(issue.path) }];
  }
  const message =
    issue.code === "custom"
      ? `${path}: ${issue.message}.`
      : `${path}: expected ${expectation(issue)}, found ${shown(found)}.`;
  return [{ code: "B302", message, at: locate(issue.path) }];
}

/** What is wrong with a tree, by the schema of its kind, and the checked tree when nothing is. */
export function checkTree(raw: unknown, kind: Target["kind"], locate: Locate, locateKey: Locate): Target {
  const schema = schemaOf(kind);
  const result = schema.safeParse(raw);
  if (!result.success) {
    throw new BorealError(result.error.issues.flatMap((issue) => issueProblems(issue, raw, schema, locate, locateKey)));
  }
  const problems = formulaProblems(result.data, locate);
  if (result.data.kind === "chip") problems.push(...operatingProblems(result.data, locate));
  if (problems.length > 0) throw new BorealError(problems);
  return targetOf(result.data);
}

/**
 * Reads the text of a target file. Throws every problem found, with file, line and column: B301 for text that is not
 * YAML or names a key twice, B302 for a missing, unknown or wrong field and for a formula that does not give its value,
 * B305 for a clock or a voltage out of range.
 */
export function parseTarget(text: string, file: string): Target {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const broken = [...document.errors, ...document.warnings];
  if (broken.length > 0) {
    throw new BorealError(
      broken.map((error): Problem => {
        const { line, col } = lines.linePos(error.pos[0]);
        const key = error.code === "DUPLICATE_KEY" ? ` ("${/^[^\s:]+/.exec(text.slice(error.pos[0]))?.[0]}")` : "";
        return { code: "B301", message: `${error.message.replace(/\.$/, "")}${key}.`, at: { file, line, column: col } };
      }),
    );
  }
  const { locate, locateKey } = locators(document, lines, file);
  if (!isMap(document.contents)) {
    throw new BorealError([{ code: "B301", message: "The file holds no sections.", at: { file, line: 1, column: 1 } }]);
  }
  const raw: unknown = document.toJS();
  const kind = valueAt(raw, ["kind"]);
  if (kind !== "chip" && kind !== "gpu") {
    const message =
      kind === undefined ? 'missing "kind": "chip" or "gpu".' : `kind: expected "chip" or "gpu", found ${shown(kind)}.`;
    throw new BorealError([{ code: "B302", message, at: locate(["kind"]) }]);
  }
  return checkTree(raw, kind, locate, locateKey);
}
