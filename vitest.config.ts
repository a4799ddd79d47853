import { defineConfig, type TestProjectInlineConfiguration } from "vitest/config";
import { builtModules } from "./test/built-modules.ts";
import { LongestFirst } from "./test/longest-first.ts";

/** Tests on models and cases from outside, where they are. */
const outsideTests = ["test/conformance/**/*.test.ts"];

/** Tests of the whole: random programs, the built command. With those on outside cases they take most of the time. */
const systemTests = [
  "test/contracts/**/*.test.ts",
  "test/cli/**/*.test.ts",
  "test/examples/**/*.test.ts",
  "test/compiler/quantize/models.test.ts",
];

/** Mode `built` (`npm test`, after a build): tests of the whole run the modules of `dist`, a third faster than the sources. */
export default defineConfig(({ mode }) => {
  const whole = (name: string, include: string[]): TestProjectInlineConfiguration => ({
    extends: true,
    plugins: mode === "built" ? [builtModules()] : [],
    test: { name, include, server: { deps: { external: [/\/dist\//] } } },
  });
  return {
    test: {
      testTimeout: 120_000,
      hookTimeout: 120_000,
      reporters: ["default", "./test/reporter.ts"],
      globalSetup: ["./test/temporary-folder.ts"],
      sequence: { sequencer: LongestFirst },
      // The default leaves a core to the process that waits.
      maxWorkers: "100%",
      // Tests are over soon and leave much behind: less optimizing and fewer collections take a third of the time away.
      execArgv: ["--interrupt-budget=1000000", "--max-semi-space-size=64"],
      projects: [
        whole("outside", outsideTests),
        whole("system", systemTests),
        // No module has state, so a worker loads each once, and not once for every file.
        {
          extends: true,
          test: {
            name: "unit",
            include: ["test/**/*.test.ts"],
            exclude: [...outsideTests, ...systemTests],
            isolate: false,
          },
        },
      ],
      coverage: {
        provider: "v8",
        include: ["ir/**/*.ts", "compiler/**/*.ts", "runtime-sim/**/*.ts"],
        exclude: ["**/*.test.ts", "**/generated/**"],
        thresholds: { lines: 90 },
      },
    },
  };
});
