import { z } from "zod";
import { provenanceSchema, targetSchema, warningSchema } from "./figures-schema.ts";
import { amountSchema, schemaVersion } from "./schema-parts.ts";
import { choicesSchema, modelSchema } from "./schemas.ts";

const moveSchema = z.strictObject({
  value: z.number().describe("What the number was moved to; its own value where neither range nor chip admit another."),
  mapping: z
    .enum(["kept", "searched", "none"])
    .describe("The mapping of the moved chip; none: the model has no mapping there, and nothing is known."),
  latencyCycles: amountSchema,
  energyPerInferenceJoules: amountSchema,
  latencyChange: z.number().describe("Relative to the chip as it is: 0.1 is a tenth more."),
  energyChange: z.number().describe("Relative to the chip as it is."),
});

const rowSchema = z.strictObject({
  path: z.string(),
  unit: z.string(),
  value: z.number(),
  range: z.tuple([z.number(), z.number()]).describe("[low, high]"),
  down: moveSchema,
  up: moveSchema,
});

/** What `boreal sensitivity --json` prints: what each estimate of the chip does to latency and energy, on device. */
export const sensitivityResultSchema = z.strictObject({
  schemaVersion: z.literal(schemaVersion),
  kind: z.literal("sensitivity"),
  model: modelSchema,
  target: targetSchema,
  choices: choicesSchema,
  stepFraction: amountSchema.describe("How far each number is moved either way, within its range."),
  remap: z.boolean().describe("Whether the mapping was searched again for each number that is no price."),
  latencyCycles: amountSchema.describe("Of the chip as it is."),
  energyPerInferenceJoules: amountSchema.describe("Of the chip as it is."),
  rows: z.array(rowSchema).describe("One an estimate, the greatest relative change first."),
  warnings: z.array(warningSchema),
  provenance: provenanceSchema,
});

/** Sensitivities of a model on a chip. */
export type SensitivityResult = z.infer<typeof sensitivityResultSchema>;
/** What one estimate does. */
export type SensitivityRow = z.infer<typeof rowSchema>;
/** What moving an estimate one way does. */
export type SensitivityMove = z.infer<typeof moveSchema>;
