import { BorealError } from "../../base/errors.ts";

/** A part of a demand. */
export interface MisfitTerm {
  readonly name: string;
  readonly bytes: number;
}

/** What could make a network fit, and what it would come to. */
export interface MisfitLever {
  readonly lever: string;
  readonly effect: string;
}

/** Why a network does not fit: a resource, what is asked of it and what it has, and what adds up to the demand. */
export interface Misfit {
  readonly resource: "core memory" | "framebuffer";
  readonly demandBytes: number;
  readonly boundBytes: number;
  readonly gapBytes: number;
  /** Largest first; they add up to the demand. */
  readonly terms: readonly MisfitTerm[];
  readonly levers: readonly MisfitLever[];
}

/** Makes a misfit; terms are sorted, largest first, and their sum is the demand. */
export function makeMisfit(
  resource: Misfit["resource"],
  boundBytes: number,
  terms: readonly MisfitTerm[],
  levers: readonly MisfitLever[],
): Misfit {
  const sorted = terms.filter(({ bytes }) => bytes > 0).sort((a, b) => b.bytes - a.bytes || (a.name < b.name ? -1 : 1));
  const demandBytes = sorted.reduce((total, { bytes }) => total + bytes, 0);
  return { resource, demandBytes, boundBytes, gapBytes: demandBytes - boundBytes, terms: sorted, levers };
}

/** Terms printed before the rest is added up. */
const printedTerms = 8;

/** Prints a misfit on several lines: demand, bound and gap, the terms, the levers. */
export function formatMisfit(misfit: Misfit): string {
  const lines = [
    `The ${misfit.resource} has ${formatBytes(misfit.boundBytes)}, ${formatBytes(misfit.demandBytes)} are needed: ${formatBytes(misfit.gapBytes)} too many.`,
    "  The demand adds up from:",
  ];
  const rest = misfit.terms.slice(printedTerms);
  for (const { name, bytes } of misfit.terms.slice(0, printedTerms))
    lines.push(`    ${formatBytes(bytes).padStart(12)}  ${name}`);
  if (rest.length > 0) {
    const bytes = rest.reduce((total, term) => total + term.bytes, 0);
    lines.push(`    ${formatBytes(bytes).padStart(12)}  ${rest.length} smaller parts`);
  }
  if (misfit.levers.length > 0) lines.push("  What was tried, and what would help:");
  for (const { lever, effect } of misfit.levers) lines.push(`    ${lever}: ${effect}`);
  return lines.join("\n");
}

/** Prints bytes exactly up to 64 KiB, above in KiB or MiB with one decimal. */
export function formatBytes(bytes: number): string {
  if (bytes < 65536) return `${bytes} B`;
  if (bytes < 1048576) return `${(bytes / 1024).toFixed(1)} KiB`;
  return `${(bytes / 1048576).toFixed(1)} MiB`;
}

/** B401 with the printed misfit as its message. */
export class MisfitError extends BorealError {
  readonly misfit: Misfit;

  constructor(misfit: Misfit) {
    const hint =
      misfit.levers.length > 0 ? "The levers are listed above." : "Use a smaller network or a larger target.";
    super([{ code: "B401", message: `${formatMisfit(misfit)}\n`, at: {}, hint }]);
    this.name = "MisfitError";
    this.misfit = misfit;
  }
}
