import type { OnProgress } from "../api/progress.ts";
import type { ChosenTarget } from "../api/target.ts";
import type { RunResult } from "../report/schemas.ts";

/** What the user asks of an example. */
export interface ExampleOptions {
  readonly target: ChosenTarget;
  readonly seed: number;
  /** Computes no answers. */
  readonly timingOnly: boolean;
  /** The folder that model, recording and outputs are written to; null to write nothing. */
  readonly outputFolder: string | null;
  readonly baselines?: readonly string[];
  readonly range: boolean;
  readonly onProgress: OnProgress;
}

/** Takes what an example has to show: the result of a run, and remarks, one a line, that stand above it. */
export type ExampleReport = (result: RunResult, remarks: readonly string[]) => void;

/** A forecaster and a recording that come with the project. */
export interface Example {
  readonly name: string;
  /** One sentence. */
  readonly summary: string;
  readonly run: (options: ExampleOptions, report: ExampleReport) => Promise<void>;
}

/** Every example, in the order in which they are listed. */
export const examples: readonly Example[] = [];
