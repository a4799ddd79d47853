// Runs all tests but those on outside cases, which `npm test` runs, and measures what the unit tests alone cover: it would slow the
// others most.
import { startVitest } from "vitest/node";
import CountReporter from "../test/reporter.ts";

const counts = new CountReporter();
for (const project of ["system", "unit"]) {
  const vitest = await startVitest("test", [], {
    project,
    mode: "built",
    watch: false,
    reporters: ["default", counts],
    coverage: { enabled: project === "unit" },
  });
  await vitest.close();
}
