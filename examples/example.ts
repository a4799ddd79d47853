import type { ChosenTarget, OnProgress, RunResult } from "../api.ts";

/** What the user asks of an example. */
export interface ExampleOptions {
  readonly target: ChosenTarget;
  /** Added to the seeds of the example; its recorded figures are those of 0. */
  readonly seed: number;
  /** Computes no answers: neither recording nor weights are made. */
  readonly timingOnly: boolean;
  /** The folder that model, recording and figures are written to; null for `examples/NAME/out` of the project. */
  readonly outputFolder: string | null;
  readonly baselines?: readonly string[];
  /** Whether estimates are moved to the ends of their ranges; where that is quick by default. */
  readonly range?: boolean;
  readonly onProgress: OnProgress;
}

/** Takes what an example has to show: the result of a run, and remarks, one a line, that stand above it. */
export type ExampleReport = (result: RunResult, remarks: readonly string[]) => void;

/** A forecaster and a recording that come with the project. */
export interface Example {
  readonly name: string;
  /** One sentence. */
  readonly summary: string;
  /** Deterministic: the same options give the same result. Prints nothing. */
  readonly run: (options: ExampleOptions, report: ExampleReport) => Promise<void>;
}
