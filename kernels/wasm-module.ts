import { readFileSync } from "node:fs";
import { assetUrl } from "../base/assets.ts";

type Scratch = number;
type Address = number;

/** The functions that wasm/index.ts exports; truth values are 0 or 1. */
export interface KernelExports {
  contract(
    scratch: Scratch,
    rows: number,
    inner: number,
    columns: number,
    activations: Address,
    activationShift: number,
    activationUnit: number,
    signedActivations: number,
    weights: Address,
    weightShift: number,
    weightUnit: number,
    signedWeights: number,
    paired: number,
    columnStride: number,
    target: Address,
    start: number,
    bias: Address,
  ): void;
  contractFloat(
    scratch: Scratch,
    rows: number,
    inner: number,
    columns: number,
    activations: Address,
    weights: Address,
    columnStride: number,
    target: Address,
    start: number,
    bias: Address,
  ): void;
  pairWeights(
    scratch: Scratch,
    inner: number,
    columns: number,
    source: Address,
    columnStride: number,
    target: Address,
  ): void;
  copy(scratch: Scratch, bytes: number, target: Address, source: Address): void;
  copyPacked(
    scratch: Scratch,
    shift: number,
    signed: number,
    toPacked: number,
    target: Address,
    targetUnit: number,
    fromPacked: number,
    source: Address,
    sourceUnit: number,
  ): void;
  fill(scratch: Scratch, bytes: number, target: Address, bits: number): void;
  binary(scratch: Scratch, code: number, storage: number, target: Address, left: Address, right: Address): void;
  compare(scratch: Scratch, code: number, storage: number, target: Address, left: Address, right: Address): void;
  select(scratch: Scratch, bytes: number, target: Address, condition: Address, left: Address, right: Address): void;
  bits(scratch: Scratch, code: number, bytes: number, target: Address, left: Address, right: Address): void;
  convert(scratch: Scratch, from: number, to: number, target: Address, source: Address): void;
  clip(scratch: Scratch, storage: number, target: Address, source: Address, low: number, high: number): void;
  lookup(scratch: Scratch, target: Address, source: Address, table: Address): void;
  sign(scratch: Scratch, target: Address, source: Address, keep: number, flip: number): void;
  leakyRelu(scratch: Scratch, target: Address, source: Address, alpha: number): void;
  toNarrow(
    scratch: Scratch,
    fromHalf: number,
    target: Address,
    source: Address,
    scale: Address,
    zero: number,
    low: number,
    high: number,
  ): void;
  dequantize(scratch: Scratch, storage: number, target: Address, source: Address, scale: Address, zero: number): void;
  reduce(
    scratch: Scratch,
    code: number,
    storage: number,
    target: Address,
    source: Address,
    divisor: Address,
    size: number,
  ): void;
  linkLoads(
    owners: Address,
    readers: Address,
    board: Address,
    ways: Address,
    work: Address,
    pieceLimit: number,
    elementBytes: number,
    linkBytesPerCycle: number,
    issueCycles: number,
    stays: number,
  ): number;
  leastEdgeCycles(
    owners: Address,
    ownerCount: number,
    readers: Address,
    readerCount: number,
    least: Address,
    work: Address,
    pieceLimit: number,
    elementBytes: number,
    linkBytesPerCycle: number,
    wayCycles: number,
  ): void;
  linkCycleSum(board: Address, rows: number, columns: number): number;
  placeAccess(
    access: Address,
    bounds: Address,
    reach: Address,
    givenBoxes: Address,
    givenCores: Address,
    work: Address,
  ): void;
  placeBoxes(placement: Address, givenBoxes: Address, givenCores: Address, work: Address): void;
  describeReaders(placement: Address, record: Address, work: Address): number;
  describeOwnerAxes(placement: Address, record: Address): number;
  describeOwnerCells(placement: Address, record: Address): number;
  sweepCosts(record: Address): void;
  goodChoices(record: Address, chosen: Address): void;
  boundCosts(record: Address): void;
  costsUpTo(costs: Address, count: number, limit: number, found: Address): number;
  remainingChoices(record: Address): number;
  timingCode(rows: number, columns: number, operations: number, segments: number, tokens: number, steps: number): void;
  timingCosts(
    activationHop: number,
    partialHop: number,
    instructionHop: number,
    weightHop: number,
    issueCycles: number,
    barrierCycles: number,
  ): void;
  timingBegin(batches: number, host: number): void;
  timingRun(): number;
  timingNow(): number;
  timingIsIdle(): number;
  timingSave(batch: number, event: number): number;
  timingMarkTouched(): void;
  timingCompare(): number;
  timingMatters(): number;
  timingReplay(time: number, batch: number, event: number, isAlone: number): void;
  timingListDue(): void;
  timingSchedule(thread: number, time: number): void;
  timingJump(time: number): void;
  timingContinue(event: number): void;
  timingSurvey(): void;
  traceText(
    firstEvent: number,
    count: number,
    batches: number,
    moreCycles: number,
    moreBatches: number,
    moreEvents: number,
  ): number;
  halfFromFloat(count: number, source: Address, target: Address): void;
  floatFromHalf(count: number, source: Address, target: Address): void;
}

/** Compiles the kernels module (`npm run build:wasm` makes it). */
export function compileKernels(): WebAssembly.Module {
  return new WebAssembly.Module(readFileSync(assetUrl("kernels/generated/kernels.wasm")));
}

/** Instantiates a compiled module on a memory. */
export function instantiateKernels(module: WebAssembly.Module, memory: WebAssembly.Memory): KernelExports {
  const instance = new WebAssembly.Instance(module, { env: { memory } });
  // The module is built from wasm/index.ts, which exports exactly these functions.
  return instance.exports as unknown as KernelExports;
}
