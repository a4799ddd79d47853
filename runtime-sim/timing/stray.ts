import { type BorealError, problem } from "../../base/errors.ts";
import * as layout from "../../kernels/timing-layout.ts";
import type { ChipTarget } from "../../targets/target.ts";
import { coreOf, type InstructionPlace } from "../trace.ts";
import type { Code } from "./code.ts";
import { type EngineTables, threadField } from "./engine.ts";

/** The error B509 for a thread whose message leaves the grid. */
export function strayMessage({ threads }: EngineTables, thread: number, code: Code, target: ChipTarget): BorealError {
  const { fields, rectangleRows, rectangleColumns, places } = code;
  const { rows, columns } = target.grid;
  const operation = threadField(threads, thread, layout.operationField);
  const turn = threadField(threads, thread, layout.turnField);
  const core = coreOf(target.grid, thread >> 3);
  const valueAt = (first: number): number =>
    (fields[first] as number) +
    (fields[first + 1] as number) * core.row +
    (fields[first + 2] as number) * core.column +
    (fields[first + 3] as number) * turn;
  let [row, column] = [valueAt(operation * 8), valueAt(operation * 8 + 4)];
  // Of a rectangle whose first core stands on the grid, the last one does not.
  if (row >= 0 && row < rows && column >= -1 && column < columns) {
    row += (rectangleRows[operation] as number) - 1;
    column += (rectangleColumns[operation] as number) - 1;
  }
  const { instruction, step } = places[operation] as InstructionPlace;
  return problem(
    "B509",
    `A ${instruction.kind} of step ${step} names core (${row},${column}), but rows are 0 to ${rows - 1} and columns -1 to ${columns - 1}.`,
    { core },
  );
}
