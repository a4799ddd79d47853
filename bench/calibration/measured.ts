import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { z } from "zod";
import { type PrecisionPlan, parsePrecision } from "../../compiler/quantize/precision.ts";
import type { Graph } from "../../ir/graph.ts";
import { operatorOf } from "../../ir/ops/index.ts";

const measuredSchema = z.strictObject({
  workload: z.string(),
  framesPerSecond: z.number().positive(),
  watts: z.number().positive(),
  clockHz: z.number().positive(),
  note: z.string(),
  precision: z.strictObject({ inside: z.string(), ends: z.string(), note: z.string() }),
});

/** What was measured of a chip on one network, and at which precision it is taken to have run. */
export type Measured = z.infer<typeof measuredSchema>;

/** Reads what was measured of a chip: `targets/measured/NAME.yaml`. */
export function measuredOf(chipName: string): Measured {
  const url = new URL(`../../targets/measured/${chipName}.yaml`, import.meta.url);
  return measuredSchema.parse(parse(readFileSync(url, "utf8")));
}

/** The precision of a network as it was measured: one rule inside, another for the first and the last contraction. */
export function measuredPrecision({ precision }: Measured, graph: Graph): PrecisionPlan {
  const contractions = graph.nodes.filter(({ op }) => operatorOf(op).runsOn === "matrix");
  const ends = [contractions[0], contractions.at(-1)].flatMap((node) => node?.origin[0] ?? []);
  const { rule } = parsePrecision(precision.ends);
  return {
    name: `${precision.inside}, first and last ${precision.ends}`,
    rule: parsePrecision(precision.inside).rule,
    layers: new Map(ends.map((name) => [name, rule])),
  };
}
