/** One frame of this many is held out, where there are as many. */
const heldOutShare = 4;

/** Whether a frame of that place is held out: every fourth is. */
export function isHeldOut(_: unknown, place: number): boolean {
  return place % heldOutShare === heldOutShare - 1;
}

/** Frames to fit to, and frames that are held out to judge by; none are of fewer than four. */
export function splitFrames<T>(frames: readonly T[]): { readonly fit: readonly T[]; readonly heldOut: readonly T[] } {
  return { fit: frames.filter((frame, place) => !isHeldOut(frame, place)), heldOut: frames.filter(isHeldOut) };
}
