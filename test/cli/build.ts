import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const entry = join(root, "dist/cli/main.js");
const lock = join(root, "node_modules/.boreal-build-lock");
const sources = [
  "api.ts",
  "api",
  "base",
  "ir",
  "kernels",
  "targets",
  "compiler",
  "runtime-sim",
  "recordings",
  "report",
  "cli",
  "examples",
];
/** A lock that is older was left by a test run that was killed. */
const staleLockMilliseconds = 180_000;

function newestMilliseconds(path: string): number {
  const status = statSync(path);
  if (!status.isDirectory()) return /\.(ts|yaml|wasm|json)$/.test(path) ? status.mtimeMs : 0;
  return Math.max(0, ...readdirSync(path).map((name) => (name === "out" ? 0 : newestMilliseconds(join(path, name)))));
}

function isStale(): boolean {
  if (!existsSync(entry)) return true;
  return Math.max(...sources.map((source) => newestMilliseconds(join(root, source)))) > statSync(entry).mtimeMs;
}

function tryLock(): boolean {
  try {
    mkdirSync(lock);
    return true;
  } catch {
    if (existsSync(lock) && Date.now() - statSync(lock).mtimeMs > staleLockMilliseconds) rmdirSync(lock);
    return false;
  }
}

/** Builds; what the compiler complains of fails other checks, unless nothing was written. */
function build(): void {
  try {
    execFileSync("npm", ["run", "build"], { cwd: root, stdio: "pipe" });
  } catch (error) {
    if (isStale()) throw error;
  }
}

/** The path of the built command; it is built first when a source is newer. One test file builds, the others wait. */
export async function builtCommand(): Promise<string> {
  while (!tryLock()) await sleep(100);
  try {
    if (isStale()) build();
  } finally {
    rmdirSync(lock);
  }
  return entry;
}
