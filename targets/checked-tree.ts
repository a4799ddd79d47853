import { existsSync, readFileSync } from "node:fs";
import type { TargetTree } from "./tree.ts";

/** What the build writes beside a target file that comes with the project. */
interface CheckedTree {
  readonly text: string;
  /** What the text says, after all checks. */
  readonly tree: TargetTree;
}

/** The tree of a target file as the build has read and checked it; null where it has not, or the file's text is another by now. */
export function checkedTree(path: string, text: string): TargetTree | null {
  const kept = path.replace(/\.yaml$/, ".json");
  if (kept === path || !existsSync(kept)) return null;
  const checked = JSON.parse(readFileSync(kept, "utf8")) as CheckedTree;
  return checked.text === text ? checked.tree : null;
}
