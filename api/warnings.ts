import type { CodeEntry } from "../base/codes.ts";
import type { Location } from "../base/errors.ts";
import type { Normalization } from "../compiler/quantize/normalize-activations.ts";
import type { Warning } from "../report/figures-schema.ts";

/** Every code of a warning: what it says and what can be done. docs/errors.md is generated from it. */
export const warningCodes = {
  W101: { summary: "The importer left something out, or found something odd.", action: "Read the message." },
  W102: {
    summary: "Weights are seeded random numbers.",
    action: "Give trained weights; time and energy do not depend on them, answers do.",
  },
  W103: {
    summary: "Weights are absent: shapes alone were simulated.",
    action: "Give the weights, or --random-weights SEED, for answers.",
  },
  W104: {
    summary: "States were guessed by the names of outputs and inputs.",
    action: "Name them with --state OUTPUT=INPUT, or --state none to give them as inputs.",
  },
  W201: {
    summary: "Inputs are seeded random numbers.",
    action: "Give inputs with --input; accuracy on random numbers says little about data.",
  },
  W202: {
    summary: "Ranges were calibrated on seeded random numbers.",
    action: "Give frames with --calibrate.",
  },
  W203: {
    summary: "Ranges were calibrated on the inputs that accuracy is measured on.",
    action: "Give other frames with --calibrate.",
  },
  W204: {
    summary: "Activations with heavy tails are divided by their magnitude in each inference.",
    action: "Nothing; the vector unit's work for it is in time and energy, but not in those of --timing-only.",
  },
  W205: {
    summary: "The host runs operators that the chip has no instructions for.",
    action: "Read the time of host and link; its energy is not counted. Without --host-ops such a model is refused.",
  },
  W206: {
    summary: "Partial sums left the range of i32 and wrapped around.",
    action: "Use fewer bits, or smaller weights and biases: answers of such sums are wrong.",
  },
  W301: {
    summary: "A baseline could not be run.",
    action: "Read the message; another GPU may have more memory.",
  },
  W302: {
    summary: "The target is synthetic or was changed by --set.",
    action: "Do not take its figures for those of a real chip.",
  },
  W303: {
    summary: "Resources of the chip take no time (--ideal).",
    action: "Do not take the figures for those of a real chip; the result has those of the real one as well.",
  },
  W304: {
    summary: "A figure is worse with a free resource than without.",
    action: "Nothing: requests are served in the order in which they come, and another order may be a slower one.",
  },
  W401: {
    summary: "Recording or weights of an example are made up.",
    action: "Do not take its forecast errors for those of a real recording.",
  },
  W402: {
    summary: "A forecast is no better than one without a model.",
    action: "Read the errors by steps ahead; time and energy do not depend on them.",
  },
  W403: {
    summary: "An example's figures differ from those that were recorded.",
    action: "Find the change that moved them; when it is right, copy out/figures.json over expected.json.",
  },
  W501: {
    summary: "The program was simulated without its weights.",
    action: "Put the .weights file beside the program to execute it.",
  },
} as const satisfies Record<string, CodeEntry>;

/** The code of a warning. */
export type WarningCode = keyof typeof warningCodes;

/** Says which contractions read activations that are divided by their magnitude, if any do. */
export function normalizationWarnings(normalizations: readonly Normalization[]): Warning[] {
  const contractions = normalizations.flatMap((each) => each.contractions);
  if (contractions.length === 0) return [];
  const named = contractions.map((name) => `"${name}"`).join(", ");
  return [
    warning("W204", `What ${named} read varies much and is divided by its greatest magnitude in each inference.`),
  ];
}

/** What a run says of partial sums that do not fit i32. */
export function overflowWarnings(overflowCount: number): Warning[] {
  if (overflowCount === 0) return [];
  return [warning("W206", `${overflowCount} partial sums left the range of i32 and wrapped around.`)];
}

/** Makes a warning; fields of `at` that are not known are left out. */
export function warning(code: WarningCode, message: string, at: Location = {}): Warning {
  const { core, ...rest } = at;
  const place = core === undefined ? rest : { ...rest, core: `(${core.row},${core.column})` };
  return { code, message, at: Object.fromEntries(Object.entries(place).filter(([, value]) => value !== undefined)) };
}
