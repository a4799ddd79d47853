import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { BorealError } from "../../base/errors.ts";
import { runCase } from "../onnx-cases.ts";
import { describeShared } from "../shared.ts";

/** Names of the cases of a suite that pass in f32, and why each other one does not. */
function runSuite(folder: string): { readonly passed: string[]; readonly refused: Map<string, string> } {
  const passed: string[] = [];
  const refused = new Map<string, string>();
  for (const name of readdirSync(folder).sort()) {
    if (!existsSync(join(folder, name, "model.onnx"))) continue;
    try {
      const wrong = runCase(join(folder, name));
      if (wrong === null) passed.push(name);
      else refused.set(name, wrong);
    } catch (error) {
      if (!(error instanceof BorealError)) throw error;
      refused.set(name, error.message);
    }
  }
  return { passed, refused };
}

/** Cases whose golden outputs rest on what a runtime does beyond ONNX: double rounding of f16, and integer overflow. */
const knownDifferences: Readonly<Record<string, readonly string[]>> = {
  "onnx-node-tests": [],
  "onnx-op-tests": ["mgx_gemm_half", "mgx_instance_norm_dyn_batch_half", "mgx_pow_i64_fp32"],
};

describeShared("the conformance suites", (folder) => {
  it.each(Object.keys(knownDifferences))(
    "%s: exactly the cases of the pass list pass, and no answer is wrong",
    (suite) => {
      const list = new URL(`./${suite}.txt`, import.meta.url);
      const { passed, refused } = runSuite(join(folder, suite));
      if (process.env.BLESS === "1") writeFileSync(list, `${passed.join("\n")}\n`);
      const wanted = readFileSync(list, "utf8")
        .split("\n")
        .filter((name) => name !== "");
      const lost = wanted.filter((name) => !passed.includes(name));
      const reasons = lost.map((name) => `${name}: ${refused.get(name) ?? "there is no such case"}`);
      const gained = passed.filter((name) => !wanted.includes(name));
      const wrong = [...refused].filter(([, reason]) => reason.startsWith("output ")).map(([name]) => name);
      expect(reasons, "cases that passed before").toEqual([]);
      expect(gained, "cases to be added to the pass list (BLESS=1 writes it)").toEqual([]);
      expect(wrong, "cases of supported operators with a wrong answer").toEqual(knownDifferences[suite]);
    },
  );
});
