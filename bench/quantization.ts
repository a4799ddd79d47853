import { importCase, readCaseData } from "../api/conformance-case.ts";
import { chooseTarget, makeRandom, runModel } from "../api.ts";
import { frameLike } from "./random-frames.ts";
import { median, printTable, sharedModel } from "./setting.ts";

/** Signal to quantization noise of small models at 8 bit, on the chip, pooled over inputs that calibration did not see. */
const models = [
  "burn-mnist-cnn",
  "micro-kws-fp32",
  "gtsrb-fast",
  "pulp-dronet-v2",
  "mjx-go1-policy",
  "onnx-mlir-mnist",
  "cifar-wide-kw",
] as const;
const wantedDb = 25;
const sampleCount = 64;
const calibrationCount = 16;
const seeds = [1, 2, 3, 4, 5] as const;

const target = chooseTarget();
const rows = models.map((name) => {
  const folder = sharedModel(name);
  const [data] = readCaseData(folder);
  if (data === undefined) throw new Error(`${name} has no data set.`);
  const { model } = importCase(folder, data);
  const results = seeds.map((seed) => {
    const random = makeRandom(seed);
    const draw = (count: number) => Array.from({ length: count }, () => frameLike(data.inputs, random));
    const calibration = draw(calibrationCount);
    const inputs = { frames: draw(sampleCount), count: sampleCount, description: `seed ${seed}` };
    return runModel({ model, target, seed, inputs, calibration, exactCheckCount: 1, baselines: [] }).result.accuracy;
  });
  const ratios = results.map((accuracy) => accuracy?.sqnrDb ?? Number.NaN);
  const worst = results[0]?.worstLayer;
  return [
    name,
    median(ratios).toFixed(1),
    `${Math.min(...ratios).toFixed(1)} to ${Math.max(...ratios).toFixed(1)}`,
    `≥ ${wantedDb}`,
    worst == null ? "–" : `${worst.name.slice(-32)}, ${worst.sqnrDb.toFixed(1)}`,
    results.every((accuracy) => accuracy?.exactCheck?.equal === true) ? "yes" : "NO",
  ];
});
printTable(
  ["model", `SQNR, dB (median of ${seeds.length} seeds)`, "least to most", "wanted", "worst layer, dB", "equals exact"],
  rows,
);
