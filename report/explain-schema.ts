import { z } from "zod";
import { boundResources } from "../runtime-sim/bound.ts";
import { cycleCauses } from "../runtime-sim/metrics-stack.ts";
import { layerSchema, provenanceSchema, targetSchema, warningSchema } from "./figures-schema.ts";
import { amountSchema, countSchema, schemaVersion } from "./schema-parts.ts";
import { choicesSchema, modelSchema } from "./schemas.ts";

const { split, weights, weightCopyCount } = layerSchema.shape;
const choice = { split, weights, weightCopyCount };

/** One layer in the summary: what it takes, against what, and why. */
export const explainedLayerSchema = z.strictObject({
  name: z.string(),
  onnxNodes: z.array(z.string()),
  kind: layerSchema.shape.kind,
  macCount: countSchema,
  ...choice,
  usedCoreCount: countSchema.describe("Cores that have a part of it."),
  latencyCycles: amountSchema.describe("Simulated, on device."),
  predictedCycles: amountSchema.describe("The mapper's estimate, with the transfers of what it reads."),
  boundCycles: amountSchema.nullable(),
  packedBoundCycles: amountSchema.nullable().describe("The bound with the shape of the matrix unit."),
  boundResource: z.enum(boundResources).nullable(),
  boundRatio: amountSchema.nullable().describe("Simulated cycles over the bound; null without one."),
  bindingResource: z.enum(cycleCauses),
  cyclesByCause: layerSchema.shape.cyclesByCause,
  reason: z
    .string()
    .nullable()
    .describe("Why it is slow; null unless it is slower than 3 times its bound, or asked for."),
});

/** A layer from near. */
export const layerExplanationSchema = z.strictObject({
  name: z.string(),
  dimensions: z.array(z.strictObject({ name: z.string(), size: countSchema, kind: z.enum(["parallel", "reduction"]) })),
  predicted: z
    .strictObject({
      matrixCycles: amountSchema,
      vectorCycles: amountSchema,
      portCycles: amountSchema,
      modelCycles: amountSchema,
      partialCycles: amountSchema,
      frameCycles: amountSchema,
      synchronizationCycles: amountSchema,
    })
    .describe("The mapper's estimate of the busiest core, by resource; these overlap."),
  transfers: z
    .array(
      z.strictObject({
        value: z.string(),
        from: z.string().describe("The layer that makes it."),
        cycles: amountSchema,
        remoteBytes: amountSchema.describe("Most bytes that a core takes in from others."),
      }),
    )
    .describe("Values that are brought before it starts, one after the other."),
  consideredCount: countSchema.describe("Choices of split and weights that the mapper weighed for it."),
  searchIsExact: z.boolean().describe("Whether no other choice of the whole network is predicted to be quicker."),
  alternatives: z
    .array(
      z.strictObject({
        ...choice,
        isChosen: z.boolean(),
        predictedLayerCycles: amountSchema,
        predictedNetworkCycles: amountSchema
          .nullable()
          .describe("With this choice forced and all others searched again, memory apart; null where it is pinned."),
        placedNetworkCycles: amountSchema
          .nullable()
          .describe("As predictedNetworkCycles, once everything is placed in memory; null when that was not tried."),
        simulated: z
          .strictObject({
            layerCycles: amountSchema.nullable(),
            latencyCycles: amountSchema,
            energyJoules: amountSchema.describe("Of the network on device, per inference."),
          })
          .nullable()
          .describe("Null when it does not fit, or was not among the best."),
        fits: z.boolean().nullable().describe("Null when it was not tried."),
      }),
    )
    .describe("The choice that was made, then the next best by what the objective makes small."),
  levers: z.array(
    z.strictObject({
      lever: z.string(),
      kind: z.enum(["ideal", "target", "precision", "batch"]),
      program: z.enum(["same", "mapped again"]).describe("Whether the network was mapped again for it."),
      layerCycles: amountSchema
        .nullable()
        .describe("Of the layer, per inference; null when it was not tried, or the layer is not in that program."),
      latencyCycles: amountSchema
        .nullable()
        .describe("Of the network on device, per inference; null when it was not tried."),
      energyJoules: amountSchema
        .nullable()
        .describe("Of the network on device, per inference; null when it was not tried."),
      refusal: z.string().nullable().describe("Why it could not be tried."),
    }),
  ),
});

/** What `boreal explain --json` prints. */
export const explanationResultSchema = z.strictObject({
  schemaVersion: z.literal(schemaVersion),
  kind: z.literal("explanation"),
  model: modelSchema,
  target: targetSchema,
  choices: choicesSchema,
  latencyCycles: amountSchema.describe("On device, whole batch; layers add up to it."),
  boundLatencyCycles: amountSchema,
  predictedCycles: amountSchema,
  layers: z.array(explainedLayerSchema),
  layer: layerExplanationSchema.nullable().describe("The layer that was asked about."),
  warnings: z.array(warningSchema),
  provenance: provenanceSchema,
});

/** What is said of a network's mapping. */
export type ExplanationResult = z.infer<typeof explanationResultSchema>;
/** A layer in the summary. */
export type ExplainedLayer = z.infer<typeof explainedLayerSchema>;
/** A layer from near. */
export type LayerExplanation = z.infer<typeof layerExplanationSchema>;
