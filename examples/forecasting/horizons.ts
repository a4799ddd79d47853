/** Steps ahead (1-based) as text: "1-3, 7". */
export function formatSteps(steps: readonly number[]): string {
  const ranges: { first: number; last: number }[] = [];
  for (const step of steps) {
    const open = ranges.at(-1);
    if (open !== undefined && step === open.last + 1) open.last = step;
    else ranges.push({ first: step, last: step });
  }
  return ranges.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`)).join(", ");
}

/** The steps ahead (1-based) at which a forecast's error is not less than a baseline's. */
export function stepsNotBetter(errors: readonly number[], baseline: readonly number[]): number[] {
  return errors.flatMap((error, index) => (error < (baseline[index] ?? Number.POSITIVE_INFINITY) ? [] : [index + 1]));
}
