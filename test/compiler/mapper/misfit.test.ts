import { describe, expect, it } from "vitest";
import { formatBytes, formatMisfit, MisfitError, makeMisfit } from "../../../compiler/mapper/misfit.ts";

const misfit = makeMisfit(
  "core memory",
  65536,
  [
    { name: "value a", bytes: 1000 },
    { name: "gaps between buffers", bytes: 0 },
    { name: "weights fc/weights", bytes: 200000 },
    { name: "value b", bytes: 1000 },
    ...Array.from({ length: 7 }, (_, index) => ({ name: `scratch ${index}`, bytes: 10 })),
  ],
  [{ lever: "4-bit weights, two in a byte", effect: "99.6 KiB are needed, which does not fit" }],
);

describe("a misfit", () => {
  it("adds up its terms, largest first, equal ones by name, without empty ones", () => {
    expect([misfit.demandBytes, misfit.boundBytes, misfit.gapBytes]).toEqual([202070, 65536, 136534]);
    expect(misfit.terms.slice(0, 3).map(({ name }) => name)).toEqual(["weights fc/weights", "value a", "value b"]);
    expect(misfit.terms).toHaveLength(10);
  });

  it("prints demand, bound, gap, terms and levers", () => {
    expect(formatMisfit(misfit)).toBe(
      [
        "The core memory has 64.0 KiB, 197.3 KiB are needed: 133.3 KiB too many.",
        "  The demand adds up from:",
        "       195.3 KiB  weights fc/weights",
        "          1000 B  value a",
        "          1000 B  value b",
        "            10 B  scratch 0",
        "            10 B  scratch 1",
        "            10 B  scratch 2",
        "            10 B  scratch 3",
        "            10 B  scratch 4",
        "            20 B  2 smaller parts",
        "  What was tried, and what would help:",
        "    4-bit weights, two in a byte: 99.6 KiB are needed, which does not fit",
      ].join("\n"),
    );
  });

  it("is refused input, exit code 1, with the misfit at hand", () => {
    const error = new MisfitError(misfit);
    expect(error.exitCode).toBe(1);
    expect(error.problems[0]?.code).toBe("B401");
    expect(error.misfit).toBe(misfit);
  });

  it("prints bytes exactly when they are few", () => {
    expect([65535, 65536, 1048575, 1048576].map(formatBytes)).toEqual(["65535 B", "64.0 KiB", "1024.0 KiB", "1.0 MiB"]);
  });
});
