import { z } from "zod";
import { baselineSchema } from "./baseline-schema.ts";
import {
  energySchema,
  energySplitSchema,
  hostOperationSchema,
  idealSchema,
  layerSchema,
  memorySchema,
  provenanceSchema,
  rangeSchema,
  targetSchema,
  timingSchema,
  warningSchema,
  withHostSchema,
} from "./figures-schema.ts";
import { amountSchema, countSchema, schemaVersion, sha256Schema } from "./schema-parts.ts";

const version = z.literal(schemaVersion);

/** The model of a run. */
export const modelSchema = z.strictObject({
  name: z.string(),
  sha256: sha256Schema.describe("Of the model's file."),
  parameterCount: countSchema,
  macCount: countSchema.describe("Unpadded multiply-accumulates of one run, all streams together."),
  weights: z.enum(["trained", "random", "absent"]),
});

/** What a batch is predicted to take. */
const batchFiguresSchema = z.strictObject({
  batchCount: countSchema.describe("Inferences of one stream."),
  intervalCycles: z.number().nullable().describe("Predicted, per inference; null when the batch does not fit."),
  energyPerInferenceJoules: z.number().nullable().describe("Predicted; null where the objective needs no energy."),
  peakBytes: countSchema.nullable().describe("The end of the highest buffer on every core."),
});

/** What a batch is predicted to take. */
export type BatchFigures = z.infer<typeof batchFiguresSchema>;

/** What was chosen, by the user or by default. */
export const choicesSchema = z.strictObject({
  batchCount: countSchema.describe("Inferences that one run of the program makes, those of all streams."),
  streamCount: countSchema.describe("Equal parts of the batch that are computed in turns, layer by layer."),
  precision: z.string(),
  objective: z.enum(["latency", "throughput", "energy", "edp"]).describe("What the mapper made small."),
  batches: z
    .array(batchFiguresSchema)
    .nullable()
    .describe("What each batch that was tried is predicted to take, when the best was asked for."),
  gapFraction: z
    .number()
    .nullable()
    .describe(
      "Share by which the mapping's predicted figure may exceed the best of its candidates; null: nothing proven.",
    ),
  cardCount: countSchema,
  seed: z.number().int(),
  mapping: z.enum(["searched", "given"]),
  states: z
    .array(z.strictObject({ output: z.string(), input: z.string() }))
    .describe("Outputs that feed inputs of the next run; both stay on the chip."),
  hostOps: z.boolean().describe("Whether the host may run operators that the chip cannot."),
});

/** Inputs of a run and where they come from. */
const inputsSchema = z.strictObject({
  origin: z.enum(["given", "random", "none"]),
  description: z.string(),
  sampleCount: countSchema,
  calibrationOrigin: z.enum(["given", "random", "inputs", "none"]),
  calibrationCount: countSchema,
});

/** How near the chip's answer is to the model's f32 answer. */
export const accuracySchema = z.strictObject({
  sqnrDb: z.number().nullable().describe("Pooled over outputs and samples; null when nothing differs."),
  inputs: z.string().describe("What the samples are."),
  sampleCount: countSchema,
  worstLayer: z
    .strictObject({ name: z.string(), sqnrDb: z.number() })
    .nullable()
    .describe("The layer whose result is furthest from f32; errors of earlier layers included."),
  macCountByPrecision: z.record(z.string(), countSchema),
  overflowCount: countSchema
    .nullable()
    .describe(
      "Partial sums that left i32, and wrapped around, in all samples; null when the program was not executed.",
    ),
  exactCheck: z
    .strictObject({ sampleCount: countSchema, equal: z.boolean() })
    .nullable()
    .describe("Whether the chip's bytes equal the exact evaluation; null when one of them was not computed."),
});

/** Errors of a forecaster by steps ahead; null fields were not computed. */
const forecastSchema = z.strictObject({
  recording: z.string(),
  origin: z.enum(["measured", "synthetic", "unknown"]),
  windowCount: countSchema,
  unit: z.string(),
  meanAbsoluteErrors: z.strictObject({
    f32: z.array(amountSchema).nullable(),
    chip: z.array(amountSchema).nullable(),
    lastValue: z.array(amountSchema),
    contextMean: z.array(amountSchema),
    trainingMedian: z.array(amountSchema).describe("Of each channel over the frames that the model was trained on."),
  }),
});

/** What `boreal run --json` prints. */
export const runResultSchema = z.strictObject({
  schemaVersion: version,
  kind: z.literal("run"),
  model: modelSchema,
  target: targetSchema,
  choices: choicesSchema,
  inputs: inputsSchema,
  timing: timingSchema,
  energy: energySchema,
  energySplit: energySplitSchema.nullable().describe("Null unless asked for with --energy."),
  withHost: withHostSchema,
  hostOperations: z.array(hostOperationSchema).describe("What the host computes in the middle of a run."),
  range: rangeSchema.nullable().describe("Null with --no-range and --ideal."),
  ideal: idealSchema.nullable().describe("Null unless asked for with --ideal."),
  memory: memorySchema,
  accuracy: accuracySchema.nullable().describe("Null with --timing-only."),
  forecast: forecastSchema.nullable(),
  baselines: z.array(baselineSchema),
  layers: z.array(layerSchema),
  warnings: z.array(warningSchema),
  provenance: provenanceSchema,
});

/** What `boreal run --executor evaluate|exact --json` prints: answers, no timing. */
export const answerResultSchema = z.strictObject({
  schemaVersion: version,
  kind: z.literal("answers"),
  model: modelSchema,
  choices: choicesSchema,
  inputs: inputsSchema,
  executor: z.enum(["evaluate", "exact"]),
  outputs: z.array(
    z.strictObject({
      name: z.string(),
      element: z.string(),
      shape: z.array(countSchema),
      least: z.number().nullable(),
      greatest: z.number().nullable(),
      mean: z.number().nullable(),
    }),
  ),
  accuracy: accuracySchema.nullable().describe("Null for the f32 evaluation."),
  warnings: z.array(warningSchema),
  provenance: provenanceSchema,
});

/** What `boreal simulate --json` prints: a program alone, without its model. */
export const simulationResultSchema = z.strictObject({
  schemaVersion: version,
  kind: z.literal("simulation"),
  program: z.strictObject({
    name: z.string(),
    sha256: sha256Schema.describe("Of the listing."),
    batchCount: countSchema,
    macCount: countSchema,
    sidecarSha256: sha256Schema.nullable(),
  }),
  target: targetSchema,
  timing: timingSchema,
  energy: energySchema,
  energySplit: energySplitSchema.nullable().describe("Null unless asked for with --energy."),
  withHost: withHostSchema,
  hostOperations: z.array(hostOperationSchema).describe("What the host computes in the middle of a run."),
  range: rangeSchema.nullable(),
  ideal: idealSchema.nullable().describe("Null unless asked for with --ideal."),
  memory: memorySchema,
  executedSampleCount: countSchema,
  layers: z.array(layerSchema),
  warnings: z.array(warningSchema),
  provenance: provenanceSchema,
});

/** The result of a run: all figures, and what they rest on. */
export type RunResult = z.infer<typeof runResultSchema>;
/** The result of an evaluation without timing. */
export type AnswerResult = z.infer<typeof answerResultSchema>;
/** The result of simulating a program file. */
export type SimulationResult = z.infer<typeof simulationResultSchema>;
/** Model of a result. */
export type ModelSummary = z.infer<typeof modelSchema>;
/** Choices of a result. */
export type Choices = z.infer<typeof choicesSchema>;
/** Inputs of a result. */
export type InputsSummary = z.infer<typeof inputsSchema>;
/** Accuracy of a result. */
export type AccuracyResult = z.infer<typeof accuracySchema>;
/** Forecast errors of a result. */
export type ForecastResult = z.infer<typeof forecastSchema>;
