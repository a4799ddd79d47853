// Loop nests of any rank, described in memory (see ../layout.ts). The innermost loop is run by the kernels themselves.
import { loopCounters, loopCounts, loopStrides, loopTableBytes } from "../layout";

/** How many loops a nest has. */
@inline
export function rank(loops: usize): i32 {
  return load<i32>(loops);
}

/** Turns of a loop. */
@inline
export function count(loops: usize, axis: i32): i32 {
  return load<i32>(loops + (<usize>axis << 2), loopCounts);
}

/** Bytes that an operand moves in one turn of a loop. */
@inline
export function stride(loops: usize, operand: i32, axis: i32): i32 {
  return load<i32>(loops + <usize>operand * loopTableBytes + (<usize>axis << 2), loopStrides);
}

@inline
function counter(loops: usize, axis: i32): i32 {
  return load<i32>(loops + (<usize>axis << 2), loopCounters);
}

@inline
function setCounter(loops: usize, axis: i32, value: i32): void {
  store<i32>(loops + (<usize>axis << 2), value, loopCounters);
}

/** Sets the counters of the first `axes` loops to the given turn. */
export function seek(loops: usize, axes: i32, turn: i32): void {
  for (let axis = axes - 1; axis >= 0; axis -= 1) {
    const size = count(loops, axis);
    setCounter(loops, axis, turn % size);
    turn /= size;
  }
}

/** The byte offset of an operand at the present counters of the first `axes` loops. */
export function offset(loops: usize, operand: i32, axes: i32): i32 {
  let result = 0;
  for (let axis = 0; axis < axes; axis += 1) result += counter(loops, axis) * stride(loops, operand, axis);
  return result;
}

/** Advances the counters of the first `axes` loops; returns the last axis that advanced without wrapping, −1 at the end. */
export function advance(loops: usize, axes: i32): i32 {
  for (let axis = axes - 1; axis >= 0; axis -= 1) {
    const next = counter(loops, axis) + 1;
    if (next < count(loops, axis)) {
      setCounter(loops, axis, next);
      return axis;
    }
    setCounter(loops, axis, 0);
  }
  return -1;
}

/** How far an operand moves when `axis` was the one that advanced: the inner ones went back to their starts. */
export function step(loops: usize, operand: i32, axis: i32, axes: i32): i32 {
  let result = stride(loops, operand, axis);
  for (let inner = axis + 1; inner < axes; inner += 1) {
    result -= (count(loops, inner) - 1) * stride(loops, operand, inner);
  }
  return result;
}
