import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { chooseTarget } from "../../api/target.ts";
import { checkModel, isShapeOnly } from "../model-check.ts";
import { describeShared, sharedFolder } from "../shared.ts";

/** Networks whose check takes minutes: `npx tsx bench/models.ts` runs all. */
const long: ReadonlySet<string> = new Set(["light-vgg19", "onnx2tf-lstm"]);

const { chip } = chooseTarget();

function modelNames(): string[] {
  const folder = sharedFolder();
  if (folder === null) return [];
  return readdirSync(join(folder, "models"), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
}

describeShared("real models", (folder) => {
  it("are all there", () => {
    expect(modelNames()).toHaveLength(35);
  });

  describe("in f32 as their golden output, on the chip as the exact evaluation, and simulated", () => {
    it.each(modelNames().filter((name) => !long.has(name)))("%s", { timeout: 240_000 }, (name) => {
      const path = join(folder, "models", name);
      const expected = isShapeOnly(path) ? null : "equal";
      const { golden, chip: onChip, latencyCycles } = checkModel(path, chip);
      expect([golden, onChip]).toEqual([expected, expected]);
      expect(latencyCycles).toBeGreaterThan(0);
    });
  });
});
