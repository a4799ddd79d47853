// Rates of the kernels, each the median of 11 runs: `npx tsx bench/kernels.ts`.
import type { ContractionTask, Kernels, VectorTask } from "../kernels/kernels.ts";
import { scratchBytes } from "../kernels/layout.ts";
import { wasmKernels } from "../kernels/wasm-kernels.ts";

const dataAddress = Math.ceil(scratchBytes / 65536) * 65536;
const dataBytes = 64 * 1048576;

/** Seconds of one run: the median of 11 samples, each long enough to measure, after warming up. */
function medianSeconds(run: () => void): number {
  const started = performance.now();
  let runs = 0;
  while (performance.now() - started < 150 || runs < 10) {
    run();
    runs += 1;
  }
  const repeats = Math.max(1, Math.ceil((runs * 10) / 150));
  const samples = Array.from({ length: 11 }, () => {
    const before = performance.now();
    for (let repeat = 0; repeat < repeats; repeat += 1) run();
    return (performance.now() - before) / repeats / 1000;
  });
  return samples.sort((left, right) => left - right)[5] as number;
}

function report(name: string, count: number, unit: string, run: () => void): void {
  const seconds = medianSeconds(run);
  console.log(
    `${name.padEnd(44)} ${(count / seconds / 1e9).toFixed(2).padStart(8)} ${unit}  ${(seconds * 1e6).toFixed(2)} µs`,
  );
}

/** A dense contraction [m, k] · [k, n]. */
function denseTask(
  m: number,
  k: number,
  n: number,
  layout: "paired" | "strided",
  element: "i8" | "f32",
): ContractionTask {
  const bytes = element === "i8" ? 1 : 4;
  const activations = dataAddress + 32 * 1048576;
  return {
    groups: 1,
    rows: [m],
    inner: [k],
    columns: n,
    activations: { address: activations, element, groupStride: 0, rowStrides: [k * bytes], innerStrides: [bytes] },
    weights: {
      address: dataAddress,
      element,
      layout,
      groupStride: 0,
      innerStrides: [n * bytes],
      columnStride: bytes,
    },
    partial: dataAddress + 48 * 1048576,
    start: "zero",
    bias: 0,
  };
}

/** A 3×3 convolution of a channels-first image [64, 58, 58] to 64 channels at 56 × 56. */
function convolutionTask(): ContractionTask {
  return {
    ...denseTask(56 * 56, 576, 64, "paired", "i8"),
    rows: [56, 56],
    inner: [64, 3, 3],
    activations: {
      address: dataAddress + 32 * 1048576,
      element: "i8",
      groupStride: 0,
      rowStrides: [58, 1],
      innerStrides: [3364, 58, 1],
    },
  };
}

/** The same with channels last: [58, 58, 64]. */
function channelsLastTask(): ContractionTask {
  return {
    ...convolutionTask(),
    inner: [3, 3, 64],
    activations: {
      address: dataAddress + 32 * 1048576,
      element: "i8",
      groupStride: 0,
      rowStrides: [58 * 64, 64],
      innerStrides: [58 * 64, 64, 1],
    },
  };
}

function vectorTask(name: VectorTask["function"], count: number): VectorTask {
  const binary = name === "add" || name === "maximum" || name === "divide";
  const half = { address: dataAddress, strides: [2], element: "f16" } as const;
  const scale = { address: dataAddress + 8, strides: [0], element: "scale" } as const;
  const word = { address: dataAddress, strides: [4], element: "i32" } as const;
  const byte = { address: dataAddress + 16 * 1048576, strides: [1], element: "i8" } as const;
  return {
    function: name,
    counts: [count],
    sources:
      name === "requantize" ? [word, scale] : name === "dequantize" ? [byte, scale] : binary ? [half, half] : [half],
    destination: name === "requantize" ? byte : { ...half, address: dataAddress + 24 * 1048576 },
    parameters: { zero: 1, low: -128, high: 127 },
  };
}

function benchContractions(kernels: Kernels): void {
  for (const [m, k, n] of [
    [512, 512, 512],
    [12, 576, 64],
    [4, 512, 512],
    [1, 512, 512],
    [16, 64, 16],
    [256, 128, 32],
  ] as const) {
    const task = denseTask(m, k, n, "paired", "i8");
    report(`i8 paired ${m}×${k}×${n}`, m * k * n, "GMAC/s", () => kernels.contract(task));
  }
  const strided = denseTask(512, 512, 512, "strided", "i8");
  report("i8 strided 512×512×512", 512 ** 3, "GMAC/s", () => kernels.contract(strided));
  const convolution = convolutionTask();
  report("i8 convolution 3×3 64→64 56×56, CHW", 56 * 56 * 576 * 64, "GMAC/s", () => kernels.contract(convolution));
  const channelsLast = channelsLastTask();
  report("i8 convolution 3×3 64→64 56×56, HWC", 56 * 56 * 576 * 64, "GMAC/s", () => kernels.contract(channelsLast));
  for (const [m, k, n] of [
    [512, 512, 512],
    [12, 576, 64],
  ] as const) {
    const task = denseTask(m, k, n, "strided", "f32");
    report(`f32 ${m}×${k}×${n}`, m * k * n, "GMAC/s", () => kernels.contractFloat(task));
  }
}

function benchVectors(kernels: Kernels): void {
  for (const name of ["add", "divide", "maximum", "exp", "relu", "requantize", "dequantize"] as const) {
    for (const count of [64, 65536]) {
      const task = vectorTask(name, count);
      report(`${name} ${count}`, count, "Gelement/s", () => kernels.vector(task));
    }
  }
  const copy = {
    counts: [16, 16, 16],
    elementBytes: 1,
    source: { address: dataAddress, strides: [1024, 32, 1] },
    destination: { address: dataAddress + 1048576, strides: [256, 16, 1] },
  };
  report("copy 16×16×16 bytes", 4096, "Gelement/s", () => kernels.copy(copy));
  const pool = {
    function: "mean",
    counts: [64, 28, 28],
    inner: [2, 2],
    source: { address: dataAddress, strides: [6272, 224, 4, 112, 2], element: "f16" },
    divisor: null,
    destination: { address: dataAddress + 1048576, strides: [1568, 56, 2], element: "f16" },
  } as const;
  report("mean f16 2×2 windows of 64×28×28", 64 * 28 * 28 * 4, "Gelement/s", () => kernels.reduce(pool));
  const softmax = {
    ...pool,
    function: "sum",
    counts: [256],
    inner: [256],
    source: { ...pool.source, strides: [512, 2] },
    destination: { ...pool.destination, strides: [2] },
  } as const;
  report("sum f16 of 256 rows of 256", 65536, "Gelement/s", () => kernels.reduce(softmax));
}

const memory = new WebAssembly.Memory({ initial: (dataAddress + dataBytes) / 65536 });
new Uint8Array(memory.buffer, dataAddress, dataBytes / 2).fill(1);
const kernels = wasmKernels(memory, 0);
benchContractions(kernels);
benchVectors(kernels);
