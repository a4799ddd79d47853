import { z } from "zod";
import { cycleCauses } from "../runtime-sim/metrics-stack.ts";
import { provenanceSchema } from "./figures-schema.ts";
import { schemaVersion } from "./schema-parts.ts";

const value = z.number();
const change = { a: value, b: value, difference: value.describe("b - a") };
const stack = z.record(z.enum(cycleCauses), value);

const sideSchema = z.strictObject({
  file: z.string(),
  kind: z.enum(["run", "simulation"]),
  name: z.string().describe("Of the model or program."),
  target: z.string(),
});

/** One layer of two results; what is in one alone is compared with nothing. */
export const layerDifferenceSchema = z.strictObject({
  name: z.string(),
  in: z.enum(["both", "a", "b"]),
  latencyCycles: z.strictObject(change),
  intervalCycles: z.strictObject(change),
  energyJoules: z.strictObject(change),
  cyclesByCause: stack.describe("b - a; adds up to the difference of latencyCycles."),
  energyByComponentJoules: z
    .record(z.string(), value)
    .nullable()
    .describe("b - a; adds up to the difference of energyJoules. Null unless both results have it (--energy)."),
  mapping: z
    .enum(["same", "other"])
    .nullable()
    .describe("Whether split and weights are the same; null where one is not known."),
});

/** What `boreal diff --json` prints. */
export const differenceResultSchema = z.strictObject({
  schemaVersion: z.literal(schemaVersion),
  kind: z.literal("difference"),
  a: sideSchema,
  b: sideSchema,
  changed: z
    .array(z.strictObject({ path: z.string(), a: z.string(), b: z.string() }))
    .describe("Fields of model, program, target and choices that differ, as JSON."),
  headline: z.array(z.strictObject({ figure: z.string(), unit: z.string(), ...change })),
  cyclesByCause: z
    .array(z.strictObject({ cause: z.enum(cycleCauses), ...change }))
    .describe("On device; differences add up to that of latencyCycles. The largest first."),
  energyByComponent: z
    .array(z.strictObject({ component: z.string(), ...change }))
    .describe("On device, in joules; differences add up to that of energyPerInferenceJoules. The largest first."),
  layers: z
    .array(layerDifferenceSchema)
    .describe("The largest difference of latency first, then of energy; they add up to the differences of the whole."),
  provenance: provenanceSchema,
});

/** Two results, figure by figure. */
export type DifferenceResult = z.infer<typeof differenceResultSchema>;
/** One layer of two results. */
export type LayerDifference = z.infer<typeof layerDifferenceSchema>;
