// Runs a seeded sample of mutants and writes what survived: npm run mutation [-- COUNT [SEED]].
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeRandom, type Random } from "../base/random.ts";

/** A stretch of lines of a file, both included. */
interface Window {
  readonly file: string;
  readonly first: number;
  readonly last: number;
}

/** A mutant as the JSON report of stryker has it. */
interface Mutant {
  readonly mutatorName: string;
  readonly replacement?: string;
  readonly status: string;
  readonly location: { readonly start: Position; readonly end: Position };
}

interface Position {
  readonly line: number;
  readonly column: number;
}

interface Report {
  readonly files: Readonly<Record<string, { readonly source: string; readonly mutants: readonly Mutant[] }>>;
}

/** A mutant with its place. */
interface Placed extends Mutant {
  readonly file: string;
  readonly original: string;
}

const folders = ["ir", "compiler", "runtime-sim"] as const;
const reportPath = "reports/mutation.json";
const windowLines = 6;
/** How many mutants a window of code holds, about; windows are drawn for more than are wanted. */
const mutantsPerWindow = 5;
const counted: ReadonlySet<string> = new Set(["Killed", "Timeout", "Survived", "NoCoverage"]);
const killed: ReadonlySet<string> = new Set(["Killed", "Timeout"]);

/** The windows of all source files, in a seeded order: every line of code is as likely to be among the first. */
function drawWindows(random: Random): Window[] {
  const windows = folders
    .flatMap((folder) => readdirSync(folder, { recursive: true, encoding: "utf8" }).map((path) => join(folder, path)))
    .filter((path) => path.endsWith(".ts") && !path.includes("generated"))
    .sort()
    .flatMap((file) => {
      const lines = readFileSync(file, "utf8").split("\n").length;
      return Array.from({ length: Math.ceil(lines / windowLines) }, (_, index): Window => {
        const first = index * windowLines + 1;
        return { file, first, last: Math.min(lines, first + windowLines - 1) };
      });
    });
  const keys = new Map(windows.map((window) => [window, random.uniform()]));
  return windows.toSorted((left, right) => (keys.get(left) ?? 0) - (keys.get(right) ?? 0));
}

/** The text that a mutant replaces, in one line. */
function originalOf(source: string, { location: { start, end } }: Mutant): string {
  const lines = source.split("\n").slice(start.line - 1, end.line);
  const last = lines.length - 1;
  lines[last] = (lines[last] ?? "").slice(0, end.column - 1);
  lines[0] = (lines[0] ?? "").slice(start.column - 1);
  return lines.join(" ");
}

const oneLine = (text: string): string => {
  const line = text.replaceAll(/\s+/g, " ").replaceAll("|", "\\|").replaceAll("`", "'");
  return line.length > 70 ? `${line.slice(0, 67)}...` : line;
};

function readReport(): Placed[] {
  const { files } = JSON.parse(readFileSync(reportPath, "utf8")) as Report;
  return Object.entries(files).flatMap(([file, { source, mutants }]) =>
    mutants.map((mutant) => ({ ...mutant, file, original: originalOf(source, mutant) })),
  );
}

/** The mutants in the order of their windows, as many as wanted; static ones and those that do not compile are left out. */
function sampled(mutants: readonly Placed[], windows: readonly Window[], count: number): Placed[] {
  const place = ({ file, location }: Placed): number =>
    windows.findIndex(
      (window) => window.file === file && window.first <= location.start.line && location.end.line <= window.last,
    );
  return mutants
    .filter(({ status }) => counted.has(status))
    .map((mutant) => ({ mutant, order: place(mutant) }))
    .filter(({ order }) => order >= 0)
    .toSorted((left, right) => left.order - right.order)
    .slice(0, count)
    .map(({ mutant }) => mutant);
}

function printReport(mutants: readonly Placed[], seed: number): string {
  const survivors = mutants.filter(({ status }) => !killed.has(status));
  const score = (list: readonly Placed[]): string => {
    const share = list.filter(({ status }) => killed.has(status)).length / Math.max(1, list.length);
    return `${(100 * share).toFixed(1)} %`;
  };
  const byFolder = folders.map((folder) => {
    const list = mutants.filter(({ file }) => file.startsWith(`${folder}/`));
    const kills = list.filter(({ status }) => killed.has(status)).length;
    return `| \`${folder}/\` | ${list.length} | ${kills} | ${score(list)} |`;
  });
  const endless = mutants.filter(({ status }) => status === "Timeout").length;
  const rows = survivors.map(
    ({ file, location, mutatorName, original, replacement, status }) =>
      `| \`${file}:${location.start.line}\` | ${mutatorName} | \`${oneLine(original)}\` | \`${oneLine(replacement ?? "")}\` | ${status === "NoCoverage" ? "no test runs it" : "survived"} |`,
  );
  return [
    "# Mutation testing",
    "",
    "<!-- Written by `npm run mutation`. -->",
    "",
    `\`npm run mutation\` changes the code of \`ir/\`, \`compiler/\` and \`runtime-sim/\` in small ways and counts the changes that a fast test notices.`,
    `The sample: windows of ${windowLines} lines in an order drawn with seed ${seed}, and of those the first ${mutants.length} mutants that lie within one`,
    "window. Tests of outside cases, of the built command, and of the sabotage of programs do not take part. Left out are mutants of",
    "code that runs once when a module is loaded (tables), because each needs all tests.",
    "",
    "| folder | mutants | killed | score |",
    "|---|---:|---:|---:|",
    ...byFolder,
    `| all | ${mutants.length} | ${mutants.length - survivors.length} | ${score(mutants)} |`,
    "",
    `Of those killed ${endless} ran out of time; as survivors they would leave ${score(mutants.map((mutant) => (mutant.status === "Timeout" ? { ...mutant, status: "Survived" } : mutant)))}.`,
    "",
    "## Survivors",
    "",
    "| place | kind | code | changed to | |",
    "|---|---|---|---|---|",
    ...rows,
    "",
  ].join("\n");
}

const [count = 200, seed = 1] = process.argv.slice(2).map(Number);
const order = drawWindows(makeRandom(seed));
const windows = order.slice(0, Math.ceil((1.2 * count) / mutantsPerWindow));
const ranges = windows.map(({ file, first, last }) => `${file}:${first}-${last}`);
const run = spawnSync(process.execPath, ["node_modules/.bin/stryker", "run", "--mutate", ranges.join(",")], {
  stdio: "inherit",
});
if (run.status !== 0) process.exit(run.status ?? 1);
const mutants = sampled(readReport(), windows, count);
const text = printReport(mutants, seed);
writeFileSync("docs/mutation.md", text);
console.log(text);
