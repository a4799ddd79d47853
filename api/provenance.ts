import type { Warning } from "../report/figures-schema.ts";
import type { RunResult } from "../report/schemas.ts";
import type { ChosenTarget } from "./target.ts";
import { borealVersion } from "./version.ts";
import { warning } from "./warnings.ts";

/** What a result needs to be made again: the version, and the schema that it keeps. */
export function provenance(
  schema:
    | "run-result"
    | "answer-result"
    | "simulation-result"
    | "compile-result"
    | "conformance-result"
    | "difference-result"
    | "explanation-result"
    | "precision-search-result"
    | "quantize-result"
    | "sensitivity-result",
): RunResult["provenance"] {
  return { boreal: borealVersion(), schema: `docs/schemas/${schema}.json` };
}

/** Warnings about a target: numbers that were changed, or that stand for no real machine. */
export function targetWarnings({ chip, overrides }: ChosenTarget): Warning[] {
  const synthetic = [...chip.provenance.values()].filter(({ source }) => source === "synthetic").length;
  if (overrides.length > 0) return [warning("W302", `Target ${chip.name} was changed: ${overrides.join(", ")}.`)];
  return synthetic === 0 ? [] : [warning("W302", `${synthetic} numbers of target ${chip.name} are synthetic.`)];
}
