import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { runConformance } from "../../api/conformance.ts";
import type { ConformanceCase } from "../../report/conformance-schema.ts";
import { loadChip } from "../../targets/load.ts";
import { describeShared } from "../shared.ts";

const suites = ["onnx-node-tests", "onnx-op-tests"] as const;
const executors = ["evaluate", "functional"] as const;
const chip = loadChip("mini-4x4");

/** A line a case that does not pass: its name, then its code, or `wrong`. */
function missesOf(cases: readonly ConformanceCase[]): string[] {
  return cases.filter(({ status }) => status !== "pass").map(({ name, code }) => `${name} ${code ?? "wrong"}`);
}

describeShared("the conformance suites", (folder) => {
  it.each(suites.flatMap((suite) => executors.map((executor) => [suite, executor] as const)))(
    "%s by %s: exactly the cases of the list miss, for the reason that stands there",
    (suite, executor) => {
      const list = new URL(`./${suite}.${executor}.txt`, import.meta.url);
      const { cases } = runConformance(join(folder, suite), { executor, chip });
      const misses = missesOf(cases);
      if (process.env.BLESS === "1") writeFileSync(list, misses.map((line) => `${line}\n`).join(""));
      const wanted = readFileSync(list, "utf8")
        .split("\n")
        .filter((line) => line !== "");
      expect(
        misses.filter((line) => !wanted.includes(line)),
        "cases that passed before, or missed for another reason",
      ).toEqual([]);
      expect(
        wanted.filter((line) => !misses.includes(line)),
        "misses to be taken from the list (BLESS=1 writes it)",
      ).toEqual([]);
    },
  );
});
