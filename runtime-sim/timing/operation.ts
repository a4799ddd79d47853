import { problem } from "../../base/errors.ts";
import type { Field, RectangleField, SimpleInstruction } from "../../ir/instruction.ts";
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
import { matmulShape, workOf } from "./work.ts";

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

/** What the executor must know of an instruction: costs worked out, fields still open. */
export interface Operation {
  readonly kind: number;
  /** Cycles of the unit, the host link or the stream; for loops the count of turns. */
  readonly cycles: number;
  /** Cycles that the instruction asks of its own core's memory port. */
  readonly port: number;
  /** unit: the unit. send: the network. host: one of `hostNumbers`. loop: the operation after its end. loopEnd: the first of the body. */
  readonly resource: number;
  /** Dense number of the token that is raised or awaited. */
  readonly token: number;
  /** wait: the count. send: bytes of the packet. host: 1 when it takes time on device too. */
  readonly amount: number;
  /** Cycles that a packet asks of the memory port of each destination. */
  readonly arrivalPort: number;
  /** Cycles for which a packet holds each port and link, a piece of a stream each eject port. */
  readonly holdCycles: number;
  /** The same from or to an io core: the framebuffer's rows may be narrower than the links. */
  readonly frameHoldCycles: number;
  /** Destination or corner of the rectangle: base, row, column and turn terms of its row, then of its column. */
  readonly fields: readonly number[];
  readonly rectangle: readonly [number, number];
  /** Whether a send to a rectangle that holds the sender reaches the sender too. */
  readonly includesSender: boolean;
  /** A signal to the own core on all cores of the class. */
  readonly local: boolean;
}

const nowhere: readonly number[] = [0, 0, 0, 0, 0, 0, 0, 0];

/** An operation that only steers its thread. */
export function controlOperation(kind: number, cycles = 0, resource = 0): Operation {
  return {
    kind,
    cycles,
    port: 0,
    resource,
    token: 0,
    amount: 0,
    arrivalPort: 0,
    holdCycles: 0,
    frameHoldCycles: 0,
    fields: nowhere,
    rectangle: [1, 1],
    includesSender: false,
    local: false,
  };
}

/** A row and a column field as functions of the core's place in the grid instead of its place in the class: 8 terms. */
function gridFields(rowField: Field, columnField: Field, coreClass: CoreClass): number[] {
  const { row, column } = coreClass.cores;
  const terms: number[] = [];
  for (const field of [rowField, columnField]) {
    if (typeof field === "number") terms.push(field, 0, 0, 0);
    else terms.push(field.base - field.row * row - field.column * column, field.row, field.column, field.turn);
  }
  return terms;
}

/** The value of the four terms of a field from `offset` on. */
function valueAt(terms: readonly number[], offset: number, row: number, column: number, turn: number): number {
  const [base, rowTerm, columnTerm] = [
    terms[offset] as number,
    terms[offset + 1] as number,
    terms[offset + 2] as number,
  ];
  return base + rowTerm * row + columnTerm * column + (terms[offset + 3] as number) * turn;
}

/** Whether fields name the own core on every core of a class in every turn: an affine function does so where its extremes do. */
function isLocal(terms: readonly number[], coreClass: CoreClass, turns: number): boolean {
  const { cores } = coreClass;
  const [lastRow, lastColumn] = [cores.row + cores.rows - 1, cores.column + cores.columns - 1];
  for (let row = cores.row; row <= lastRow; row += Math.max(1, lastRow - cores.row)) {
    for (let column = cores.column; column <= lastColumn; column += Math.max(1, lastColumn - cores.column)) {
      for (let turn = 0; turn < turns; turn += Math.max(1, turns - 1)) {
        if (valueAt(terms, 0, row, column, turn) !== row || valueAt(terms, 4, row, column, turn) !== column)
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

/** Works out an instruction. Throws B501 when it names a port that does not exist, B509 when it needs a unit that the target lacks. */
export function operationOf(instruction: SimpleInstruction, context: OperationContext): Operation {
  const { program, target, coreClass, tokens, turns } = context;
  if (instruction.kind === "vector" && instruction.activation.length > 0 && target.activation === null) {
    throw problem("B509", `The program uses an activation unit, but target "${target.name}" has none.`);
  }
  const work = workOf(instruction, target);
  const base = {
    ...controlOperation(operationKinds.wait),
    port: portCycles(target, work.own.memory.read + work.own.memory.written),
    token: "token" in instruction ? (tokens.get(instruction.token) ?? 0) : 0,
  };
  const send = (network: keyof typeof networkNumbers, cores: RectangleField, includesSender: boolean): Operation => {
    const bytes = work.packet?.bytes ?? 0;
    const holdCycles = linkCycles(target.networks[network], bytes);
    return {
      ...base,
      kind: operationKinds.send,
      resource: networkNumbers[network],
      amount: bytes,
      arrivalPort: work.packet?.space === "memory" ? portCycles(target, bytes) : 0,
      holdCycles,
      frameHoldCycles: network === "activation" ? frameLinkCycles(target, bytes) : holdCycles,
      fields: gridFields(cores.row, cores.column, coreClass),
      rectangle: [cores.rows, cores.columns],
      includesSender,
    };
  };
  switch (instruction.kind) {
    case "matmul":
      return {
        ...base,
        kind: operationKinds.unit,
        resource: unitNumbers.matrix,
        cycles: matmulCycles(target, matmulShape(instruction)),
      };
    case "vector":
    case "reduce":
    case "psum.recv":
      return {
        ...base,
        kind: operationKinds.unit,
        resource: unitNumbers.vector,
        cycles: vectorCycles(target, work.vector),
      };
    case "gather":
    case "weights.load":
      return { ...base, kind: operationKinds.port };
    case "weights.stream": {
      const { group, bytes } = instruction;
      return {
        ...base,
        kind: operationKinds.stream,
        fields: gridFields(group.row, group.column, coreClass),
        rectangle: [group.rows, group.columns],
        amount: bytes,
        holdCycles: linkCycles(target.networks.model, bytes),
        cycles: streamCycles(target, group.rows, group.columns, bytes),
      };
    }
    case "move":
      return send("activation", { ...instruction.core, rows: 1, columns: 1 }, true);
    case "multicast":
      return send("activation", instruction.cores, false);
    case "psum.send":
      return send("partial", { ...instruction.core, rows: 1, columns: 1 }, true);
    case "program.load":
      return send("instruction", instruction.cores, true);
    case "host.in":
    case "host.out": {
      const enters = instruction.kind === "host.in";
      const ports = enters ? enteringPorts(program) : leavingPorts(program);
      const port = ports[instruction.port];
      if (port === undefined) {
        throw problem("B501", `${instruction.kind} names port ${instruction.port}, but there are ${ports.length}.`);
      }
      return {
        ...base,
        kind: operationKinds.host,
        resource: enters ? hostNumbers.in : hostNumbers.out,
        cycles: hostCycles(target, port.bytes),
        amount: Number(instruction.port >= (enters ? program.inputs : program.outputs).length),
      };
    }
    case "host.run": {
      const operation = program.hostOperations[instruction.operation];
      if (operation === undefined) {
        const count = program.hostOperations.length;
        throw problem("B501", `host.run names operation ${instruction.operation}, but there are ${count}.`);
      }
      const cycles = hostOperationCycles(target, operation.elementCount);
      return { ...base, kind: operationKinds.host, resource: hostNumbers.run, cycles, amount: 1 };
    }
    case "signal": {
      const fields = gridFields(instruction.core.row, instruction.core.column, coreClass);
      return { ...base, kind: operationKinds.signal, fields, local: isLocal(fields, coreClass, turns) };
    }
    case "wait":
      return { ...base, amount: instruction.count };
    case "barrier":
      return { ...base, kind: operationKinds.barrier };
  }
}
