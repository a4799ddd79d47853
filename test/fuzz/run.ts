/**
 * Imports models that were changed at random, and evaluates those that import: nothing but clean errors may come out.
 *
 *     npm run fuzz -- [CASES [SEED]]
 *
 * Runs in a process of its own; a case that takes longer than a minute is named and ends the run.
 */
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { codes } from "../../base/codes.ts";
import { fuzz } from "./fuzz.ts";
import { fuzzModels } from "./models.ts";

const longestSeconds = 60;
const wantedEvaluated = 0.2;

/** The codes that importing may give: those of its table but the one of states, which are settled after it. */
const importCodes = Object.keys(codes).filter((code) => code.startsWith("B1") && code !== "B118");

function runHere(caseCount: number, seed: number): void {
  const models = fuzzModels(1);
  const { importedCount, evaluatedCount, codeCounts, slowestSeconds } = fuzz({
    models,
    caseCount,
    seed,
    onCase: (index) => {
      if (index % 10 === 0) process.send?.(index);
    },
  });
  const share = (count: number): string => `${((100 * count) / caseCount).toFixed(1)} %`;
  const missing = importCodes.filter((code) => !codeCounts.has(code));
  const counts = [...codeCounts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([code, count]) => `${code} ${count}`);
  process.stdout.write(
    [
      `${caseCount} cases of ${models.length} models, seed ${seed}: only clean errors`,
      `imported ${share(importedCount)}, evaluated ${share(evaluatedCount)} (wanted at least ${100 * wantedEvaluated} %)`,
      `refused: ${counts.join(", ")}`,
      `codes that were not reached: ${missing.join(", ") || "none"}`,
      `slowest case: ${slowestSeconds.toFixed(2)} s of processor time`,
      "",
    ].join("\n"),
  );
  if (missing.length > 0 || evaluatedCount < wantedEvaluated * caseCount) process.exitCode = 1;
}

/** Runs this file again as a child that is watched. */
function watch(caseCount: number, seed: number): void {
  process.stdout.write(`fuzzing ${caseCount} cases, seed ${seed}\n`);
  const child = fork(fileURLToPath(import.meta.url), [String(caseCount), String(seed), "--here"]);
  let last = { index: 0, seconds: performance.now() / 1000 };
  child.on("message", (index) => {
    last = { index: Number(index), seconds: performance.now() / 1000 };
  });
  const timer = setInterval(() => {
    if (performance.now() / 1000 - last.seconds < longestSeconds) return;
    process.stderr.write(`a case after number ${last.index} takes longer than ${longestSeconds} s\n`);
    child.kill("SIGKILL");
  }, 1000);
  child.on("exit", (code, signal) => {
    clearInterval(timer);
    if (signal !== null) process.stderr.write(`ended by ${signal} after case ${last.index}\n`);
    process.exitCode = code ?? 1;
  });
}

const [caseCount, seed, here] = process.argv.slice(2);
const chosen = { caseCount: Number(caseCount ?? 10_000), seed: Number(seed ?? Date.now() % 2 ** 31) };
if (here === "--here") runHere(chosen.caseCount, chosen.seed);
else watch(chosen.caseCount, chosen.seed);
