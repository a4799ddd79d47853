import type { OptionName, Options } from "../options.ts";

/** A command's module: runs it with its arguments, as far as it takes any. */
interface CommandModule {
  readonly execute: (
    argument: string | undefined,
    options: Options,
    second: string | undefined,
  ) => void | Promise<void>;
}

/** A command as help shows it; its code is loaded when it is used. */
export interface CommandEntry {
  readonly name: string;
  /** `<x>`: required, `[x]`: optional, at most two with a blank between; null for none. */
  readonly argument: string | null;
  readonly summary: string;
  readonly options: readonly OptionName[];
  readonly load: () => Promise<CommandModule>;
}

const modelOptions = ["dim", "randomWeights"] as const;
const layerOptions = ["gemm", "conv"] as const;
const targetOptions = ["target", "set"] as const;
const searchOptions = ["accuracyBudget", "candidates", "truth"] as const;
const calibrationOptions = ["calibrate", "calibration", "quantizer", "seed"] as const;
/** What a network is made and mapped by, whatever decides its precision. */
const networkOptions = [...targetOptions, ...modelOptions, "batch", "objective", "state", "hostOps"] as const;
const mappingOptions = [...networkOptions, "precision", "mapping"] as const;
const compileOptions = [
  ...mappingOptions,
  "streams",
  ...calibrationOptions,
  "timingOnly",
  "printAfter",
  "timePasses",
] as const;
/** What is shown of a simulation, and in which form. */
const simulationOptions = ["ideal", "layers", "energy", "range", "noRange", "json", "csv", "trace"] as const;

/** Every command, in the order of help. */
export const commands: readonly CommandEntry[] = [
  {
    name: "run",
    argument: "[model]",
    summary: "compile a model, execute and simulate it, and report on one screen",
    options: [
      ...layerOptions,
      ...compileOptions,
      ...searchOptions,
      "out",
      "input",
      "executor",
      "outputs",
      "baseline",
      ...simulationOptions,
    ],
    load: () => import("./run.ts"),
  },
  {
    name: "compile",
    argument: "[model]",
    summary: "compile a model and write PATH.basm, .weights, .mapping.yaml and .bir",
    options: [...layerOptions, ...compileOptions, "out", "json"],
    load: () => import("./compile.ts"),
  },
  {
    name: "quantize",
    argument: "<model>",
    summary: "quantize a model and measure it; write it as ONNX with --out",
    options: [...modelOptions, ...calibrationOptions, "precision", "input", "explain", "out", "json"],
    load: () => import("./quantize.ts"),
  },
  {
    name: "precision",
    argument: "<model>",
    summary: "search the cheapest precision of each layer within an accuracy budget; --out writes plan and front",
    options: [...networkOptions, ...calibrationOptions, ...searchOptions, "input", "out", "json", "csv"],
    load: () => import("./precision.ts"),
  },
  {
    name: "simulate",
    argument: "<program>",
    summary: "simulate a program file without the compiler",
    options: [...targetOptions, "weights", "input", "outputs", ...simulationOptions],
    load: () => import("./simulate.ts"),
  },
  {
    name: "explain",
    argument: "[model] [layer]",
    summary: "say why a network is mapped as it is; of a layer also the next best choices and what would help",
    options: [...layerOptions, ...mappingOptions, ...calibrationOptions, "json"],
    load: () => import("./explain.ts"),
  },
  {
    name: "diff",
    argument: "<a.json> <b.json>",
    summary: "compare two results of run or simulate: headline, parts and layers",
    options: ["json", "csv"],
    load: () => import("./diff.ts"),
  },
  {
    name: "sensitivity",
    argument: "[model]",
    summary: "move each estimate of the chip and say what it does to latency and energy",
    options: [...layerOptions, ...mappingOptions, "remap", "json", "csv", "svg"],
    load: () => import("./sensitivity.ts"),
  },
  {
    name: "import",
    argument: "<model>",
    summary: "import a model and say what is in it; write it as graph text with --out",
    options: [...targetOptions, ...modelOptions, "precision", "hostOps", "timingOnly", "report", "out", "json"],
    load: () => import("./import.ts"),
  },
  {
    name: "inspect",
    argument: "<file>",
    summary: "say what a file is: .onnx, .bir, .basm, .yaml, .npy, .csv, .pb",
    options: ["json"],
    load: () => import("./inspect.ts"),
  },
  {
    name: "targets",
    argument: "[name]",
    summary: "list the targets, or the numbers of one with their sources",
    options: ["set", "json"],
    load: () => import("./targets.ts"),
  },
  {
    name: "conformance",
    argument: "<folder>",
    summary: "run a folder of ONNX test cases (NAME/model.onnx, NAME/test_data_set_*)",
    options: [...targetOptions, "executor", "hostOps", "rtol", "atol", "outputs", "json"],
    load: () => import("./conformance.ts"),
  },
  {
    name: "ops",
    argument: null,
    summary: "list the operators and the ONNX operators that they implement",
    options: ["json"],
    load: () => import("./ops.ts"),
  },
  {
    name: "examples",
    argument: "[name]",
    summary: "list the examples, or run one",
    options: [...targetOptions, "seed", "timingOnly", "baseline", "range", "noRange", "out", "json", "csv"],
    load: () => import("./examples.ts"),
  },
];
