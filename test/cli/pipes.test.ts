import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { builtCommand } from "./build.ts";
import { folderOf } from "./command.ts";
import { bytesOf, perceptron } from "./models.ts";

/** Runs a shell line with the command's path in $BOREAL; the exit codes of its parts stand in the output. */
async function shell(folder: string, line: string): Promise<{ readonly stdout: string; readonly stderr: string }> {
  const environment = { ...process.env, BOREAL: await builtCommand(), NODE: process.execPath };
  return new Promise((resolve, reject) => {
    const child = spawn("bash", ["-c", line], { cwd: folder, env: environment });
    const output = { stdout: "", stderr: "" };
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output.stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      output.stderr += text;
    });
    child.on("error", reject);
    child.on("close", () => resolve(output));
  });
}

describe("boreal in a shell", () => {
  it("ends quietly with exit code 0 when its reader has read enough", async () => {
    const line = '"$NODE" "$BOREAL" targets h100 --json | head -c 10 >/dev/null; echo "$PIPESTATUS"';
    expect(await shell(folderOf({}), line)).toEqual({ stdout: "0\n", stderr: "" });
  });

  it("prints data to standard output alone", async () => {
    const folder = folderOf({ "m.onnx": bytesOf(perceptron()) });
    const line = '"$NODE" "$BOREAL" run m.onnx --target mini-4x4 --timing-only 2>/dev/null | head -1';
    expect((await shell(folder, line)).stdout).toMatch(/ on mini-4x4 /);
  });

  it("stops at once on an interrupt, with exit code 130, and leaves no partial file", async () => {
    const folder = folderOf({ "m.onnx": bytesOf(perceptron()) });
    // The trace of many cores takes long enough to be interrupted while it is made or written.
    const line =
      "set -m; " +
      '("$NODE" "$BOREAL" run m.onnx --trace t.json >/dev/null) & sleep 0.25; kill -INT -- -$!; wait $!; echo "$?"';
    const { stdout } = await shell(folder, line);
    expect(stdout.trim().split("\n").at(-1)).toBe("130");
    expect(readdirSync(folder).filter((name) => name.includes("part"))).toEqual([]);
  });
});
