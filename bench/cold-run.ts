import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/** What a run of the command took. */
export interface ColdRun {
  readonly wallSeconds: number;
  /** Processor time of all its threads, that in the kernel included. */
  readonly processorSeconds: number;
  /** The most memory that the process held. */
  readonly peakBytes: number;
}

const cli = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));

const usageReporter = fileURLToPath(new URL("report-usage.cjs", import.meta.url));

/**
 * Runs the built command in a process of its own, on one core alone where its number is given (with `taskset`, which Linux has). Rejects
 * with what it wrote to standard error when it fails.
 */
export async function runCold(options: readonly string[], core?: number): Promise<ColdRun> {
  const start = performance.now();
  const node = [process.execPath, "--require", usageReporter, cli, ...options];
  const [program = "", ...rest] = core === undefined ? node : ["taskset", "--cpu-list", String(core), ...node];
  const child = spawn(program, rest, { stdio: ["ignore", "ignore", "pipe", "pipe"] });
  const texts = { errors: "", usage: "" };
  child.stdio[2]?.on("data", (chunk) => {
    texts.errors += String(chunk);
  });
  child.stdio[3]?.on("data", (chunk) => {
    texts.usage += String(chunk);
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  const wallSeconds = (performance.now() - start) / 1000;
  if (code !== 0) throw new Error(`boreal ${options.join(" ")} ended with ${code}: ${texts.errors}`);
  const [kibibytes = 0, microseconds = 0] = texts.usage.split(" ").map(Number);
  return { wallSeconds, processorSeconds: microseconds / 1e6, peakBytes: kibibytes * 1024 };
}
