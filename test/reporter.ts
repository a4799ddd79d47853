import type { Reporter, TestModule } from "vitest/node";

/** Prints the last line of one or more test runs: how many tests passed, failed and were skipped in all of them. */
export default class CountReporter implements Reporter {
  readonly #count = { passed: 0, failed: 0, skipped: 0 };
  #isFirstRun = true;

  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const count = this.#count;
    count.failed += errors.length;
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const state = test.result().state;
        if (state === "passed") count.passed += 1;
        else if (state === "failed") count.failed += 1;
        else count.skipped += 1;
      }
      if (module.errors().length > 0) count.failed += 1;
    }
    if (this.#isFirstRun) {
      process.on("exit", () => {
        console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
      });
    }
    this.#isFirstRun = false;
  }
}
