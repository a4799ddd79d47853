// Where things stand in the kernels' scratch memory, and the codes of functions: read by TypeScript and by AssemblyScript.
// Byte offsets from the start of the scratch memory, unless said otherwise.

/** Most loops of a task once adjacent ones are merged. */
export const maximumRank = 8;

/**
 * First loop nest: i32 rank, 3 words of padding, then tables of 8 i32: counts, strides of operands 0 … 2, counters, and
 * strides of operand 4, the fourth.
 */
export const firstLoops = 0;
/** Second loop nest, of the same form. */
export const secondLoops = 256;
/** Tables of a loop nest, in bytes from its start. */
export const loopCounts = 16;
export const loopStrides = 48;
export const loopCounters = 144;
export const loopFourthStrides = 176;
export const loopTableBytes = 32;

/** A tile of partial sums at the edge of a contraction: 4 rows of 8 elements of 4 bytes. */
export const tileBuffer = 512;
/** Byte offsets of the inner elements of a chunk, i32, of the activations and of the weights. */
export const activationOffsets = 1024;
export const weightOffsets = 5120;
/** Runs of adjacent inner elements of a chunk: pairs of i32 (offset, length). */
export const runTable = 9216;
/** Eight columns of weights, contiguous: at most 1024 inner elements of 4 bytes. */
export const columnBlock = 17408;
/** Rows of activations, contiguous, 16-byte aligned. */
export const panel = 50176;
export const panelBytes = 262144;
/** Strided weights of a chunk, paired or row-major. */
export const weightBlock = 312320;
export const weightBlockBytes = 524288;
/** Tables of functions of one f16, 65,536 u16 each, in the order of `tableFunctions`. */
export const tables = 836608;
export const tableBytes = 131072;
/** Scratch bytes that `wasmKernels` needs. */
export const scratchBytes = 4113408;

/** Inner elements of a contraction that are added at a time; even. */
export const innerChunk = 1024;
/** Columns of strided weights that are packed at a time; a multiple of 8. */
export const columnChunk = 128;

export const storageI8 = 0;
export const storageU8 = 1;
export const storageI32 = 2;
export const storageF16 = 3;
export const storageF32 = 4;
export const storageI16 = 5;
export const storageU16 = 6;
export const storageU32 = 7;
export const storageI64 = 8;
export const storageU64 = 9;
/** Where truth values are stored: any number but 0 becomes 1. */
export const storageBool = 10;

export const binaryAdd = 0;
export const binarySubtract = 1;
export const binaryMultiply = 2;
export const binaryDivide = 3;
export const binaryMaximum = 4;
export const binaryMinimum = 5;

export const compareEqual = 0;
export const compareLess = 1;
export const compareLessOrEqual = 2;

export const bitsAnd = 0;
export const bitsOr = 1;
export const bitsXor = 2;

export const reduceSum = 0;
export const reduceMean = 1;
export const reduceMaximum = 2;
export const reduceMinimum = 3;
export const reduceMeanOfSquares = 4;

/** How a contraction starts. */
export const startZero = 0;
export const startAccumulate = 1;
export const startBias = 2;
