import type { Location, Problem } from "../base/errors.ts";
import { type ChipTree, chipOf, chipSchema } from "./chip-schema.ts";
import { evaluateFormula, type Formula, formulaPaths, parseFormula } from "./formula.ts";
import { type GpuTree, gpuOf, gpuSchema } from "./gpu-schema.ts";
import type { GpuTarget } from "./gpu-target.ts";
import { didYouMean } from "./nearest-name.ts";
import type { NumberEntry } from "./number-schema.ts";
import type { ChipTarget, NumberSource, Provenance } from "./target.ts";

/** Any machine that a target file describes. */
export type Target = ChipTarget | GpuTarget;

/** The checked content of a target file: sections of numbers. */
export type TargetTree = ChipTree | GpuTree;

/** Where in a file the value at a path stands, or the nearest section around it that exists. */
export type Locate = (path: readonly PropertyKey[]) => Location;

/** A part of a tree: a number, a text, or a section. */
type Part = string | NumberEntry | { readonly [name: string]: Part };

const isNumber = (part: Part): part is NumberEntry => typeof part === "object" && typeof part.value === "number";

/** Every number of a tree with its dotted path, in file order. */
export function numbersOf(tree: TargetTree): [string, NumberEntry][] {
  const walk = (part: Part, path: string): [string, NumberEntry][] => {
    if (typeof part === "string") return [];
    if (isNumber(part)) return [[path, part]];
    return Object.entries(part).flatMap(([name, inner]) => walk(inner, path === "" ? name : `${path}.${name}`));
  };
  return walk(tree as Part, "");
}

/** A derived number: its formula and the numbers that it reads. */
interface Derived {
  readonly path: string;
  readonly entry: NumberEntry;
  readonly formula: Formula;
}

/** The derived numbers of a tree; problems with their formulas are added to `problems`. */
function derivedNumbers(tree: TargetTree, locate: Locate, problems: Problem[]): Derived[] {
  const entries = new Map(numbersOf(tree));
  const derived: Derived[] = [];
  for (const [path, entry] of entries) {
    if (entry.formula === undefined) continue;
    const refuse = (message: string): void => {
      problems.push({
        code: "B302",
        message: `${path}.formula: ${message}`,
        at: locate([...path.split("."), "formula"]),
      });
    };
    const parsed = parseFormula(entry.formula);
    if ("mistake" in parsed) {
      refuse(`"${entry.formula}" is no formula: ${parsed.mistake}.`);
      continue;
    }
    const unknown = formulaPaths(parsed.formula).filter((name) => !entries.has(name));
    for (const name of unknown) {
      refuse(`it reads "${name}", which is no number of the file${didYouMean(name, [...entries.keys()])}`);
    }
    if (unknown.length === 0) derived.push({ path, entry, formula: parsed.formula });
  }
  return derived;
}

/** The values of derived numbers by path, recomputed in order of dependence; a circle is added to `problems`. */
function recomputed(
  tree: TargetTree,
  derived: readonly Derived[],
  locate: Locate,
  problems: Problem[],
): Map<string, number> {
  const entries = new Map(numbersOf(tree));
  const formulas = new Map(derived.map((item) => [item.path, item]));
  const values = new Map<string, number>();
  const open = new Set<string>();
  const valueAt = (path: string): number => {
    const known = values.get(path);
    if (known !== undefined) return known;
    const item = formulas.get(path);
    if (item === undefined) return (entries.get(path) as NumberEntry).value;
    if (open.has(path)) {
      const message = `${path}.formula: it depends on itself.`;
      problems.push({ code: "B302", message, at: locate([...path.split("."), "formula"]) });
      return item.entry.value;
    }
    open.add(path);
    const value = evaluateFormula(item.formula, valueAt);
    open.delete(path);
    values.set(path, value);
    return value;
  };
  for (const { path } of derived) valueAt(path);
  return values;
}

/** Checks that each derived number equals its formula; what is wrong is returned. */
export function formulaProblems(tree: TargetTree, locate: Locate): Problem[] {
  const problems: Problem[] = [];
  const derived = derivedNumbers(tree, locate, problems);
  if (problems.length > 0) return problems;
  const values = recomputed(tree, derived, locate, problems);
  for (const { path, entry } of derived) {
    const value = values.get(path) as number;
    if (Math.abs(value - entry.value) <= 1e-9 * Math.abs(value)) continue;
    const message = `${path}: the value is ${entry.value}, but its formula "${entry.formula}" gives ${value}.`;
    problems.push({ code: "B302", message, at: locate([...path.split("."), "value"]) });
  }
  return problems;
}

/** The values that derived numbers take, by path; problems with formulas are added to `problems`. */
export function derivedValues(tree: TargetTree, locate: Locate, problems: Problem[]): Map<string, number> {
  return recomputed(tree, derivedNumbers(tree, locate, problems), locate, problems);
}

/** The plain target of a checked tree. */
export function targetOf(tree: TargetTree): Target {
  const provenance: Provenance = new Map(
    numbersOf(tree).map(([path, { value, unit, source, note, range, prior, formula }]): [string, NumberSource] => [
      path,
      { value, unit, source, note, formula: formula ?? null, range: range ?? null, prior: prior ?? null },
    ]),
  );
  return tree.kind === "chip" ? chipOf(tree, provenance) : gpuOf(tree, provenance);
}

/** The tree that a target was made from: sections of numbers in file order. */
export function treeOf(target: Target): TargetTree {
  const root: Record<string, unknown> = { kind: target.kind, name: target.name };
  for (const [path, { value, unit, source, note, range, prior, formula }] of target.provenance) {
    const names = path.split(".");
    let section = root;
    for (const name of names.slice(0, -1)) {
      // The one text beside the numbers stands first in its section.
      section[name] ??=
        target.kind === "chip" && section === root && name === "vector" ? { element: target.vector.element } : {};
      section = section[name] as Record<string, unknown>;
    }
    section[names.at(-1) as string] = {
      value,
      unit,
      source,
      ...(range === null ? {} : { range }),
      ...(prior === null ? {} : { prior }),
      ...(formula === null ? {} : { formula }),
      note,
    };
  }
  return root as TargetTree;
}

/** The schema of a kind of target. */
export function schemaOf(kind: Target["kind"]) {
  return kind === "chip" ? chipSchema : gpuSchema;
}
