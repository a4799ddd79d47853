import { describe, expect, it } from "vitest";
import { BorealError, problem } from "../../../base/errors.ts";
import { type Pass, runPasses } from "../../../compiler/passes/pass.ts";
import { chipPipeline, findPass, floatPipeline, passes } from "../../../compiler/passes/pipeline.ts";
import { simplifyRules } from "../../../compiler/passes/simplify.ts";
import { parseGraph } from "../../../ir/graph-text.ts";

const graph = parseGraph("graph @g(%x: f32[2]) {\n  %a = relu(%x) : f32[2]\n  %b = relu(%a) : f32[2]\n  return %b\n}");
const keep: Pass = { name: "keep", summary: "Keeps all.", run: (each) => each };
const simplify = findPass("simplify") as Pass;

function problemsOf(run: () => void): BorealError["problems"] {
  try {
    run();
  } catch (error) {
    if (error instanceof BorealError) return error.problems;
    throw error;
  }
  return [];
}

describe("the pass manager", () => {
  it("records what each pass did", () => {
    const seconds = [1, 1.5, 10, 12];
    const { records } = runPasses(graph, [keep, simplify], { clockSeconds: () => seconds.shift() ?? 0 });
    expect(records).toEqual([
      {
        pass: "keep",
        durationSeconds: 0.5,
        changed: false,
        ruleCounts: new Map(),
        nodeCountBefore: 2,
        nodeCountAfter: 2,
        gone: [],
      },
      {
        pass: "simplify",
        durationSeconds: 2,
        changed: true,
        ruleCounts: new Map([["clip-clip", 1]]),
        nodeCountBefore: 2,
        nodeCountAfter: 1,
        gone: [],
      },
    ]);
  });

  it("measures time by itself", () => {
    const [record] = runPasses(graph, [keep]).records;
    expect(record?.durationSeconds).toBeGreaterThanOrEqual(0);
  });

  it("prints after the passes that are named, or after all", () => {
    const printed: string[] = [];
    const onPrint = (pass: string, text: string): void => {
      printed.push(`${pass}: ${text.split("\n").length}`);
    };
    runPasses(graph, [keep, simplify], { printAfter: ["simplify"], onPrint });
    expect(printed).toEqual(["simplify: 5"]);
    runPasses(graph, [keep, simplify], { printAfter: "all", onPrint });
    expect(printed).toEqual(["simplify: 5", "keep: 6", "simplify: 5"]);
  });

  it("refuses an invalid graph before the first pass, as the input's fault", () => {
    expect(problemsOf(() => runPasses({ ...graph, outputs: ["none"] }, [keep]))).toEqual([
      { code: "B202", message: 'G8: output "none" is not bound.', at: { tensor: "none" } },
    ]);
  });

  it("names the pass that broke an invariant", () => {
    const breaks: Pass = { name: "breaks", summary: "Breaks.", run: (each) => ({ ...each, outputs: ["none"] }) };
    expect(problemsOf(() => runPasses(graph, [keep, breaks]))).toEqual([
      { code: "B203", message: 'G8: output "none" is not bound.', at: { tensor: "none", pass: "breaks" } },
    ]);
  });

  it("adds the pass's name to errors that a pass throws, and lets others through", () => {
    const refuses: Pass = {
      name: "refuses",
      summary: "Refuses.",
      run: () => {
        throw problem("B404", "No.", { tensor: "a" });
      },
    };
    expect(problemsOf(() => runPasses(graph, [refuses]))).toEqual([
      { code: "B404", message: "No.", at: { tensor: "a", pass: "refuses" } },
    ]);
    const crashes: Pass = {
      name: "crashes",
      summary: "Crashes.",
      run: () => {
        throw new RangeError("crash");
      },
    };
    expect(() => runPasses(graph, [crashes])).toThrow(new RangeError("crash"));
  });
});

describe("the pipelines", () => {
  it("are lists of named passes that can be found", () => {
    expect(passes.map(({ name }) => name)).toEqual([
      "carry-stored",
      "fold-constants",
      "eliminate-dead",
      "decompose-contractions",
      "simplify",
      "fold-batch-norm",
      "layout",
      "decompose",
      "copy-constant-outputs",
      "copy-constant-activations",
      "store-sums",
      "fuse-layers",
    ]);
    for (const pass of [...floatPipeline, ...chipPipeline]) expect(findPass(pass.name)).toBe(pass);
    expect(findPass("nothing")).toBeNull();
    for (const { summary } of passes) expect(summary).toMatch(/^[A-Z].*\.$/);
  });

  it("rules have names of their own and state a law", () => {
    expect(new Set(simplifyRules.map(({ name }) => name)).size).toBe(simplifyRules.length);
    for (const { law } of simplifyRules) expect(law).toContain("=");
  });
});
