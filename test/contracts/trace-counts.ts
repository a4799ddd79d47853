import { at, product } from "../../base/math.ts";
import { fieldValue } from "../../ir/instruction.ts";
import type { Program } from "../../ir/program.ts";
import { type Trace, traceEvents } from "../../runtime-sim/trace.ts";
import type { ExpectedCounts } from "./expected-counts.ts";

/** What the events of the first batch did in each step. */
export function tracedCounts(trace: Trace, program: Program): ExpectedCounts[] {
  const steps = program.steps.map(() => ({ macs: 0, arrivingBytes: 0, weightBytes: 0, partialSums: 0 }));
  for (const { batch, place, row, column, turn } of traceEvents(trace)) {
    if (batch !== 0) continue;
    const counts = at(steps, place.step);
    const { instruction } = place;
    switch (instruction.kind) {
      case "matmul":
        counts.macs +=
          instruction.groups * product(instruction.rows) * product(instruction.inner) * instruction.columns;
        break;
      case "move":
        counts.arrivingBytes += product(instruction.counts) * instruction.elementBytes;
        break;
      case "multicast": {
        const origin = at(at(program.steps, place.step).classes, place.classIndex).cores;
        const field = (value: Parameters<typeof fieldValue>[0]): number =>
          fieldValue(value, row - origin.row, column - origin.column, turn);
        const { rows, columns } = instruction.cores;
        const [top, left] = [field(instruction.cores.row), field(instruction.cores.column)];
        const inside = row >= top && row < top + rows && column >= left && column < left + columns;
        const destinations = rows * columns - (inside ? 1 : 0);
        counts.arrivingBytes += product(instruction.counts) * instruction.elementBytes * destinations;
        break;
      }
      case "weights.load":
        counts.weightBytes += instruction.bytes;
        break;
      case "weights.stream":
        counts.weightBytes += instruction.bytes * instruction.group.rows * instruction.group.columns;
        break;
      case "psum.send":
        counts.partialSums += instruction.count;
        break;
      default:
    }
  }
  return steps;
}
