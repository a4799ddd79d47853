// The exports of the kernels module. Functions on tensors take the address of their scratch memory (see ../layout.ts), where
// the caller has described the loops; addresses and strides are bytes. Those that work on records of their own see ../*-layout.ts.
export { bits, compare, convert, select } from "./choice";
export { contract, pairWeights } from "./contraction";
export { dequantize, floatFromHalf, halfFromFloat, toNarrow } from "./conversion";
export { copy, fill } from "./copy";
export { boundCosts, costsUpTo, goodChoices, sweepCosts } from "./cost-bounds";
export { remainingChoices } from "./dominance";
export { leastEdgeCycles } from "./edge-bounds";
export { contractFloat } from "./float-contraction";
export { linkCycleSum, linkLoads } from "./link-loads";
export { describeOwnerAxes, describeOwnerCells, describeReaders } from "./link-records";
export { reduce } from "./reduction";
export { copyPacked } from "./packed";
export { placeAccess, placeBoxes } from "./placements";
export * from "./timing/index";
export { traceText } from "./trace-text";
export { binary, clip, leakyRelu, lookup, sign } from "./vector";
