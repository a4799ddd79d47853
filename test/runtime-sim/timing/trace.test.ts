import { describe, expect, it } from "vitest";
import { at } from "../../../base/math.ts";
import { makeRandom } from "../../../base/random.ts";
import { type Program, threadNames } from "../../../ir/program.ts";
import { timingSimulator } from "../../../runtime-sim/timing/simulate.ts";
import { coreOf, type Trace, TraceReader, traceEvent, traceEvents } from "../../../runtime-sim/trace.ts";
import { chromeTrace } from "../../../runtime-sim/trace-chrome.ts";
import { cores, gather, matmul, miniTarget, move, onCores, oneStep, program, run, signal, wait } from "./machine.ts";
import { richProgram } from "./rich-program.ts";

const small = () =>
  oneStep([
    onCores(cores(0, 0), { matrix: [matmul(4, 64, 16), signal(1, 0, 0)], send: [wait(1), move(40, 1, 2, 2)] }),
    onCores(cores(1, 2), { gather: [wait(2), gather(64)], vector: [] }),
  ]);

/** Traces of three batches of a program, the second of which repeats the first. */
function simulatedTwice(program: Program): readonly [Trace, Trace] {
  const simulate = timingSimulator(program, miniTarget);
  const options = { host: false, batches: 3 };
  return [simulate(options), simulate(options)];
}

describe("a trace", () => {
  it("gives its events as plain values with what released them", () => {
    const events = [...traceEvents(run(small()))].map(({ place, ...rest }) => ({
      ...rest,
      kind: place.instruction.kind,
      step: place.step,
    }));
    // The move waits for the signal at 22; 40 bytes over 3 hops arrive at 22 + 9 + 5 = 36.
    expect(events).toEqual([
      {
        index: 0,
        start: 0,
        end: 21,
        settled: 21,
        row: 0,
        column: 0,
        thread: "matrix",
        batch: 0,
        turn: 0,
        cause: { event: -1, kind: "start" },
        kind: "matmul",
        step: 0,
      },
      {
        index: 1,
        start: 22,
        end: 27,
        settled: 36,
        row: 0,
        column: 0,
        thread: "send",
        batch: 0,
        turn: 0,
        cause: { event: 0, kind: "signal" },
        kind: "move",
        step: 0,
      },
      {
        index: 2,
        start: 36,
        end: 38,
        settled: 38,
        row: 1,
        column: 2,
        thread: "gather",
        batch: 0,
        turn: 0,
        cause: { event: 1, kind: "arrival" },
        kind: "gather",
        step: 0,
      },
    ]);
  });

  it("stands in order of start, each event after what released it unless that is the last core of a collective", () => {
    const trace = run(richProgram(), { batches: 3 });
    for (let index = 0; index < trace.eventCount; index += 1) {
      const event = traceEvent(trace, index);
      if (index > 0) expect(event.start).toBeGreaterThanOrEqual(traceEvent(trace, index - 1).start);
      expect(event.end).toBeGreaterThanOrEqual(event.start);
      expect(event.settled).toBeGreaterThanOrEqual(event.end);
      if (event.cause.event < 0) continue;
      const cause = traceEvent(trace, event.cause.event);
      if (event.cause.kind === "collective") {
        expect(cause.end).toBe(event.end);
        expect(cause.start).toBeGreaterThanOrEqual(event.start);
        expect(cause.cause.kind).not.toBe("collective");
      } else {
        expect(event.cause.event).toBeLessThan(index);
        expect(event.cause.kind === "arrival" ? cause.settled : event.start).toBeGreaterThanOrEqual(
          event.cause.kind === "arrival" ? event.start : cause.end,
        );
      }
    }
  });

  it("names the event of each step and batch that settles last, of several the first, counts those of each place, and marks their threads", () => {
    const program = richProgram();
    for (const trace of [run(program, { batches: 3 }), ...simulatedTwice(program)]) {
      const last = trace.lastEvents.map((events) => [...events].map(() => -1));
      const executions = trace.places.map(() => 0);
      const hasEvents = [...trace.hasEvents].map(() => 0);
      for (const { index, batch, place, settled, row, column, thread } of traceEvents(trace)) {
        hasEvents[(row * (trace.columns + 1) + column + 1) * 8 + threadNames.indexOf(thread)] = 1;
        if (batch === 0) executions[trace.places.indexOf(place)] = at(executions, trace.places.indexOf(place)) + 1;
        const known = at(at(last, batch), place.step);
        if (known < 0 || settled > traceEvent(trace, known).settled) at(last, batch)[place.step] = index;
      }
      expect(trace.lastEvents.map((events) => [...events])).toEqual(last);
      expect([...trace.executions]).toEqual(executions);
      expect([...trace.hasEvents]).toEqual(hasEvents);
    }
  });

  it("gives the same event wherever the one that was read before stands", () => {
    const [, trace] = simulatedTwice(richProgram());
    const events = [...traceEvents(trace)];
    const reader = new TraceReader(trace);
    const random = makeRandom(1);
    for (let turn = 0; turn < 500; turn += 1) {
      const event = random.integer(0, trace.eventCount - 1);
      expect(reader.event(event)).toEqual(events[event]);
    }
    for (const none of [-1, trace.eventCount]) expect(() => reader.start(none)).toThrow(RangeError);
  });

  it("numbers cores row-major with the io core of a row first", () => {
    expect(coreOf({ columns: 4 }, 0)).toEqual({ row: 0, column: -1 });
    expect(coreOf({ columns: 4 }, 9)).toEqual({ row: 1, column: 3 });
  });

  it("refuses an index that is none", () => {
    expect(() => traceEvent(run(program([])), 0)).toThrow(RangeError);
  });
});

describe("the Chrome form of a trace", () => {
  it("is one JSON object with a process a core and a thread a thread", () => {
    const parsed = JSON.parse([...chromeTrace(run(small()), small())].join(""));
    expect(parsed.otherData).toEqual({ program: "small", unit: "1 us is 1 cycle" });
    expect(parsed.traceEvents).toEqual([
      { name: "process_name", ph: "M", pid: 1, tid: 2, args: { name: "core (0,0)" } },
      { name: "thread_name", ph: "M", pid: 1, tid: 2, args: { name: "matrix" } },
      { name: "process_name", ph: "M", pid: 1, tid: 5, args: { name: "core (0,0)" } },
      { name: "thread_name", ph: "M", pid: 1, tid: 5, args: { name: "send" } },
      { name: "process_name", ph: "M", pid: 8, tid: 6, args: { name: "core (1,2)" } },
      { name: "thread_name", ph: "M", pid: 8, tid: 6, args: { name: "gather" } },
      {
        name: "matmul",
        ph: "X",
        pid: 1,
        tid: 2,
        ts: 0,
        dur: 21,
        args: { event: 0, step: "only", batch: 0, turn: 0, arrival: 21, released: "start", by: -1 },
      },
      {
        name: "move",
        ph: "X",
        pid: 1,
        tid: 5,
        ts: 22,
        dur: 5,
        args: { event: 1, step: "only", batch: 0, turn: 0, arrival: 36, released: "signal", by: 0 },
      },
      {
        name: "gather",
        ph: "X",
        pid: 8,
        tid: 6,
        ts: 36,
        dur: 2,
        args: { event: 2, step: "only", batch: 0, turn: 0, arrival: 38, released: "arrival", by: 1 },
      },
    ]);
  });

  it("comes in pieces, all events once, io cores named", () => {
    const loops = oneStep([
      onCores(cores(0, -1, 1, 2), { gather: [{ kind: "loop", count: 3000, body: [gather(8)] }] }),
    ]);
    const pieces = [...chromeTrace(run(loops), loops)];
    expect(pieces.length).toBeGreaterThan(3);
    const parsed: {
      traceEvents: { ph: string; pid: number; tid: number; name: string; args: { name?: string; event?: number } }[];
    } = JSON.parse(pieces.join(""));
    const spans = parsed.traceEvents.filter(({ ph }) => ph === "X");
    expect(spans.map(({ args }) => args.event)).toEqual(Array.from({ length: 6000 }, (_, index) => index));
    expect(parsed.traceEvents[0]?.args.name).toBe("io core 0");
  });

  it("writes numbers of any length and names of any letters", () => {
    const { steps, ...rest } = small();
    const named = { ...rest, steps: steps.map((each) => ({ ...each, name: 'Größe "1"\n' })) };
    const trace = run(named);
    const times = [0, 9, 10, 2 ** 31 - 1, 2 ** 31, 2 ** 31 + 1, 10 ** 10, 2 ** 53 - 1];
    for (const time of times) {
      const later = {
        ...trace,
        pieces: trace.pieces.map(({ columns, ...piece }) => ({
          ...piece,
          columns: {
            ...columns,
            start: columns.start.map(() => 0),
            end: columns.end.map(() => time),
            settled: columns.end.map(() => time),
          },
        })),
      };
      const { traceEvents } = JSON.parse([...chromeTrace(later, named)].join("")) as {
        traceEvents: { ph: string; dur: number; args: { arrival: number; step: string } }[];
      };
      const spans = traceEvents.filter(({ ph }) => ph === "X");
      expect(spans.map(({ dur, args }) => [dur, args.arrival, args.step])).toEqual(
        Array.from({ length: trace.eventCount }, () => [time, time, 'Größe "1"\n']),
      );
    }
  });

  it("of events that repeat others is that of events of their own", () => {
    const program = richProgram();
    const simulated = [...chromeTrace(run(program, { batches: 3 }), program)].join("");
    for (const trace of simulatedTwice(program)) expect([...chromeTrace(trace, program)].join("")).toBe(simulated);
  });

  it("of an empty trace is still valid", () => {
    const empty = program([]);
    expect(JSON.parse([...chromeTrace(run(empty), empty)].join("")).traceEvents).toEqual([]);
  });
});

describe("the Chrome form of some batches", () => {
  it("leaves out the events of later batches", () => {
    const batchesOf = (batches: number): Set<number> => {
      const { traceEvents } = JSON.parse([...chromeTrace(run(small()), small(), batches)].join("")) as {
        traceEvents: { args: { batch?: number } }[];
      };
      return new Set(traceEvents.flatMap(({ args }) => (args.batch === undefined ? [] : [args.batch])));
    };
    const all = run(small()).batchCount;
    expect(batchesOf(1)).toEqual(new Set([0]));
    expect(batchesOf(all).size).toBe(all);
  });
});
