import { describe, expect, it } from "vitest";
import { chooseTarget, compileModel, importModel, sensitivityOf, simulateProgram } from "../../api.ts";
import { printSensitivity, printSensitivityCsv } from "../../report/sensitivity.ts";
import { sensitivityResultSchema } from "../../report/sensitivity-schema.ts";
import { tornadoSvg } from "../../report/tornado.ts";
import { bytesOf, perceptron } from "../cli/models.ts";

const model = importModel({ bytes: bytesOf(perceptron()), name: "perceptron" });
const target = chooseTarget("northpole-style");
const result = sensitivityOf({ model, target });
const rowOf = (path: string) => {
  const row = result.rows.find((each) => each.path === path);
  if (row === undefined) throw new Error(path);
  return row;
};

/** Latency and energy of the model on a changed chip, the mapping kept. */
function figures(...overrides: string[]) {
  const { mapping } = compileModel(model, target.chip);
  const { chip } = chooseTarget("northpole-style", overrides);
  const { program } = compileModel(model, chip, { mapping });
  return simulateProgram(program, chip, { range: false }).metrics.onDevice;
}

describe("sensitivities", () => {
  it("have a row for each estimate, the greatest change first, in the form of their schema", () => {
    const estimates = [...target.chip.provenance].filter(([, { source }]) => source === "estimated");
    expect(result.rows.map(({ path }) => path).toSorted()).toEqual(estimates.map(([path]) => path).toSorted());
    const greatest = result.rows.map(({ down, up }) =>
      Math.max(...[down, up].flatMap((each) => [Math.abs(each.latencyChange), Math.abs(each.energyChange)])),
    );
    expect(greatest).toEqual(greatest.toSorted((a, b) => b - a));
    expect(sensitivityResultSchema.parse(result)).toEqual(result);
  });

  it("are those of a simulation with the number replaced: a price, a static power, a rate, a shape", () => {
    for (const path of ["energy.memoryRead", "energy.leakage", "networks.activation.link", "matrix.inputs"]) {
      for (const move of [rowOf(path).down, rowOf(path).up]) {
        if (move.mapping !== "kept") continue;
        const { latencyCycles, energyPerInferenceJoules } = figures(`${path}=${move.value}`);
        expect(move.latencyCycles, path).toBe(latencyCycles);
        expect(move.energyPerInferenceJoules / energyPerInferenceJoules, path).toBeCloseTo(1, 12);
        expect(move.latencyChange, path).toBe(latencyCycles / result.latencyCycles - 1);
      }
    }
    const watts = target.chip.energy.leakageWatts;
    expect(rowOf("energy.leakage").down.value).toBeCloseTo(0.8 * watts, 9);
    expect(rowOf("energy.leakage").up.value).toBeCloseTo(1.2 * watts, 9);
    expect(rowOf("energy.leakage").up.energyChange).toBeGreaterThan(0.01);
  });

  it("keep to the range, move whole numbers by one at least, and shapes as far as the chip needs", () => {
    expect(rowOf("supply.voltage")).toMatchObject({ down: { value: 0.75 }, up: { value: 0.85 } });
    // One cycle a hop is the least of its range.
    expect(rowOf("networks.model.hop")).toMatchObject({ down: { value: 1, latencyChange: 0 }, up: { value: 2 } });
    // 1,024 MACs a cycle: of 26 to 16 inputs, 16 alone leaves whole outputs.
    expect(rowOf("matrix.inputs")).toMatchObject({ down: { value: 16 }, up: { value: 64 } });
    for (const { range, down, up, value } of result.rows) {
      for (const move of [down, up]) expect(move.value).toBe(Math.min(range[1], Math.max(range[0], move.value)));
      expect(down.value).toBeLessThanOrEqual(value);
      expect(up.value).toBeGreaterThanOrEqual(value);
    }
  });

  it("search the mapping again with remap, but for prices", () => {
    const remapped = sensitivityOf({ model, target, remap: true });
    const moved = remapped.rows.flatMap(({ path, value, down, up }) =>
      [down, up].filter((move) => move.value !== value).map(({ mapping }) => [path, mapping]),
    );
    for (const [path = "", mapping] of moved) {
      expect(mapping, path).toBe(/^energy|^supply|hopEnergy/.test(path) ? "kept" : "searched");
    }
  });

  it("print as a table of what moves, as CSV of all, and as a plot with the same bytes each time", () => {
    const text = printSensitivity(result);
    expect(text).toMatch(/^supply\.voltage +0\.8 +V +0\.75, 0\.85 +– +– +−\d+\.\d+ % +\+\d+\.\d+ %$/m);
    expect(text).toMatch(/\d+ other estimates move neither/);
    expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThanOrEqual(110);
    const rows = printSensitivityCsv(result).trimEnd().split("\n");
    expect(rows.length).toBe(1 + result.rows.length);
    expect(rows[0]).toMatch(/^path,unit,value,rangeLow,rangeHigh,downValue,downMapping,downLatencyCycles/);
    const svg = tornadoSvg(result);
    expect(svg).toMatch(/^<svg width="1240"/);
    expect(svg).toContain("supply.voltage");
    expect(tornadoSvg(result)).toBe(svg);
  });
});
