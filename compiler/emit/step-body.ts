import { at, sum } from "../../base/math.ts";
import type { Field, Instruction, Rectangle, SimpleInstruction } from "../../ir/instruction.ts";
import type { CoreClass, ThreadName } from "../../ir/program.ts";
import { programBytes } from "../../ir/program-size.ts";
import { reductionIndex } from "../geometry.ts";
import { boxStart, coordinateOf, localOffset } from "../local-layout.ts";
import type { StepPlan } from "../step-plan.ts";
import { affineLists } from "./affine-classes.ts";
import type { EmitContext } from "./chain.ts";
import { emitContraction, type ThreadLists } from "./contraction.ts";
import { type FrameFacts, type StepMovement, stepMovement } from "./movement.ts";
import { coverRectangles } from "./rectangles.ts";
import { rollLoops } from "./roll-loops.ts";
import { describe } from "./skeleton.ts";
import { signal, wait } from "./token-instructions.ts";
import { tokens } from "./tokens.ts";
import { emitVectorStep, vectorStart } from "./vector-step.ts";

type Threads = Partial<Record<ThreadName, readonly Instruction[]>>;

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
export interface StepBody {
  readonly plan: StepPlan;
  readonly classes: readonly CoreClass[];
  readonly movement: Pick<StepMovement, "frameSends" | "frameArrivals">;
  /** The step's own, or those of steps that run at once in the order in which cores begin to compute. */
  readonly beginnings: readonly Beginning[];
  /** By core: tokens that start the threads that move data. */
  readonly starts: readonly (readonly number[])[];
  /** By core: whether it sends what it holds of an output beside the work of this step or of the next batch. */
  readonly leaves: readonly boolean[];
  /** By row: cores that tell the io core when they have sent their operands, which those that send of outputs wait for. */
  readonly rowSenders: readonly number[];
  /** By core: how often `done` is raised. */
  readonly doneCounts: readonly number[];
  /** By core: in how many steps the weights thread works. */
  readonly weightUses: readonly number[];
  /** By core: bytes of its instructions. */
  readonly bytes: readonly number[];
  /** The most bytes of a core's instructions that go on while the next batch is computed. */
  readonly behindBytes: number;
  /** By core: equal for cores that compute the same. */
  readonly keys: readonly string[];
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
    keys: last.keys.map((_, core) => bodies.map(({ keys }) => at(keys, core)).join(" / ")),
  };
}

/** An output of which a share leaves while another step does its work. */
export interface LeavingShare {
  readonly plan: StepPlan;
  readonly frame: FrameFacts;
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
  const movement = stepMovement(context, plan, frame);
  const shares = early.map((share) => stepMovement(context, share.plan, share.frame));
  const coreCount = rows * columns;
  const computes = plan.roles !== null || plan.layer.kind === "vector" || plan.layer.kind === "reduce";
  const starts = Array.from({ length: coreCount }, () => [] as number[]);
  const doneCounts = new Array<number>(coreCount).fill(0);
  const computeStarts = new Array<number | null>(coreCount).fill(null);
  const weightUses = new Array<number>(coreCount).fill(0);
  const bytes = new Array<number>(coreCount).fill(0);
  const classes: CoreClass[] = [];
  let behindBytes = 0;

  /** By core: packets of outputs, which leave beside the work of this step or of the next batch. */
  const leaving = movement.sends.map((own, core) =>
    frame.isBehind ? own : shares.flatMap((share) => at(share.sends, core)),
  );
  const leave = (core: number): SimpleInstruction[] | null =>
    at(leaving, core).length === 0
      ? null
      : [wait(frame.isBehind ? tokens.goHost : tokens.goShares), ...at(leaving, core)];
  const rowSenders = new Array<number>(rows).fill(0);
  const hasShares = (row: number): boolean =>
    !frame.isBehind && leaving.slice(row * columns, (row + 1) * columns).some((list) => list.length > 0);
  // Behind the operands in their thread, shares of outputs come after most operands where packets meet.
  const sendLists = movement.sends.map((sends, core) => {
    if (frame.isBehind) return null;
    if (sends.length === 0) return leave(core);
    at(starts, core).push(tokens.goSend);
    doneCounts[core] = at(doneCounts, core) + 1;
    const row = Math.floor(core / columns);
    const operands = [wait(tokens.goSend), ...sends, signalTo(core, columns, tokens.done)];
    if (!hasShares(row)) return operands;
    rowSenders[row] = at(rowSenders, row) + 1;
    return [...operands, signal(tokens.rowSent, { row, column: -1 }), ...(leave(core) ?? [])];
  });
  const hostLists = leaving.map((_, core) => (frame.isBehind ? leave(core) : null));
  const gatherLists = movement.gathers.map((gathers, core) => {
    if (gathers.length === 0) return null;
    at(starts, core).push(tokens.goGather);
    return [wait(tokens.goGather), ...gathers, signalTo(core, columns, gatheredToken)];
  });
  for (const [thread, lists] of [
    ["send", sendLists],
    ["host", hostLists],
    ["gather", gatherLists],
  ] as const) {
    for (const { cores, data } of affineLists(lists, columns)) {
      classes.push({ cores, threads: { [thread]: data } });
      addBytes(bytes, cores, columns, programBytes(data));
      if (frame.isBehind) behindBytes = Math.max(behindBytes, programBytes(data));
    }
  }

  const keys = new Array<string | null>(coreCount).fill(null);
  const emitted = new Map<string, Threads>();
  for (let core = 0; core < coreCount; core += 1) {
    if (!computes || !plan.active[core]) continue;
    const key = computeKey(plan, core);
    keys[core] = key;
    let threads = emitted.get(key);
    if (threads === undefined) {
      threads = computeThreads(context, plan, core);
      emitted.set(key, threads);
    }
    computeStarts[core] = plan.roles === null ? vectorStart(plan) : tokens.goMatrix;
    doneCounts[core] = at(doneCounts, core) + 1;
    weightUses[core] = Number(threads.weights !== undefined);
  }
  for (const cores of coverRectangles(keys, columns)) {
    const threads = emitted.get(at(keys, cores.row * columns + cores.column) ?? "") ?? {};
    classes.push({ cores, threads: anchored(threads, cores) });
    addBytes(bytes, cores, columns, sum(Object.values(threads).map(programBytes)));
  }
  return {
    plan,
    classes,
    beginnings: [
      {
        arrivalToken: frame.arrivalToken,
        arrivals: movement.arrivals,
        gatheredToken,
        hasGathers: movement.gathers.map((gathers) => gathers.length > 0),
        computeStarts,
      },
    ],
    movement: {
      frameSends: movement.frameSends,
      frameArrivals: movement.frameArrivals.map(
        (count, row) => count + sum(shares.map((share) => at(share.frameArrivals, row))),
      ),
    },
    starts,
    leaves: leaving.map((list) => list.length > 0),
    rowSenders,
    doneCounts,
    weightUses,
    bytes,
    behindBytes,
    keys: keys.map((key) => key ?? "idle"),
  };
}

function addBytes(bytes: number[], cores: Rectangle, columns: number, more: number): void {
  for (let row = cores.row; row < cores.row + cores.rows; row += 1) {
    for (let column = cores.column; column < cores.column + cores.columns; column += 1) {
      bytes[row * columns + column] = at(bytes, row * columns + column) + more;
    }
  }
}

function signalTo(core: number, columns: number, token: number): SimpleInstruction {
  return signal(token, { row: Math.floor(core / columns), column: core % columns });
}

/** Equal for cores whose compute threads are the same but for where the core stands. */
function computeKey(plan: StepPlan, core: number): string {
  const { columns } = plan.geometry.grid;
  const row = Math.floor(core / columns);
  const column = core % columns;
  const box = at(plan.boxes, core);
  const point = box.map((range) => range.start);
  const offsets = plan.reads.map((read) =>
    (read.mode === "in-place" || read.mode === "around") && read.read.access !== null && read.boxes[core] !== null
      ? localOffset(read.layout, at(read.origins, core), coordinateOf(read.read.access, point))
      : 0,
  );
  const written = plan.writes.map(({ spread: { boxes, layout, origins } }) => {
    const part = boxes[core] ?? null;
    return part === null ? 0 : localOffset(layout, at(origins, core), boxStart(part));
  });
  const chain =
    plan.geometry.reduction === null
      ? 0
      : Math.sign(reductionIndex(plan.geometry, row, column)) + (plan.owns[core] ? 2 : 0);
  const sizes = box.map((range) => range.end - range.start);
  return [sizes.join(), offsets.join(), written.join(), chain].join("|");
}

function computeThreads(context: EmitContext, plan: StepPlan, core: number): Threads {
  const lists = plan.roles === null ? vectorThread(context, plan, core) : emitContraction(context, plan, core);
  const threads: Threads = {};
  for (const [thread, list] of Object.entries(lists) as [ThreadName, readonly SimpleInstruction[]][]) {
    if (list.length > 0) threads[thread] = rollLoops(describe(list));
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
