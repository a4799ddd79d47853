import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ExpectedFigures } from "./figures.ts";

/** The folder `examples/NAME` of the project: below the nearest folder above this file that holds a package.json. */
export function exampleFolder(name: string): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json")) && folder !== dirname(folder)) folder = dirname(folder);
  return join(folder, "examples", name);
}

/** The figures in an example's `expected.json`; null when there is no such file. */
export function readExpected(name: string): ExpectedFigures | null {
  const path = join(exampleFolder(name), "expected.json");
  return existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as ExpectedFigures) : null;
}
