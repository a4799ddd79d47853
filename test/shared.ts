import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, it } from "vitest";

/** The folder of outside cases: BOREAL_SHARED, or `shared` beside the project; null when there is none. */
export function sharedFolder(): string | null {
  const folder = process.env.BOREAL_SHARED ?? fileURLToPath(new URL("../../shared", import.meta.url));
  return existsSync(folder) ? folder : null;
}

/**
 * Tests that need the outside cases: they get the folder. Without it one skipped test says so; in CI (env CI) its absence
 * is a failure.
 */
export function describeShared(name: string, body: (folder: string) => void): void {
  const folder = sharedFolder();
  describe(name, () => {
    if (folder !== null) {
      body(folder);
      return;
    }
    const message = "the shared cases are absent: set BOREAL_SHARED, or put the folder shared beside the project";
    if (process.env.CI === undefined || process.env.CI === "") it.skip(message, () => undefined);
    else {
      it("finds the shared cases", () => {
        throw new Error(message);
      });
    }
  });
}
