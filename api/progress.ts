/** One step of a long computation. */
export interface ProgressEvent {
  /** What is being done, as a short phrase. */
  readonly phase: string;
  /** How much of the phase is done, 0 to 1; null when it cannot be told. */
  readonly fraction: number | null;
}

/** Is told what a verb is doing. */
export type OnProgress = (event: ProgressEvent) => void;

/** Takes events and does nothing. */
export const noProgress: OnProgress = () => undefined;
