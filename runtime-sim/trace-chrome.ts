import { at } from "../base/math.ts";
import { type Program, threadNames } from "../ir/program.ts";
import { causeKinds, coreOf, type Trace } from "./trace.ts";

/** Events in one piece of text. */
const pieceEvents = 2048;

/** The events that name the process and the thread of a thread number. */
function nameLines(trace: Trace, thread: number): string[] {
  const { row, column } = coreOf(trace, thread >> 3);
  const core = column < 0 ? `io core ${row}` : `core (${row},${column})`;
  const place = `"pid":${thread >> 3},"tid":${thread & 7}`;
  return [
    `{"name":"process_name","ph":"M",${place},"args":{"name":"${core}"}}`,
    `{"name":"thread_name","ph":"M",${place},"args":{"name":"${at(threadNames, thread & 7)}"}}`,
  ];
}

/**
 * A trace in the JSON trace-event format, which Perfetto opens: a process a core, a thread a thread, a cycle shown as a
 * microsecond. Holds the first `batches` batches. Yields the text in pieces; joined they are one JSON object.
 */
export function* chromeTrace(trace: Trace, program: Program, batches = trace.batchCount): Generator<string> {
  const stepNames = program.steps.map(({ name }) => JSON.stringify(name));
  yield `{"displayTimeUnit":"ns","otherData":{"program":${JSON.stringify(program.name)},"unit":"1 us is 1 cycle"},"traceEvents":[\n`;
  const lines = [...new Set(trace.thread)].sort((a, b) => a - b).flatMap((thread) => nameLines(trace, thread));
  for (let event = 0; event < trace.eventCount; event += 1) {
    if (lines.length >= pieceEvents) yield `${lines.splice(0).join(",\n")},\n`;
    if (at(trace.batch, event) >= batches) continue;
    const thread = at(trace.thread, event);
    const start = at(trace.start, event);
    const { instruction, step } = at(trace.places, at(trace.place, event));
    const released = `"released":"${at(causeKinds, at(trace.causeKind, event))}","by":${at(trace.cause, event)}`;
    const args = `"event":${event},"step":${at(stepNames, step)},"batch":${at(trace.batch, event)},"turn":${at(trace.turn, event)},"arrival":${at(trace.settled, event)},${released}`;
    const place = `"pid":${thread >> 3},"tid":${thread & 7}`;
    const span = `"ts":${start},"dur":${at(trace.end, event) - start}`;
    lines.push(`{"name":"${instruction.kind}","ph":"X",${place},${span},"args":{${args}}}`);
  }
  yield `${lines.join(",\n")}\n]}\n`;
}
