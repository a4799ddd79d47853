import { InvalidArgumentError, Option } from "commander";
import { type ConvLayer, type GemmLayer, parseConv, parseGemm } from "../api/layer-description.ts";
import type { Objective } from "../compiler/mapper/objective.ts";
import { type IdealResource, idealResources } from "../targets/ideal.ts";

/** Adds a value to those given before. */
function collect(value: string, previous: readonly string[] | undefined): readonly string[] {
  return [...(previous ?? []), value];
}

function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^-?\d+$/.test(text) || !Number.isSafeInteger(value) || value < least) {
      throw new InvalidArgumentError(`Expected a whole number of at least ${least}.`);
    }
    return value;
  };
}

function numberFromZero(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value) || value < 0) {
    throw new InvalidArgumentError("Expected a number of at least 0.");
  }
  return value;
}

function assignment(text: string, previous: readonly string[] | undefined): readonly string[] {
  if (!/^[^=]+=.+$/.test(text)) throw new InvalidArgumentError("Expected NAME=VALUE.");
  return [...(previous ?? []), text];
}

function stateChoice(text: string, previous: readonly string[] | undefined): readonly string[] {
  return text === "none" ? ["none"] : assignment(text, previous);
}

/** Adds one of some names to those given before. */
function oneOf(names: readonly string[]): (text: string, previous: readonly string[] | undefined) => readonly string[] {
  return (text, previous) => {
    if (!names.includes(text)) throw new InvalidArgumentError(`Allowed choices are ${names.join(", ")}.`);
    return collect(text, previous);
  };
}

/** How an option is declared: its flags, what help says, and how its text is read. */
interface Declaration {
  readonly flags: string;
  readonly summary: string;
  /** Reads the text; gets what was read before when the option is repeated. */
  readonly parse?: (text: string, previous: readonly string[] | undefined) => unknown;
  readonly choices?: readonly string[];
}

/** Every option, declared once: it means the same in every command. */
const declarations = {
  target: { flags: "--target <name|file>", summary: "the chip; `boreal targets` lists those that come with Boreal" },
  set: { flags: "--set <path=value>", summary: "replace a number of the target (repeatable)", parse: assignment },
  precision: {
    flags: "--precision <rule|file>",
    summary: "bits of weights and activations, such as w8a8 or w4a8; or a YAML file with a rule for each layer",
  },
  dim: {
    flags: "--dim <name=value>",
    summary: "bind a dimension that the model leaves open (repeatable)",
    parse: assignment,
  },
  state: {
    flags: "--state <output=input>",
    summary: "keep an input on the chip: an output is its next value (repeatable; `none`; default: guessed by name)",
    parse: stateChoice,
  },
  hostOps: {
    flags: "--host-ops",
    summary: "let the host run operators that the chip cannot, instead of refusing them",
  },
  input: { flags: "--input <[name=]file>", summary: "samples: .npy, .csv or .pb (repeatable)", parse: collect },
  calibration: {
    flags: "--calibration <method>",
    summary: "how ranges are read: extreme-value (default), min-max, moving-average, percentile=P, mse, entropy",
  },
  quantizer: {
    flags: "--quantizer <steps>",
    summary:
      "what keeps near to f32: equalize, smooth=SHARE, normalize, symmetric, per-tensor, nearest or compensate, correct-biases",
  },
  explain: {
    flags: "--explain",
    summary: "say of each layer what range, rounding and bits do, and of each step what it adds",
  },
  calibrate: { flags: "--calibrate <[name=]file...>", summary: "samples on which ranges are measured", parse: collect },
  baseline: {
    flags: "--baseline <name|file>",
    summary: "a GPU to compare with, its target file, or a .json file of figures (repeatable)",
    parse: collect,
  },
  mapping: { flags: "--mapping <file>", summary: "a mapping to keep, as `compile --out` writes it" },
  timingOnly: { flags: "--timing-only", summary: "compute no answers: shapes suffice" },
  randomWeights: {
    flags: "--random-weights <seed>",
    summary: "fill absent and constant weights with seeded numbers",
    parse: wholeNumber(0),
  },
  executor: {
    flags: "--executor <name>",
    summary: "who answers: the model in f32, the exact evaluation, or the chip",
    choices: ["evaluate", "exact", "functional"],
  },
  outputs: { flags: "--outputs <folder>", summary: "write output I of the model as output_I.pb" },
  seed: { flags: "--seed <number>", summary: "the seed of everything random (default: 0)", parse: wholeNumber(0) },
  batch: {
    flags: "--batch <count|best>",
    summary:
      "inferences in one run, of a model with a batch axis or of one for a single sample; best: by the objective",
    parse: (text) => (text === "best" ? text : wholeNumber(1)(text)),
  },
  streams: {
    flags: "--streams <count>",
    summary: "such batches in one run, 1 or 2, whose layers are computed in turns (default: 1)",
    parse: wholeNumber(1),
  },
  objective: {
    flags: "--objective <name>",
    summary: "what is made small: latency, throughput's interval, energy, or energy × delay (default: latency)",
    choices: ["latency", "throughput", "energy", "edp"],
  },
  accuracyBudget: {
    flags: "--accuracy-budget <metric=limit>",
    summary:
      "the largest error: sqnr=DB, mse=NUMBER, mae=PERCENT% or mae-change=PERCENT% (against --truth), top1=PERCENT%; precisions are searched",
  },
  candidates: {
    flags: "--candidates <rules>",
    summary: "precisions that a search tries, separated by commas (default: w8a8,w4a8,w2a8,w4a4,w2a2)",
  },
  truth: {
    flags: "--truth <[name=]file>",
    summary: "what really followed each sample of --input, as outputs (repeatable)",
    parse: collect,
  },
  gemm: {
    flags: "--gemm <m,n,k>",
    summary: "one matrix product of m x k activations by k x n weights, in place of a model",
    parse: parseGemm,
  },
  conv: {
    flags: "--conv <shapes>",
    summary: "one convolution in place of a model: [Nx]CxHxW,OxKHxKW[,stride=S][,pad=P][,dilation=D][,groups=G]",
    parse: parseConv,
  },
  layers: { flags: "--layers", summary: "show every layer with its cycles by cause, which add up" },
  ideal: {
    flags: "--ideal <resource>",
    summary: "let a resource take no time: network, memory, host or vector (repeatable)",
    parse: oneOf(idealResources),
  },
  range: {
    flags: "--range",
    summary: "simulate again with all estimates at both ends of their ranges (default: where that is quick)",
  },
  noRange: { flags: "--no-range", summary: "give no ranges" },
  remap: { flags: "--remap", summary: "search the mapping again for each moved number, instead of keeping it" },
  svg: { flags: "--svg <file>", summary: "a tornado plot of the estimates that matter" },
  energy: { flags: "--energy", summary: "show the energy by component, by layer and by core" },
  rtol: { flags: "--rtol <number>", summary: "relative tolerance (default: 1e-3)", parse: numberFromZero },
  atol: { flags: "--atol <number>", summary: "absolute tolerance (default: 1e-7)", parse: numberFromZero },
  report: {
    flags: "--report",
    summary: "say what became of the model's nodes: folded, expanded, fused, approximated, moved, refused",
  },
  out: { flags: "--out <path>", summary: "where to write" },
  weights: {
    flags: "--weights <file>",
    summary: "the weights of the program (default: beside it, ending in .weights)",
  },
  json: { flags: "--json [file]", summary: "the result as JSON, to standard output or to a file" },
  csv: { flags: "--csv [file]", summary: "the layers as CSV, to standard output or to a file" },
  trace: { flags: "--trace <file>", summary: "every event of the first batch on device, for ui.perfetto.dev" },
  printAfter: {
    flags: "--print-after <pass>",
    summary: "print the graph after a pass, or after `all` (repeatable)",
    parse: collect,
  },
  timePasses: { flags: "--time-passes", summary: "print what each pass did and how long it took" },
} as const satisfies Record<string, Declaration>;

/** The name of an option, as commands receive it. */
export type OptionName = keyof typeof declarations;

/** What commands receive: only what was given is there. */
export interface Options {
  readonly target?: string;
  readonly set?: readonly string[];
  readonly precision?: string;
  readonly dim?: readonly string[];
  /** Pairs OUTPUT=INPUT, or `none` alone. */
  readonly state?: readonly string[];
  readonly hostOps?: true;
  readonly input?: readonly string[];
  readonly calibration?: string;
  readonly quantizer?: string;
  readonly explain?: true;
  readonly calibrate?: readonly string[];
  readonly baseline?: readonly string[];
  readonly mapping?: string;
  readonly timingOnly?: true;
  readonly randomWeights?: number;
  readonly executor?: "evaluate" | "exact" | "functional";
  readonly outputs?: string;
  readonly seed?: number;
  readonly batch?: number | "best";
  readonly streams?: number;
  readonly objective?: Objective;
  readonly accuracyBudget?: string;
  readonly candidates?: string;
  readonly truth?: readonly string[];
  readonly gemm?: GemmLayer;
  readonly conv?: ConvLayer;
  readonly layers?: true;
  readonly ideal?: readonly IdealResource[];
  /** False: --no-range. */
  readonly range?: boolean;
  readonly energy?: true;
  readonly remap?: true;
  readonly svg?: string;
  readonly rtol?: number;
  readonly atol?: number;
  readonly report?: true;
  readonly out?: string;
  readonly weights?: string;
  /** True: standard output. */
  readonly json?: string | true;
  readonly csv?: string | true;
  readonly trace?: string;
  readonly printAfter?: readonly string[];
  readonly timePasses?: true;
}

/** Makes the option of that name for a command. */
export function makeOption(name: OptionName): Option {
  const declaration: Declaration = declarations[name];
  const option = new Option(declaration.flags, declaration.summary);
  const { parse } = declaration;
  if (parse !== undefined)
    option.argParser<unknown>((text, previous) => parse(text, previous as readonly string[] | undefined));
  if (declaration.choices !== undefined) option.choices(declaration.choices);
  return option;
}
