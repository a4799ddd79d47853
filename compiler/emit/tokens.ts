/**
 * What the counted tokens of a core stand for. Pairs are for the two halves of a buffer. `free` tokens start raised; every
 * other one starts at zero and is back at zero after each step. Each thread has a start token of its own: threads run
 * ahead to their next step, and would take each other's.
 */
export const tokens = {
  goSend: 0,
  goGather: 1,
  goMatrix: 2,
  goVector: 3,
  goWeights: 4,
  /** Raised by every packet of operands that arrives. */
  arrived: 5,
  /** Local copies and fills are done. */
  gathered: 6,
  done: 7,
  program: 8,
  weightsFull: [9, 10],
  weightsFree: [11, 12],
  tileReady: [13, 14],
  tileFree: [15, 16],
  /** A neighbour's partial sums have arrived in a landing half. */
  sumsArrived: [17, 18],
  /** The next core's landing half may be written. */
  landingFree: [19, 20],
  /** Partial sums are complete up to this core and may be sent on. */
  sumsReady: [21, 22],
  /** io cores: the input stands in the framebuffer; it may be overwritten; the output stands there; it has left. */
  frameReady: 23,
  frameFree: 24,
  outputReady: 25,
  outputFree: 26,
  /** io core of row 0: an operand of a host operation is at the host. */
  operandGiven: 27,
  /** Starts the host thread, with an output that is sent behind. */
  goHost: 28,
  /** Lets the send thread go on with shares of outputs that leave early. */
  goShares: 29,
  /** io cores: a core of the row has sent its operands. */
  rowSent: 30,
  /** What `arrived` and `gathered` say, of the later of two steps that run at once. */
  arrivedBeside: 31,
  gatheredBeside: 32,
  /** Starts the psum thread, with a vector or reduce step beside a contraction on the same cores. */
  goGuest: 33,
} as const;

/** The first number that no token above has. */
const firstOverlap = 34;

/** Tokens of an overlap, on io cores. */
export interface OverlapTokens {
  /** The buffers of the input or output may be written; starts raised. */
  readonly free: number;
  /** A packet has arrived. */
  readonly arrived: number;
  /** Of an output: all packets to a row have arrived. */
  readonly gone: number;
}

/** Tokens of the overlaps, numbered by their order. */
export function overlapTokens(position: number): OverlapTokens {
  const free = firstOverlap + 3 * position;
  return { free, arrived: free + 1, gone: free + 2 };
}

/** One of two halves. */
export type Half = 0 | 1;
