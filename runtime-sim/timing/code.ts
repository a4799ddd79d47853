import { problem } from "../../base/errors.ts";
import type { Instruction, Rectangle, SimpleInstruction } from "../../ir/instruction.ts";
import { type Program, threadNames } from "../../ir/program.ts";
import type { ChipTarget } from "../../targets/target.ts";
import type { InstructionPlace } from "../trace.ts";
import { controlOperation, type Operation, operationKinds, operationOf } from "./operation.ts";

/** The queues of a program in columns: one entry an operation unless said otherwise. Columns are those of `Operation`. */
export interface Code {
  readonly coreCount: number;
  readonly kind: Uint8Array;
  readonly cycles: Float64Array;
  readonly port: Float64Array;
  readonly resource: Int32Array;
  readonly token: Int32Array;
  readonly amount: Float64Array;
  readonly arrivalPort: Float64Array;
  /** [operations × 8]. */
  readonly fields: Float64Array;
  readonly rectangleRows: Int32Array;
  readonly rectangleColumns: Int32Array;
  readonly includesSender: Uint8Array;
  readonly local: Uint8Array;
  readonly step: Int32Array;
  readonly holdCycles: Float64Array;
  readonly frameHoldCycles: Float64Array;
  readonly places: readonly InstructionPlace[];
  /** Segments of thread t (core × 8 + thread) are segmentStarts[t] to segmentStarts[t + 1] [threads + 1]. */
  readonly segmentStarts: Int32Array;
  /** First operation of each segment, and the one after its last [segments]. */
  readonly segmentFirst: Int32Array;
  readonly segmentEnd: Int32Array;
  /** The most trace events that one batch can need. */
  readonly eventCount: number;
  readonly tokenCount: number;
  /** Counters before the start [cores × tokens]. */
  readonly initialCounters: Int32Array;
}

interface Segment {
  readonly thread: number;
  readonly cores: Rectangle;
  readonly first: number;
  readonly end: number;
  readonly eventCount: number;
}

/** The number of a core: row-major with the io core of a row first. */
export function coreNumber(columns: number, row: number, column: number): number {
  return row * (columns + 1) + column + 1;
}

/** Calls `visit` with the number of every core of a rectangle. */
function forEachCore(columns: number, cores: Rectangle, visit: (core: number) => void): void {
  for (let row = cores.row; row < cores.row + cores.rows; row += 1) {
    for (let column = cores.column; column < cores.column + cores.columns; column += 1) {
      visit(coreNumber(columns, row, column));
    }
  }
}

/** The dense numbers of all tokens that a program uses, by token. */
function numberTokens(program: Program): Map<number, number> {
  const numbers = new Map<number, number>();
  const visit = (instruction: Instruction): void => {
    if (instruction.kind === "loop") instruction.body.forEach(visit);
    else if ("token" in instruction && !numbers.has(instruction.token)) numbers.set(instruction.token, numbers.size);
  };
  for (const { token } of program.initialTokens) if (!numbers.has(token)) numbers.set(token, numbers.size);
  for (const { classes } of program.steps) {
    for (const { threads } of classes) for (const queue of Object.values(threads)) queue.forEach(visit);
  }
  return numbers;
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
  const tokens = numberTokens(program);
  const operations: Operation[] = [];
  const places: InstructionPlace[] = [];
  const segments: Segment[] = [];
  program.steps.forEach((step, stepIndex) => {
    step.classes.forEach((coreClass, classIndex) => {
      checkCores(coreClass.cores, target, step.name);
      threadNames.forEach((thread, threadIndex) => {
        const queue = coreClass.threads[thread] ?? [];
        const first = operations.length;
        let eventCount = 0;
        const push = (operation: Operation, instruction: SimpleInstruction): void => {
          operations.push(operation);
          places.push({ instruction, step: stepIndex, classIndex, thread });
        };
        const emit = (instruction: SimpleInstruction, turns: number): void => {
          const operation = operationOf(instruction, { program, target, coreClass, tokens, turns });
          if (operation.kind !== operationKinds.wait && !operation.local) eventCount += turns;
          push(operation, instruction);
        };
        for (const instruction of queue) {
          if (instruction.kind !== "loop") {
            emit(instruction, 1);
            continue;
          }
          const [anchor] = instruction.body;
          if (anchor === undefined || instruction.count < 1) continue;
          const after = operations.length + instruction.body.length + 2;
          push(controlOperation(operationKinds.loop, instruction.count, after), anchor);
          const bodyStart = operations.length;
          for (const simple of instruction.body) emit(simple, instruction.count);
          push(controlOperation(operationKinds.loopEnd, 0, bodyStart), anchor);
        }
        if (operations.length > first) {
          segments.push({ thread: threadIndex, cores: coreClass.cores, first, end: operations.length, eventCount });
        }
      });
    });
  });
  return {
    ...packOperations(operations, places),
    ...packSegments(segments, target),
    ...packTokens(program, target, tokens),
    places,
  };
}

/** The columns of `Code` that come from operations. */
type OperationColumns = Pick<
  Code,
  | "kind"
  | "cycles"
  | "port"
  | "resource"
  | "token"
  | "amount"
  | "arrivalPort"
  | "fields"
  | "rectangleRows"
  | "rectangleColumns"
  | "includesSender"
  | "local"
  | "step"
  | "holdCycles"
  | "frameHoldCycles"
>;

function packOperations(operations: readonly Operation[], places: readonly InstructionPlace[]): OperationColumns {
  const count = operations.length;
  const columns: OperationColumns = {
    kind: new Uint8Array(count),
    cycles: new Float64Array(count),
    port: new Float64Array(count),
    resource: new Int32Array(count),
    token: new Int32Array(count),
    amount: new Float64Array(count),
    arrivalPort: new Float64Array(count),
    fields: new Float64Array(count * 8),
    rectangleRows: new Int32Array(count),
    rectangleColumns: new Int32Array(count),
    includesSender: new Uint8Array(count),
    local: new Uint8Array(count),
    step: Int32Array.from(places, ({ step }) => step),
    holdCycles: new Float64Array(count),
    frameHoldCycles: new Float64Array(count),
  };
  for (let index = 0; index < count; index += 1) {
    const operation = operations[index] as Operation;
    columns.kind[index] = operation.kind;
    columns.cycles[index] = operation.cycles;
    columns.port[index] = operation.port;
    columns.resource[index] = operation.resource;
    columns.token[index] = operation.token;
    columns.amount[index] = operation.amount;
    columns.arrivalPort[index] = operation.arrivalPort;
    for (let field = 0; field < 8; field += 1) {
      columns.fields[index * 8 + field] = operation.fields[field] as number;
    }
    columns.rectangleRows[index] = operation.rectangle[0];
    columns.rectangleColumns[index] = operation.rectangle[1];
    columns.includesSender[index] = Number(operation.includesSender);
    columns.local[index] = Number(operation.local);
    columns.holdCycles[index] = operation.holdCycles;
    columns.frameHoldCycles[index] = operation.frameHoldCycles;
  }
  return columns;
}

function packSegments(
  segments: readonly Segment[],
  target: ChipTarget,
): Pick<Code, "coreCount" | "segmentStarts" | "segmentFirst" | "segmentEnd" | "eventCount"> {
  const { rows, columns } = target.grid;
  const coreCount = rows * (columns + 1);
  const segmentStarts = new Int32Array(coreCount * 8 + 1);
  let eventCount = 0;
  for (const { thread, cores, eventCount: perCore } of segments) {
    eventCount += perCore * cores.rows * cores.columns;
    forEachCore(columns, cores, (core) => {
      (segmentStarts as Int32Array)[core * 8 + thread + 1]! += 1;
    });
  }
  for (let thread = 0; thread < coreCount * 8; thread += 1) {
    (segmentStarts as Int32Array)[thread + 1]! += segmentStarts[thread] as number;
  }
  const total = segmentStarts[coreCount * 8] as number;
  const [segmentFirst, segmentEnd] = [new Int32Array(total), new Int32Array(total)];
  const filled = segmentStarts.slice(0, coreCount * 8);
  for (const { thread, cores, first, end } of segments) {
    forEachCore(columns, cores, (core) => {
      const segment = filled[core * 8 + thread] as number;
      filled[core * 8 + thread] = segment + 1;
      segmentFirst[segment] = first;
      segmentEnd[segment] = end;
    });
  }
  return { coreCount, segmentStarts, segmentFirst, segmentEnd, eventCount };
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
    forEachCore(columns, cores, (core) => {
      (initialCounters as Int32Array)[core * tokens.size + (tokens.get(token) as number)]! += count;
    });
  }
  return { tokenCount: tokens.size, initialCounters };
}
