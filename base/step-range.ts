/**
 * Steps of a batch, `firstStep` to `lastStep`, both included. Where the first stands behind the last, the range goes over
 * the end of a batch: from `firstStep` on, and in the next batch up to `lastStep`.
 */
export interface StepRange {
  readonly firstStep: number;
  readonly lastStep: number;
}

/** Whether a range goes over the end of a batch. */
export function goesOverEnd({ firstStep, lastStep }: StepRange): boolean {
  return firstStep > lastStep;
}

/** Whether a step lies in a range. */
export function holdsStep({ firstStep, lastStep }: StepRange, step: number): boolean {
  return firstStep <= lastStep ? firstStep <= step && step <= lastStep : step >= firstStep || step <= lastStep;
}

/** Whether two ranges have a step in common. */
export function shareStep(left: StepRange, right: StepRange): boolean {
  const begin = left.firstStep <= right.lastStep;
  const end = right.firstStep <= left.lastStep;
  // Ranges over the end both hold the last step; one alone meets the other behind its begin or before its end.
  if (goesOverEnd(left)) return goesOverEnd(right) || begin || end;
  return goesOverEnd(right) ? begin || end : begin && end;
}

/** Whether each step of `inner` lies in `outer`, whatever the number of steps. */
export function coversRange(outer: StepRange, inner: StepRange): boolean {
  if (outer.firstStep === outer.lastStep + 1) return true;
  if (goesOverEnd(outer) === goesOverEnd(inner)) {
    return outer.firstStep <= inner.firstStep && inner.lastStep <= outer.lastStep;
  }
  return goesOverEnd(outer) && (inner.firstStep >= outer.firstStep || inner.lastStep <= outer.lastStep);
}
