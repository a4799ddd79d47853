import { z } from "zod";
import { amountSchema, countSchema } from "./schema-parts.ts";

const gpuFigures = {
  latencySeconds: amountSchema.describe("Of the whole batch."),
  throughputPerSecond: amountSchema,
  energyPerInferenceJoules: amountSchema,
  powerWatts: amountSchema,
};

/** One run of a GPU, modelled, published or measured. */
export const baselineSchema = z.strictObject({
  name: z.string(),
  source: z.enum(["modelled", "published", "measured"]),
  batchCount: countSchema,
  precision: z.string(),
  ...gpuFigures,
  withHost: z.strictObject(gpuFigures).nullable(),
});

/** One GPU run of a result. */
export type Baseline = z.infer<typeof baselineSchema>;
