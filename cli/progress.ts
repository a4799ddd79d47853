import { noProgress, type OnProgress } from "../api/progress.ts";

/** A bar on standard error, on a terminal alone. */
export interface ProgressBar {
  readonly onProgress: OnProgress;
  /** Takes the bar away. */
  readonly stop: () => void;
}

/** A phase that begins later than this shows a bar. */
const quietMilliseconds = 200;

/** Makes a bar that shows the phase and how much of it is done; nothing where standard error is no terminal. */
export async function makeProgress(): Promise<ProgressBar> {
  if (process.stderr.isTTY !== true) return { onProgress: noProgress, stop: () => undefined };
  const { SingleBar } = await import("cli-progress");
  const bar = new SingleBar({
    format: "{bar} {phase}",
    stream: process.stderr,
    clearOnComplete: true,
    hideCursor: false,
    synchronousUpdate: true,
    barsize: 24,
  });
  const startMilliseconds = performance.now();
  let started = false;
  return {
    onProgress: ({ phase, fraction }) => {
      if (!started && performance.now() - startMilliseconds < quietMilliseconds) return;
      if (!started) bar.start(1, 0, { phase });
      started = true;
      bar.update(fraction ?? 0, { phase });
      bar.render();
    },
    stop: () => {
      if (started) bar.stop();
    },
  };
}
