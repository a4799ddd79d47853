import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { BorealError, formatProblem, type Problem } from "../../base/errors.ts";
import type { Pass } from "../../compiler/passes/pass.ts";
import { runPasses } from "../../compiler/passes/pass.ts";
import { findPass, passes } from "../../compiler/passes/pipeline.ts";
import { quantizeGraph } from "../../compiler/quantize/quantize.ts";
import { formatValue, parseGraph, printGraph } from "../../ir/graph-text.ts";
import { assertValid, invariants } from "../../ir/verify.ts";
import { formatGoldenFile, type GoldenCase, parseGoldenFile } from "./golden-case.ts";

const blesses = process.env.BLESS === "1";
const files = readdirSync(import.meta.dirname).filter((name) => name.endsWith(".bir"));
const casesOf = new Map(
  files.map((file) => [file, parseGoldenFile(readFileSync(join(import.meta.dirname, file), "utf8"))]),
);
const allCases = [...casesOf.values()].flat();

const shapeOnlyQuantize: Pass = {
  name: "quantize",
  summary: "Quantizes by shapes alone.",
  run: (graph) => quantizeGraph(graph, { ranges: null }),
};

function passNamed(name: string): Pass {
  const pass = name === "quantize" ? shapeOnlyQuantize : findPass(name);
  if (pass === null) throw new Error(`there is no pass "${name}"`);
  return pass;
}

/** The printed result of a case. */
function runCase({ input, run }: GoldenCase): string {
  const graph = parseGraph(input);
  if (run.join() === "parse") return printGraph(graph);
  if (run.join() === "verify") {
    assertValid(graph);
    return printGraph(graph);
  }
  return printGraph(runPasses(graph, run.map(passNamed)).graph);
}

/** The 1-based line of the input that a problem is at: its own, or that which binds the value that it names. */
function lineOf({ at }: Problem, input: string): number {
  if (at.line !== undefined) return at.line;
  const lines = input.split("\n");
  const bound =
    at.tensor === undefined
      ? -1
      : lines.findLastIndex((line) => line.trimStart().startsWith(`${formatValue(at.tensor ?? "")} =`));
  return bound < 0 ? 1 : bound + 1;
}

function problemsOf(golden: GoldenCase): readonly Problem[] {
  try {
    runCase(golden);
    return [];
  } catch (error) {
    if (error instanceof BorealError) return error.problems;
    throw error;
  }
}

describe("golden cases", () => {
  for (const [file, cases] of casesOf) {
    describe(file, () => {
      for (const golden of cases) {
        const expectsErrors = golden.errors.length > 0;
        it(`${golden.title}: ${golden.why}`, () => {
          if (expectsErrors) {
            const problems = problemsOf(golden);
            const found = problems.map((each) => ({ line: lineOf(each, golden.input), text: formatProblem(each) }));
            expect(
              found.map(({ line }) => line),
              JSON.stringify(found, null, 1),
            ).toEqual(golden.errors.map(({ line }) => line));
            golden.errors.forEach(({ text }, index) => {
              const [code = "", ...words] = text.split(" ");
              expect(found[index]?.text).toContain(`error[${code}]`);
              expect(found[index]?.text).toContain(words.join(" "));
            });
            return;
          }
          const wanted = golden.out === "unchanged" ? printGraph(parseGraph(golden.input)) : golden.out;
          const found = runCase(golden);
          if (!blesses) expect(found, "BLESS=1 rewrites the OUT of all cases; review the difference").toBe(wanted);
        });
      }
    });
  }

  const whenBlessing = (body: () => void): void => {
    if (blesses) it("are blessed", body);
  };
  whenBlessing(() => {
    for (const [file, cases] of casesOf) {
      const blessed = cases.map((golden) => {
        if (golden.errors.length > 0) return golden;
        const out = runCase(golden);
        return { ...golden, out: out === printGraph(parseGraph(golden.input)) ? "unchanged" : out };
      });
      writeFileSync(join(import.meta.dirname, file), formatGoldenFile(blessed));
    }
  });
});

describe("golden cases are complete", () => {
  it.each(passes.map((pass) => pass.name))("pass %s has a case that changes the graph and two that do not", (name) => {
    const cases = allCases.filter((golden) => golden.run.join() === name && golden.errors.length === 0);
    expect(cases.filter((golden) => golden.out !== "unchanged").length).toBeGreaterThanOrEqual(1);
    expect(cases.filter((golden) => golden.out === "unchanged").length).toBeGreaterThanOrEqual(2);
  });

  it.each(invariants.map(({ id }) => id))("invariant %s has a case that breaks it", (id) => {
    const broken = allCases.flatMap((golden) => golden.errors).filter(({ text }) => text.startsWith(`B202 ${id}:`));
    expect(broken.length).toBeGreaterThanOrEqual(1);
  });
});
