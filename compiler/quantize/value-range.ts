/** The finite numbers that a value takes lie in [low, high]; zero is always among them. */
export interface ValueRange {
  readonly low: number;
  readonly high: number;
  /** Whether the value was ever NaN. */
  readonly hasNan: boolean;
}
