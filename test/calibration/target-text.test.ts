import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { rounded, withFit, withPriors, withRecord } from "../../bench/calibration/target-text.ts";
import { listTargets } from "../../targets/load.ts";
import { parseTarget } from "../../targets/parse.ts";

const path = listTargets().find(({ name }) => name === "northpole-style")?.path ?? "";
const file = readFileSync(path, "utf8");
const paths = [...parseTarget(file, path).provenance.keys()];
const text = withPriors(file, paths);
const numberAt = (yaml: string, name: string) => parseTarget(yaml, path).provenance.get(name);

describe("a target file that is calibrated", () => {
  const fit = new Map([
    ["energy.leakage", 11.5],
    ["energy.mac.int4", 0.06],
    ["networks.model.link", 100],
  ]);

  it("has the fitted values, their priors, and is the same otherwise", () => {
    const fitted = withFit(text, fit);
    for (const [name, value] of fit) {
      expect(numberAt(fitted, name)).toEqual({ ...numberAt(text, name), value, prior: numberAt(text, name)?.value });
    }
    const lines = (yaml: string): number => yaml.split("\n").length;
    expect(lines(fitted)).toBe(lines(text) + fit.size);
    expect(withPriors(fitted, paths)).toBe(text);
  });

  it("has no prior where the fit is the value, and refuses a fit out of range", () => {
    expect(withFit(text, new Map([["energy.leakage", numberAt(text, "energy.leakage")?.value ?? 0]]))).toBe(text);
    expect(() => parseTarget(withFit(text, new Map([["energy.leakage", 21]])), path)).toThrow(
      /does not hold the value 21/,
    );
    expect(() => withFit(text, new Map([["energy.nothing", 1]]))).toThrow(/energy\.nothing/);
  });

  it("keeps one record, at the end of the comment at its head", () => {
    const once = withRecord(text, ["first run,", "two lines."]);
    expect(once).toContain("\n# Calibration: first run,\n# two lines.\nkind: chip\n");
    expect(withRecord(once, ["second run."])).toBe(withRecord(withRecord(text, ["second run."]), ["second run."]));
    expect(parseTarget(once, path)).toEqual(parseTarget(text, path));
  });

  it("has values of three figures", () => {
    expect([1234.5, 0.012345, 7].map(rounded)).toEqual([1230, 0.0123, 7]);
  });

  it("that comes with the project holds no prior that is its value", () => {
    for (const [name, { prior, value }] of parseTarget(file, path).provenance) expect(prior, name).not.toBe(value);
  });
});
