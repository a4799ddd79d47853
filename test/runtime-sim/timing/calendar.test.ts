import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Calendar } from "../../../runtime-sim/timing/calendar.ts";

/** Takes all entries out as [time, sorted ids]. */
function drain(calendar: Calendar): [number, number[]][] {
  const all: [number, number[]][] = [];
  for (let id = calendar.advance(); id >= 0; id = calendar.advance()) {
    const ids: number[] = [];
    for (let entry = id; entry >= 0; entry = calendar.next[entry] as number) ids.push(entry);
    all.push([calendar.now, ids.sort((a, b) => a - b)]);
  }
  return all;
}

describe("the calendar", () => {
  it("gives entries in order of time, those of one cycle together, near or far", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 8000, max: 60000 })), { maxLength: 60 }),
        (times) => {
          const calendar = new Calendar(times.length);
          times.forEach((time, id) => {
            calendar.schedule(id, time);
          });
          const byTime = new Map<number, number[]>();
          times.forEach((time, id) => {
            byTime.set(time, [...(byTime.get(time) ?? []), id]);
          });
          expect(drain(calendar)).toEqual([...byTime].sort(([a], [b]) => a - b));
        },
      ),
    );
  });

  it("takes entries while time goes on, across turns of its ring", () => {
    const calendar = new Calendar(3);
    calendar.schedule(0, 5);
    const seen: [number, number][] = [];
    for (let id = calendar.advance(); id >= 0; id = calendar.advance()) {
      seen.push([calendar.now, id]);
      if (seen.length < 8) calendar.schedule((id + 1) % 3, calendar.now + [8191, 8192, 1, 20000][seen.length % 4]!);
    }
    expect(seen.map(([time]) => time)).toEqual([5, 8197, 8198, 28198, 36389, 44581, 44582, 64582]);
  });

  it("keeps its entries when it grows", () => {
    const calendar = new Calendar(2);
    calendar.schedule(0, 3);
    calendar.schedule(1, 3);
    calendar.grow(5);
    calendar.schedule(4, 2);
    expect(drain(calendar)).toEqual([
      [2, [4]],
      [3, [0, 1]],
    ]);
    expect(calendar.advance()).toBe(-1);
  });
});
