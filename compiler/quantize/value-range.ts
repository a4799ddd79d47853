/** The finite numbers that a value takes lie in [low, high]; zero is always among them. */
export interface ValueRange {
  readonly low: number;
  readonly high: number;
  /** Whether the value was ever NaN. */
  readonly hasNan: boolean;
}

/** What a value did in each calibration frame, in the order of frames. */
export interface ValueSpread {
  /** The least finite number of each frame, zero among them. */
  readonly lows: readonly number[];
  /** The greatest finite number of each frame, zero among them. */
  readonly highs: readonly number[];
  /** The mean of squares of each frame; infinite or NaN where a number is. */
  readonly meanSquares: readonly number[];
}
