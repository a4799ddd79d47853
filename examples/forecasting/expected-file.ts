import { existsSync, readFileSync } from "node:fs";
import type { ExpectedFigures } from "./figures.ts";

/** The figures in a file, `expected.json` beside an example; null when there is no such file. */
export function readExpected(file: URL): ExpectedFigures | null {
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as ExpectedFigures) : null;
}
