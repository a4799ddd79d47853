import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compileModel, importModel } from "../../../api.ts";
import { at } from "../../../base/math.ts";
import { makeRandom } from "../../../base/random.ts";
import { writeModel } from "../../../compiler/onnx/write-model.ts";
import { writeForecasterShapes } from "../../../examples/forecasting/model-file.ts";
import type { Program } from "../../../ir/program.ts";
import { loadChip } from "../../../targets/load.ts";
import { applyOverrides } from "../../../targets/override.ts";
import type { ChipTarget } from "../../../targets/target.ts";
import { load } from "../../compiler/onnx/written-models.ts";
import { build, preparedCase, randomCase, randomSteps } from "../../contracts/random-case.ts";
import { smallModels } from "../../contracts/small-models.ts";
import { miniTarget, withTarget } from "../timing/machine.ts";
import { randomTraffic } from "./random-traffic.ts";

/** A program and the machine that it runs on. */
export interface JudgedCase {
  readonly name: string;
  readonly program: Program;
  readonly target: ChipTarget;
  readonly host: boolean;
  readonly batches: number;
}

const grids = [
  { rows: 4, columns: 4 },
  { rows: 2, columns: 2 },
  { rows: 3, columns: 3 },
  { rows: 1, columns: 4 },
  { rows: 2, columns: 4 },
] as const;

/** The same machine with links that take in every packet in a cycle. */
export function withWideLinks(target: ChipTarget): ChipTarget {
  return withTarget((changed) => {
    for (const network of Object.values(changed.networks)) network.linkBytesPerCycle = 1e9;
    changed.frameBuffer.rowBytesPerCycle = 1e9;
  }, target);
}

/** Changes of the test machine that each move what binds: links, hops, the memory port, the host, pauses. */
const machines: readonly Parameters<typeof withTarget>[0][] = [
  () => {},
  (changed) => {
    changed.networks.activation.linkBytesPerCycle = 1;
    changed.networks.partial.linkBytesPerCycle = 2;
    changed.networks.instruction.linkBytesPerCycle = 1;
    changed.networks.model.linkBytesPerCycle = 4;
  },
  (changed) => {
    changed.core.memoryPortBytesPerCycle = 6;
    changed.networks.model.hopCycles = 5;
    changed.synchronization = { barrierCycles: 0, issueCycles: 0 };
  },
  (changed) => {
    changed.networks.activation.hopCycles = 1;
    changed.frameBuffer.rowBytesPerCycle = 1;
    changed.host.bytesPerSecond = 3e7;
  },
  (changed) => {
    changed.networks.activation.linkBytesPerCycle = 2;
    changed.networks.activation.hopCycles = 5;
    changed.networks.instruction.hopCycles = 1;
  },
  (changed) => {
    changed.networks.activation.linkBytesPerCycle = 4096;
    changed.networks.partial.linkBytesPerCycle = 4096;
    changed.networks.instruction.linkBytesPerCycle = 4096;
    changed.frameBuffer.rowBytesPerCycle = 4096;
  },
];

/** A random program in which all cores send at once, on a small grid, of one to three batches. */
export function trafficCase(seed: number): JudgedCase {
  const random = makeRandom(seed);
  const grid = at(grids, random.integer(0, grids.length - 1));
  const change = at(machines, random.integer(0, machines.length - 1));
  const target = withTarget((changed) => {
    changed.grid = grid;
    change(changed);
  }, miniTarget);
  const program = randomTraffic(random, grid.rows, grid.columns);
  return { name: `traffic ${seed}`, program, target, host: random.uniform() < 0.5, batches: random.integer(1, 3) };
}

/** Overrides that make links the narrowest part of the small chip. */
const narrowLinks = [
  "networks.activation.link=1",
  "networks.partial.link=1",
  "networks.instruction.link=1",
  "networks.model.link=2",
];

/** A random network under the mapper's mapping and a random one, on a small grid, every second one with narrow links or an activation unit. */
export function networkCases(seed: number): JudgedCase[] {
  const random = makeRandom(seed);
  const { rows, columns } = at(grids, random.integer(0, grids.length - 1));
  const narrow = random.uniform() < 0.5 ? narrowLinks : [];
  const chip = applyOverrides(loadChip("mini-4x4"), [`grid.rows=${rows}`, `grid.columns=${columns}`, ...narrow]);
  const target: ChipTarget = { ...chip, activation: random.uniform() < 0.5 ? null : { fillCycles: 3 } };
  const each = randomCase(random, { blockCount: random.integer(2, 4), maximumSize: random.integer(4, 10) });
  return [null, randomSteps(random, each.network, target)].flatMap((steps, index) => {
    const built = build(each, target, steps);
    if (built === null) return [];
    const name = `network ${seed}, ${index === 0 ? "mapped" : "mapped at random"}`;
    return [{ name, program: built.program, target, host: random.uniform() < 0.5, batches: 1 }];
  });
}

/** The small forecaster and small networks that use every part of a chip, on device and with host, with usual and with narrow links. */
export function exampleCases(): JudgedCase[] {
  const mini = loadChip("mini-4x4");
  const programs = [mini, applyOverrides(mini, narrowLinks)].flatMap((target) => [
    { name: "small forecaster", program: compileModel(forecaster(), target).program, target },
    ...smallModels(makeRandom(3)).flatMap((model) => {
      const built = build(preparedCase(makeRandom(4), load(writeModel(model)).graph), target, null);
      return built === null ? [] : [{ name: model.name, program: built.program, target }];
    }),
  ]);
  return programs.flatMap((each) => [false, true].map((host) => ({ ...each, host, batches: 1 })));
}

/** A TSMixer of the small example's size, without weights. */
function forecaster() {
  const folder = mkdtempSync(join(tmpdir(), "boreal-judge-"));
  try {
    const path = join(folder, "forecaster.onnx");
    writeForecasterShapes(path, {
      neuronCount: 512,
      contextFrames: 4,
      horizonFrames: 32,
      hiddenCount: 64,
      blockCount: 2,
    });
    return importModel(path, { dimensions: new Map([["batch", 1]]), allowAbsentWeights: true });
  } finally {
    rmSync(folder, { recursive: true });
  }
}
