import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { passes } from "../../../compiler/passes/pipeline.ts";
import { parseGraph, printGraph } from "../../../ir/graph-text.ts";
import { assertValid, invariants } from "../../../ir/verify.ts";

const path = fileURLToPath(new URL("../../../docs/ir.md", import.meta.url));

const sections: Readonly<Record<string, string>> = {
  invariants: ["| | invariant |", "|---|---|", ...invariants.map(({ id, law }) => `| ${id} | ${law} |`)].join("\n"),
  passes: [
    "| pass | what it does |",
    "|---|---|",
    ...passes.map(({ name, summary }) => `| \`${name}\` | ${summary} |`),
  ].join("\n"),
};

/** The document with its generated sections filled in. */
function filled(text: string): string {
  return Object.entries(sections).reduce(
    (current, [name, table]) =>
      current.replace(
        new RegExp(`<!-- ${name} -->[^]*<!-- /${name} -->`),
        () => `<!-- ${name} -->\n${table}\n<!-- /${name} -->`,
      ),
    text,
  );
}

it("docs/ir.md lists the invariants and passes of the code (BLESS=1 rewrites it)", () => {
  const text = readFileSync(path, "utf8");
  if (process.env.BLESS === "1") writeFileSync(path, filled(text));
  else expect(text).toBe(filled(text));
});

it("the example of docs/ir.md is a valid graph, printed as the printer does", () => {
  const example = /```\n(graph @example[^`]*)```/.exec(readFileSync(path, "utf8"))?.[1] ?? "";
  const graph = parseGraph(example);
  assertValid(graph);
  expect(printGraph(graph)).toBe(example);
});
