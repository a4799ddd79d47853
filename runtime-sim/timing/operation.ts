import { problem } from "../../base/errors.ts";
import type { Field, Rectangle, RectangleField, SimpleInstruction } from "../../ir/instruction.ts";
import { type CoreClass, enteringPorts, leavingPorts, type Program } from "../../ir/program.ts";
import * as layout from "../../kernels/timing-layout.ts";
import {
  frameLinkCycles,
  hostCycles,
  hostOperationCycles,
  linkCycles,
  matmulCycles,
  portCycles,
  streamCycles,
  vectorCycles,
} from "../../targets/cost.ts";
import type { ChipTarget } from "../../targets/target.ts";
import { matmulShape, type Work } from "./work.ts";

/** How the executor treats an operation. */
export const operationKinds = {
  wait: layout.waitKind,
  signal: layout.signalKind,
  loop: layout.loopKind,
  loopEnd: layout.loopEndKind,
  barrier: layout.barrierKind,
  /** A collective over a group of cores. */
  stream: layout.streamKind,
  /** Holds a unit and asks for the memory port. */
  unit: layout.unitKind,
  /** Asks for the memory port alone. */
  port: layout.portKind,
  /** Sends a packet. */
  send: layout.sendKind,
  /** Uses the host link, or the host; inputs and outputs are free on device. */
  host: layout.hostKind,
} as const;

/** The units of a core, by number. */
export const unitNumbers = { matrix: 0, vector: 1 } as const;

/** The directions of the host link and the host itself, by number. */
export const hostNumbers = { in: 0, out: 1, run: 2 } as const;

/** The networks that carry packets, by number. */
export const networkNumbers = { activation: 0, partial: 1, instruction: 2 } as const;

/** What the executor must know of instructions: costs worked out, fields still open. One entry an operation unless said otherwise. */
export interface OperationColumns {
  readonly kind: Uint8Array;
  /** Cycles of the unit, the host link or the stream; for loops the count of turns. */
  readonly cycles: Float64Array;
  /** Cycles that the instruction asks of its own core's memory port. */
  readonly port: Float64Array;
  /** unit: the unit. send: the network. host: one of `hostNumbers`. loopEnd: the first operation of the body. */
  readonly resource: Int32Array;
  /** Dense number of the token that is raised or awaited. */
  readonly token: Int32Array;
  /** wait: the count. send: bytes of the packet. host: 1 when it takes time on device too. */
  readonly amount: Float64Array;
  /** Cycles that a packet asks of the memory port of each destination. */
  readonly arrivalPort: Float64Array;
  /** Cycles for which a packet holds each port and link, a piece of a stream each eject port. */
  readonly holdCycles: Float64Array;
  /** The same from or to an io core: the framebuffer's rows may be narrower than the links. */
  readonly frameHoldCycles: Float64Array;
  /** Destination or corner of the rectangle: base, row, column and turn terms of its row, then of its column [operations × 8]. */
  readonly fields: Float64Array;
  readonly rectangleRows: Int32Array;
  readonly rectangleColumns: Int32Array;
  /** Whether a send to a rectangle that holds the sender reaches the sender too. */
  readonly includesSender: Uint8Array;
  /** A signal to the own core on all cores of the class. */
  readonly local: Uint8Array;
}

/** Columns for so many operations. */
export function operationColumns(count: number): OperationColumns {
  return {
    kind: new Uint8Array(count),
    cycles: new Float64Array(count),
    port: new Float64Array(count),
    resource: new Int32Array(count),
    token: new Int32Array(count),
    amount: new Float64Array(count),
    arrivalPort: new Float64Array(count),
    holdCycles: new Float64Array(count),
    frameHoldCycles: new Float64Array(count),
    fields: new Float64Array(count * fieldTerms),
    rectangleRows: new Int32Array(count).fill(1),
    rectangleColumns: new Int32Array(count).fill(1),
    includesSender: new Uint8Array(count),
    local: new Uint8Array(count),
  };
}

/** Terms of the row and the column of a destination. */
const fieldTerms = 8;

/** Enters an operation that only steers its thread. */
export function writeControl(
  columns: OperationColumns,
  index: number,
  kind: number,
  cycles: number,
  resource: number,
): void {
  columns.kind[index] = kind;
  columns.cycles[index] = cycles;
  columns.resource[index] = resource;
}

/** Enters the four terms of a field as a function of the core's place in the grid instead of its place in the class. */
function writeField(terms: Float64Array, at: number, field: Field, { row, column }: Rectangle): void {
  if (typeof field === "number") {
    terms[at] = field;
    return;
  }
  terms[at] = field.base - field.row * row - field.column * column;
  terms[at + 1] = field.row;
  terms[at + 2] = field.column;
  terms[at + 3] = field.turn;
}

/** The value of the four terms of a field from `at` on. */
function valueAt(terms: Float64Array, at: number, row: number, column: number, turn: number): number {
  return (
    (terms[at] as number) +
    (terms[at + 1] as number) * row +
    (terms[at + 2] as number) * column +
    (terms[at + 3] as number) * turn
  );
}

/** Whether fields name the own core on every core of a class in every turn: an affine function does so where its extremes do. */
function isLocal(terms: Float64Array, at: number, cores: Rectangle, turns: number): boolean {
  const [lastRow, lastColumn] = [cores.row + cores.rows - 1, cores.column + cores.columns - 1];
  for (let row = cores.row; row <= lastRow; row += Math.max(1, lastRow - cores.row)) {
    for (let column = cores.column; column <= lastColumn; column += Math.max(1, lastColumn - cores.column)) {
      for (let turn = 0; turn < turns; turn += Math.max(1, turns - 1)) {
        if (valueAt(terms, at, row, column, turn) !== row || valueAt(terms, at + 4, row, column, turn) !== column)
          return false;
      }
    }
  }
  return true;
}

/** Where an instruction of a class stands. */
export interface OperationContext {
  readonly program: Program;
  readonly target: ChipTarget;
  readonly coreClass: CoreClass;
  readonly tokens: ReadonlyMap<number, number>;
  /** Turns of the enclosing loop; 1 outside loops. */
  readonly turns: number;
}

/** Enters an instruction and its work. Throws B501 when it names a port that does not exist, B509 when it needs a unit that the target lacks. */
export function writeOperation(
  columns: OperationColumns,
  index: number,
  instruction: SimpleInstruction,
  work: Work,
  context: OperationContext,
): void {
  if ("token" in instruction) columns.token[index] = context.tokens.get(instruction.token) ?? 0;
  switch (instruction.kind) {
    case "wait":
      columns.kind[index] = operationKinds.wait;
      columns.amount[index] = instruction.count;
      return;
    case "signal": {
      const { cores } = context.coreClass;
      columns.kind[index] = operationKinds.signal;
      writePlace(columns, index, instruction.core, cores);
      columns.local[index] = Number(isLocal(columns.fields, index * fieldTerms, cores, context.turns));
      return;
    }
    case "barrier":
      columns.kind[index] = operationKinds.barrier;
      return;
    default:
      writeWork(columns, index, instruction, work, context);
  }
}

/** What does work: all instructions but those that only synchronize. */
type WorkInstruction = Exclude<SimpleInstruction, { kind: "wait" | "signal" | "barrier" }>;

function writeWork(
  columns: OperationColumns,
  index: number,
  instruction: WorkInstruction,
  work: Work,
  { program, target, coreClass: { cores } }: OperationContext,
): void {
  if (instruction.kind === "vector" && instruction.activation.length > 0 && target.activation === null) {
    throw problem("B509", `The program uses an activation unit, but target "${target.name}" has none.`);
  }
  columns.port[index] = portCycles(target, work.own.memory.read + work.own.memory.written);
  switch (instruction.kind) {
    case "matmul":
      writeHolder(
        columns,
        index,
        operationKinds.unit,
        unitNumbers.matrix,
        matmulCycles(target, matmulShape(instruction)),
      );
      return;
    case "vector":
    case "reduce":
    case "psum.recv":
      writeHolder(columns, index, operationKinds.unit, unitNumbers.vector, vectorCycles(target, work.vector));
      return;
    case "gather":
    case "weights.load":
      columns.kind[index] = operationKinds.port;
      return;
    case "weights.stream": {
      const { group, bytes } = instruction;
      columns.kind[index] = operationKinds.stream;
      writeRectangle(columns, index, group, cores);
      columns.amount[index] = bytes;
      columns.holdCycles[index] = linkCycles(target.networks.model, bytes);
      columns.cycles[index] = streamCycles(target, group.rows, group.columns, bytes);
      return;
    }
    case "move":
      writePlace(columns, index, instruction.core, cores);
      writeSend(columns, index, "activation", work, target);
      columns.includesSender[index] = 1;
      return;
    case "multicast":
      writeRectangle(columns, index, instruction.cores, cores);
      writeSend(columns, index, "activation", work, target);
      return;
    case "psum.send":
      writePlace(columns, index, instruction.core, cores);
      writeSend(columns, index, "partial", work, target);
      columns.includesSender[index] = 1;
      return;
    case "program.load":
      writeRectangle(columns, index, instruction.cores, cores);
      writeSend(columns, index, "instruction", work, target);
      columns.includesSender[index] = 1;
      return;
    case "host.in":
    case "host.out": {
      const enters = instruction.kind === "host.in";
      const ports = enters ? enteringPorts(program) : leavingPorts(program);
      const port = ports[instruction.port];
      if (port === undefined) {
        throw problem("B501", `${instruction.kind} names port ${instruction.port}, but there are ${ports.length}.`);
      }
      const direction = enters ? hostNumbers.in : hostNumbers.out;
      writeHolder(columns, index, operationKinds.host, direction, hostCycles(target, port.bytes));
      columns.amount[index] = Number(instruction.port >= (enters ? program.inputs : program.outputs).length);
      return;
    }
    case "host.run": {
      const operation = program.hostOperations[instruction.operation];
      if (operation === undefined) {
        const count = program.hostOperations.length;
        throw problem("B501", `host.run names operation ${instruction.operation}, but there are ${count}.`);
      }
      const cycles = hostOperationCycles(target, operation.elementCount);
      writeHolder(columns, index, operationKinds.host, hostNumbers.run, cycles);
      columns.amount[index] = 1;
      return;
    }
  }
}

/** Enters an operation that holds a unit, the host link or the host. */
function writeHolder(columns: OperationColumns, index: number, kind: number, resource: number, cycles: number): void {
  columns.kind[index] = kind;
  columns.resource[index] = resource;
  columns.cycles[index] = cycles;
}

/** Enters the core that an instruction of a class names. */
function writePlace(
  { fields }: OperationColumns,
  index: number,
  place: { readonly row: Field; readonly column: Field },
  cores: Rectangle,
): void {
  writeField(fields, index * fieldTerms, place.row, cores);
  writeField(fields, index * fieldTerms + 4, place.column, cores);
}

function writeRectangle(columns: OperationColumns, index: number, rectangle: RectangleField, cores: Rectangle): void {
  writePlace(columns, index, rectangle, cores);
  columns.rectangleRows[index] = rectangle.rows;
  columns.rectangleColumns[index] = rectangle.columns;
}

/** Enters what is sent over a network. */
function writeSend(
  columns: OperationColumns,
  index: number,
  network: keyof typeof networkNumbers,
  { packet }: Work,
  target: ChipTarget,
): void {
  const bytes = packet?.bytes ?? 0;
  const holdCycles = linkCycles(target.networks[network], bytes);
  columns.kind[index] = operationKinds.send;
  columns.resource[index] = networkNumbers[network];
  columns.amount[index] = bytes;
  columns.arrivalPort[index] = packet?.space === "memory" ? portCycles(target, bytes) : 0;
  columns.holdCycles[index] = holdCycles;
  columns.frameHoldCycles[index] = network === "activation" ? frameLinkCycles(target, bytes) : holdCycles;
}
