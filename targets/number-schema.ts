import { z } from "zod";
import type { NumberSource } from "./target.ts";

/** The units that numbers of target files are written in. */
type Unit =
  | "cores"
  | "threads"
  | "lanes"
  | "elements"
  | "multiprocessors"
  | "stages"
  | "blocks"
  | "operations/MAC"
  | "operations/cycle"
  | "Hz"
  | "s"
  | "cycles"
  | "bytes"
  | "bytes/cycle"
  | "bytes/s"
  | "elements/s"
  | "fraction"
  | "pJ"
  | "pJ/byte"
  | "pJ/cycle"
  | "W"
  | "V"
  | "1/V"
  | "1/V^2"
  | "1/V^3"
  | "exponent"
  | "1";

/** Which values a number may have. `whole` and `measure` admit 0; `fraction` is above 0 and at most 1; `any` admits all. */
type NumberForm = "count" | "whole" | "positive" | "measure" | "fraction" | "any";

const forms = {
  count: z.int().min(1),
  whole: z.int().min(0),
  positive: z.number().gt(0),
  measure: z.number().min(0),
  fraction: z.number().gt(0).max(1),
  any: z.number(),
} as const satisfies Record<NumberForm, z.ZodNumber>;

/** How a number can be known. */
const sources = ["published", "derived", "estimated", "synthetic"] as const satisfies readonly NumberSource["source"][];

/** A number as a target file states it. */
export interface NumberEntry {
  readonly value: number;
  readonly unit: string;
  readonly source: NumberSource["source"];
  readonly range?: readonly [number, number] | undefined;
  readonly prior?: number | undefined;
  readonly formula?: string | undefined;
  readonly note: string;
}

/** What every number has beside its value and its unit. */
const statement = {
  source: z.enum(sources),
  range: z.tuple([z.number(), z.number()]).readonly().optional(),
  prior: z.number().optional(),
  formula: z.string().min(1).optional(),
  note: z.string().min(1),
} as const;

/**
 * The schema of one number: value of the given form, in the given unit, with source and note; an estimate needs a range that
 * holds the value, and may have the value before calibration as its prior; a derived number needs a formula, and no other
 * number has one.
 */
export function numberSchema(unit: Unit, form: NumberForm) {
  return z.strictObject({ value: forms[form], unit: z.literal(unit), ...statement }).superRefine((entry, context) => {
    const refuse = (message: string, path: string[] = []): void => {
      context.addIssue({ code: "custom", message, path });
    };
    if (entry.source === "estimated" && entry.range === undefined) refuse("an estimate needs a range: [low, high]");
    if (entry.range !== undefined && !(entry.range[0] <= entry.value && entry.value <= entry.range[1])) {
      refuse(`the range [${entry.range.join(", ")}] does not hold the value ${entry.value}`, ["range"]);
    }
    if (entry.prior !== undefined && entry.source !== "estimated") {
      refuse(`a prior belongs to an estimate, but the source is ${entry.source}`, ["prior"]);
    }
    if (entry.source === "derived" && entry.formula === undefined) refuse("a derived number needs a formula");
    if (entry.source !== "derived" && entry.formula !== undefined) {
      refuse(`a formula belongs to a derived number, but the source is ${entry.source}`, ["formula"]);
    }
  });
}
