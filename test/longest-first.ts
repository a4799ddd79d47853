import { relative } from "node:path";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Test files that take longest, the longest first: a short file fills the end of a run better than a long one. */
const longest: readonly RegExp[] = [
  /^test\/conformance\/models/,
  /^test\/conformance\//,
  /^test\/contracts\//,
  /^test\/(cli|examples)\//,
];

/** Starts the longest test files first, also where no earlier run has left its durations. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const path = relative(this.ctx.config.root, moduleId);
      const index = longest.findIndex((pattern) => pattern.test(path));
      return index < 0 ? longest.length : index;
    };
    const usual = await super.sort(files);
    return usual.toSorted((left, right) => rank(left) - rank(right));
  }
}
