import { readFileSync } from "node:fs";
import { z } from "zod";
import { problem } from "../base/errors.ts";
import { schemaVersion } from "../report/schema-parts.ts";

const amount = z.number();
const headline = {
  latencyCycles: amount,
  latencySeconds: amount,
  intervalCycles: amount,
  throughputPerSecond: amount,
};
const energy = { energyPerInferenceJoules: amount, powerWatts: amount };
const amounts = z.record(z.string(), amount);

/** What is compared of results; further fields are left alone, so that files of later versions of a schema can be read. */
const comparableSchema = z.object({
  kind: z.enum(["run", "simulation"]),
  model: z.looseObject({ name: z.string() }).optional(),
  program: z.looseObject({ name: z.string() }).optional(),
  target: z.looseObject({ name: z.string() }),
  choices: z.looseObject({}).optional(),
  ideal: z.object({ resources: z.array(z.string()) }).nullish(),
  timing: z.object({ ...headline, cyclesByCause: amounts }),
  energy: z.object({ ...energy, byComponentJoules: amounts }),
  withHost: z.object({ ...headline, ...energy }),
  energySplit: z.object({ layers: z.array(z.object({ name: z.string(), byComponentJoules: amounts })) }).nullish(),
  layers: z.array(
    z.object({
      name: z.string(),
      latencyCycles: amount,
      intervalCycles: amount,
      energyJoules: amount,
      cyclesByCause: amounts,
      split: z.unknown(),
      weights: z.unknown(),
      weightCopyCount: z.unknown(),
    }),
  ),
});

/** A result of `run` or `simulate` as far as it is compared. */
export type ComparableResult = z.infer<typeof comparableSchema>;

const writtenBy = "Give files that `boreal run --json FILE` or `boreal simulate --json FILE` wrote.";

/** Reads what is compared of a result file. Throws B704 for what is no result, of another schema version or another kind. */
export function readResult(path: string): ComparableResult {
  const refuse = (message: string): Error => problem("B704", message, { file: path }, writtenBy);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw refuse(`The file cannot be read (${(error as NodeJS.ErrnoException).code ?? "unknown"}).`);
  }
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    throw refuse(text.trim() === "" ? "The file is empty." : "The file is no JSON.");
  }
  const header = z.object({ schemaVersion: z.number(), kind: z.string() }).safeParse(content);
  if (!header.success) throw refuse("The file has no schemaVersion and kind: it is no result of Boreal.");
  const { schemaVersion: version, kind } = header.data;
  if (version !== schemaVersion) {
    throw refuse(`The file has schema version ${version}, expected ${schemaVersion}.`);
  }
  if (kind !== "run" && kind !== "simulation") {
    throw refuse(`The file holds a result of kind "${kind}", expected "run" or "simulation".`);
  }
  const result = comparableSchema.safeParse(content);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw refuse(`The file is damaged at ${issue?.path.join(".") ?? "its root"}: ${issue?.message ?? "unknown"}.`);
}
