import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BorealError } from "../../base/errors.ts";
import { estimatedNumberCount } from "../../targets/figures.ts";
import { listTargets, loadChip, loadGpu, loadTarget } from "../../targets/load.ts";
import { applyOverrides } from "../../targets/override.ts";
import { parseTarget } from "../../targets/parse.ts";
import { printTarget, targetSha256 } from "../../targets/print.ts";

const messagesOf = (action: () => unknown): string[] => {
  try {
    action();
  } catch (error) {
    if (error instanceof BorealError) return error.problems.map(({ code, message }) => `${code} ${message}`);
    throw error;
  }
  return [];
};

describe("printing a target", () => {
  it.each(listTargets())("gives text that parses back to $name, in the same order", ({ name }) => {
    const target = loadTarget(name);
    const again = parseTarget(printTarget(target), "printed.yaml");
    expect(again).toEqual(target);
    expect([...again.provenance.keys()]).toEqual([...target.provenance.keys()]);
    expect(printTarget(again)).toBe(printTarget(target));
  });

  it("gives text that parses back after any override", () => {
    const chip = loadChip("mini-4x4");
    const paths = [...chip.provenance]
      .filter(([, { unit }]) => unit === "pJ" || unit === "pJ/byte")
      .map(([path]) => path);
    fc.assert(
      fc.property(fc.constantFrom(...paths), fc.double({ min: 0, max: 1e6, noNaN: true }), (path, value) => {
        const changed = applyOverrides(chip, [`${path}=${value}`]);
        expect(changed.provenance.get(path)?.value).toBe(value);
        expect(parseTarget(printTarget(changed), "printed.yaml")).toEqual(changed);
      }),
      { numRuns: 30 },
    );
  });

  it("gives a checksum that every number moves and a comment does not", () => {
    const chip = loadChip("mini-4x4");
    const sha = targetSha256(chip);
    expect(sha).toMatch(/^[0-9a-f]{64}$/);
    expect(targetSha256(parseTarget(`# A comment.\n${printTarget(chip)}`, "t.yaml"))).toBe(sha);
    expect(targetSha256(applyOverrides(chip, ["energy.leakage=0.02"]))).not.toBe(sha);
  });
});

describe("an override", () => {
  it("replaces the number, in the plain target and in its provenance", () => {
    const chip = applyOverrides(loadChip("mini-4x4"), ["core.memory=131072", " clock = 2e8 "]);
    expect(chip.core.memoryBytes).toBe(131072);
    expect(chip.clockHz).toBe(200e6);
    expect(chip.provenance.get("core.memory")).toEqual({
      value: 131072,
      unit: "bytes",
      source: "synthetic",
      note: "Set by an override; the target has 65536 (synthetic).",
      formula: null,
      range: null,
      prior: null,
    });
  });

  it("is no estimate any more", () => {
    const chip = loadChip("northpole-style");
    expect(estimatedNumberCount(applyOverrides(chip, ["energy.leakage=12"]))).toBe(estimatedNumberCount(chip) - 1);
  });

  it("is followed by the numbers that are derived from it", () => {
    const chip = applyOverrides(loadChip("northpole-style"), ["operationsPerMac=1"]);
    expect(chip.matrix.outputCount).toEqual({ 8: 64, 4: 128, 2: 256 });
    expect(chip.provenance.get("matrix.outputs.int4")).toMatchObject({ value: 128, source: "derived" });
    const mini = applyOverrides(loadChip("mini-4x4"), ["matrix.outputs.int8=4"]);
    expect(mini.matrix.outputCount).toEqual({ 8: 4, 4: 8, 2: 16 });
  });

  it("of a derived number holds against its formula", () => {
    const chip = applyOverrides(loadChip("mini-4x4"), ["matrix.outputs.int4=8", "matrix.outputs.int8=16"]);
    expect(chip.matrix.outputCount).toEqual({ 8: 16, 4: 8, 2: 64 });
  });

  it("leaves the memory port of the chip alone when the clock changes", () => {
    expect(applyOverrides(loadChip("northpole-style"), ["clock=200e6"]).core.memoryPortBytesPerCycle).toBe(128);
  });

  it("counts as given last", () => {
    expect(applyOverrides(loadChip("mini-4x4"), ["clock=1e6", "clock=3e6"]).clockHz).toBe(3e6);
  });

  it("of nothing gives the same target", () => {
    const gpu = loadGpu("v100");
    expect(applyOverrides(gpu, [])).toBe(gpu);
  });

  it("with an unknown path is refused with the most similar one, together with all others", () => {
    expect(
      messagesOf(() =>
        applyOverrides(loadChip("mini-4x4"), ["core.memry=1", "vector.element=2", "clock=fast", "clock"]),
      ),
    ).toEqual([
      'B304 "core.memry" is no number of the target mini-4x4; did you mean "core.memory"?',
      'B304 "vector.element" is no number of the target mini-4x4; did you mean "vector.lanes"?',
      'B302 expected clock=NUMBER (in Hz), found "clock=fast".',
      'B302 expected clock=NUMBER (in Hz), found "clock".',
    ]);
  });

  it("with a value that the field does not admit is refused, also where it comes through a formula", () => {
    expect(messagesOf(() => applyOverrides(loadChip("mini-4x4"), ["core.memory=1.5", "clock=-1"]))).toEqual([
      "B302 clock.value: expected more than 0, found -1.",
      "B302 core.memory.value: expected a whole number, found 1.5.",
    ]);
    expect(messagesOf(() => applyOverrides(loadChip("northpole-style"), ["matrix.inputs=3"]))[0]).toMatch(
      /^B302 matrix\.outputs\.int8\.value: expected a whole number, found 341\.3/,
    );
  });
});

describe("loading a target", () => {
  it("refuses a name that is none, with the most similar one", () => {
    expect(messagesOf(() => loadTarget("v10"))).toEqual(['B303 There is no target "v10"; did you mean "v100"?']);
  });

  it("refuses a path that cannot be read", () => {
    expect(messagesOf(() => loadTarget("./nowhere.yaml"))[0]).toMatch(/^B303 The target file cannot be read: ENOENT/);
  });

  it("takes a path as well as a name", () => {
    const listed = listTargets().find(({ name }) => name === "mini-4x4");
    expect(loadTarget(listed?.path ?? "")).toEqual(loadTarget("mini-4x4"));
  });

  it("refuses a GPU where a chip is expected, and the other way round", () => {
    expect(messagesOf(() => loadChip("v100"))).toEqual(['B303 The target "v100" is a gpu; a chip is expected.']);
    expect(messagesOf(() => loadGpu("mini-4x4"))).toEqual(['B303 The target "mini-4x4" is a chip; a GPU is expected.']);
  });
});
