import { describe, expect, it } from "vitest";
import {
  chipMemoryBytes,
  coreCount,
  estimatedNumberCount,
  memoryBandwidthBytesPerSecond,
  peakOperationsPerSecond,
  wiresPerAxis,
} from "../../targets/figures.ts";
import { evaluateFormula, parseFormula } from "../../targets/formula.ts";
import { listTargets, loadChip, loadGpu, loadTarget } from "../../targets/load.ts";

const chip = loadChip("northpole-style");

describe("the NorthPole-style chip", () => {
  it("has the published peaks of 209.7, 419.4 and 838.9 tera-operations a second at 8, 4 and 2 bit", () => {
    expect(coreCount(chip)).toBe(256);
    expect(peakOperationsPerSecond(chip, 8)).toBe(209.7152e12);
    expect(peakOperationsPerSecond(chip, 4)).toBe(419.4304e12);
    expect(peakOperationsPerSecond(chip, 2)).toBe(838.8608e12);
  });

  it("has the published memory bandwidth of 13 TB/s within 2 %", () => {
    expect(memoryBandwidthBytesPerSecond(chip)).toBe(13.1072e12);
    expect(memoryBandwidthBytesPerSecond(chip) / 13e12).toBeCloseTo(1, 1);
  });

  it("has the published 224 MiB: 768 KiB in each core and 32 MiB of framebuffer", () => {
    expect(chipMemoryBytes(chip)).toBe(224 * 2 ** 20);
  });

  it("has 4,096 data wires across a core and axis: links of four networks in both directions", () => {
    // (128 + 64 + 32 + 32) bytes × 8 wires × 2 directions; the paper says "more than 4096", which control wires make it.
    expect(wiresPerAxis(chip)).toBe(4096);
  });

  it("states the clock, threads and vector format of the start values", () => {
    expect(chip.clockHz).toBe(400e6);
    expect(chip.core.threadCount).toBe(8);
    expect(chip.vector).toMatchObject({ element: "f16", laneCount: 32 });
    expect(chip.matrix.outputCount).toEqual({ 8: 32, 4: 64, 2: 128 });
  });

  it("keeps its static power below the 74 W that were measured for the whole chip, to the end of its range", () => {
    const most = (path: string) => chip.provenance.get(path)?.range?.[1] ?? Number.NaN;
    const clockWatts = most("energy.clock") * 1e-12 * coreCount(chip) * chip.clockHz;
    expect(clockWatts + most("energy.leakage") + most("energy.interface")).toBeLessThan(74);
  });

  it("has energies at the geometric middle of their ranges, before calibration, in two figures", () => {
    for (const [path, { range, value, prior, unit }] of chip.provenance) {
      if (!/pJ|W/.test(unit) || range === null) continue;
      const middle = Math.sqrt(range[0] * range[1]);
      expect((prior ?? value) / middle, path).toBeGreaterThan(0.96);
      expect((prior ?? value) / middle, path).toBeLessThan(1.04);
    }
  });
});

describe("every target that comes with the project", () => {
  const all = listTargets().map(({ name }) => loadTarget(name));

  it("is listed by the name that its file states", () => {
    expect(listTargets().map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      "chip mini-4x4",
      "chip northpole-style",
      "gpu h100",
      "gpu v100",
    ]);
    expect(all.map(({ name }) => name)).toEqual(listTargets().map(({ name }) => name));
  });

  it.each(all)(
    "documents each number of $name: a note, a citation if published, a range with its reason if estimated",
    (target) => {
      for (const [path, { source, note, range, formula, value }] of target.provenance) {
        expect(note.length, path).toBeGreaterThan(4);
        if (source === "published")
          expect(note, path).toMatch(/Science 382|ISSCC|WP-08608|whitepaper|PTX ISA|Integration 58|arXiv/);
        if (source === "estimated") {
          expect(note.length, path).toBeGreaterThan(20);
          expect(range?.[0], path).toBeLessThanOrEqual(value);
          expect(range?.[1], path).toBeGreaterThanOrEqual(value);
          expect((range?.[1] ?? 0) - (range?.[0] ?? 0), path).toBeGreaterThan(0);
        } else expect(range, path).toBeNull();
        expect(formula !== null, path).toBe(source === "derived");
      }
    },
  );

  it.each(all)("states for each derived number of $name what its formula gives", (target) => {
    for (const [path, { formula, value }] of target.provenance) {
      if (formula === null) continue;
      const parsed = parseFormula(formula);
      if (!("formula" in parsed)) throw new Error(`${path}: ${parsed.mistake}`);
      const result = evaluateFormula(parsed.formula, (name) => target.provenance.get(name)?.value ?? Number.NaN);
      expect(result, path).toBeCloseTo(value, 9);
    }
  });

  it("counts its estimates", () => {
    const estimates = (name: string) =>
      [...loadTarget(name).provenance.values()].filter(({ source }) => source === "estimated");
    expect(estimatedNumberCount(loadTarget("mini-4x4"))).toBe(0);
    expect(estimatedNumberCount(chip)).toBe(estimates("northpole-style").length);
    expect(estimatedNumberCount(chip)).toBe(65);
  });

  it("gives the peaks that NVIDIA states for its GPUs", () => {
    const peak = (name: string, precision: "int8" | "fp16") => {
      const { multiprocessorCount, clockHz, operationsPerCycle } = loadGpu(name);
      return (multiprocessorCount * clockHz * operationsPerCycle.matrix[precision]) / 1e12;
    };
    expect(peak("v100", "fp16")).toBeCloseTo(125, 0);
    expect(peak("v100", "int8")).toBeCloseTo(62.7, 1);
    expect(peak("h100", "int8")).toBeCloseTo(1979, 0);
    expect(peak("h100", "fp16")).toBeCloseTo(989, 0);
  });
});
