import { readFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import Table from "cli-table3";
import { sharedFolder } from "../test/shared.ts";

/** The machine and the versions that figures were measured with, in one line. */
export function setting(): string {
  const processors = cpus();
  const memoryGib = (totalmem() / 2 ** 30).toFixed(0);
  const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
    version: string;
  };
  const model = (processors[0]?.model ?? "unknown processor").trim();
  return `boreal ${version}, Node ${process.versions.node}, ${process.platform} ${process.arch}, ${processors.length} × ${model}, ${memoryGib} GiB`;
}

/** The middle of an odd number of measurements. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** Seconds that a function takes, and what it gives. */
export function timed<T>(body: () => T): { readonly seconds: number; readonly value: T } {
  const start = performance.now();
  const value = body();
  return { seconds: (performance.now() - start) / 1000, value };
}

/** Prints the setting and a table without colours. */
export function printTable(head: readonly string[], rows: readonly (readonly (string | number)[])[]): void {
  const table = new Table({ head: [...head], style: { head: [], border: [] } });
  for (const row of rows) table.push([...row]);
  console.log(`${setting()}\n${table.toString()}`);
}

/** The folder of a shared model. Throws when the shared cases are absent. */
export function sharedModel(name: string): string {
  const folder = sharedFolder();
  if (folder === null) throw new Error("The shared cases are absent: set BOREAL_SHARED to their folder.");
  return join(folder, "models", name);
}
