import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, it } from "vitest";
import { borealVersion } from "../../api/version.ts";
import { builtCommand } from "./build.ts";

/** What `boreal --version` prints under engine settings, and whether the engine refused what was compiled before. */
async function launched(settings: readonly string[]): Promise<string> {
  const entry = pathToFileURL(await builtCommand()).href;
  const code = `import("${entry}").then(({ command }) => console.log(command.cachedDataRejected))`;
  return execFileSync(process.execPath, [...settings, "-e", code, "--", "--version"], { encoding: "utf8" });
}

it("the command runs with what the engine compiled of it when it was built", async () => {
  expect(await launched([])).toBe(`${borealVersion()}\nfalse\n`);
});

it("the command runs from its source under settings for which it was not compiled", async () => {
  expect(await launched(["--no-flush-bytecode"])).toBe(`${borealVersion()}\ntrue\n`);
});

it("the bundled command is plain ASCII but for comments, so that it can be read byte by byte", async () => {
  const lines = readFileSync(join(await builtCommand(), "../command.cjs"), "latin1").split("\n");
  const isAscii = (line: string): boolean => Buffer.from(line, "latin1").every((byte) => byte < 128);
  expect(lines.length).toBeGreaterThan(1000);
  expect(lines.filter((line) => !isAscii(line) && !/^\s*(\/\/|\/?\*)/.test(line))).toEqual([]);
});
