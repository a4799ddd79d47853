import { join } from "node:path";
import { importModel } from "../../api.ts";
import { BorealError } from "../../base/errors.ts";
import { compile } from "../../compiler/compile.ts";
import { batchGraph } from "../../compiler/passes/batch.ts";
import type { PrecisionPlan } from "../../compiler/quantize/precision.ts";
import type { Graph } from "../../ir/graph.ts";
import type { Program } from "../../ir/program.ts";
import { boundsOf } from "../../runtime-sim/bound.ts";
import { type Counts, countsOf } from "../../runtime-sim/counts.ts";
import { batchIntervalCycles, matrixCycles, steadyBatch } from "../../runtime-sim/metrics.ts";
import { addStacks, type CycleStack, stepCyclesOf } from "../../runtime-sim/metrics-stack.ts";
import { simulatedBatches, simulateTiming } from "../../runtime-sim/timing/simulate.ts";
import type { ChipTarget } from "../../targets/target.ts";
import { sharedModel } from "../setting.ts";

/** A network at a batch on a chip: what it does and how long it takes, on device. */
export interface Subject {
  readonly name: string;
  readonly batchCount: number;
  readonly program: Program;
  /** Of the whole batch. */
  readonly counts: Counts;
  readonly latencyCycles: number;
  /** Cycles between batches in steady state, not divided by the batch. */
  readonly batchCycles: number;
  /** Of an inference. */
  readonly intervalCycles: number;
  readonly packedBoundCycles: number;
  readonly utilizationFraction: number;
  readonly stack: CycleStack;
}

/** An imported network of the shared models. */
export interface Workload {
  readonly name: string;
  readonly graph: Graph;
  readonly sha256: string;
  readonly precision: PrecisionPlan;
}

/** Imports a shared model, to run at the precision that is made for its graph. */
export function workloadOf(name: string, precision: (graph: Graph) => PrecisionPlan): Workload {
  const { graph, sha256 } = importModel(join(sharedModel(name), "model.onnx"));
  return { name, graph, sha256, precision: precision(graph) };
}

/** Compiles a network for a batch and for throughput, and simulates its batches on device. Throws what compiling throws. */
export function subjectOf(workload: Workload, chip: ChipTarget, batchCount: number): Subject {
  const { name, precision } = workload;
  const { program, work } = compile(batchGraph(workload.graph, batchCount), chip, {
    precision,
    calibrationFrames: null,
    batchCount,
    objective: "throughput",
  });
  const trace = simulateTiming(program, chip, { host: false, batches: simulatedBatches(program) });
  const batchCycles = batchIntervalCycles(trace);
  return {
    name,
    batchCount,
    program,
    counts: countsOf(trace, program).total,
    latencyCycles: trace.batchEnds[0] as number,
    batchCycles,
    intervalCycles: batchCycles / batchCount,
    packedBoundCycles: boundsOf(work, chip, batchCount).packed.intervalCycles,
    utilizationFraction: matrixCycles(program, chip) / batchCycles,
    stack: addStacks(stepCyclesOf(trace, chip, steadyBatch(trace)).map(({ stack }) => stack)),
  };
}

/** 1, 2, 4 and so on, up to the greatest. */
export function powersOfTwo(greatest: number): readonly number[] {
  return Array.from({ length: 1 + Math.floor(Math.log2(greatest)) }, (_, index) => 2 ** index);
}

/** A network at each batch of a rising list, up to the first that does not fit. */
export function batchesOf(workload: Workload, chip: ChipTarget, batchCounts: readonly number[]): readonly Subject[] {
  const subjects: Subject[] = [];
  for (const batchCount of batchCounts) {
    try {
      subjects.push(subjectOf(workload, chip, batchCount));
    } catch (error) {
      if (!(error instanceof BorealError)) throw error;
      break;
    }
  }
  return subjects;
}
