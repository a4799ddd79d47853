import { mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { storedPopulation } from "../../examples/forecasting/recording-file.ts";

const options = { neuronCount: 20, frameCount: 30, frameRateHz: 1, seed: 4 };
/** Long ago, to see whether a file is written again. */
const past = new Date(2000, 0, 1);

describe("a stored population", () => {
  let folder = "";
  const path = (): string => join(folder, "recording.npy");
  const isNew = (): boolean => statSync(path()).mtime.getTime() > past.getTime();
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "boreal-test-"));
    storedPopulation(options, folder);
    utimesSync(path(), past, past);
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it("is read again when nothing changed, and is the same recording", () => {
    const again = storedPopulation(options, folder);
    expect(isNew()).toBe(false);
    rmSync(path());
    const made = storedPopulation(options, folder);
    expect([again.name, again.provenance, again.frames.type]).toEqual([made.name, made.provenance, made.frames.type]);
    expect([...(again.frames.data as Float32Array)]).toEqual([...(made.frames.data as Float32Array)]);
  });

  it("is made again for another seed", () => {
    const before = readFileSync(path());
    storedPopulation({ ...options, seed: 5 }, folder);
    expect(readFileSync(path()).equals(before)).toBe(false);
  });

  it("is made again when a byte of the file changed", () => {
    const bytes = readFileSync(path());
    const changed = Uint8Array.from(bytes);
    changed[changed.length - 1] = (changed[changed.length - 1] as number) ^ 1;
    writeFileSync(path(), changed);
    storedPopulation(options, folder);
    expect(readFileSync(path()).equals(bytes)).toBe(true);
  });

  it("is made again when the generator gives something else, or the record is damaged", () => {
    const recordPath = join(folder, "recording.json");
    const record = JSON.parse(readFileSync(recordPath, "utf8")) as { generatorSha256: string };
    for (const text of [JSON.stringify({ ...record, generatorSha256: "0".repeat(64) }), "{"]) {
      writeFileSync(recordPath, text);
      utimesSync(path(), past, past);
      storedPopulation(options, folder);
      expect(isNew()).toBe(true);
    }
  });
});
