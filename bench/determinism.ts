import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runCold } from "./cold-run.ts";
import { printTable, sharedModel } from "./setting.ts";

/** Twenty cold runs of the built command on each model, one beside another: all that they write must be the same bytes. */
const runCount = 20;
/** Runs at a time: those that run together disturb each other's timing, as other machines would. */
const togetherCount = 2;
const cases = [
  { model: "light-resnet50", options: ["--timing-only"] },
  { model: "quant-attention", options: [] },
  { model: "silero-vad-openvino-16k", options: [] },
] as const;

/** Writes what a run can write into a folder; checksums by the name of the file. */
async function filesOf(path: string, options: readonly string[], folder: string): Promise<Map<string, string>> {
  await runCold(["compile", path, ...options, "--out", join(folder, "made")]);
  const outputs = ["--json", join(folder, "run.json"), "--csv", join(folder, "run.csv"), "--trace"];
  await runCold(["run", path, ...options, ...outputs, join(folder, "trace.json")]);
  return new Map(
    readdirSync(folder).map((name) => {
      const bytes = readFileSync(join(folder, name));
      return [name, createHash("sha256").update(bytes).digest("hex")];
    }),
  );
}

const rows: string[][] = [];
for (const { model, options } of cases) {
  const path = join(sharedModel(model), "model.onnx");
  const found = new Map<string, Set<string>>();
  for (let run = 0; run < runCount; run += togetherCount) {
    const folders = Array.from({ length: togetherCount }, () => mkdtempSync(join(tmpdir(), "boreal-bench-")));
    try {
      for (const files of await Promise.all(folders.map((folder) => filesOf(path, options, folder)))) {
        for (const [name, sum] of files) found.set(name, (found.get(name) ?? new Set()).add(sum));
      }
    } finally {
      for (const folder of folders) rmSync(folder, { recursive: true });
    }
  }
  for (const [name, sums] of found) rows.push([model, name, String(runCount), String(sums.size)]);
}
printTable(["model", "file", "runs", "different"], rows);
if (rows.some(([, , , different]) => different !== "1")) process.exitCode = 1;
