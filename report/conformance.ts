import type { ConformanceResult } from "./conformance-schema.ts";
import { shorten } from "./format.ts";
import { formatTable } from "./table.ts";

/** The counts of a suite, the operators with a case that does not pass, and every such case with its reason. */
export function printConformance(result: ConformanceResult): string {
  const { folder, executor, tolerance, cases, passCount, failCount, refusedCount } = result;
  const share = ((100 * passCount) / Math.max(1, cases.length)).toFixed(1);
  const what =
    executor === "evaluate"
      ? `f32 against the outputs of the cases, rtol ${tolerance.relative}, atol ${tolerance.absolute}`
      : "the chip against the exact evaluation, bit for bit";
  const misses = cases.filter(({ status }) => status !== "pass");
  const onHost = cases.filter(({ hostNodes }) => hostNodes.length > 0).length;
  const operators = result.operators.filter((operator) => operator.passCount < operator.caseCount);
  return [
    `${folder}: ${what}`,
    ...(onHost === 0 ? [] : [`The host runs nodes of ${onHost} case${onHost === 1 ? "" : "s"} that the chip cannot.`]),
    `${passCount} of ${cases.length} cases pass (${share} %), ${failCount} answer wrongly, ${refusedCount} are refused.`,
    ...(operators.length === 0
      ? []
      : [
          "",
          ...formatTable(
            [{ title: "operator" }, { title: "cases", align: "right" }, { title: "pass", align: "right" }],
            operators.map(({ name, caseCount, passCount: passed }) => [name, String(caseCount), String(passed)]),
          ),
        ]),
    ...(misses.length === 0
      ? []
      : [
          "",
          ...formatTable(
            [{ title: "case" }, { title: "" }, { title: "why" }],
            misses.map(({ name, status, code, message }) => [name, code ?? status, shorten(message ?? "", 110)]),
          ),
        ]),
    "",
  ].join("\n");
}
