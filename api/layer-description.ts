import { problem } from "../base/errors.ts";

/** A matrix product: [m × k] activations by constant [k × n] weights. */
export interface GemmLayer {
  readonly kind: "gemm";
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

/** A convolution with constant weights over one to three spatial axes. */
export interface ConvLayer {
  readonly kind: "conv";
  /** Images in a run: the batch. */
  readonly count: number;
  readonly inputChannels: number;
  /** By spatial axis, as are the following. */
  readonly sizes: readonly number[];
  readonly outputChannels: number;
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Zeros before each axis, then those after each. */
  readonly pads: readonly number[];
  readonly groups: number;
}

/** One layer that stands for itself, without a model. */
export type LayerDescription = GemmLayer | ConvLayer;

const gemmForm = "M,N,K, for example --gemm 64,512,256 (64 rows, 512 columns, 256 inner)";
const convForm =
  "[Nx]CxHxW,OxKHxKW[,stride=S][,pad=P][,dilation=D][,groups=G], for example --conv 1x64x56x56,64x3x3,stride=2,pad=1";

function gemmProblem(text: string, what: string): Error {
  return problem("B601", `Option --gemm was given "${text}": ${what}. Expected ${gemmForm}.`);
}

function convProblem(text: string, what: string): Error {
  return problem("B601", `Option --conv was given "${text}": ${what}. Expected ${convForm}.`);
}

/** Whole numbers of at least `least` that stand between `separator`; null when one is something else. */
function wholeNumbers(text: string, separator: string | RegExp, least: number): number[] | null {
  const numbers = text.split(separator).map((part) => (/^\d+$/.test(part.trim()) ? Number(part) : Number.NaN));
  return numbers.every((each) => Number.isSafeInteger(each) && each >= least) ? numbers : null;
}

/** Reads M,N,K. Throws B601 for anything else. */
export function parseGemm(text: string): GemmLayer {
  const [m, n, k, ...rest] = wholeNumbers(text, /[,x]/, 1) ?? [];
  if (m === undefined || n === undefined || k === undefined || rest.length > 0) {
    throw gemmProblem(text, "these are not three whole numbers of at least 1");
  }
  return { kind: "gemm", m, n, k };
}

const convKeys = ["stride", "pad", "dilation", "groups"] as const;

/**
 * Reads [Nx]CxHxW,OxKHxKW and settings; with one spatial axis CxL,OxK, with three alike. A setting has one number, or one
 * an axis (2x1); pad may have two an axis, all that come before, then all after. Throws B601 for anything else.
 */
export function parseConv(text: string): ConvLayer {
  const [inputText = "", filterText = "", ...settings] = text.split(",");
  const [input, filter] = [inputText, filterText].map((part) => wholeNumbers(part, "x", 1));
  if (input === null || input === undefined) throw convProblem(text, `"${inputText}" is no shape of an input`);
  if (filter === null || filter === undefined) throw convProblem(text, `"${filterText}" is no shape of a filter`);
  const [outputChannels = 1, ...kernel] = filter;
  const rank = kernel.length;
  if (rank < 1 || rank > 3) throw convProblem(text, `a filter has 1 to 3 spatial axes, "${filterText}" has ${rank}`);
  const open = input.length === rank + 1 ? [1, ...input] : input;
  if (open.length !== rank + 2) {
    throw convProblem(text, `"${inputText}" does not go with the ${rank} spatial axes of "${filterText}"`);
  }
  const [count = 1, inputChannels = 1, ...sizes] = open;
  const given = settingsOf(text, settings);
  const each = (key: (typeof convKeys)[number], fallback: number, least: number): readonly number[] => {
    const numbers = numbersOf(text, given, key, least) ?? [fallback];
    if (numbers.length !== 1 && numbers.length !== rank) {
      throw convProblem(text, `${key} has ${numbers.length} numbers, expected 1 or ${rank}`);
    }
    return numbers.length === rank ? numbers : kernel.map(() => numbers[0] ?? fallback);
  };
  const groups = numbersOf(text, given, "groups", 1) ?? [1];
  const layer: ConvLayer = {
    kind: "conv",
    count,
    inputChannels,
    sizes,
    outputChannels,
    kernel,
    strides: each("stride", 1, 1),
    dilations: each("dilation", 1, 1),
    pads: padsOf(numbersOf(text, given, "pad", 0) ?? [0], rank, text),
    groups: groups.length === 1 ? (groups[0] ?? 1) : Number.NaN,
  };
  const wrong = convMistake(layer);
  if (wrong !== null) throw convProblem(text, wrong);
  return layer;
}

function settingsOf(text: string, settings: readonly string[]): ReadonlyMap<string, string> {
  const given = new Map<string, string>();
  for (const setting of settings) {
    const [, key = "", value = ""] = /^([a-z]+)=(.+)$/.exec(setting.trim()) ?? [];
    if (!convKeys.some((each) => each === key)) {
      throw convProblem(text, `"${setting}" is none of ${convKeys.map((each) => `${each}=`).join(", ")}`);
    }
    if (given.has(key)) throw convProblem(text, `${key} stands twice`);
    given.set(key, value);
  }
  return given;
}

function numbersOf(
  text: string,
  given: ReadonlyMap<string, string>,
  key: (typeof convKeys)[number],
  least: number,
): number[] | null {
  const value = given.get(key);
  if (value === undefined) return null;
  const numbers = wholeNumbers(value, "x", least);
  if (numbers === null) throw convProblem(text, `${key}=${value} is no list of whole numbers of at least ${least}`);
  return numbers;
}

/** Zeros at both ends of every axis from one number, one an axis, or two an axis (all that come before, then all after). */
function padsOf(numbers: readonly number[], rank: number, text: string): readonly number[] {
  if (numbers.length === 2 * rank) return numbers;
  if (numbers.length === rank) return [...numbers, ...numbers];
  if (numbers.length === 1) return Array.from({ length: 2 * rank }, () => numbers[0] ?? 0);
  throw convProblem(text, `pad has ${numbers.length} numbers, expected 1, ${rank} or ${2 * rank}`);
}

/** What is wrong with a convolution; null when it can be computed. */
function convMistake({
  inputChannels,
  outputChannels,
  groups,
  sizes,
  kernel,
  dilations,
  pads,
}: ConvLayer): string | null {
  if (Number.isNaN(groups)) return "groups has more than one number";
  if (inputChannels % groups !== 0) return `${groups} groups do not divide the ${inputChannels} input channels`;
  if (outputChannels % groups !== 0) return `${groups} groups do not divide the ${outputChannels} output channels`;
  for (const [axis, size] of sizes.entries()) {
    const padded = size + (pads[axis] ?? 0) + (pads[axis + sizes.length] ?? 0);
    const reach = ((kernel[axis] ?? 1) - 1) * (dilations[axis] ?? 1) + 1;
    if (reach > padded)
      return `a kernel that reaches ${reach} is larger than the padded input of ${padded} on axis ${axis}`;
  }
  return null;
}

/** How many inferences a run of a layer makes when nothing else is said. */
export function batchOf(layer: LayerDescription): number {
  return layer.kind === "conv" ? layer.count : 1;
}
