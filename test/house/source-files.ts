import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** A source file of the project: its path from the root, and its text. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

const skipped: ReadonlySet<string> = new Set([
  "node_modules",
  "dist",
  "coverage",
  "generated",
  "out",
  ".git",
  ".stryker-tmp",
  "reports",
]);

/** All files below the project's root whose name ends in one of the given endings. */
export function sourceFiles(...endings: string[]): SourceFile[] {
  const files: SourceFile[] = [];
  const walk = (folder: string): void => {
    for (const name of readdirSync(folder === "" ? "." : folder)) {
      if (skipped.has(name)) continue;
      const path = folder === "" ? name : join(folder, name);
      if (statSync(path).isDirectory()) walk(path);
      else if (endings.some((ending) => name.endsWith(ending))) files.push({ path, text: readFileSync(path, "utf8") });
    }
  };
  walk("");
  return files;
}

/** The relative modules that a file imports, as paths from the root; `typeOnly` for `import type` statements. */
export function importsOf(file: SourceFile): { path: string; typeOnly: boolean }[] {
  const found: { path: string; typeOnly: boolean }[] = [];
  for (const match of file.text.matchAll(/(?:^|\n)(?:import|export)(\s+type)?\s[^;"]*?from\s+"(\.[^"]+)"/g)) {
    found.push({ path: join(file.path, "..", match[2] as string), typeOnly: match[1] !== undefined });
  }
  for (const match of file.text.matchAll(/import\("(\.[^"]+)"\)/g)) {
    found.push({ path: join(file.path, "..", match[1] as string), typeOnly: false });
  }
  return found;
}
