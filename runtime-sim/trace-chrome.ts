import { at } from "../base/math.ts";
import { type Program, threadNames } from "../ir/program.ts";
import { causeKinds, coreOf, eventsUntil, type Trace } from "./trace.ts";

/** Bytes after which a piece of text is handed out, and those that an event takes at most beside the name of its step. */
const [pieceBytes, eventBytes] = [2 ** 18, 1024];

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

/** Text in UTF-8 that is put together from parts that recur and from integers: much quicker than strings. */
class TextBuffer {
  readonly #bytes: Uint8Array;
  #length = 0;

  constructor(bytes: number) {
    this.#bytes = new Uint8Array(bytes);
  }

  get length(): number {
    return this.#length;
  }

  add(part: Uint8Array): void {
    const bytes = this.#bytes;
    let length = this.#length;
    for (let index = 0; index < part.length; index += 1, length += 1) bytes[length] = part[index] as number;
    this.#length = length;
  }

  /** Adds a number in decimal digits. */
  addInteger(value: number): void {
    if (value < 0 || value > 0x7fff_ffff) {
      this.add(encode(String(value)));
      return;
    }
    let digits = 1;
    for (let limit = 10; limit <= value; limit *= 10) digits += 1;
    let rest = value | 0;
    for (let place = this.#length + digits - 1; place >= this.#length; place -= 1) {
      const next = (rest / 10) | 0;
      this.#bytes[place] = 48 + rest - 10 * next;
      rest = next;
    }
    this.#length += digits;
  }

  /** A copy of the text so far, less `dropped` bytes at its end; the buffer is empty thereafter. */
  take(dropped = 0): Uint8Array {
    const bytes = this.#bytes.slice(0, this.#length - dropped);
    this.#length = 0;
    return bytes;
  }
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** The parts of an event's text that recur, encoded once. */
function encodedParts(trace: Trace, program: Program) {
  const threads: Uint8Array[] = [];
  const kinds = new Map<string, Uint8Array>();
  return {
    kinds: trace.places.map(({ instruction: { kind } }) => {
      const part = kinds.get(kind) ?? encode(`{"name":"${kind}","ph":"X",`);
      kinds.set(kind, part);
      return part;
    }),
    thread: (thread: number): Uint8Array => {
      let part = threads[thread];
      if (part === undefined) {
        part = encode(`"pid":${thread >> 3},"tid":${thread & 7},"ts":`);
        threads[thread] = part;
      }
      return part;
    },
    steps: program.steps.map(({ name }) => encode(`,"step":${JSON.stringify(name)},"batch":`)),
    causes: causeKinds.map((kind) => encode(`,"released":"${kind}","by":`)),
    duration: encode(',"dur":'),
    event: encode(',"args":{"event":'),
    turn: encode(',"turn":'),
    arrival: encode(',"arrival":'),
    end: encode("}},\n"),
  };
}

function addEvent(text: TextBuffer, trace: Trace, event: number, parts: ReturnType<typeof encodedParts>): void {
  const place = trace.place[event] as number;
  const start = trace.start[event] as number;
  text.add(parts.kinds[place] as Uint8Array);
  text.add(parts.thread(trace.thread[event] as number));
  text.addInteger(start);
  text.add(parts.duration);
  text.addInteger((trace.end[event] as number) - start);
  text.add(parts.event);
  text.addInteger(event);
  text.add(at(parts.steps, (trace.places[place] as Trace["places"][number]).step));
  text.addInteger(trace.batch[event] as number);
  text.add(parts.turn);
  text.addInteger(trace.turn[event] as number);
  text.add(parts.arrival);
  text.addInteger(trace.settled[event] as number);
  text.add(parts.causes[trace.causeKind[event] as number] as Uint8Array);
  text.addInteger(trace.cause[event] as number);
  text.add(parts.end);
}

/**
 * A trace in the JSON trace-event format, which Perfetto opens: a process a core, a thread a thread, a cycle shown as a
 * microsecond. Holds the first `batches` batches. Yields the text in UTF-8 in pieces; joined they are one JSON object.
 */
export function* chromeTraceBytes(trace: Trace, program: Program, batches = trace.batchCount): Generator<Uint8Array> {
  yield encode(
    `{"displayTimeUnit":"ns","otherData":{"program":${JSON.stringify(program.name)},"unit":"1 us is 1 cycle"},"traceEvents":[\n`,
  );
  const threads = new Set<number>();
  for (let event = 0; event < trace.eventCount; event += 1) threads.add(trace.thread[event] as number);
  const names = [...threads].sort((a, b) => a - b).flatMap((thread) => nameLines(trace, thread));
  const parts = encodedParts(trace, program);
  const text = new TextBuffer(pieceBytes + eventBytes + Math.max(0, ...parts.steps.map(({ length }) => length)));
  let last = encode(names.join(",\n"));
  const count = batches < 1 ? 0 : eventsUntil(trace, Math.min(batches, trace.batchCount) - 1);
  for (let event = 0; event < count; event += 1) {
    if ((trace.batch[event] as number) >= batches) continue;
    if (text.length === 0) {
      yield last;
      yield encode(",\n");
    }
    addEvent(text, trace, event, parts);
    if (text.length >= pieceBytes) last = text.take(2);
  }
  if (text.length > 0) last = text.take(2);
  yield last;
  yield encode("\n]}\n");
}

/** `chromeTraceBytes` as text. */
export function* chromeTrace(trace: Trace, program: Program, batches = trace.batchCount): Generator<string> {
  const decoder = new TextDecoder();
  for (const piece of chromeTraceBytes(trace, program, batches)) yield decoder.decode(piece);
}
