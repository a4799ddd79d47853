import { at } from "../base/math.ts";
import { type Program, threadNames } from "../ir/program.ts";
import * as layout from "../kernels/trace-text-layout.ts";
import { compileKernels, instantiateKernels, type KernelExports } from "../kernels/wasm-module.ts";
import { causeKinds, coreOf, eventsUntil, type Trace, type TracePiece } from "./trace.ts";

/** Events, and bytes of their text, that a piece has at most, unless one event alone has more. */
const [pieceEvents, pieceBytes] = [4096, 2 ** 20];

const pageBytes = 65_536;

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

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** The parts of the events' texts that recur, encoded once, and which of them a place and a kind of cause have. */
class RecurringParts {
  readonly parts: Uint8Array[] = [];
  readonly kinds: Int32Array;
  readonly steps: Int32Array;
  readonly causes: Int32Array;
  /** Bytes that an event has at most. */
  readonly eventBytes: number;

  constructor({ places }: Trace, program: Program) {
    this.parts[layout.threadPart] = encode(',"tid":');
    this.parts[layout.startPart] = encode(',"ts":');
    this.parts[layout.durationPart] = encode(',"dur":');
    this.parts[layout.eventPart] = encode(',"args":{"event":');
    this.parts[layout.turnPart] = encode(',"turn":');
    this.parts[layout.arrivalPart] = encode(',"arrival":');
    this.parts[layout.endPart] = encode("}}");
    this.causes = this.#add(causeKinds, (kind) => `,"released":"${kind}","by":`);
    const partOfKind = new Map<string, number>();
    const stepParts = this.#add(program.steps, ({ name }) => `,"step":${JSON.stringify(name)},"batch":`);
    this.kinds = new Int32Array(places.length);
    this.steps = new Int32Array(places.length);
    places.forEach(({ instruction: { kind }, step }, place) => {
      let part = partOfKind.get(kind);
      if (part === undefined) {
        part = this.parts.push(encode(`,\n{"name":"${kind}","ph":"X","pid":`)) - 1;
        partOfKind.set(kind, part);
      }
      this.kinds[place] = part;
      this.steps[place] = stepParts[step] as number;
    });
    const greatest = (numbers: Iterable<number>): number =>
      Math.max(0, ...Array.from(numbers, (number) => at(this.parts, number).length));
    const common = this.parts.slice(0, layout.endPart + 1).reduce((sum, { length }) => sum + length, 0);
    const varied = greatest(partOfKind.values()) + greatest(stepParts) + greatest(this.causes);
    this.eventBytes = common + varied + layout.numbersPerEvent * layout.numberBytes;
  }

  /** Adds a part for each of some things; returns their numbers. */
  #add<T>(things: readonly T[], textOf: (thing: T) => string): Int32Array {
    const numbers = new Int32Array(things.length);
    things.forEach((thing, index) => {
      numbers[index] = this.parts.push(encode(textOf(thing))) - 1;
    });
    return numbers;
  }
}

/** Writes the text of events, in WebAssembly: much quicker than strings. */
class EventWriter {
  readonly #kernels: KernelExports;
  readonly #memory: WebAssembly.Memory;
  readonly #header: Int32Array;
  /** Events of a piece. */
  readonly eventLimit: number;

  constructor(trace: Trace, program: Program) {
    const { parts, kinds, steps, causes, eventBytes } = new RecurringParts(trace, program);
    this.eventLimit = Math.max(1, Math.min(pieceEvents, Math.floor(pieceBytes / eventBytes)));
    // Tables one after the other, those of numbers of 8 bytes first.
    const addresses: number[] = [];
    let end = layout.headerWords * 4;
    const reserve = (table: number, bytes: number): void => {
      addresses[table] = end;
      end += Math.ceil(bytes / 8) * 8;
    };
    const floats = [layout.startTable, layout.endTable, layout.settledTable];
    const words = [layout.threadTable, layout.placeTable, layout.batchTable, layout.turnTable, layout.causeTable];
    for (const table of floats) reserve(table, 8 * this.eventLimit);
    for (const table of words) reserve(table, 4 * this.eventLimit);
    reserve(layout.causeKindTable, this.eventLimit);
    reserve(layout.partTable, 8 * parts.length);
    const numbered = [
      [layout.kindPartTable, kinds],
      [layout.stepPartTable, steps],
      [layout.causePartTable, causes],
    ] as const;
    for (const [table, numbers] of numbered) reserve(table, numbers.byteLength);
    const partsStart = end;
    end += parts.reduce((sum, { length }) => sum + length, layout.partSlack);
    reserve(layout.textTable, this.eventLimit * eventBytes + layout.partSlack);
    this.#memory = new WebAssembly.Memory({ initial: Math.ceil(end / pageBytes) });
    const { buffer } = this.#memory;
    this.#header = new Int32Array(buffer, 0, layout.headerWords);
    this.#header.set(addresses);
    for (const [table, numbers] of numbered) new Int32Array(buffer, addresses[table], numbers.length).set(numbers);
    const entries = new Int32Array(buffer, addresses[layout.partTable], 2 * parts.length);
    const bytes = new Uint8Array(buffer);
    let address = partsStart;
    parts.forEach((part, index) => {
      entries[2 * index] = address;
      entries[2 * index + 1] = part.length;
      bytes.set(part, address);
      address += part.length;
    });
    this.#kernels = instantiateKernels(compileKernels(), this.#memory);
  }

  /**
   * The text of those of a piece's events, from one on and no more than `eventLimit`, that are of the first batches; it
   * stands until the next is written.
   */
  write(piece: TracePiece, from: number, batches: number): Uint8Array {
    const { columns } = piece;
    const { buffer } = this.#memory;
    const end = Math.min(columns.start.length, from + this.eventLimit);
    const addressOf = (table: number): number => this.#header[table] as number;
    const setFloats = (table: number, column: Float64Array): void => {
      new Float64Array(buffer, addressOf(table), end - from).set(column.subarray(from, end));
    };
    const setWords = (table: number, column: Int32Array): void => {
      new Int32Array(buffer, addressOf(table), end - from).set(column.subarray(from, end));
    };
    setFloats(layout.startTable, columns.start);
    setFloats(layout.endTable, columns.end);
    setFloats(layout.settledTable, columns.settled);
    setWords(layout.threadTable, columns.thread);
    setWords(layout.placeTable, columns.place);
    setWords(layout.batchTable, columns.batch);
    setWords(layout.turnTable, columns.turn);
    setWords(layout.causeTable, columns.cause);
    new Uint8Array(buffer, addressOf(layout.causeKindTable), end - from).set(columns.causeKind.subarray(from, end));
    const { first, cycles, batches: laterBatches, events } = piece;
    const length = this.#kernels.traceText(first + from, end - from, batches, cycles, laterBatches, events);
    return new Uint8Array(buffer, addressOf(layout.textTable), length);
  }
}

/**
 * A trace in the JSON trace-event format, which Perfetto opens: a process a core, a thread a thread, a cycle shown as a
 * microsecond. Holds the first `batches` batches. Yields the text in UTF-8 in pieces, each of which stands until the next
 * is asked for; joined they are one JSON object.
 */
export function* chromeTraceBytes(trace: Trace, program: Program, batches = trace.batchCount): Generator<Uint8Array> {
  yield encode(
    `{"displayTimeUnit":"ns","otherData":{"program":${JSON.stringify(program.name)},"unit":"1 us is 1 cycle"},"traceEvents":[\n`,
  );
  const names: string[] = [];
  trace.hasEvents.forEach((has, thread) => {
    if (has === 1) names.push(...nameLines(trace, thread));
  });
  yield encode(names.join(",\n"));
  const writer = new EventWriter(trace, program);
  const count = batches < 1 ? 0 : eventsUntil(trace, Math.min(batches, trace.batchCount) - 1);
  for (const piece of trace.pieces) {
    if (piece.first >= count) break;
    for (let from = 0; from < piece.columns.start.length; from += writer.eventLimit) {
      yield writer.write(piece, from, batches);
    }
  }
  yield encode("\n]}\n");
}

/** `chromeTraceBytes` as text. */
export function* chromeTrace(trace: Trace, program: Program, batches = trace.batchCount): Generator<string> {
  const decoder = new TextDecoder();
  for (const piece of chromeTraceBytes(trace, program, batches)) yield decoder.decode(piece);
}
