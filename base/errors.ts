import { type Code, codes } from "./codes.ts";

/** Where a problem is; only what is known is given. */
export interface Location {
  readonly file?: string;
  /** 1-based. */
  readonly line?: number;
  /** 1-based. */
  readonly column?: number;
  /** Byte offset in `file`. */
  readonly byte?: number;
  readonly onnxNode?: string;
  readonly operator?: string;
  readonly tensor?: string;
  readonly layer?: string;
  readonly core?: { readonly row: number; readonly column: number };
  readonly path?: string;
  readonly pass?: string;
}

/** One thing that is wrong: what was found and what was expected stand in `message`. */
export interface Problem {
  readonly code: Code;
  readonly message: string;
  readonly at: Location;
  /** What to do, when it is more specific than the action of the code's table entry. */
  readonly hint?: string;
}

/** Prints a location, most general part first; empty when nothing is known. */
export function formatLocation(at: Location): string {
  const parts: string[] = [];
  if (at.file !== undefined) {
    const position = [at.line, at.column].filter((part) => part !== undefined).join(":");
    parts.push(position === "" ? at.file : `${at.file}:${position}`);
  }
  if (at.byte !== undefined) parts.push(`byte ${at.byte}`);
  if (at.path !== undefined) parts.push(at.path);
  if (at.pass !== undefined) parts.push(`pass ${at.pass}`);
  if (at.layer !== undefined) parts.push(`layer "${at.layer}"`);
  if (at.onnxNode !== undefined || at.operator !== undefined) {
    parts.push(`node ${[at.onnxNode === undefined ? "" : `"${at.onnxNode}"`, at.operator ?? ""].join(" ").trim()}`);
  }
  if (at.tensor !== undefined) parts.push(`tensor "${at.tensor}"`);
  if (at.core !== undefined) parts.push(`core (${at.core.row},${at.core.column})`);
  return parts.join(", ");
}

/** Prints a problem on one line, with what to do about it. */
export function formatProblem(problem: Problem): string {
  const where = formatLocation(problem.at);
  const action = problem.hint ?? codes[problem.code].action;
  return `${where === "" ? "" : `${where}: `}error[${problem.code}]: ${problem.message} ${action}`;
}

/** One or more problems, all that could be found, thrown together. */
export class BorealError extends Error {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[], options?: ErrorOptions) {
    super(problems.map(formatProblem).join("\n"), options);
    this.name = "BorealError";
    this.problems = problems;
  }

  /** 1: the input is refused; 2: wrong use; 70: a bug of Boreal. */
  get exitCode(): 1 | 2 | 70 {
    const first = this.problems[0]?.code ?? "B901";
    return first.startsWith("B9") || first === "B203" ? 70 : first.startsWith("B6") ? 2 : 1;
  }
}

/** Makes an error of one problem. */
export function problem(code: Code, message: string, at: Location = {}, hint?: string): BorealError {
  return new BorealError([hint === undefined ? { code, message, at } : { code, message, at, hint }]);
}

/** Makes an error for a state that cannot be reached unless Boreal has a bug. */
export function internalError(message: string, at: Location = {}): BorealError {
  return problem("B901", message, at);
}
