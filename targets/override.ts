import { BorealError, type Problem } from "../base/errors.ts";
import { didYouMean } from "./nearest-name.ts";
import type { NumberEntry } from "./number-schema.ts";
import { checkTree } from "./parse.ts";
import { derivedValues, type Locate, type Target, type TargetTree, treeOf } from "./tree.ts";

/** A tree in which the number at each given path is replaced. */
function replaced(tree: TargetTree, entries: ReadonlyMap<string, NumberEntry>): TargetTree {
  const copy = structuredClone(tree);
  for (const [path, entry] of entries) {
    const names = path.split(".");
    let section = copy as unknown as Record<string, unknown>;
    for (const name of names.slice(0, -1)) section = section[name] as Record<string, unknown>;
    section[names.at(-1) as string] = entry;
  }
  return copy as TargetTree;
}

/**
 * A target with some numbers replaced, each override being `path=value` with a dotted path (`core.memory=1048576`).
 * A replaced number is marked synthetic; derived numbers that are not replaced follow their formulas. The last of
 * several overrides of a path counts. Throws every problem found: B304 for a path that is no number of the target, B302 for
 * a value that the field does not admit, B305 for a clock or a voltage out of range.
 */
export function applyOverrides<T extends Target>(target: T, overrides: readonly string[]): T {
  const problems: Problem[] = [];
  const entries = new Map<string, NumberEntry>();
  for (const override of overrides) {
    const cut = override.indexOf("=");
    const path = (cut < 0 ? override : override.slice(0, cut)).trim();
    const text = cut < 0 ? "" : override.slice(cut + 1).trim();
    const old = target.provenance.get(path);
    if (old === undefined) {
      const names = [...target.provenance.keys()];
      const message = `"${path}" is no number of the target ${target.name}${didYouMean(path, names)}`;
      problems.push({ code: "B304", message, at: { path } });
    } else if (text === "" || !Number.isFinite(Number(text))) {
      const message = `expected ${path}=NUMBER (in ${old.unit}), found "${override}".`;
      problems.push({ code: "B302", message, at: { path } });
    } else {
      const note = `Set by an override; the target has ${old.value} (${old.source}).`;
      entries.set(path, { value: Number(text), unit: old.unit, source: "synthetic", note });
    }
  }
  if (problems.length > 0) throw new BorealError(problems);
  if (entries.size === 0) return target;
  const locate: Locate = (path) => ({ path: path.filter((name) => name !== "value").join(".") });
  const tree = replaced(treeOf(target), entries);
  const derived = new Map<string, NumberEntry>();
  for (const [path, value] of derivedValues(tree, locate, problems)) {
    const old = target.provenance.get(path);
    if (old === undefined || old.formula === null) continue;
    derived.set(path, { value, unit: old.unit, source: "derived", formula: old.formula, note: old.note });
  }
  return checkTree(replaced(tree, derived), target.kind, locate, locate) as T;
}
