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
  it("are estimates of time on device: no price, no size, nothing of the host or the supply", () => {
    const paths = rates.map(({ path }) => path);
    expect(paths).toEqual(
      expect.arrayContaining(["matrix.fill", "vector.lanes", "networks.model.link", "frameBuffer.row"]),
    );
    expect(paths.filter((path) => /^(host|energy|supply|core)|hopEnergy|inputs|clock/.test(path))).toEqual([]);
    for (const path of paths) expect(chip.provenance.get(path)?.source).toBe("estimated");
  });

  it("lie between prior and end, as logarithms, in whole numbers", () => {
    // 128 bytes a cycle in [64, 256]; 8 cycles in [4, 16].
    const [link, fill] = [rateOf("networks.model.link"), rateOf("matrix.fill")];
    expect([1, 0.5, 0, -0.5, -1].map((distance) => rateAt(link, distance))).toEqual([256, 181, 128, 91, 64]);
    expect([1, 0.5, 0, -0.5, -1].map((distance) => rateAt(fill, distance))).toEqual([4, 6, 8, 11, 16]);
    // A cycle a hop is the fast end already.
    expect([1, 0, -1].map((distance) => rateAt(rateOf("networks.model.hop"), distance))).toEqual([1, 1, 4]);
  });

  it("move the chip along a direction, each as far as it weighs", () => {
    const two = [rateOf("networks.model.link"), rateOf("matrix.fill")];
    const moved = chipWith(chip, two, along(two, -1, [1, 0.5]));
    expect([moved.networks.model.linkBytesPerCycle, moved.matrix.fillCycles]).toEqual([64, 11]);
    expect(chipWith(chip, two, along(two, 0))).toBe(chip);
  });
});
