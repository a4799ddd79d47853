import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { along, chipWith, rateAt, ratesOf } from "../../bench/calibration/rates.ts";
import { withPriors } from "../../bench/calibration/target-text.ts";
import { listTargets, loadChip } from "../../targets/load.ts";
import { parseTarget } from "../../targets/parse.ts";
import type { ChipTarget } from "../../targets/target.ts";

const path = listTargets().find(({ name }) => name === "northpole-style")?.path ?? "";
const priors = withPriors(readFileSync(path, "utf8"), [...loadChip("northpole-style").provenance.keys()]);
const chip = parseTarget(priors, path) as ChipTarget;
const rates = ratesOf(chip);
const rateOf = (path: string) => {
  const rate = rates.find((each) => each.path === path);
  if (rate === undefined) throw new Error(path);
  return rate;
};

describe("the rates that calibration may move", () => {
  it("are estimates of time on device: no price, no size, nothing of the host or the supply, no width of a link", () => {
    const paths = rates.map(({ path }) => path);
    expect(paths).toEqual(
      expect.arrayContaining(["matrix.fill", "vector.lanes", "networks.model.hop", "frameBuffer.row"]),
    );
    expect(paths.filter((path) => /^(host|energy|supply|core)|hopEnergy|link|inputs|clock/.test(path))).toEqual([]);
    for (const path of paths) expect(chip.provenance.get(path)?.source).toBe("estimated");
  });

  it("lie between prior and end, as logarithms, in whole numbers", () => {
    // 32 lanes in [16, 64]; 8 cycles in [4, 16].
    const [lanes, fill] = [rateOf("vector.lanes"), rateOf("matrix.fill")];
    expect([1, 0.5, 0, -0.5, -1].map((distance) => rateAt(lanes, distance))).toEqual([64, 45, 32, 23, 16]);
    expect([1, 0.5, 0, -0.5, -1].map((distance) => rateAt(fill, distance))).toEqual([4, 6, 8, 11, 16]);
    // A cycle a hop is the fast end already.
    expect([1, 0, -1].map((distance) => rateAt(rateOf("networks.model.hop"), distance))).toEqual([1, 1, 4]);
  });

  it("move the chip along a direction, each as far as it weighs", () => {
    const two = [rateOf("vector.lanes"), rateOf("matrix.fill")];
    const moved = chipWith(chip, two, along(two, -1, [1, 0.5]));
    expect([moved.vector.laneCount, moved.matrix.fillCycles]).toEqual([16, 11]);
    expect(chipWith(chip, two, along(two, 0))).toBe(chip);
  });
});
