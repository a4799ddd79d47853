import { BorealError, type Problem } from "../../base/errors.ts";

/** Lists of problems stop here. */
const maximumProblems = 100;

/** Problems that are collected during an import, each once. */
export class ProblemList {
  readonly #problems: Problem[] = [];
  readonly #seen = new Set<string>();

  /** Adds problems; throws all of them when there are many. */
  add(problems: readonly Problem[]): void {
    for (const problem of problems) {
      const key = JSON.stringify([problem.code, problem.message, problem.at]);
      if (this.#seen.has(key)) continue;
      this.#seen.add(key);
      this.#problems.push(problem);
    }
    if (this.#problems.length >= maximumProblems) this.throwAll();
  }

  /** Throws the problems together, if there are any. */
  throwAll(): void {
    if (this.#problems.length > 0) throw new BorealError(this.#problems.slice(0, maximumProblems));
  }
}
