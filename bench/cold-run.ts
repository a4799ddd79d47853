import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/** What a run of the command took. */
export interface ColdRun {
  readonly wallSeconds: number;
  /** The most memory that the process held. */
  readonly peakBytes: number;
}

const cli = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));

/** Loaded before the command: writes the peak of the process's memory, in KiB, to file descriptor 3 when it ends. */
const peakReporter = `data:text/javascript,${encodeURIComponent(
  'import { writeSync } from "node:fs"; process.on("exit", () => writeSync(3, String(process.resourceUsage().maxRSS)));',
)}`;

/** Runs the built command in a process of its own. Rejects with what it wrote to standard error when it fails. */
export async function runCold(options: readonly string[]): Promise<ColdRun> {
  const start = performance.now();
  const child = spawn(process.execPath, ["--import", peakReporter, cli, ...options], {
    stdio: ["ignore", "ignore", "pipe", "pipe"],
  });
  const texts = { errors: "", peak: "" };
  child.stdio[2]?.on("data", (chunk) => {
    texts.errors += String(chunk);
  });
  child.stdio[3]?.on("data", (chunk) => {
    texts.peak += String(chunk);
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  const wallSeconds = (performance.now() - start) / 1000;
  if (code !== 0) throw new Error(`boreal ${options.join(" ")} ended with ${code}: ${texts.errors}`);
  return { wallSeconds, peakBytes: Number(texts.peak) * 1024 };
}
