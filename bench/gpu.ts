import { bestBatch, simulateGpu } from "../runtime-sim/gpu/simulate.ts";
import { loadGpu } from "../targets/load.ts";
import { resnet50Work } from "../test/runtime-sim/gpu/resnet50.ts";

/** A published ResNet-50 result, and what the model says at the same setting. */
interface Comparison {
  readonly setting: string;
  readonly unit: string;
  readonly model: number;
  readonly published: number;
  readonly use: "fitted" | "checked";
  readonly source: string;
}

const overview = "NVIDIA AI Inference Platform Technical Overview 2018";
const tensorRt = "TensorRT 4 measurements (public gist)";

/** The table of docs/targets.md: every published ResNet-50 result that the project knows of the V100 and H100. */
function comparisons(): Comparison[] {
  const work = resnet50Work();
  const [v100, h100] = [loadGpu("v100"), loadGpu("h100")];
  const batches = [
    [1, 476, 120],
    [2, 880, 109],
    [4, 1631, 132],
    [8, 2685, 153],
    [64, 5877, 274],
    [128, 6275, 285],
  ] as const;
  const mixed = batches.flatMap(([batchCount, throughput, watts]): Comparison[] => {
    const { throughputPerSecond, powerWatts } = simulateGpu(work, v100, { batchCount, precision: "fp16" });
    const setting = `V100 fp16 batch ${batchCount}`;
    // Batch 128 fixed the compute fraction and the power; the small batches the least tile and the form of the power.
    const use = batchCount === 128 || batchCount <= 8 ? "fitted" : "checked";
    return [
      { setting, unit: "images/s", model: throughputPerSecond, published: throughput, use, source: overview },
      { setting, unit: "W", model: powerWatts, published: watts, use, source: overview },
    ];
  });
  const latencies = [
    ["int8", 1, 1.22, "fitted"],
    ["int8", 8, 2.91, "checked"],
    ["int8", 32, 6.79, "checked"],
    ["fp16", 1, 2.08, "checked"],
    ["fp16", 32, 6.59, "checked"],
    ["fp16", 128, 21.3, "checked"],
  ] as const;
  const timed = latencies.map(([precision, batchCount, published, use]): Comparison => {
    const { latencySeconds } = simulateGpu(work, v100, { batchCount, precision });
    const setting = `V100 ${precision} batch ${batchCount}`;
    return { setting, unit: "ms", model: latencySeconds * 1e3, published, use, source: tensorRt };
  });
  const offline = bestBatch(work, h100);
  return [
    ...mixed,
    ...timed,
    {
      setting: `H100 ${offline.precision} batch ${offline.batchCount}`,
      unit: "images/s",
      model: offline.throughputPerSecond,
      published: 81_292,
      use: "checked",
      source: "MLPerf Inference v2.1, offline",
    },
  ];
}

console.log("setting              unit          model  published   error  use      source");
for (const { setting, unit, model, published, use, source } of comparisons()) {
  const digits = unit === "ms" ? 2 : 0;
  const error = `${(100 * (model / published - 1)).toFixed(1)} %`;
  const cells = [
    setting.padEnd(20),
    unit.padEnd(8),
    model.toFixed(digits).padStart(10),
    published.toFixed(digits).padStart(10),
    error.padStart(8),
    use.padEnd(8),
    source,
  ];
  console.log(cells.join(" "));
}
console.log("\nFitted numbers:");
for (const name of ["v100", "h100"]) {
  const fitted = [...loadGpu(name).provenance].filter(([, { note }]) => note.startsWith("Fitted"));
  for (const [path, { value, unit, range, note }] of fitted) {
    console.log(`  ${name} ${path} = ${value} ${unit}, range ${range?.join(" to ")}: ${note}`);
  }
  if (fitted.length === 0) console.log(`  ${name}: none`);
}
