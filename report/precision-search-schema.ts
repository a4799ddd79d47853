import { z } from "zod";
import { provenanceSchema, targetSchema, warningSchema } from "./figures-schema.ts";
import { countSchema, schemaVersion } from "./schema-parts.ts";
import { modelSchema } from "./schemas.ts";

const ratio = z.number().nullable().describe("In dB; null when nothing differs.");
const precision = z.string().describe("Bits of weights and activations, such as w8a8.");
const byBits = z.record(z.string(), z.number()).describe("By bits: error energy ÷ signal energy of the outputs.");

/** A plan that was evaluated exactly, mapped and simulated. */
const pointSchema = z.strictObject({
  name: z.string().describe("The rule, or how many layers have which precision."),
  rule: precision.describe("The precision of layers that are not named."),
  layers: z.record(z.string(), precision).describe("By ONNX node."),
  predicted: z.strictObject({
    cost: z.number().describe("That of the widest precision, and Σ of what layers add to it."),
    sqnrDb: ratio.describe("From Σ of the layers' noise, in dB."),
    mappedCycles: z.number().describe("As the mapper predicts them for the whole plan."),
  }),
  verified: z.strictObject({
    error: z.number().describe("In the budget's metric, over the samples."),
    sqnrDb: ratio,
    cost: z.number().describe("What the objective makes small: cycles, joules, or their product."),
    latencyCycles: countSchema.describe("Simulated, on device."),
    intervalCycles: z.number().describe("Simulated, on device: of one inference."),
    energyJoules: z.number().describe("Of one inference, simulated, on device."),
  }),
  withinBudget: z.boolean(),
  onFront: z.boolean().describe("Whether no other point has both less error and less cost."),
});

/** What `boreal precision --json` prints. */
export const precisionSearchResultSchema = z.strictObject({
  schemaVersion: z.literal(schemaVersion),
  kind: z.literal("precision-search"),
  model: modelSchema,
  target: targetSchema,
  objective: z.enum(["latency", "throughput", "energy", "edp"]),
  budget: z.strictObject({ metric: z.string(), limit: z.number(), text: z.string() }),
  quantizer: z.string(),
  calibrationMethod: z.string(),
  samples: z.strictObject({
    calibrationCount: countSchema,
    heldBackCount: countSchema.describe("Of the calibration samples, on which the noise of layers was measured."),
    verifiedCount: countSchema.describe("Other samples, on which every point was evaluated exactly."),
    verifiedOn: z.string(),
  }),
  search: z.strictObject({
    layerCount: countSchema,
    planCount: z.number().describe("All that could be chosen."),
    frontCount: countSchema.describe("Plans that are not beaten as predicted."),
    frontErrorFactor: z
      .number()
      .describe("How far the predicted front may be off as a factor of the error; 1: it is exact."),
    judgedCount: countSchema.describe("Plans that were evaluated exactly."),
    sqnrDifferenceDb: z
      .strictObject({ median: z.number(), greatest: z.number() })
      .describe("Predicted against verified SQNR of the points."),
    costRatio: z
      .strictObject({ least: z.number(), median: z.number(), greatest: z.number() })
      .describe("Predicted over verified cost of the points."),
  }),
  layers: z.array(
    z.strictObject({
      name: z.string(),
      onnxNodes: z.array(z.string()),
      macCount: countSchema,
      precision: precision.describe("Of the plan that was chosen."),
      weightNoise: byBits,
      activationNoise: byBits,
      costs: z.record(z.string(), z.number()).describe("By precision: what it adds to the cost of the model."),
    }),
  ),
  points: z.array(pointSchema).describe("By cost."),
  chosen: countSchema.describe("The point that was chosen."),
  files: z.array(z.string()),
  warnings: z.array(warningSchema),
  provenance: provenanceSchema,
});

/** A plan that was evaluated exactly, mapped and simulated. */
export type PrecisionPoint = z.infer<typeof pointSchema>;

/** What `boreal precision --json` prints. */
export type PrecisionSearchResult = z.infer<typeof precisionSearchResultSchema>;
