import type { Tensor } from "../ir/tensor.ts";

/** Where a recording comes from, and what a reader would need to know and cannot find. */
export interface RecordingProvenance {
  /** What the numbers are: `synthetic` ones are never to be mistaken for measured ones. */
  readonly origin: "measured" | "synthetic" | "unknown";
  readonly description: string;
  /** Frames per second; null when it is not known. */
  readonly frameRateHz: number | null;
  /** What the values are, for example dF/F; null when it is not known. */
  readonly quantity: string | null;
  /** The seed of a synthetic recording. */
  readonly seed: number | null;
  /** Facts that are missing, named rather than guessed. */
  readonly missing: readonly string[];
}

/** Traces of many channels over time. */
export interface Recording {
  readonly kind: "recording";
  readonly name: string;
  /** [frames, channels], f32. */
  readonly frames: Tensor;
  readonly provenance: RecordingProvenance;
}

/** The number of frames of a recording. */
export function frameCount(recording: Recording): number {
  return recording.frames.type.shape[0] ?? 0;
}

/** The number of channels of a recording. */
export function channelCount(recording: Recording): number {
  return recording.frames.type.shape[1] ?? 0;
}
