import { at, sum } from "../../base/math.ts";
import type { Field, Instruction, Rectangle, SimpleInstruction } from "../../ir/instruction.ts";
import type { ThreadName } from "../../ir/program.ts";
import { programBytes } from "../../ir/program-size.ts";
import type { StepPlan } from "../step-plan.ts";
import type { EmitContext } from "./chain.ts";
import { alikeCores } from "./compute-facts.ts";
import { emitContraction, type ThreadLists } from "./contraction.ts";
import type { FrameFacts } from "./movement.ts";
import { addBytes, emitMoving, type LeavingShare } from "./moving.ts";
import type { MovingThreads } from "./moving-threads.ts";
import { coverRectangles } from "./rectangles.ts";
import { rollLoops } from "./roll-loops.ts";
import { RowIndex } from "./row-index.ts";
import { described } from "./skeleton.ts";
import { tokens } from "./tokens.ts";
import { emitVectorStep, vectorStart } from "./vector-step.ts";

type Threads = Partial<Record<ThreadName, readonly Instruction[]>>;

/** What cores compute in a step, and the bytes of their instructions. */
interface ComputeThreads {
  readonly threads: Threads;
  readonly bytes: number;
}

/** What a step's computation waits for. */
export interface Beginning {
  /** The token that packets raise at their arrival. */
  readonly arrivalToken: number;
  /** By core: packets that arrive. */
  readonly arrivals: readonly number[];
  /** The token that says that the core's own copies and fills are done. */
  readonly gatheredToken: number;
  /** By core: whether it copies or fills within its own memory. */
  readonly hasGathers: readonly boolean[];
  /** By core: the token that starts its computation once its operands are there; null where nothing is computed. */
  readonly computeStarts: readonly (number | null)[];
}

/** All work of a step but that of the control threads, and what those must know of it. */
export interface StepBody
  extends Pick<MovingThreads, "classes" | "starts" | "leaves" | "rowSenders" | "bytes" | "behindBytes"> {
  readonly plan: StepPlan;
  readonly movement: Pick<MovingThreads, "frameSends" | "frameArrivals">;
  /** The step's own, or those of steps that run at once in the order in which cores begin to compute. */
  readonly beginnings: readonly Beginning[];
  /** By core: how often `done` is raised. */
  readonly doneCounts: readonly number[];
  /** By core: in how many steps the weights thread works. */
  readonly weightUses: readonly number[];
  /** By core: equal for cores that compute the same, not negative. */
  readonly keys: readonly number[];
}

/**
 * What the control threads must know of steps that run at once, as if they were one. A contraction begins before another step on
 * the same cores. The plan is that of the last.
 */
export function together(bodies: readonly StepBody[]): StepBody {
  const last = at(bodies, bodies.length - 1);
  if (bodies.length === 1) return last;
  const sums = (list: readonly (readonly number[])[]): number[] =>
    at(list, 0).map((_, place) => sum(list.map((each) => at(each, place))));
  const joined = <T>(list: readonly (readonly (readonly T[])[])[]): T[][] =>
    at(list, 0).map((_, place) => list.flatMap((each) => at(each, place)));
  const alike = new RowIndex();
  const some = (list: readonly (readonly boolean[])[]): boolean[] =>
    at(list, 0).map((_, place) => list.some((each) => at(each, place)));
  return {
    plan: last.plan,
    classes: bodies.flatMap(({ classes }) => classes),
    beginnings: [
      ...bodies.filter(({ plan }) => plan.roles !== null),
      ...bodies.filter(({ plan }) => plan.roles === null),
    ].flatMap(({ beginnings }) => beginnings),
    movement: {
      frameSends: joined(bodies.map(({ movement }) => movement.frameSends)),
      frameArrivals: sums(bodies.map(({ movement }) => movement.frameArrivals)),
    },
    starts: joined(bodies.map(({ starts }) => starts)),
    leaves: some(bodies.map(({ leaves }) => leaves)),
    rowSenders: sums(bodies.map(({ rowSenders }) => rowSenders)),
    doneCounts: sums(bodies.map(({ doneCounts }) => doneCounts)),
    weightUses: sums(bodies.map(({ weightUses }) => weightUses)),
    bytes: sums(bodies.map(({ bytes }) => bytes)),
    behindBytes: Math.max(...bodies.map(({ behindBytes }) => behindBytes)),
    keys: last.keys.map((_, core) => alike.of(bodies.map(({ keys }) => at(keys, core)))),
  };
}

/** Emits a step's threads but control, with what leaves of outputs meanwhile. */
export function emitBody(
  context: EmitContext,
  plan: StepPlan,
  frame: FrameFacts,
  early: readonly LeavingShare[] = [],
  gatheredToken: number = tokens.gathered,
): StepBody {
  const { rows, columns } = plan.geometry.grid;
  const moving = emitMoving(context, plan, frame, early, gatheredToken);
  const coreCount = rows * columns;
  const computes = plan.roles !== null || plan.layer.kind === "vector" || plan.layer.kind === "reduce";
  const doneCounts = moving.isSending.map(Number);
  const computeStarts = new Array<number | null>(coreCount).fill(null);
  const weightUses = new Array<number>(coreCount).fill(0);
  const bytes = [...moving.bytes];
  const classes = [...moving.classes];
  const keys = computes ? alikeCores(context, plan) : new Array<number>(coreCount).fill(-1);
  const emitted = new Map<number, ComputeThreads>();
  for (let core = 0; core < coreCount; core += 1) {
    const key = at(keys, core);
    if (key < 0) continue;
    let made = emitted.get(key);
    if (made === undefined) {
      const threads = computeThreads(context, plan, core);
      made = { threads, bytes: sum(Object.values(threads).map(programBytes)) };
      emitted.set(key, made);
    }
    computeStarts[core] = plan.roles === null ? vectorStart(plan) : tokens.goMatrix;
    doneCounts[core] = at(doneCounts, core) + 1;
    weightUses[core] = Number(made.threads.weights !== undefined);
  }
  for (const cores of coverRectangles(keys, columns)) {
    const { threads, bytes: more } = emitted.get(at(keys, cores.row * columns + cores.column)) as ComputeThreads;
    classes.push({ cores, threads: anchored(threads, cores) });
    addBytes(bytes, cores, columns, more);
  }
  const { arrivals, hasGathers, frameSends, frameArrivals, starts, leaves, rowSenders, behindBytes } = moving;
  return {
    plan,
    classes,
    beginnings: [{ arrivalToken: frame.arrivalToken, arrivals, gatheredToken, hasGathers, computeStarts }],
    movement: { frameSends, frameArrivals },
    starts,
    leaves,
    rowSenders,
    doneCounts,
    weightUses,
    bytes,
    behindBytes,
    keys: keys.map((key) => key + 1),
  };
}

function computeThreads(context: EmitContext, plan: StepPlan, core: number): Threads {
  const lists = plan.roles === null ? vectorThread(context, plan, core) : emitContraction(context, plan, core);
  const threads: Threads = {};
  for (const [thread, list] of Object.entries(lists) as [ThreadName, readonly SimpleInstruction[]][]) {
    if (list.length > 0) threads[thread] = rollLoops(list.map((instruction) => described(instruction, context.shapes)));
  }
  return threads;
}

/** The thread of a step without contraction; beside a contraction on the same cores it is one that the contraction does not use. */
function vectorThread(context: EmitContext, plan: StepPlan, core: number): Partial<ThreadLists> {
  const list = emitVectorStep(context, plan, core);
  return plan.sharesCores ? { psum: list } : { vector: list };
}

/** Turns core coordinates that are relative to the issuing core into fields of a class. */
function anchored(threads: Threads, cores: Rectangle): Threads {
  const result: Threads = {};
  for (const [thread, list] of Object.entries(threads) as [ThreadName, readonly Instruction[]][]) {
    result[thread] = list.map((instruction) =>
      instruction.kind === "loop"
        ? { ...instruction, body: instruction.body.map((inner) => anchoredTo(inner, cores)) }
        : anchoredTo(instruction, cores),
    );
  }
  return result;
}

/** An instruction whose core coordinates are relative to the issuing core, as one of a class. */
export function anchoredTo(instruction: SimpleInstruction, cores: Rectangle): SimpleInstruction {
  if (instruction.kind !== "signal" && instruction.kind !== "psum.send") return instruction;
  const { row, column } = instruction.core;
  if (typeof row !== "number" || typeof column !== "number") return instruction;
  const core: { row: Field; column: Field } = {
    row: cores.rows === 1 ? cores.row + row : { base: cores.row + row, row: 1, column: 0, turn: 0 },
    column: cores.columns === 1 ? cores.column + column : { base: cores.column + column, row: 0, column: 1, turn: 0 },
  };
  return { ...instruction, core };
}
