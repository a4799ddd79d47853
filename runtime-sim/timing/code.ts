import { problem } from "../../base/errors.ts";
import type { Instruction, Rectangle, SimpleInstruction } from "../../ir/instruction.ts";
import { type Program, threadNames } from "../../ir/program.ts";
import type { ChipTarget } from "../../targets/target.ts";
import type { InstructionPlace } from "../trace.ts";
import {
  type OperationColumns,
  type OperationContext,
  operationColumns,
  operationKinds,
  writeControl,
  writeOperation,
} from "./operation.ts";
import { noWork, type Work, workOf } from "./work.ts";

/** The queues of a program in columns. */
export interface Code extends OperationColumns {
  readonly coreCount: number;
  /** The step of each operation. */
  readonly step: Int32Array;
  readonly places: readonly InstructionPlace[];
  /** Segments of thread t (core × 8 + thread) are segmentStarts[t] to segmentStarts[t + 1] [threads + 1]. */
  readonly segmentStarts: Int32Array;
  /** First operation of each segment, and the one after its last [segments]. */
  readonly segmentFirst: Int32Array;
  readonly segmentEnd: Int32Array;
  readonly tokenCount: number;
  /** Counters before the start [cores × tokens]. */
  readonly initialCounters: Int32Array;
}

interface Segment {
  readonly thread: number;
  readonly cores: Rectangle;
  readonly first: number;
  readonly end: number;
}

/** The number of a core: row-major with the io core of a row first. */
export function coreNumber(columns: number, row: number, column: number): number {
  return row * (columns + 1) + column + 1;
}

/** The dense numbers of all tokens that a program uses, by token, and how many operations its queues have. */
function survey(program: Program): { readonly tokens: ReadonlyMap<number, number>; readonly operationCount: number } {
  const tokens = new Map<number, number>();
  let operationCount = 0;
  const visit = (instruction: Instruction): void => {
    operationCount += 1;
    if (instruction.kind === "loop") {
      // Its end is an operation too.
      operationCount += 1;
      instruction.body.forEach(visit);
    } else if ("token" in instruction && !tokens.has(instruction.token)) tokens.set(instruction.token, tokens.size);
  };
  for (const { token } of program.initialTokens) if (!tokens.has(token)) tokens.set(token, tokens.size);
  for (const { classes } of program.steps) {
    for (const { threads } of classes) for (const queue of Object.values(threads)) queue.forEach(visit);
  }
  return { tokens, operationCount };
}

/** Fails unless a rectangle lies in the grid, column −1 included. */
function checkCores(cores: Rectangle, target: ChipTarget, layer: string): void {
  const { rows, columns } = target.grid;
  const [lastRow, lastColumn] = [cores.row + cores.rows - 1, cores.column + cores.columns - 1];
  if (cores.row >= 0 && lastRow < rows && cores.column >= -1 && lastColumn < columns) return;
  throw problem(
    "B509",
    `Cores of rows ${cores.row} to ${lastRow} and columns ${cores.column} to ${lastColumn} are named, but the target has rows 0 to ${rows - 1} and columns -1 to ${columns - 1}.`,
    { layer },
  );
}

/** Works out the queues and costs of a program on a target. Throws B501 for a port and B509 for a core that does not exist. */
export function compileCode(program: Program, target: ChipTarget): Code {
  const { tokens, operationCount } = survey(program);
  const columns = operationColumns(operationCount);
  const places: InstructionPlace[] = [];
  const stepOf = new Int32Array(operationCount);
  const segments: Segment[] = [];
  program.steps.forEach((step, stepIndex) => {
    step.classes.forEach((coreClass, classIndex) => {
      checkCores(coreClass.cores, target, step.name);
      threadNames.forEach((thread, threadIndex) => {
        const queue = coreClass.threads[thread];
        if (queue === undefined) return;
        const first = places.length;
        const enter = (instruction: SimpleInstruction, work: Work): number => {
          stepOf[places.length] = stepIndex;
          return places.push({ instruction, work, step: stepIndex, classIndex, thread }) - 1;
        };
        const emit = (instruction: SimpleInstruction, context: OperationContext): void => {
          const work = workOf(instruction, target);
          writeOperation(columns, enter(instruction, work), instruction, work, context);
        };
        const once = { program, target, coreClass, tokens, turns: 1 };
        for (const instruction of queue) {
          if (instruction.kind !== "loop") {
            emit(instruction, once);
            continue;
          }
          const [anchor] = instruction.body;
          if (anchor === undefined || instruction.count < 1) continue;
          writeControl(columns, enter(anchor, noWork), operationKinds.loop, instruction.count, 0);
          const bodyStart = places.length;
          const repeated = { ...once, turns: instruction.count };
          for (const simple of instruction.body) emit(simple, repeated);
          writeControl(columns, enter(anchor, noWork), operationKinds.loopEnd, 0, bodyStart);
        }
        if (places.length > first) {
          segments.push({ thread: threadIndex, cores: coreClass.cores, first, end: places.length });
        }
      });
    });
  });
  return {
    ...columns,
    ...packSegments(segments, target),
    ...packTokens(program, target, tokens),
    step: stepOf.subarray(0, places.length),
    places,
  };
}

function packSegments(
  segments: readonly Segment[],
  target: ChipTarget,
): Pick<Code, "coreCount" | "segmentStarts" | "segmentFirst" | "segmentEnd"> {
  const { rows, columns } = target.grid;
  const coreCount = rows * (columns + 1);
  const segmentStarts = new Int32Array(coreCount * 8 + 1);
  for (const { thread, cores } of segments) {
    for (let row = cores.row; row < cores.row + cores.rows; row += 1) {
      const first = coreNumber(columns, row, cores.column);
      for (let core = first; core < first + cores.columns; core += 1) {
        const place = core * 8 + thread + 1;
        segmentStarts[place] = (segmentStarts[place] as number) + 1;
      }
    }
  }
  for (let thread = 0; thread < coreCount * 8; thread += 1) {
    (segmentStarts as Int32Array)[thread + 1]! += segmentStarts[thread] as number;
  }
  const total = segmentStarts[coreCount * 8] as number;
  const [segmentFirst, segmentEnd] = [new Int32Array(total), new Int32Array(total)];
  const filled = segmentStarts.slice(0, coreCount * 8);
  for (const { thread, cores, first, end } of segments) {
    for (let row = cores.row; row < cores.row + cores.rows; row += 1) {
      const firstCore = coreNumber(columns, row, cores.column);
      for (let core = firstCore; core < firstCore + cores.columns; core += 1) {
        const segment = filled[core * 8 + thread] as number;
        filled[core * 8 + thread] = segment + 1;
        segmentFirst[segment] = first;
        segmentEnd[segment] = end;
      }
    }
  }
  return { coreCount, segmentStarts, segmentFirst, segmentEnd };
}

function packTokens(
  program: Program,
  target: ChipTarget,
  tokens: ReadonlyMap<number, number>,
): Pick<Code, "tokenCount" | "initialCounters"> {
  const { rows, columns } = target.grid;
  const initialCounters = new Int32Array(rows * (columns + 1) * tokens.size);
  for (const { cores, token, count } of program.initialTokens) {
    checkCores(cores, target, "initial tokens");
    const number = tokens.get(token) as number;
    for (let row = cores.row; row < cores.row + cores.rows; row += 1) {
      for (let column = cores.column; column < cores.column + cores.columns; column += 1) {
        const place = coreNumber(columns, row, column) * tokens.size + number;
        initialCounters[place] = (initialCounters[place] as number) + count;
      }
    }
  }
  return { tokenCount: tokens.size, initialCounters };
}
