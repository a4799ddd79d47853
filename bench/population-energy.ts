import { readFileSync } from "node:fs";
import {
  chooseTarget,
  compileModel,
  type ImportedModel,
  importModel,
  type PrecisionPlan,
  parsePrecision,
  parsePrecisionFile,
  simulateProgram,
  writeModelWithExternalData,
} from "../api.ts";
import { tsmixerModel, zeroHead, zeroMixing } from "../examples/forecasting/tsmixer.ts";
import { zapbenchSize } from "../examples/zapbench-tsmixer/index.ts";
import { mixingPlan } from "./calcium.ts";
import { printTable } from "./setting.ts";

/**
 * Dynamic energy on device of ZAPBench's TSMixer and Linear at their real size, 71,721 neurons: at several precisions, and with the
 * mix that `calcium-forecast.ts` found for the same layers on a real recording. Parts are those of the mapping for energy. Shapes alone: energy does not depend on values.
 */
const planFile = new URL("calcium-plan.yaml", import.meta.url);
const rules = ["w8a8", "w4a8", "w4a4", "w2a8", "w2a4", "w2a2"] as const;
const { chip } = chooseTarget();
const microjoulesPerJoule = 1e6;

/** What a precision costs. */
interface Cost {
  readonly name: string;
  readonly dynamicJoules: number;
  readonly latencyCycles: number;
  readonly components: readonly (readonly [string, number])[];
  readonly layers: readonly (readonly [string, number])[];
}

function shapes(blockCount: number): ImportedModel {
  const size = { ...zapbenchSize, blockCount };
  const written = tsmixerModel(size, zeroMixing(size), zeroHead(size));
  return importModel(
    { bytes: writeModelWithExternalData(written, "absent.weights").model, name: written.name },
    { dimensions: new Map([["batch", 1]]), allowAbsentWeights: true },
  );
}

function costOf(model: ImportedModel, plan: PrecisionPlan, objective: "latency" | "energy"): Cost {
  const { program } = compileModel(model, chip, { precision: plan, objective });
  const { metrics } = simulateProgram(program, chip, { range: false });
  const { energy, latencyCycles } = metrics.onDevice;
  return {
    name: plan.name,
    dynamicJoules: energy.dynamicJoules,
    latencyCycles,
    components: Object.entries(energy.byComponentJoules),
    layers: metrics.steps.map((step) => [step.name, step.energy.dynamicJoules] as const),
  };
}

const microjoules = (joules: number): string => (microjoulesPerJoule * joules).toFixed(1);

function figures(cost: Cost | undefined, widest: Cost | undefined): (string | number)[] {
  if (cost === undefined || widest === undefined) return [];
  const { dynamicJoules, latencyCycles } = cost;
  return [microjoules(dynamicJoules), (widest.dynamicJoules / dynamicJoules).toFixed(2), latencyCycles];
}

/** Parts of the energy of two costs side by side, what both have at all. */
function printParts(head: string, wide: Cost, narrow: Cost, parts: "components" | "layers"): void {
  printTable(
    [head, `${wide.name}, µJ`, `${narrow.name}, µJ`],
    wide[parts].flatMap(([part, joules], index) => {
      const other = narrow[parts][index];
      const both = other?.[0] === part ? other[1] : Number.NaN;
      return joules + both > 0 ? [[part, microjoules(joules), microjoules(both)]] : [];
    }),
  );
}

const searched = { ...parsePrecisionFile(readFileSync(planFile, "utf8"), planFile.pathname), name: "searched mix" };
for (const { name, model, plans } of [
  { name: "TSMixer", model: shapes(2), plans: [...rules.map(parsePrecision), mixingPlan, searched] },
  { name: "Linear", model: shapes(0), plans: rules.map(parsePrecision) },
]) {
  const costs = (objective: "latency" | "energy"): Cost[] => plans.map((plan) => costOf(model, plan, objective));
  const [fast, lean] = [costs("latency"), costs("energy")];
  printTable(
    [
      `${name}, 71,721 neurons`,
      ...["latency", "energy"].flatMap((objective) => [
        `mapped for ${objective}: dynamic energy, µJ`,
        "w8a8 ÷ this",
        "latency, cycles",
      ]),
    ],
    fast.map((cost, index) => [cost.name, ...figures(cost, fast[0]), ...figures(lean[index], lean[0])]),
  );
  const [widest, narrowest] = [lean[0], lean.at(-1)];
  if (widest === undefined || narrowest === undefined) continue;
  printParts("component", widest, narrowest, "components");
  printParts("layer", widest, narrowest, "layers");
}
