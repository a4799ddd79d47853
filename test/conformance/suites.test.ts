import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";
import { runConformance } from "../../api/conformance.ts";
import { conformanceDocument, type SuiteResults } from "../../scripts/conformance-document.ts";
import { loadChip } from "../../targets/load.ts";
import { describeShared } from "../shared.ts";

/** The suites, and the least share of cases that is to pass: in f32, and on the chip of both suites together. */
const suites = { "onnx-node-tests": 0.97, "onnx-op-tests": 0.98 } as const;
const leastOnChip = 0.85;
const chip = loadChip("mini-4x4");

/** Answers that rest on what a runtime does beyond ONNX, or on noise near zero. */
const wrongAnswers: readonly string[] = ["burn_attention_qk_output_2", "mgx_topk_neg_axis", "test_dft_inverse"];

describeShared("the conformance suites", (folder) => {
  let results: readonly SuiteResults[] = [];
  beforeAll(() => {
    results = Object.keys(suites).map((suite) => ({
      suite,
      evaluate: runConformance(join(folder, suite), { executor: "evaluate", chip }),
      functional: runConformance(join(folder, suite), { executor: "functional", chip }),
    }));
  }, 900_000);

  it.each(Object.entries(suites))("%s passes in f32, but for a share of %d", (suite, least) => {
    const result = results.find((each) => each.suite === suite)?.evaluate;
    expect(result?.passCount).toBeGreaterThanOrEqual(least * (result?.cases.length ?? Number.NaN));
  });

  it("equal the exact evaluation on the chip, bit for bit, but for what is refused", () => {
    const cases = results.flatMap(({ functional }) => functional.cases);
    expect(cases.filter(({ status }) => status === "fail")).toEqual([]);
    expect(cases.filter(({ status }) => status === "pass").length).toBeGreaterThan(leastOnChip * cases.length);
  });

  it("answer wrongly in f32 in the known cases alone", () => {
    const wrong = results.flatMap(({ evaluate }) => evaluate.cases.filter(({ status }) => status === "fail"));
    expect(wrong.map(({ name }) => name).sort()).toEqual(wrongAnswers);
  });

  it("fare as docs/conformance.md says (BLESS=1 rewrites it)", () => {
    const path = new URL("../../docs/conformance.md", import.meta.url);
    const document = conformanceDocument(results);
    if (process.env.BLESS === "1") writeFileSync(path, document);
    expect(document).toBe(readFileSync(path, "utf8"));
  });
});
