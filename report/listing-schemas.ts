import { z } from "zod";
import { memorySchema, provenanceSchema, targetSchema, warningSchema } from "./figures-schema.ts";
import { countSchema, schemaVersion, sha256Schema } from "./schema-parts.ts";
import { choicesSchema, modelSchema } from "./schemas.ts";

const version = z.literal(schemaVersion);
const size = z.union([countSchema, z.string(), z.null()]).describe("A size, the name of an open dimension, or null.");
const valueSchema = z.strictObject({ name: z.string(), element: z.string(), shape: z.array(size).nullable() });

/** What `boreal compile --json` prints. */
export const compileResultSchema = z.strictObject({
  schemaVersion: version,
  kind: z.literal("compilation"),
  model: modelSchema,
  target: targetSchema,
  choices: choicesSchema,
  layerCount: countSchema,
  macCount: countSchema,
  predictedCycles: z.number().nonnegative().describe("The mapper's own estimate of the latency."),
  predictionIsExact: z.boolean().describe("Whether no other choice among the candidates is predicted to be quicker."),
  memory: memorySchema,
  sidecarBytes: countSchema.nullable().describe("Bytes of weights and tables; null with --timing-only."),
  files: z.array(z.string()),
  warnings: z.array(warningSchema),
  provenance: provenanceSchema,
});

/** What `boreal import --json` prints. */
export const importResultSchema = z.strictObject({
  schemaVersion: version,
  kind: z.literal("import"),
  model: modelSchema,
  opset: countSchema.describe("Of the default domain; 0 for graph text."),
  irVersion: countSchema,
  producer: z.string(),
  inputs: z.array(valueSchema),
  outputs: z.array(valueSchema),
  nodeCountByOperator: z.record(z.string(), countSchema),
  notes: z.array(z.string()),
});

const nodeSchema = z.strictObject({ node: z.string(), operator: z.string() });

/** What `boreal import --report --json` prints: what became of a model's nodes on the way to a chip. */
export const importReportSchema = z.strictObject({
  schemaVersion: version,
  kind: z.literal("import-report"),
  model: z.string(),
  target: z.string(),
  precision: z.string(),
  unused: countSchema.describe("Nodes that no output depends on."),
  folded: z
    .array(nodeSchema.extend({ by: z.string().describe("`import`, or the pass that computed it.") }))
    .describe("Nodes whose results were computed once and for all."),
  expanded: z
    .array(
      nodeSchema.extend({
        as: z.enum(["function", "then branch", "else branch", "both branches", "steps"]),
        stepCount: countSchema.nullable().describe("Of an unrolled loop."),
      }),
    )
    .describe("Calls, branches and loops that other nodes stand for."),
  removed: z
    .array(z.strictObject({ node: z.string(), by: z.string() }))
    .describe("Nodes that a pass made superfluous, by the pass."),
  fused: z
    .array(z.strictObject({ layer: z.string(), nodes: z.array(z.string()) }))
    .describe("Layers that compute several nodes in one step."),
  approximated: z
    .array(nodeSchema.extend({ from: z.string(), to: z.string() }))
    .describe("Nodes that the chip computes in a narrower format than the model's, by element types."),
  moved: z
    .array(
      nodeSchema.extend({
        how: z.enum(["copied", "absorbed"]).describe("Whether bytes are copied, or the layout of others absorbs it."),
        bytes: countSchema.describe("That are copied."),
      }),
    )
    .describe("Nodes that move data."),
  onHost: z.array(nodeSchema).describe("Nodes of which the host runs something in the middle of each inference."),
  refused: z
    .array(
      z.strictObject({
        by: z.enum(["import", "chip"]),
        code: z.string(),
        message: z.string(),
        node: z.string().nullable(),
        operator: z.string().nullable(),
      }),
    )
    .describe("Why the model cannot be imported, or the chip cannot run it."),
});

/** What `boreal inspect --json` prints. */
export const inspectResultSchema = z.strictObject({
  schemaVersion: version,
  kind: z.literal("inspection"),
  file: z.string(),
  is: z.enum(["onnx model", "graph", "program", "mapping", "chip", "gpu", "tensor"]),
  sha256: sha256Schema,
  bytes: countSchema,
  facts: z
    .array(z.strictObject({ name: z.string(), value: z.union([z.string(), z.number(), z.null()]) }))
    .describe("What is known of it, most important first."),
});

/** What `boreal targets --json` prints. */
export const targetListingSchema = z.strictObject({
  schemaVersion: version,
  kind: z.literal("targets"),
  targets: z.array(
    z.strictObject({
      name: z.string(),
      kind: z.enum(["chip", "gpu"]),
      sha256: sha256Schema,
      numberCount: countSchema,
      estimatedNumberCount: countSchema,
    }),
  ),
});

/** What `boreal targets NAME --json` prints. */
export const targetNumbersSchema = z.strictObject({
  schemaVersion: version,
  kind: z.literal("target"),
  name: z.string(),
  targetKind: z.enum(["chip", "gpu"]),
  sha256: sha256Schema,
  overrides: z.array(z.string()),
  numbers: z.array(
    z.strictObject({
      path: z.string(),
      value: z.number(),
      unit: z.string(),
      source: z.enum(["published", "derived", "estimated", "synthetic"]),
      range: z.tuple([z.number(), z.number()]).nullable(),
      formula: z.string().nullable(),
      note: z.string(),
    }),
  ),
});

const formSchema = z.strictObject({
  operator: z.string(),
  domain: z.string().describe('"" for the default domain.'),
  since: countSchema,
  until: countSchema.nullable().describe("The last opset of the form; null when it still holds."),
});

/** What `boreal ops --json` prints. */
export const operatorListingSchema = z.strictObject({
  schemaVersion: version,
  kind: z.literal("operators"),
  opsets: z.strictObject({ first: countSchema, last: countSchema }),
  operators: z.array(
    z.strictObject({
      name: z.string(),
      summary: z.string(),
      runsOn: z.enum(["matrix", "vector", "movement", "folded", "folded or host"]),
      onnx: z.array(formSchema),
    }),
  ),
  expanded: z.array(formSchema).describe("Operators that hold graphs, which stand for them after import."),
});

/** What `boreal examples --json` prints. */
export const exampleListingSchema = z.strictObject({
  schemaVersion: version,
  kind: z.literal("examples"),
  examples: z.array(z.strictObject({ name: z.string(), summary: z.string() })),
});

/** The result of compiling. */
export type CompileResult = z.infer<typeof compileResultSchema>;
/** What is in a model. */
export type ImportResult = z.infer<typeof importResultSchema>;
/** What became of a model's nodes. */
export type ImportReport = z.infer<typeof importReportSchema>;
/** What a file is. */
export type InspectResult = z.infer<typeof inspectResultSchema>;
/** The targets that come with the project. */
export type TargetListing = z.infer<typeof targetListingSchema>;
/** The numbers of a target. */
export type TargetNumbers = z.infer<typeof targetNumbersSchema>;
/** The operators. */
export type OperatorListing = z.infer<typeof operatorListingSchema>;
/** The examples. */
export type ExampleListing = z.infer<typeof exampleListingSchema>;
