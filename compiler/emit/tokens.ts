/**
 * What the counted tokens of a core stand for. Pairs are for the two halves of a buffer. `free` tokens start raised; every
 * other one starts at zero and is back at zero after each step.
 */
export const tokens = {
  goSend: 0,
  goGather: 1,
  goCompute: 2,
  goWeights: 3,
  /** Raised by every packet of operands that arrives. */
  arrived: 4,
  gathered: 5,
  done: 6,
  program: 7,
  weightsFull: [8, 9],
  weightsFree: [10, 11],
  tileReady: [12, 13],
  tileFree: [14, 15],
  /** A neighbour's partial sums have arrived in a landing half. */
  sumsArrived: [16, 17],
  /** The next core's landing half may be written. */
  landingFree: [18, 19],
  /** Partial sums are complete up to this core and may be sent on. */
  sumsReady: [20, 21],
  /** io cores: the input stands in the framebuffer; it may be overwritten; the output stands there; it has left. */
  frameReady: 22,
  frameFree: 23,
  outputReady: 24,
  outputFree: 25,
} as const;

/** One of two halves. */
export type Half = 0 | 1;
