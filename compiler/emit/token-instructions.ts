import type { SimpleInstruction } from "../../ir/instruction.ts";
import type { CorePlace } from "../../ir/mapping.ts";

/** The issuing core, where core coordinates are relative to it. */
const self: CorePlace = { row: 0, column: 0 };

/** Blocks a thread until a token of its core stands at `count`, and takes so many. */
export function wait(token: number, count = 1): SimpleInstruction {
  return { kind: "wait", token, count };
}

/** Raises a token of a core; of the issuing one where coordinates are relative and none is named. */
export function signal(token: number, core: CorePlace = self): SimpleInstruction {
  return { kind: "signal", token, core };
}
