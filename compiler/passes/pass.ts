import { BorealError, type Problem } from "../../base/errors.ts";
import type { Graph } from "../../ir/graph.ts";
import { printGraph } from "../../ir/graph-text.ts";
import { assertValid, verifyGraph } from "../../ir/verify.ts";

/** What a pass may tell while it runs. */
export interface PassContext {
  /** Counts one application of a rule, by the rule's name. */
  readonly count: (rule: string) => void;
}

/** A step of the compiler: a valid graph in, a valid graph out that means the same; the same object when nothing changed. */
export interface Pass {
  readonly name: string;
  /** One sentence, ending in a full stop. */
  readonly summary: string;
  readonly run: (graph: Graph, context: PassContext) => Graph;
}

/** What one pass of a run did. */
export interface PassRecord {
  readonly pass: string;
  readonly durationSeconds: number;
  readonly changed: boolean;
  /** How often each rule was applied. */
  readonly ruleCounts: ReadonlyMap<string, number>;
  readonly nodeCountBefore: number;
  readonly nodeCountAfter: number;
  /** ONNX nodes of which something stood in the graph before the pass and nothing after it. */
  readonly gone: readonly string[];
}

/** Options of `runPasses`. */
export interface RunPassesOptions {
  /** After which passes the graph is printed. */
  readonly printAfter?: "all" | readonly string[];
  /** Receives the printed graphs; weights are printed by checksum. */
  readonly onPrint?: (pass: string, text: string) => void;
  /** The clock for durations, in seconds. */
  readonly clockSeconds?: () => number;
}

/** A graph after passes, and what each pass did. */
export interface PassesResult {
  readonly graph: Graph;
  readonly records: readonly PassRecord[];
}

/**
 * Runs passes one after the other. Verifies the graph before the first (B202) and after every pass; throws B203 naming
 * the pass that broke an invariant, and adds the pass's name to the location of errors that a pass throws.
 */
export function runPasses(graph: Graph, passes: readonly Pass[], options: RunPassesOptions = {}): PassesResult {
  assertValid(graph);
  const clockSeconds = options.clockSeconds ?? (() => performance.now() / 1000);
  const records: PassRecord[] = [];
  let current = graph;
  for (const pass of passes) {
    const ruleCounts = new Map<string, number>();
    const count = (rule: string): void => {
      ruleCounts.set(rule, (ruleCounts.get(rule) ?? 0) + 1);
    };
    const startSeconds = clockSeconds();
    const next = runOne(pass, current, { count });
    records.push({
      pass: pass.name,
      durationSeconds: clockSeconds() - startSeconds,
      changed: next !== current,
      ruleCounts,
      nodeCountBefore: current.nodes.length,
      nodeCountAfter: next.nodes.length,
      gone: next === current ? [] : goneOrigins(current, next),
    });
    if (next !== current) assertStillValid(next, pass);
    current = next;
    if (options.printAfter === "all" || options.printAfter?.includes(pass.name)) {
      options.onPrint?.(pass.name, printGraph(current, { weights: "reference" }));
    }
  }
  return { graph: current, records };
}

function goneOrigins(before: Graph, after: Graph): string[] {
  const left = new Set(after.nodes.flatMap(({ origin }) => origin));
  return [...new Set(before.nodes.flatMap(({ origin }) => origin))].filter((name) => !left.has(name));
}

function runOne(pass: Pass, graph: Graph, context: PassContext): Graph {
  try {
    return pass.run(graph, context);
  } catch (error) {
    if (!(error instanceof BorealError)) throw error;
    const problems = error.problems.map((each): Problem => ({ ...each, at: { ...each.at, pass: pass.name } }));
    throw new BorealError(problems, { cause: error });
  }
}

function assertStillValid(graph: Graph, pass: Pass): void {
  const problems = verifyGraph(graph);
  if (problems.length === 0) return;
  throw new BorealError(problems.map((each) => ({ ...each, code: "B203", at: { ...each.at, pass: pass.name } })));
}
