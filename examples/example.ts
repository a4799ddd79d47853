import type { ChosenTarget, OnProgress, RunResult } from "../api.ts";

/** How an example is run. */
export interface ExampleOptions {
  /** The chip; the NorthPole-style one by default. */
  readonly target?: ChosenTarget;
  /** Where files go; `examples/NAME/out` of the project by default. */
  readonly outFolder?: string;
  readonly onProgress?: OnProgress;
}

/** What an example gives. */
export interface ExampleRun {
  readonly result: RunResult;
  /** Files that were written, or found as an earlier run wrote them. */
  readonly files: readonly string[];
}

/** A model with data, run from end to end. */
export interface Example {
  readonly name: string;
  /** One sentence. */
  readonly summary: string;
  /** Deterministic: the same options give the same result. Prints nothing. */
  run(options?: ExampleOptions): ExampleRun;
}
