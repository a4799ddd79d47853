import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { problem } from "../base/errors.ts";
import { makeTensor, type Tensor } from "../ir/tensor.ts";
import { isFloat, tensorType } from "../ir/type.ts";
import { parseNpy } from "./npy.ts";
import type { Recording } from "./recording.ts";

/** The traces that a suite2p folder may hold, [regions, frames] each, and what their numbers are. */
const traceFiles = {
  F: "fluorescence, arbitrary units, neuropil not subtracted",
  Fneu: "fluorescence of the surrounding neuropil, arbitrary units",
  spks: "deconvolved activity, arbitrary units",
} as const;

/** Which traces of a suite2p folder are read. */
export type Suite2pTraces = keyof typeof traceFiles;

/** A recording from suite2p, and which of its regions are cells. */
export interface Suite2pRecording {
  /** [frames, regions] */
  readonly recording: Recording;
  /** Whether each region was accepted as a cell, by `iscell.npy`; null when that file is absent. */
  readonly accepted: readonly boolean[] | null;
}

/** What neither the traces nor `iscell.npy` say; `ops.npy` and `stat.npy` hold pickled Python objects and are not read. */
const neverStated: readonly string[] = [
  "frame rate (ops.npy has it, as a pickled object)",
  "unit of the fluorescence",
  "indicator",
  "excitation wavelength",
  "species, brain region and behaviour",
  "temperature",
  "motion correction and its quality",
];

/**
 * Reads the traces of a suite2p output folder. The frame rate and all other conditions are reported as missing, never
 * guessed. Throws B701 where a file is absent, holds Python objects, is not [regions, frames] of floats, has a number
 * that is not finite, or disagrees with `iscell.npy` about the regions.
 */
export function readSuite2p(folder: string, traces: Suite2pTraces = "F"): Suite2pRecording {
  const path = join(folder, `${traces}.npy`);
  const stored = readMatrix(path);
  const [regionCount, frameCount] = stored.type.shape as [number, number];
  const data = new Float32Array(frameCount * regionCount);
  for (let region = 0; region < regionCount; region += 1) {
    for (let frame = 0; frame < frameCount; frame += 1) {
      const value = Number(stored.data[region * frameCount + frame]);
      if (!Number.isFinite(value)) {
        throw problem("B701", `Found ${value} in region ${region}, frame ${frame}, expected a finite number.`, {
          file: path,
        });
      }
      data[frame * regionCount + region] = value;
    }
  }
  const missing = [...neverStated];
  const accepted = readAccepted(folder, regionCount);
  if (accepted === null) missing.push("which regions are cells (iscell.npy)");
  if (traces === "F" && !existsSync(join(folder, "Fneu.npy"))) missing.push("fluorescence of the neuropil (Fneu.npy)");
  return {
    recording: {
      kind: "recording",
      name: basename(folder),
      frames: makeTensor(tensorType("f32", [frameCount, regionCount]), data),
      provenance: {
        origin: "measured",
        description: `Calcium imaging, ${traces}.npy of suite2p: ${regionCount} regions of interest, ${frameCount} frames.`,
        frameRateHz: null,
        quantity: traceFiles[traces],
        seed: null,
        missing,
      },
    },
    accepted,
  };
}

/** A file of floats with two axes. */
function readMatrix(path: string): Tensor {
  if (!existsSync(path)) throw problem("B701", `Found no ${basename(path)} in the folder.`, { file: path });
  const tensor = parseNpy(readFileSync(path), path);
  const { element, shape } = tensor.type;
  if (!isFloat(element) || shape.length !== 2 || shape.includes(0)) {
    throw problem("B701", `Found ${element}[${shape.join(",")}], expected floats [regions, frames].`, { file: path });
  }
  return tensor;
}

/** The first column of `iscell.npy`: 1 for a region that is a cell; the second is the classifier's probability. */
function readAccepted(folder: string, regionCount: number): boolean[] | null {
  const path = join(folder, "iscell.npy");
  if (!existsSync(path)) return null;
  const { type, data } = readMatrix(path);
  const [rows, columns] = type.shape as [number, number];
  if (rows !== regionCount) {
    throw problem("B701", `Found ${rows} rows, expected one for each of the ${regionCount} regions.`, { file: path });
  }
  return Array.from({ length: rows }, (_, row) => Number(data[row * columns]) !== 0);
}
