// Time and memory of the main job with the built command: `tsx bench/main-job.ts [RUNS]`, after `npm run build`. Each run
// starts in an empty folder, so that the recording and the model are made anew.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** One way to run the example, and what it may take on two cores. */
interface Case {
  readonly name: string;
  readonly options: readonly string[];
  readonly boundSeconds: number;
  readonly boundBytes: number;
}

const cases: readonly Case[] = [
  { name: "whole main job", options: [], boundSeconds: 60, boundBytes: 4e9 },
  { name: "shapes alone", options: ["--timing-only"], boundSeconds: 5, boundBytes: 1e9 },
];

interface Measurement {
  readonly seconds: number;
  readonly peakBytes: number;
}

const command = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));

/** Writes the peak resident set of a process to a file when it exits. */
function peakReporter(path: string): string {
  const source = `import { writeFileSync } from "node:fs";
process.on("exit", () => writeFileSync(${JSON.stringify(path)}, String(process.resourceUsage().maxRSS)));`;
  return `data:text/javascript,${encodeURIComponent(source)}`;
}

function measure(options: readonly string[]): Measurement {
  const folder = mkdtempSync(join(tmpdir(), "boreal-main-job-"));
  try {
    const peakPath = join(folder, "peak");
    const start = performance.now();
    const { status, stderr } = spawnSync(
      process.execPath,
      ["--import", peakReporter(peakPath), command, "examples", "zapbench-tsmixer", "--out", folder, ...options],
      { stdio: ["ignore", "ignore", "pipe"], encoding: "utf8" },
    );
    const seconds = (performance.now() - start) / 1e3;
    if (status !== 0) throw new Error(`the command ended with status ${status}: ${stderr}`);
    return { seconds, peakBytes: Number(readFileSync(peakPath, "utf8")) * 1024 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const median = (values: readonly number[]): number =>
  values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] ?? Number.NaN;

const runCount = Number(process.argv[2] ?? 5);
if (!Number.isInteger(runCount) || runCount < 1) throw new Error(`expected a number of runs, found ${process.argv[2]}`);
statSync(command);
for (const { name, options, boundSeconds, boundBytes } of cases) {
  const runs = Array.from({ length: runCount }, () => measure(options));
  const seconds = runs.map((run) => run.seconds);
  const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(2)} GB`;
  const peakBytes = Math.max(...runs.map((run) => run.peakBytes));
  console.log(
    `${name}: median of ${runCount} ${median(seconds).toFixed(1)} s (bound ${boundSeconds} s), ` +
      `least ${Math.min(...seconds).toFixed(1)} s, greatest ${Math.max(...seconds).toFixed(1)} s; ` +
      `peak memory ${gigabytes(peakBytes)} (bound ${gigabytes(boundBytes)})`,
  );
}
