import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { type ColdRun, runCold } from "./cold-run.ts";
import { median, printTable, sharedModel } from "./setting.ts";

/**
 * Compile and timing simulation of ResNet-50 with trace and energy, batch 1: the built command, cold, five runs on one core of the
 * machine and five on all.
 */
const runCount = 5;
const wanted = { seconds: 2, peakBytes: 5e8 } as const;

const folder = mkdtempSync(join(tmpdir(), "boreal-bench-"));

async function coldRuns(core?: number): Promise<ColdRun[]> {
  const runs: ColdRun[] = [];
  for (let index = 0; index < runCount; index += 1) {
    // A name of its own for each run: nothing can be kept from the one before.
    const model = join(folder, `model-${process.pid}-${core ?? "all"}-${index}.onnx`);
    copyFileSync(join(sharedModel("light-resnet50"), "model.onnx"), model);
    const options = ["run", model, "--timing-only", "--trace", join(folder, "trace.json")];
    runs.push(await runCold(options, core));
  }
  return runs;
}

function row(what: string, values: readonly number[], limit: number, digits: number): string[] {
  const shown = values.map((value) => value.toFixed(digits)).join(", ");
  return [what, median(values).toFixed(digits), `< ${limit}`, shown];
}

function rows(cores: string, runs: readonly ColdRun[]): string[][] {
  const { seconds, peakBytes } = wanted;
  return [
    row(
      `wall seconds, ${cores}`,
      runs.map((run) => run.wallSeconds),
      seconds,
      2,
    ),
    row(
      `processor seconds of all threads, ${cores}`,
      runs.map((run) => run.processorSeconds),
      seconds,
      2,
    ),
    row(
      `peak memory in MB, ${cores}`,
      runs.map((run) => run.peakBytes / 1e6),
      peakBytes / 1e6,
      0,
    ),
  ];
}

try {
  const coreCount = cpus().length;
  // Only Linux has the command that binds a process to a core.
  const onOne = process.platform === "linux" ? rows("one core", await coldRuns(coreCount - 1)) : [];
  const onAll = rows(`${coreCount} cores`, await coldRuns());
  printTable(["light-resnet50, --timing-only --trace", "median", "wanted", "runs"], [...onOne, ...onAll]);
} finally {
  rmSync(folder, { recursive: true });
}
