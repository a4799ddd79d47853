import { z } from "zod";
import { weightPlanWords } from "../ir/weight-plan.ts";
import { boundResources } from "../runtime-sim/bound.ts";
import { energyComponents } from "../runtime-sim/energy.ts";
import { cycleCauses } from "../runtime-sim/metrics-stack.ts";
import { idealResources } from "../targets/ideal.ts";
import { amountSchema as amount, countSchema as count, sha256Schema as sha256 } from "./schema-parts.ts";

/** The target of a run: which machine, and how much of it is estimated. */
export const targetSchema = z.strictObject({
  name: z.string(),
  sha256: sha256.describe("Of the printed target, overrides included."),
  numberCount: count.describe("Numbers of the target."),
  estimatedNumberCount: count.describe("Numbers that are estimates."),
  overrides: z.array(z.string()).describe("path=value, as given."),
  gridRows: count,
  gridColumns: count,
  clockHz: amount,
  supplyVolts: amount,
});

const boundSchema = amount.nullable().describe("The least possible for graph and target; null without a graph.");

/** Time on device: the input is already in the framebuffer. */
export const timingSchema = z.strictObject({
  latencyCycles: amount.describe("First byte in to last byte out, whole batch."),
  latencySeconds: amount,
  intervalCycles: amount.describe("Steady-state cycles per inference."),
  throughputPerSecond: amount,
  boundLatencyCycles: boundSchema,
  boundIntervalCycles: boundSchema,
  packedBoundIntervalCycles: boundSchema.describe("As boundIntervalCycles, with the shape of the matrix unit."),
  boundFraction: amount.nullable().describe("Bound over achieved, of the objective's figure."),
  boundResource: z.enum(boundResources).nullable().describe("The resource that makes the bound of the interval."),
  utilizationFraction: amount.describe("Unpadded MACs over those possible at each layer's precision, in the interval."),
  bindingResource: z.enum(cycleCauses).describe("The cause of the most cycles of the latency."),
  cyclesByCause: z.record(z.enum(cycleCauses), amount).describe("Adds up to latencyCycles."),
});

const byComponent = z.record(z.enum(energyComponents), amount);

/** Energy on device, of the chip alone. */
export const energySchema = z.strictObject({
  energyPerInferenceJoules: amount.describe("Dynamic energy plus static power times interval."),
  dynamicJoules: amount,
  idleJoules: amount.describe("The static part of an inference."),
  powerWatts: amount.describe("Energy per inference over interval."),
  byComponentJoules: byComponent.describe("Adds up to energyPerInferenceJoules."),
});

const headline = {
  latencyCycles: amount,
  latencySeconds: amount,
  intervalCycles: amount,
  throughputPerSecond: amount,
  energyPerInferenceJoules: amount,
  powerWatts: amount,
};

/** Time and energy with the host link. */
export const withHostSchema = z.strictObject({
  ...headline,
  bindingResource: z.enum(cycleCauses),
});

/** Energy of an inference on device by layer and by core; each adds up to the whole. */
export const energySplitSchema = z.strictObject({
  layers: z.array(
    z.strictObject({
      name: z.string(),
      byComponentJoules: byComponent,
      staticJoules: amount.describe("Clock, leakage and interface over the layer's interval cycles."),
      totalJoules: amount,
    }),
  ),
  cores: z
    .array(
      z.strictObject({
        row: count,
        column: z.number().int().min(-1).describe("-1: the io core of the row."),
        byComponentJoules: byComponent,
        totalJoules: amount,
      }),
    )
    .describe("Dynamic energy where it is executed or arrives; clock and leakage to all cores alike."),
});

const lowHigh = z.tuple([amount, amount]).describe("[low, high]");

/** What the figures come to when all estimates stand at the ends of their ranges. */
export const rangeSchema = z.strictObject({
  timing: z
    .enum(["simulated", "held"])
    .describe("Simulated again at both ends; or held: energies alone were moved, and spans of time are null."),
  latencySeconds: lowHigh.nullable(),
  throughputPerSecond: lowHigh.nullable(),
  energyPerInferenceJoules: lowHigh,
  powerWatts: lowHigh.describe("The least and greatest of the two ends; neither end need be its extreme."),
  withHostLatencySeconds: lowHigh.nullable(),
  movedNumbers: z.array(z.string()).describe("Paths of the estimates that were moved."),
  heldNumbers: z
    .array(z.string())
    .describe("Paths of estimates that were held: they decide the program, not its price."),
});

/** Resources that take no time, and what the figures are without that. */
export const idealSchema = z.strictObject({
  resources: z.array(z.enum(idealResources)).min(1),
  mappedFor: z.literal("real machine").describe("The program is that of the real machine; only its time differs."),
  real: z
    .strictObject({ ...headline, withHost: z.strictObject(headline) })
    .describe("The same program with no resource free."),
});

/** Core memories. */
export const memorySchema = z.strictObject({
  usedBytes: count.describe("The most bytes in use at once, all cores together."),
  peakCoreBytes: count.describe("The end of the highest buffer of a core."),
  coreCapacityBytes: count,
  capacityBytes: count.describe("All core memories."),
  frameBufferUsedBytes: count,
  frameBufferCapacityBytes: count,
});

/** What the host computes in the middle of each run, on device too. */
export const hostOperationSchema = z.strictObject({
  name: z.string(),
  operator: z.string(),
  elementCount: count.describe("Elements that the host reads and writes."),
  transferBytes: count.describe("Over the host link, both ways."),
  transferSeconds: amount.describe("Of operands and result, one after the other."),
  operationSeconds: amount.describe("Of the host itself. Its energy is not counted."),
});

const splitAxis = z.array(z.strictObject({ dimension: z.string(), parts: count }));

/** One layer, on device. */
export const layerSchema = z.strictObject({
  name: z.string(),
  onnxNodes: z.array(z.string()),
  kind: z.enum(["input", "state", "contraction", "vector", "reduce", "movement", "output"]),
  macCount: count,
  latencyCycles: amount.describe("Layers add up to the latency."),
  intervalCycles: amount.describe("Of the whole batch; layers add up to interval times batch."),
  boundCycles: boundSchema,
  energyJoules: amount.describe("Per inference; static power over the layer's interval cycles included."),
  bindingResource: z.enum(cycleCauses),
  cyclesByCause: z.record(z.enum(cycleCauses), amount).describe("Adds up to latencyCycles."),
  split: z.strictObject({ rows: splitAxis, columns: splitAxis }).nullable(),
  corner: z
    .strictObject({ row: count, column: count })
    .nullable()
    .describe("The north-west core of the split; null where the mapping is not known."),
  beside: z
    .string()
    .nullable()
    .describe("The layer before it that runs at once with it: this one has only the cycles beyond that one's end."),
  weights: z
    .enum(weightPlanWords)
    .nullable()
    .describe(
      "Of a contraction's constant weights: on every core that uses them, in one copy divided over these cores, or in several.",
    ),
  weightCopyCount: count.nullable().describe("How often each slice of constant weights stands on the chip."),
  sqnrDb: z
    .number()
    .nullable()
    .describe("Of the layer's result against f32; null when it was not measured or nothing differs."),
});

/** A remark that changes how figures are to be read. */
export const warningSchema = z.strictObject({
  code: z.string().regex(/^W\d{3}$/),
  message: z.string(),
  at: z.record(z.string(), z.union([z.string(), z.number()])).describe("Where, as far as it is known."),
});

/** What is needed to make the same result again. */
export const provenanceSchema = z.strictObject({
  boreal: z.string().describe("Version."),
  schema: z.string(),
});

/** One layer's figures. */
export type LayerResult = z.infer<typeof layerSchema>;
/** A remark of a result. */
export type Warning = z.infer<typeof warningSchema>;
/** The target of a result. */
export type TargetSummary = z.infer<typeof targetSchema>;
/** Time of a result, on device. */
export type TimingResult = z.infer<typeof timingSchema>;
/** Energy of a result, on device. */
export type EnergyResult = z.infer<typeof energySchema>;
/** Energy of a result by layer and core. */
export type EnergySplitResult = z.infer<typeof energySplitSchema>;
/** Time and energy of a result, with host. */
export type WithHostResult = z.infer<typeof withHostSchema>;
/** Memory of a result. */
export type MemoryResult = z.infer<typeof memorySchema>;
/** What the host computes for a result. */
export type HostOperationResult = z.infer<typeof hostOperationSchema>;
/** Free resources of a result. */
export type IdealResult = z.infer<typeof idealSchema>;
/** Ranges of a result. */
export type RangeResult = z.infer<typeof rangeSchema>;
