import type { PassRecord } from "../compiler/passes/pass.ts";
import { formatTable } from "../report/table.ts";

/** What each pass did and how long it took, as a table. */
export function formatPassRecords(records: readonly PassRecord[]): string {
  const rows = records.map(({ pass, durationSeconds, changed, nodeCountBefore, nodeCountAfter, ruleCounts }) => [
    pass,
    `${(1000 * durationSeconds).toFixed(1)} ms`,
    changed ? `${nodeCountBefore} -> ${nodeCountAfter}` : "unchanged",
    [...ruleCounts].map(([rule, count]) => `${rule} ${count}`).join(", "),
  ]);
  const columns = [
    { title: "pass" },
    { title: "time", align: "right" as const },
    { title: "nodes" },
    { title: "rules" },
  ];
  return `${formatTable(columns, rows).join("\n")}\n`;
}
