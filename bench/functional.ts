import { join } from "node:path";
import {
  chooseTarget,
  compileModel,
  evaluateExact,
  executeFunctional,
  type Frame,
  importModel,
  inputElements,
  randomFrames,
} from "../api.ts";
import { makeWasmContractor } from "../ir/ops/contraction-kernels.ts";
import { median, printTable, sharedModel, timed } from "./setting.ts";

/** Functional execution of whole networks on 256 core memories, batch 1, weights random: creation and runs. */
const cases = [
  { name: "light-vgg19", wantedGmacPerSecond: 4 },
  { name: "light-resnet50", wantedGmacPerSecond: 2.5 },
] as const;
const runCount = 5;

const { chip } = chooseTarget();
const rows = cases.map(({ name, wantedGmacPerSecond }) => {
  const model = importModel(join(sharedModel(name), "model.onnx"), { randomWeightsSeed: 1 });
  const [frame, calibration] = [...randomFrames(model.graph.inputs, 2, 1)] as [Frame, Frame];
  const compiled = compileModel(model, chip, { calibration: [calibration] });
  const creation = timed(() => executeFunctional(compiled.program, compiled.sidecar, chip));
  const runs = Array.from({ length: runCount }, () => timed(() => creation.value.run(frame)));
  const first = runs[0]?.value ?? [];
  const exact = evaluateExact(compiled.chipGraph, frame, inputElements(model.graph), {
    contractor: makeWasmContractor(),
  });
  const equal = exact.every((value, index) => String(value.data) === String(first[index]?.data));
  const gmacs = compiled.program.steps.reduce((sum, { macCount }) => sum + macCount, 0) / 1e9;
  const seconds = median(runs.map((run) => run.seconds));
  return [
    name,
    gmacs.toFixed(2),
    creation.seconds.toFixed(2),
    seconds.toFixed(2),
    (gmacs / seconds).toFixed(2),
    (gmacs / (creation.seconds + (runs[0]?.seconds ?? 0))).toFixed(2),
    `≥ ${wantedGmacPerSecond}`,
    equal ? "yes" : "NO",
  ];
});
printTable(
  [
    "network",
    "GMAC",
    "creation, s",
    `run, s (median of ${runCount})`,
    "GMAC/s, run",
    "GMAC/s, creation + first run",
    "wanted",
    "equals exact",
  ],
  rows,
);
