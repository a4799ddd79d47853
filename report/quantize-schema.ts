import { z } from "zod";
import { provenanceSchema, warningSchema } from "./figures-schema.ts";
import { countSchema, schemaVersion } from "./schema-parts.ts";
import { accuracySchema, modelSchema } from "./schemas.ts";

const ratio = z.number().nullable().describe("In dB; null when nothing differs or it is not known.");

/** What became of a contraction when a model was quantized. */
const quantizedLayerSchema = z.strictObject({
  name: z.string(),
  operator: z.string(),
  precision: z.string().describe("Bits of weights and activations, such as w8a8."),
  macCount: countSchema,
  weightBytes: countSchema.nullable().describe("Packed; null where both operands are activations."),
  weightBytesSaved: countSchema.nullable().describe("Against 8 bits a weight."),
  activation: z.strictObject({
    name: z.string(),
    low: z.number().describe("The least number that is stored."),
    high: z.number(),
    scale: z.number(),
    zero: z.number().int(),
    clippedShare: z.number().nullable().describe("Of the numbers of the f32 model on the samples."),
  }),
  sqnrDb: ratio.describe("Of the layer's result on the samples, errors of earlier layers included."),
  rounding: z
    .strictObject({
      recipe: z.enum(["nearest", "compensated", "corrected"]),
      nearestSqnrDb: ratio,
      sqnrDb: ratio,
    })
    .nullable()
    .describe(
      "How weights were chosen on calibration samples that were held out; null where they were rounded to nearest.",
    ),
});

/** What `boreal quantize --json` prints. */
export const quantizeResultSchema = z.strictObject({
  schemaVersion: z.literal(schemaVersion),
  kind: z.literal("quantization"),
  model: modelSchema,
  precision: z.string(),
  calibration: z.strictObject({ method: z.string(), sampleCount: countSchema }),
  quantizer: z.strictObject({
    asked: z.string(),
    used: z.string().describe("What was kept: steps that do not help on samples that were held out are left out."),
  }),
  accuracy: accuracySchema.pick({
    sqnrDb: true,
    inputs: true,
    sampleCount: true,
    worstLayer: true,
    macCountByPrecision: true,
  }),
  steps: z
    .array(z.strictObject({ quantizer: z.string(), sqnrDb: ratio }))
    .describe("What each step adds, on the samples; empty without --explain."),
  layers: z.array(quantizedLayerSchema),
  files: z.array(z.string()),
  warnings: z.array(warningSchema),
  provenance: provenanceSchema,
});

/** The result of quantizing a model. */
export type QuantizeResult = z.infer<typeof quantizeResultSchema>;
/** A contraction of a quantized model. */
export type QuantizedLayer = QuantizeResult["layers"][number];
