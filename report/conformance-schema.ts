import { z } from "zod";
import { provenanceSchema } from "./figures-schema.ts";
import { countSchema, schemaVersion } from "./schema-parts.ts";

/** A case of a suite: what became of it. */
export const conformanceCaseSchema = z.strictObject({
  name: z.string(),
  status: z.enum(["pass", "fail", "refused"]).describe("fail: a wrong answer; refused: an error with a code."),
  code: z.string().nullable().describe("The error's code where the case was refused."),
  message: z.string().nullable(),
  largestError: z
    .number()
    .nonnegative()
    .nullable()
    .describe("The largest difference to the case's outputs; null where there is none that is finite."),
  operators: z.array(z.string()),
  knownInputs: z
    .array(z.string())
    .describe("Inputs whose values were bound at import: the graph needs them as shapes, axes or indices."),
  layerCount: countSchema.nullable().describe("Layers that the chip ran; null where it ran none."),
  hostNodes: z.array(z.string()).describe("Nodes that the host ran, with --host-ops."),
});

/** What `boreal conformance --json` prints. */
export const conformanceResultSchema = z.strictObject({
  schemaVersion: z.literal(schemaVersion),
  kind: z.literal("conformance"),
  folder: z.string(),
  executor: z.enum(["evaluate", "functional"]),
  tolerance: z.strictObject({ relative: z.number().nonnegative(), absolute: z.number().nonnegative() }),
  passCount: countSchema,
  failCount: countSchema,
  refusedCount: countSchema,
  operators: z.array(z.strictObject({ name: z.string(), caseCount: countSchema, passCount: countSchema })),
  cases: z.array(conformanceCaseSchema),
  provenance: provenanceSchema,
});

/** What became of a case. */
export type ConformanceCase = z.infer<typeof conformanceCaseSchema>;
/** What became of a suite. */
export type ConformanceResult = z.infer<typeof conformanceResultSchema>;
