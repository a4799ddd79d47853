import { problem } from "../../base/errors.ts";
import { frameLinkCycles, linkCycles } from "../../targets/cost.ts";
import type { ChipTarget } from "../../targets/target.ts";
import { coreOf, type InstructionPlace } from "../trace.ts";
import { type Code, coreNumber } from "./code.ts";
import { networkNumbers } from "./operation.ts";

/** The cores that a message goes to: rows [firstRow, endRow), columns [firstColumn, endColumn); io cores in column −1. */
export interface Destinations {
  readonly firstRow: number;
  readonly endRow: number;
  readonly firstColumn: number;
  readonly endColumn: number;
  /** Whether the sender itself gets the message. */
  readonly reachesSelf: boolean;
  /** Whether any other core does. */
  readonly reachesOthers: boolean;
}

/** The core, or the corner of a rectangle, that an operation names in a turn of its loop. Throws B509 when there is none. */
export function destinationOf(code: Code, target: ChipTarget, thread: number, operation: number, turn: number): number {
  const { fields } = code;
  const { rows, columns } = target.grid;
  const core = thread >> 3;
  const row = Math.floor(core / (columns + 1));
  const column = (core % (columns + 1)) - 1;
  const at = operation * 8;
  const toRow =
    (fields[at] as number) +
    (fields[at + 1] as number) * row +
    (fields[at + 2] as number) * column +
    (fields[at + 3] as number) * turn;
  const toColumn =
    (fields[at + 4] as number) +
    (fields[at + 5] as number) * row +
    (fields[at + 6] as number) * column +
    (fields[at + 7] as number) * turn;
  if (toRow < 0 || toRow >= rows || toColumn < -1 || toColumn >= columns) {
    refuse(code, target, core, operation, toRow, toColumn);
  }
  return coreNumber(columns, toRow, toColumn);
}

/** The cores that a send reaches in a turn of its loop. Throws B509 when one of them does not exist. */
export function destinationsOf(
  code: Code,
  target: ChipTarget,
  thread: number,
  operation: number,
  turn: number,
): Destinations {
  const core = thread >> 3;
  const corner = destinationOf(code, target, thread, operation, turn);
  const { row: firstRow, column: firstColumn } = coreOf(target.grid, corner);
  const endRow = firstRow + (code.rectangleRows[operation] as number);
  const endColumn = firstColumn + (code.rectangleColumns[operation] as number);
  if (endRow > target.grid.rows || endColumn > target.grid.columns) {
    refuse(code, target, core, operation, endRow - 1, endColumn - 1);
  }
  const { row, column } = coreOf(target.grid, core);
  const inside = row >= firstRow && row < endRow && column >= firstColumn && column < endColumn;
  return {
    firstRow,
    endRow,
    firstColumn,
    endColumn,
    reachesSelf: inside && code.includesSender[operation] === 1,
    reachesOthers: (endRow - firstRow) * (endColumn - firstColumn) > Number(inside),
  };
}

/** Cycles for which a packet holds each port and link; the framebuffer's rows may be narrower than the links. */
export function holdCyclesOf(
  code: Code,
  target: ChipTarget,
  operation: number,
  destinations: Destinations,
  core: number,
): number {
  const bytes = code.amount[operation] as number;
  switch (code.resource[operation]) {
    case networkNumbers.partial:
      return linkCycles(target.networks.partial, bytes);
    case networkNumbers.instruction:
      return linkCycles(target.networks.instruction, bytes);
    default: {
      const throughFrame = destinations.firstColumn < 0 || core % (target.grid.columns + 1) === 0;
      return throughFrame ? frameLinkCycles(target, bytes) : linkCycles(target.networks.activation, bytes);
    }
  }
}

/** Links on the way from a core to another; between io cores it leads through column 0. */
export function hopsBetween(target: ChipTarget, from: number, to: number): number {
  const [source, destination] = [coreOf(target.grid, from), coreOf(target.grid, to)];
  const detour = source.column < 0 && destination.column < 0 ? 2 : 0;
  return Math.abs(source.row - destination.row) + Math.abs(source.column - destination.column) + detour;
}

function refuse(code: Code, target: ChipTarget, core: number, operation: number, row: number, column: number): never {
  const { rows, columns } = target.grid;
  const { instruction, step } = code.places[operation] as InstructionPlace;
  throw problem(
    "B509",
    `A ${instruction.kind} of step ${step} names core (${row},${column}), but rows are 0 to ${rows - 1} and columns -1 to ${columns - 1}.`,
    { core: coreOf(target.grid, core) },
  );
}
