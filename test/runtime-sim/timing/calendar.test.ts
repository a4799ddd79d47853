import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { traceEvents } from "../../../runtime-sim/trace.ts";
import { cores, matmul, onCores, oneStep, run } from "./machine.ts";

/** Rows of a matmul that takes so many cycles: one a row, and 5 to fill. */
const rowsOf = (cycles: number): number => cycles - 5;

/** Cycles below and above the 8,192 that the ring of the calendar holds. */
const cycles = fc.oneof(
  fc.integer({ min: 6, max: 100 }),
  fc.integer({ min: 8180, max: 8200 }),
  fc.integer({ min: 8000, max: 60_000 }),
);

describe("the calendar", () => {
  it("brings instructions back when they are done, near or far, across turns of its ring", () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(cycles, { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 16 }),
        (chains) => {
          const trace = run(
            oneStep(
              chains.map((chain, core) =>
                onCores(cores(core >> 2, core & 3), { matrix: chain.map((each) => matmul(rowsOf(each), 16, 16)) }),
              ),
            ),
          );
          // Each is issued a cycle after the one before it has ended.
          const expected = chains.flatMap((chain, core) => {
            let end = -1;
            return chain.map((each) => {
              const start = end + 1;
              end = start + each;
              return [core, start, end];
            });
          });
          const found = [...traceEvents(trace)].map(({ row, column, start, end }) => [row * 4 + column, start, end]);
          expect(found.toSorted(byCoreAndStart)).toEqual(expected);
          expect(found.map(([, start]) => start)).toEqual(
            found.map(([, start]) => start as number).toSorted((a, b) => a - b),
          );
        },
      ),
    );
  });
});

function byCoreAndStart(left: readonly number[], right: readonly number[]): number {
  return (left[0] as number) - (right[0] as number) || (left[1] as number) - (right[1] as number);
}
