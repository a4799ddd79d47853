import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ColdRun, runCold } from "./cold-run.ts";
import { median, printTable, sharedModel } from "./setting.ts";

/** Compile and timing simulation of ResNet-50 with trace and energy, batch 1: the built command, five cold runs. */
const runCount = 5;
const wanted = { wallSeconds: 2, peakBytes: 5e8 } as const;

const folder = mkdtempSync(join(tmpdir(), "boreal-bench-"));
try {
  const runs: ColdRun[] = [];
  for (let index = 0; index < runCount; index += 1) {
    const model = join(folder, `model-${process.pid}-${index}.onnx`);
    copyFileSync(join(sharedModel("light-resnet50"), "model.onnx"), model);
    runs.push(await runCold(["run", model, "--timing-only", "--trace", join(folder, `trace-${index}.json`)]));
  }
  const seconds = runs.map((run) => run.wallSeconds);
  const bytes = runs.map((run) => run.peakBytes);
  const list = (values: readonly number[], digits: number): string =>
    values.map((value) => value.toFixed(digits)).join(", ");
  printTable(
    ["light-resnet50, --timing-only --trace", "median", "wanted", "runs"],
    [
      ["wall seconds", median(seconds).toFixed(2), `< ${wanted.wallSeconds}`, list(seconds, 2)],
      [
        "processor seconds, all threads",
        median(runs.map((run) => run.processorSeconds)).toFixed(2),
        `< ${wanted.wallSeconds}`,
        list(
          runs.map((run) => run.processorSeconds),
          2,
        ),
      ],
      [
        "peak memory, MB",
        (median(bytes) / 1e6).toFixed(0),
        `< ${wanted.peakBytes / 1e6}`,
        list(
          bytes.map((value) => value / 1e6),
          0,
        ),
      ],
    ],
  );
} finally {
  rmSync(folder, { recursive: true });
}
