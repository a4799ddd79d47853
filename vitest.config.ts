import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["**/*.test.ts"],
    exclude: ["node_modules", "dist", ".stryker-tmp"],
    testTimeout: 120_000,
    reporters: ["default", "./test/reporter.ts"],
    coverage: {
      provider: "v8",
      include: ["ir/**/*.ts", "compiler/**/*.ts", "runtime-sim/**/*.ts"],
      exclude: ["**/*.test.ts", "**/generated/**"],
      thresholds: { lines: 90 },
    },
  },
});
