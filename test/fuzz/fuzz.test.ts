import { describe, expect, it } from "vitest";
import { fuzz } from "./fuzz.ts";
import { fuzzModels } from "./models.ts";

describe("models that were changed at random", () => {
  it("give nothing but clean errors, and often import and evaluate", { timeout: 120_000 }, () => {
    const models = fuzzModels(40);
    const { caseCount, evaluatedCount, codeCounts } = fuzz({ models, caseCount: 400, seed: 7 });
    expect(evaluatedCount / caseCount).toBeGreaterThan(0.2);
    expect(codeCounts.size).toBeGreaterThan(10);
  });
});
