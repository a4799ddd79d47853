import { defineConfig } from "vitest/config";

/** Tests for mutation runs: those that look at files, at outside cases or at the built command see no mutants. */
export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: [
      "test/house/**",
      "test/conformance/**",
      "test/cli/**",
      "test/examples/**",
      "test/targets/**",
      "test/kernels/**",
      "test/compiler/quantize/models.test.ts",
      // Every mutant that lives would wait for them.
      "test/api/precision-search.test.ts",
      "test/compiler/quantize/keyword-agreement.test.ts",
      "test/contracts/determinism.test.ts",
      "test/contracts/metamorphic.test.ts",
      "test/contracts/random-programs.test.ts",
      "test/contracts/real-models.test.ts",
      "test/contracts/sabotage.test.ts",
      // It changes the sources' text itself.
      "test/runtime-sim/cycle/seeded-faults.test.ts",
    ],
    setupFiles: ["./scripts/mutants-setup.ts"],
    // Instrumented tests on a busy machine take long.
    testTimeout: 1_200_000,
    hookTimeout: 1_200_000,
  },
});
