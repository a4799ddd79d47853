import { at, sum } from "../../base/math.ts";
import type { Field, Instruction, Rectangle, View } from "../../ir/instruction.ts";
import type { CoreClass, ThreadName } from "../../ir/program.ts";
import { programBytes } from "../../ir/program-size.ts";
import type { StepPlan } from "../step-plan.ts";
import { affineLists } from "./affine-classes.ts";
import type { EmitContext } from "./chain.ts";
import { type FrameFacts, moveLists, type StepMovement, stepMovement } from "./movement.ts";
import type { MovingThreads } from "./moving-threads.ts";
import { type Described, described } from "./skeleton.ts";
import { signal, wait } from "./token-instructions.ts";
import { tokens } from "./tokens.ts";

/** An output of which a share leaves while another step does its work. */
export interface LeavingShare {
  readonly plan: StepPlan;
  readonly frame: FrameFacts;
}

/** Where the buffers stand from which and to which a step's first copies go. */
interface Bases {
  readonly source: number;
  readonly destination: number;
}

const noBases: Bases = { source: 0, destination: 0 };

/**
 * Emits the threads of a step that move data, with what leaves of outputs meanwhile. Steps that move the same between cores,
 * wherever their buffers stand, are worked out once.
 */
export function emitMoving(
  context: EmitContext,
  plan: StepPlan,
  frame: FrameFacts,
  early: readonly LeavingShare[],
  gatheredToken: number,
): MovingThreads {
  const movement = stepMovement(context, plan, frame.frameAddress);
  const isOnChip = plan.layer.kind !== "input" && plan.layer.kind !== "output";
  if (!isOnChip || early.length > 0) return movingThreads(context, movement, frame, early, gatheredToken);
  const bases = basesOf(movement);
  const relative = movedBy(movement, { source: 0 - bases.source, destination: 0 - bases.destination });
  const key = keyOf(context, relative, frame.arrivalToken, gatheredToken);
  const threads = context.moving.get(key) ?? movingThreads(context, relative, frame, [], gatheredToken);
  context.moving.set(key, threads);
  return { ...threads, classes: threads.classes.map((each) => classMovedBy(each, bases)) };
}

function basesOf({ batches: [batch], fills: [fill] }: StepMovement): Bases {
  if (batch !== undefined) return { source: batch.sourceAddress, destination: batch.destinationAddress };
  return fill === undefined ? noBases : { source: 0, destination: fill.address };
}

/** The same between buffers that stand elsewhere. */
function movedBy({ batches, fills }: StepMovement, { source, destination }: Bases): StepMovement {
  return {
    batches: batches.map((batch) => ({
      ...batch,
      sourceAddress: batch.sourceAddress + source,
      destinationAddress: batch.destinationAddress + destination,
    })),
    fills: fills.map((fill) => ({ ...fill, address: fill.address + destination })),
  };
}

/** Equal for movements between cores that differ in nothing. */
function keyOf(
  { keys }: EmitContext,
  { batches, fills }: StepMovement,
  arrivalToken: number,
  gathered: number,
): number {
  let key = keys.and(keys.and(0, arrivalToken), gathered);
  for (const { copies, elementBytes, sourceAddress, destinationAddress } of batches) {
    for (const part of [copies.key, elementBytes, sourceAddress, destinationAddress]) key = keys.and(key, part);
  }
  for (const { key: holes, layout, origins, address, type, value } of fills) {
    for (const part of [...holes, layout.strideBytes.join(), origins, address, type.element, value]) {
      key = keys.and(key, part);
    }
  }
  return key;
}

function classMovedBy({ cores, threads }: CoreClass, bases: Bases): CoreClass {
  const moved: Partial<Record<ThreadName, readonly Instruction[]>> = {};
  for (const [thread, list] of Object.entries(threads) as [ThreadName, readonly Instruction[]][]) {
    moved[thread] = list.map((instruction) => instructionMovedBy(instruction, bases));
  }
  return { cores, threads: moved };
}

function instructionMovedBy<T extends Instruction>(instruction: T, bases: Bases): T;
function instructionMovedBy(instruction: Instruction, bases: Bases): Instruction {
  switch (instruction.kind) {
    case "loop":
      return { ...instruction, body: instruction.body.map((inner) => instructionMovedBy(inner, bases)) };
    case "move":
    case "multicast":
    case "gather":
      return {
        ...instruction,
        source: viewMovedBy(instruction.source, bases.source),
        destination: viewMovedBy(instruction.destination, bases.destination),
      };
    case "vector":
      return { ...instruction, destination: viewMovedBy(instruction.destination, bases.destination) };
    default:
      return instruction;
  }
}

function viewMovedBy<T extends View>(view: T, by: number): T {
  const { address } = view;
  const moved: Field = typeof address === "number" ? address + by : { ...address, base: address.base + by };
  return { ...view, address: moved };
}

function movingThreads(
  context: EmitContext,
  movement: StepMovement,
  frame: FrameFacts,
  early: readonly LeavingShare[],
  gatheredToken: number,
): MovingThreads {
  const { plan, shapes } = context;
  const { rows, columns } = plan.target.grid;
  const { sends, gathers, arrivals, frameSends, frameArrivals } = moveLists(context, movement, frame);
  const shares = early.map((share) =>
    moveLists(context, stepMovement(context, share.plan, share.frame.frameAddress), share.frame),
  );
  const waitFor = (token: number): Described => described(wait(token), shapes);
  /** Signals of a token that differ in the core alone are described once. */
  const signalsOf = (token: number): ((row: number, column: number) => Described) => {
    const { example, shape } = described(signal(token), shapes);
    return (row, column) => ({ example, shape, numbers: [row, column] });
  };
  const signalDone = signalsOf(tokens.done);
  const signalGathered = signalsOf(gatheredToken);
  const signalSent = signalsOf(tokens.rowSent);
  const goLeave = waitFor(frame.isBehind ? tokens.goHost : tokens.goShares);
  const [goSend, goGather] = [waitFor(tokens.goSend), waitFor(tokens.goGather)];

  /** By core: packets of outputs, which leave beside the work of this step or of the next batch. */
  const leaving = sends.map((own, core) => {
    const packets = frame.isBehind ? own : shares.flatMap((share) => at(share.sends, core));
    return packets.length === 0 ? null : [goLeave, ...packets];
  });
  const isSending = sends.map((own) => !frame.isBehind && own.length > 0);
  const rowSenders = new Array<number>(rows).fill(0);
  const hasShares = Array.from(
    { length: rows },
    (_, row) => !frame.isBehind && leaving.slice(row * columns, (row + 1) * columns).some((list) => list !== null),
  );
  // Behind the operands in their thread, shares of outputs come after most operands where packets meet.
  const sendLists = sends.map((own, core) => {
    if (frame.isBehind) return null;
    const leave = at(leaving, core);
    if (own.length === 0) return leave;
    const row = Math.floor(core / columns);
    const operands = [goSend, ...own, signalDone(row, core % columns)];
    if (!at(hasShares, row)) return operands;
    rowSenders[row] = at(rowSenders, row) + 1;
    return [...operands, signalSent(row, -1), ...(leave ?? [])];
  });
  const gatherLists = gathers.map((own, core) =>
    own.length === 0 ? null : [goGather, ...own, signalGathered(Math.floor(core / columns), core % columns)],
  );
  const hostLists = leaving.map((list) => (frame.isBehind ? list : null));
  const classes: CoreClass[] = [];
  const bytes = new Array<number>(rows * columns).fill(0);
  let behindBytes = 0;
  for (const [thread, lists] of [
    ["send", sendLists],
    ["host", hostLists],
    ["gather", gatherLists],
  ] as const) {
    for (const { cores, data } of affineLists(lists, columns, shapes)) {
      const more = programBytes(data);
      classes.push({ cores, threads: { [thread]: data } });
      addBytes(bytes, cores, columns, more);
      if (frame.isBehind) behindBytes = Math.max(behindBytes, more);
    }
  }
  return {
    classes,
    starts: sends.map((_, core) => [
      ...(at(isSending, core) ? [tokens.goSend] : []),
      ...(at(gatherLists, core) === null ? [] : [tokens.goGather]),
    ]),
    isSending,
    hasGathers: gatherLists.map((list) => list !== null),
    leaves: leaving.map((list) => list !== null),
    rowSenders,
    arrivals,
    frameSends,
    frameArrivals: frameArrivals.map((count, row) => count + sum(shares.map((share) => at(share.frameArrivals, row)))),
    bytes,
    behindBytes,
  };
}

/** Adds to the bytes of every core of a rectangle. */
export function addBytes(bytes: number[], cores: Rectangle, columns: number, more: number): void {
  for (let row = cores.row; row < cores.row + cores.rows; row += 1) {
    for (let core = row * columns + cores.column, end = core + cores.columns; core < end; core += 1) {
      bytes[core] = (bytes[core] as number) + more;
    }
  }
}
