/**
 * Vector clocks: entry c of a clock is how many events of component c have happened before. A component is a thread or
 * a channel (the packets of one thread to one core on one network). Clocks grow as components appear; a missing entry is 0.
 */
export type Clock = Int32Array;

/** The entry of a component. */
export function clockEntry(clock: Clock, component: number): number {
  return component < clock.length ? (clock[component] as number) : 0;
}

/** The clock with an entry raised to at least `time`; the same array when it is long enough. */
export function withEntry(clock: Clock, component: number, time: number): Clock {
  const result = component < clock.length ? clock : grown(clock, Math.max(component + 1, 2 * clock.length));
  if ((result[component] as number) < time) result[component] = time;
  return result;
}

/** The entry-wise maximum, stored in `into` when that is long enough. */
export function joined(into: Clock, other: Clock): Clock {
  const result = other.length <= into.length ? into : grown(into, other.length);
  for (let index = 0; index < other.length; index += 1) {
    const entry = other[index] as number;
    if ((result[index] as number) < entry) result[index] = entry;
  }
  return result;
}

function grown(clock: Clock, length: number): Clock {
  const result = new Int32Array(length);
  result.set(clock);
  return result;
}
