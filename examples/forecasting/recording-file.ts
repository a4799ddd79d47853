import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { formatNpy, makePopulation, type PopulationOptions, parseNpy, type Recording } from "../../api.ts";

/** What stands beside a recording's file: what it is, and how to know that it is still the same. */
interface RecordingRecord {
  readonly name: string;
  readonly options: PopulationOptions;
  /** Of a few neurons made with the same options: another generator gives another one. */
  readonly generatorSha256: string;
  /** Of the `.npy` file. */
  readonly sha256: string;
  readonly provenance: Recording["provenance"];
}

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** Neurons that stand for a generator: enough that a change of any of its rules shows. */
const fingerprintNeuronCount = 8;

/**
 * A synthetic recording, from `recording.npy` in the folder when that file is what the options and the generator give,
 * else made and written there with `recording.json` beside it.
 */
export function storedPopulation(options: PopulationOptions, folder: string): Recording {
  const path = join(folder, "recording.npy");
  const recordPath = join(folder, "recording.json");
  const small = makePopulation({ ...options, neuronCount: Math.min(fingerprintNeuronCount, options.neuronCount) });
  const generatorSha256 = sha256(formatNpy(small.frames));
  const expected = JSON.stringify({ options, generatorSha256 });
  const record = readRecord(recordPath);
  if (
    record !== null &&
    JSON.stringify({ options: record.options, generatorSha256: record.generatorSha256 }) === expected
  ) {
    const bytes = readIfThere(path);
    if (bytes !== null && sha256(bytes) === record.sha256) {
      return { ...small, name: record.name, frames: parseNpy(bytes, path) };
    }
  }
  const recording = makePopulation(options);
  const bytes = formatNpy(recording.frames);
  writeFileSync(path, bytes);
  const { name, provenance } = recording;
  const written: RecordingRecord = { name, options, generatorSha256, sha256: sha256(bytes), provenance };
  writeFileSync(recordPath, `${JSON.stringify(written, null, 2)}\n`);
  return recording;
}

function readIfThere(path: string): Uint8Array | null {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

/** The record of an earlier run; null when there is none or it is damaged, and the recording is made again. */
function readRecord(path: string): RecordingRecord | null {
  const bytes = readIfThere(path);
  if (bytes === null) return null;
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as RecordingRecord;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
