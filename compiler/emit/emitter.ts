import { BorealError, type Problem } from "../../base/errors.ts";
import { at, roundUp, sum } from "../../base/math.ts";
import type { Rectangle, SimpleInstruction } from "../../ir/instruction.ts";
import type { MappedStep, Mapping } from "../../ir/mapping.ts";
import {
  type CoreClass,
  type Program,
  type ProgramBuffer,
  type ProgramState,
  type ProgramStep,
  threadNames,
} from "../../ir/program.ts";
import { programBytes } from "../../ir/program-size.ts";
import type { ElementType } from "../../ir/type.ts";
import { concurrency } from "../concurrency.ts";
import { earlyShares, lateColumns } from "../early-share.ts";
import { overlapsOf } from "../overlap.ts";
import type { State } from "../states.ts";
import type { NetworkPlan } from "../step-plan.ts";
import { anchorElements } from "../tiling.ts";
import { emitContext } from "./chain.ts";
import { ControlFacts } from "./control-facts.ts";
import { type EmittedOverlap, frameClasses, ioCoresOf } from "./frame-classes.ts";
import { layOutPorts } from "./host-ports.ts";
import { emitImages } from "./images.ts";
import type { FrameFacts } from "./movement.ts";
import type { LeavingShare } from "./moving.ts";
import { coverRectangles } from "./rectangles.ts";
import { RowIndex } from "./row-index.ts";
import { anchoredTo, type Beginning, emitBody, type StepBody, together } from "./step-body.ts";
import { signal, wait } from "./token-instructions.ts";
import { overlapTokens, tokens } from "./tokens.ts";

/** A program and the bytes that its images refer to; null when weights are absent. */
export interface EmittedProgram {
  readonly program: Program;
  readonly sidecar: Uint8Array | null;
}

/** The buffer that holds the programs of all steps. */
export const programsBuffer = "programs";

/** B401 for programs that do not fit beside the data of a core. */
export class ProgramRoomError extends BorealError {
  readonly programBytes: number;

  constructor(dataBytes: number, programBytes: number, capacity: number) {
    const demand = dataBytes + programBytes;
    const message = `core memory: data take ${dataBytes} bytes and programs ${programBytes}, together ${demand}; a core has ${capacity} (gap ${demand - capacity}).`;
    const hint = "Fewer bits, a smaller batch or more cards would make it fit.";
    super([{ code: "B401", message, at: {}, hint }]);
    this.name = "ProgramRoomError";
    this.programBytes = programBytes;
  }
}

/** B401 for steps whose programs exceed a half of the program buffer. */
export class ProgramBufferError extends BorealError {
  readonly steps: readonly MappedStep[];

  constructor(problems: readonly Problem[], steps: readonly MappedStep[]) {
    super(problems);
    this.name = "ProgramBufferError";
    this.steps = steps;
  }
}

/** What the emitter is told beside the mapping. */
export interface EmitOptions {
  readonly name: string;
  /** The element type that the model declares for each input and output, by value name. */
  readonly modelElements: ReadonlyMap<string, ElementType>;
  /** Inputs that stay on the chip. */
  readonly states?: readonly State[];
  /** Leave out weights even if they are there: for timing alone. */
  readonly shapesOnly?: boolean;
}

/**
 * Writes the program of a placed mapping. Throws B401 when programs or boundary tensors do not fit.
 */
export function emitProgram(plan: NetworkPlan, mapping: Mapping, options: EmitOptions): EmittedProgram {
  const addresses = new Map(mapping.buffers.map((buffer) => [buffer.name, buffer.address]));
  const context = emitContext(plan, addresses);
  const ports = layOutPorts(plan, options.modelElements);
  const overlaps = overlapsOf(plan, mapping.buffers).map(
    (overlap, position): EmittedOverlap => ({ ...overlap, ...overlapTokens(position) }),
  );
  const shares = plan.steps.flatMap((step) => earlyShares(plan, step));
  const frameAddress = (step: number): number => ports.addressOfStep.get(step) ?? 0;
  const { begins } = concurrency(mapping.steps);
  const bodies = plan.steps.map((step) => {
    const overlap = overlaps.find((each) => each.step === step.index);
    const isBeside = at(begins, step.index) < step.index;
    const frame: FrameFacts = {
      frameAddress: frameAddress(step.index),
      arrivalToken: overlap?.arrived ?? (isBeside ? tokens.arrivedBeside : tokens.arrived),
      isBehind: overlap?.direction === "behind",
      columns: lateColumns(plan, step),
    };
    const early = shares.flatMap(({ output, beside, columns }): LeavingShare[] =>
      beside === step.index
        ? [
            {
              plan: at(plan.steps, output),
              frame: { frameAddress: frameAddress(output), arrivalToken: tokens.arrived, isBehind: false, columns },
            },
          ]
        : [],
    );
    return emitBody(context, step, frame, early, isBeside ? tokens.gatheredBeside : tokens.gathered);
  });
  const firsts = [...new Set(begins)];
  const turns = firsts.map((begin): Turn => {
    const steps = bodies.filter((_, index) => begins[index] === begin);
    return { steps, all: together(steps) };
  });
  const turnOf = (step: number): number => firsts.indexOf(at(begins, step));
  const leavingTurns = plan.steps
    .filter(({ layer }) => layer.kind === "output")
    .map(({ index }) =>
      Math.min(turnOf(index), ...shares.filter(({ output }) => output === index).map(({ beside }) => turnOf(beside))),
    );
  const overlapsByTurn = overlaps.map((each) => ({ ...each, step: turnOf(each.step), fence: turnOf(each.fence) }));
  const peak = mapping.buffers.reduce((end, buffer) => Math.max(end, buffer.address + buffer.bytes), 0);
  const loads = placePrograms(
    turns.map(({ all }) => all),
    roundUp(peak, 16),
    plan,
    overlapsByTurn,
  );
  const images = options.shapesOnly === true ? null : emitImages(context, options.states ?? []);
  const lastStep = plan.steps.length - 1;
  const buffers: ProgramBuffer[] = [
    ...mapping.buffers.map(
      ({ name, address, bytes, firstStep, lastStep: last }): ProgramBuffer => ({
        name,
        space: "memory",
        address,
        bytes,
        firstStep,
        lastStep: last,
      }),
    ),
    { name: programsBuffer, space: "memory", address: loads.address, bytes: loads.bytes, firstStep: 0, lastStep },
    {
      name: "partial sums",
      space: "partial",
      address: 0,
      bytes: plan.target.core.partialBufferBytes,
      firstStep: 0,
      lastStep,
    },
    {
      name: "weights",
      space: "weights",
      address: 0,
      bytes: plan.target.core.weightBufferBytes,
      firstStep: 0,
      lastStep,
    },
  ];
  const { rows, columns } = plan.target.grid;
  const everyCore: Rectangle = { row: 0, column: 0, rows, columns };
  const hostCore: Rectangle = { row: 0, column: -1, rows: 1, columns: 1 };
  const free = [...tokens.weightsFree, ...tokens.tileFree, ...tokens.landingFree];
  const frame = frameClasses(
    turns.map(({ all }) => all),
    overlapsByTurn,
    leavingTurns,
    ports,
    rows,
    context.shapes,
  );
  return {
    program: {
      kind: "program",
      name: options.name,
      target: { name: plan.target.name, rows, columns },
      batchCount: mapping.batchCount,
      inputs: ports.inputs,
      outputs: ports.outputs,
      hostOperations: ports.hostOperations,
      states: statesOf(plan, options),
      initialTokens: [
        ...free.map((token) => ({ cores: everyCore, token, count: 1 })),
        { cores: hostCore, token: tokens.frameFree, count: ports.enteringCount },
        { cores: hostCore, token: tokens.outputFree, count: ports.leavingCount },
        ...overlaps.flatMap(({ step, free: token }) =>
          ioCoresOf(at(bodies, step)).map((cores) => ({ cores, token, count: 1 })),
        ),
      ].filter(({ count }) => count > 0),
      images: images?.images ?? [],
      buffers: buffers.filter((buffer) => buffer.bytes > 0),
      sidecar: images === null ? null : { sha256: images.sha256, bytes: images.bytes.length },
      steps: turns.flatMap((_, index) => stepsOf(turns, index, loads.byTurn, at(frame, index))),
    },
    sidecar: images?.bytes ?? null,
  };
}

function statesOf({ network, steps }: NetworkPlan, { states = [], modelElements }: EmitOptions): ProgramState[] {
  return states.flatMap(({ input, output }) => {
    const write = steps.find(({ layer }) => layer.kind === "state" && layer.writes[0]?.value === input)?.writes[0];
    if (write === undefined) return [];
    const { type } = write.write;
    const modelElement = modelElements.get(input) ?? type.element;
    return [{ input, output: network.graph.outputs[output] ?? "", type, modelElement, buffer: write.buffer }];
  });
}

/** Steps that run at once, most often one: each, and all as one. */
interface Turn {
  readonly steps: readonly StepBody[];
  readonly all: StepBody;
}

interface ProgramLoad {
  readonly home: number;
  readonly address: number;
  readonly bytes: number;
  readonly cores: Rectangle;
}

/** Spreads the programs of all turns over the cores' memories, one after the other, each stored once. */
function placePrograms(
  bodies: readonly StepBody[],
  address: number,
  plan: NetworkPlan,
  overlaps: readonly EmittedOverlap[],
) {
  const coreCount = plan.target.grid.rows * plan.target.grid.columns;
  const stored = new Array<number>(coreCount).fill(0);
  let next = 0;
  const byTurn = bodies.map((body) =>
    coverRectangles(body.keys, plan.target.grid.columns).map((cores): ProgramLoad => {
      const home = next % coreCount;
      next += 1;
      const bytes = rectangleBytes(body, cores);
      const start = at(stored, home);
      stored[home] = start + roundUp(bytes, 16);
      return { home, address: address + start, bytes, cores };
    }),
  );
  requireProgramRoom(byTurn, bodies, plan, overlaps);
  const bytes = Math.max(...stored);
  const capacity = plan.target.core.memoryBytes;
  if (address + bytes > capacity) {
    throw new ProgramRoomError(address, bytes, capacity);
  }
  return { byTurn, address, bytes };
}

/**
 * Throws B401 when a step's program, beside what still runs of the outputs before it, exceeds a half of the program buffer, or needs more
 * threads than a core has. Overlaps name turns.
 */
function requireProgramRoom(
  byTurn: readonly (readonly ProgramLoad[])[],
  bodies: readonly StepBody[],
  plan: NetworkPlan,
  overlaps: readonly EmittedOverlap[],
): void {
  const { programBufferBytes, threadCount } = plan.target.core;
  const half = Math.floor(programBufferBytes / 2);
  const exceeding = byTurn.flatMap((loads, index) => {
    const behind = overlaps.filter(
      ({ direction, step, fence }) => direction === "behind" && (index > step || index <= fence),
    );
    const running = sum(behind.map(({ step }) => at(bodies, step).behindBytes));
    const bytes = Math.max(...loads.map((load) => load.bytes)) + running;
    const { layer, step } = at(bodies, index).plan;
    const message = `program buffer: the step's program takes ${bytes} bytes, a half of the buffer has ${half} (gap ${bytes - half}).`;
    const problem: Problem = { code: "B401", message, at: { layer: layer.name } };
    return bytes > half ? [{ step, problem }] : [];
  });
  const problems = exceeding.map(({ problem }) => problem);
  if (threadNames.length > threadCount) {
    const message = `threads: programs use ${threadNames.length} threads a core, the chip has ${threadCount}.`;
    throw new BorealError([...problems, { code: "B401", message, at: {} }]);
  }
  if (exceeding.length > 0)
    throw new ProgramBufferError(
      problems,
      exceeding.map(({ step }) => step),
    );
}

/** Bytes of the program that a rectangle of cores is sent: enough for its longest threads, with the first core's control. */
function rectangleBytes(body: StepBody, cores: Rectangle): number {
  const { columns } = body.plan.geometry.grid;
  let most = 0;
  for (let row = cores.row; row < cores.row + cores.rows; row += 1) {
    for (let column = cores.column; column < cores.column + cores.columns; column += 1) {
      most = Math.max(most, at(body.bytes, row * columns + column));
    }
  }
  return most + programBytes(controlCore(body, null, cores.row * columns + cores.column, []));
}

/** The steps of a turn; the last one has the control threads of all. */
function stepsOf(
  turns: readonly Turn[],
  index: number,
  loads: readonly (readonly ProgramLoad[])[],
  frame: readonly CoreClass[],
): ProgramStep[] {
  const { steps, all: body } = at(turns, index);
  const next = turns[index + 1]?.all ?? null;
  const { columns } = body.plan.geometry.grid;
  const nextLoads = next === null ? [] : at(loads, index + 1);
  const alike = new RowIndex();
  const homes = new Set([...at(loads, 0), ...nextLoads].map(({ home }) => home));
  const facts = new ControlFacts(body, next);
  const keys = body.plan.boxes.map((_, core) => alike.of(facts.row, facts.of(core, homes.has(core))));
  const controlClasses = coverRectangles(keys, columns).map((cores): CoreClass => {
    const core = cores.row * columns + cores.column;
    const first = index === 0 ? [...loadsOf(at(loads, 0), core), ...ready(body, core)] : [];
    const list = [...first, ...controlCore(body, next, core, nextLoads)];
    return { cores, threads: { control: list.map((instruction) => anchoredTo(instruction, cores)) } };
  });
  return steps.map(({ plan: { layer }, classes }, place) => ({
    name: layer.name,
    kind: layer.kind,
    origin: layer.origin,
    macCount: layer.macCount,
    macElement: layer.macCount > 0 ? anchorElements(layer).wider : null,
    classes: place < steps.length - 1 ? classes : [...classes, ...controlClasses, ...frame],
  }));
}

/** What a core's control thread does in a step, core coordinates relative to it; see docs/machine.md. */
function controlCore(
  body: StepBody,
  next: StepBody | null,
  core: number,
  nextLoads: readonly ProgramLoad[],
): SimpleInstruction[] {
  const done = at(body.doneCounts, core);
  return [
    ...at(body.starts, core).map((token) => signal(token)),
    ...loadsOf(nextLoads, core),
    ...body.beginnings.flatMap((beginning) => beginningOf(beginning, core)),
    ...(next === null ? [] : ready(next, core)),
    ...(done > 0 ? [wait(tokens.done, done)] : []),
    { kind: "barrier" },
  ];
}

/** Waits for the operands of a step and lets the core compute. */
function beginningOf(beginning: Beginning, core: number): SimpleInstruction[] {
  const count = at(beginning.arrivals, core);
  const compute = at(beginning.computeStarts, core);
  return [
    ...(count > 0 ? [wait(beginning.arrivalToken, count)] : []),
    ...(at(beginning.hasGathers, core) ? [wait(beginning.gatheredToken)] : []),
    ...(compute === null ? [] : [signal(compute)]),
  ];
}

function loadsOf(loads: readonly ProgramLoad[], core: number): SimpleInstruction[] {
  return loads
    .filter((load) => load.home === core)
    .map(({ address, bytes, cores }) => ({
      kind: "program.load",
      bytes,
      source: address,
      cores,
      token: tokens.program,
    }));
}

/** Waits for the program of a step and lets its weights thread start ahead of the step. */
function ready(body: StepBody, core: number): SimpleInstruction[] {
  const starts = Array.from({ length: at(body.weightUses, core) }, () => signal(tokens.goWeights));
  return [wait(tokens.program), ...starts];
}
