import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Instruction } from "../../../ir/instruction.ts";
import { traceEvents } from "../../../runtime-sim/trace.ts";
import { frameLinkCycles, linkCycles, portCycles, transferCycles } from "../../../targets/cost.ts";
import {
  affine,
  columnsOf,
  cores,
  gather,
  matmul,
  miniTarget,
  move,
  multicast,
  onCores,
  oneStep,
  program,
  programLoad,
  psumReceive,
  psumSend,
  run,
  signal,
  step,
  timeline,
  wait,
  withTarget,
} from "./machine.ts";

const everywhere = cores(0, 0, 4, 4);

/** The arrivals of token 1 at the cores of a class, told by gathers that wait for it. */
const receiver: Instruction[] = [wait(1), gather(32)];

describe("thousands of packets", () => {
  it("keep the port busy that they wait for until the last has arrived", () => {
    // 15 cores send 400 packets each to (0,0), one every 2 cycles: the first come from (0,1) and (1,0) at 3, and the eject port
    // takes in one a cycle from then on.
    const sends: Instruction[] = [{ kind: "loop", count: 400, body: [move(8, 0, 0, 1)] }];
    const senders = [onCores(cores(0, 1, 1, 3), { send: sends }), onCores(cores(1, 0, 3, 4), { send: sends })];
    const trace = run(oneStep([...senders, onCores(cores(0, 0), { gather: [wait(1, 6000), gather(32)] })]));
    expect(trace.batchEnds[0]).toBe(3 + 6000 + 1);
    expect(Math.max(...columnsOf(trace).end.subarray(0, 6000))).toBeLessThan(3000);
  });
});

describe("a packet alone", () => {
  it("passes inject port, three links and eject port in the manner of virtual cut-through", () => {
    // (1,0) to (2,2): east, east, south. 40 bytes hold each for 40/8 = 5 cycles. Port reads [0,1), injection from 0,
    // links from 0, 3 and 6, ejection from 9, arrival at 14; the port has written at 10. The sender goes on at 5.
    const trace = run(
      oneStep([
        onCores(cores(1, 0), { send: [move(40, 2, 2, 1), move(8, 1, 1, 2)] }),
        onCores(cores(2, 2), { gather: receiver }),
      ]),
    );
    expect(timeline(trace)).toEqual(["(1,0) move 0-5>14", "(1,0) move 6-7>10", "(2,2) gather 14-15"]);
    expect(trace.networks.activation.byteHops).toBe(40 * 3 + 8);
  });

  it("arrives after hops × hopCycles + ⌈bytes/width⌉ wherever it goes", () => {
    const place = fc.integer({ min: 0, max: 3 });
    fc.assert(
      fc.property(
        place,
        place,
        place,
        place,
        fc.integer({ min: 0, max: 500 }),
        (row, column, toRow, toColumn, bytes) => {
          const hops = Math.abs(row - toRow) + Math.abs(column - toColumn);
          fc.pre(hops > 0);
          const { activation } = miniTarget.networks;
          const trace = run(oneStep([onCores(cores(row, column), { send: [move(bytes, toRow, toColumn, 1)] })]));
          expect(columnsOf(trace).settled[0]).toBe(transferCycles(activation, hops, bytes));
          expect(columnsOf(trace).end[0]).toBe(linkCycles(activation, bytes));
        },
      ),
    );
  });

  it("waits for the memory port at its source before injection", () => {
    // The gather of the same cycle comes after the send thread at the port; one that began before holds it for 20 cycles.
    const threads = {
      gather: [gather(640)],
      send: [wait(9), move(40, 0, 1, 1)],
      control: [gather(32), signal(9, 0, 0)],
    };
    // control's gather: port [0,1); the other [1,21). The token stands at 2; the move's port service is [21,22).
    expect(timeline(run(oneStep([onCores(cores(0, 0), threads)])))).toEqual([
      "(0,0) gather 0-1",
      "(0,0) gather 0-21",
      "(0,0) move 2-26>29",
    ]);
  });

  it("arrives when the memory port of the destination has written it", () => {
    // Ejection from 3; the port of (0,1) is held until 20 by a gather, so 40 bytes stand at 21 instead of 8.
    const trace = run(
      oneStep([onCores(cores(0, 0), { send: [move(40, 0, 1, 1)] }), onCores(cores(0, 1), { gather: [gather(640)] })]),
    );
    expect(timeline(trace)).toEqual(["(0,0) move 0-5>21", "(0,1) gather 0-20"]);
  });

  it("a packet to the own core goes through the memory port alone", () => {
    // Reading and writing 640 bytes: 10 + 10 cycles.
    const trace = run(oneStep([onCores(cores(2, 2), { send: [move(640, 2, 2, 1)], gather: receiver })]));
    expect(timeline(trace)).toEqual(["(2,2) move 0-20", "(2,2) gather 20-21"]);
    expect(trace.networks.activation.byteHops).toBe(0);
  });

  it("a packet of partial sums to the own core takes a cycle", () => {
    expect(timeline(run(oneStep([onCores(cores(2, 2), { psum: [psumSend(16, 2, 2, 1)] })])))).toEqual([
      "(2,2) psum.send 0-1",
    ]);
  });
});

describe("packets that meet", () => {
  it("the later one waits for the link and for the eject port", () => {
    // Both go to (0,2) and hold each link for 5 cycles. The packet of (0,1) has the link (0,1)→(0,2) from 0, the eject
    // port [3,8). That of (0,0) asks for the link at 3, has it from 5, asks for the eject port at 8: [8,13).
    const trace = run(oneStep([onCores(cores(0, 0, 1, 2), { send: [move(40, 0, 2, 1)] })]));
    expect(timeline(trace)).toEqual(["(0,0) move 0-5>13", "(0,1) move 0-5>8"]);
  });

  it("packets from opposite sides meet at the eject port, the lower core first", () => {
    // Ejection is asked for at 3 by (0,0) and by (0,2): [3,8) and [8,13).
    const trace = run(
      oneStep([
        onCores(cores(0, 0), { send: [move(40, 0, 1, 1)] }),
        onCores(cores(0, 2), { send: [move(40, 0, 1, 1)] }),
      ]),
    );
    expect(timeline(trace)).toEqual(["(0,0) move 0-5>8", "(0,2) move 0-5>13"]);
  });

  /**
   * X goes from (1,1) south and holds that link during [0,10). P from (1,0) and Q from (0,1) ask for it at 3 (or at 5,
   * when Q was sent second) and wait. The first of them goes at 10, the second at 15.
   */
  const crossing = (first: Instruction[], pStep: number, qStep: number): string[] => {
    const p = onCores(cores(1, 0), { send: [move(40, 3, 1, 1)] });
    const q = onCores(cores(0, 1), { send: [...first, move(40, 3, 1, 1)] });
    const steps = [0, 1].map((index) =>
      step(`s${index}`, [
        ...(index === 0 ? [onCores(cores(1, 1), { send: [move(80, 2, 1, 2)] })] : []),
        ...(index === pStep ? [p] : []),
        ...(index === qStep ? [q] : []),
      ]),
    );
    return timeline(run(program(steps))).filter((line) => !line.startsWith("(1,1)"));
  };

  it("among packets of one step and sequence the lower core goes first", () => {
    // Q: link (1,1) south from 10, (2,1) south asked at 13, eject at 16, arrival 21. P 5 cycles later.
    expect(crossing([], 0, 0)).toEqual(["(0,1) move 0-5>21", "(1,0) move 0-5>26"]);
  });

  it("the packet that its thread sent earlier in the step goes first", () => {
    expect(crossing([move(8, 0, 0, 3)], 0, 0)).toEqual(["(0,1) move 0-1>4", "(1,0) move 0-5>21", "(0,1) move 2-7>26"]);
  });

  it("the packet of the earlier step goes first", () => {
    expect(crossing([], 0, 1)).toEqual(["(0,1) move 0-5>26", "(1,0) move 0-5>21"]);
    expect(crossing([move(8, 0, 0, 3)], 1, 0)).toEqual(["(0,1) move 0-1>4", "(1,0) move 0-5>26", "(0,1) move 2-7>21"]);
  });

  it("many that wait for one eject port are served in the order of their cores", () => {
    // 15 packets of one cycle each to (0,0): one a cycle from the first on.
    const trace = run(oneStep([onCores(everywhere, { send: [move(800, 0, 0, 1)] })]));
    const arrivals = [...columnsOf(trace).settled].sort((a, b) => a - b);
    // The own packet: 2 × ⌈800/64⌉ = 26. The others eject from 3 on for 100 cycles each, the port writing meanwhile.
    expect(arrivals).toEqual([26, ...Array.from({ length: 15 }, (_, index) => 3 + 100 * (index + 1))]);
  });

  it("do not meet on different networks", () => {
    const trace = run(
      oneStep([
        onCores(cores(0, 0), {
          send: [move(40, 0, 1, 1)],
          psum: [psumSend(16, 0, 1, 2)],
          control: [programLoad(40, cores(0, 1), 3)],
        }),
      ]),
    );
    // control is served first at the port: [0,1); the move's read is [1,2).
    expect(timeline(trace).sort()).toEqual(["(0,0) move 0-6>9", "(0,0) program.load 0-10>12", "(0,0) psum.send 0-4>5"]);
  });
});

describe("a multicast", () => {
  it("reaches each core of the rectangle but the sender over a tree", () => {
    // 8 bytes take a cycle; a core h hops away has them at 3h + 1. The tree of 16 cores has 15 links.
    const trace = run(
      oneStep(
        [onCores(cores(1, 1), { send: [multicast(8, everywhere, 1)] }), onCores(everywhere, { gather: receiver })],
        [{ cores: cores(1, 1), token: 1, count: 1 }],
      ),
    );
    const expected = [0, 1, 2, 3].flatMap((row) =>
      [0, 1, 2, 3].map((column) => {
        const hops = Math.abs(row - 1) + Math.abs(column - 1);
        return hops === 0 ? "" : `(${row},${column}) gather ${3 * hops + 1}-${3 * hops + 2}`;
      }),
    );
    expect(
      timeline(trace, ["gather"])
        .filter((line) => !line.startsWith("(1,1)"))
        .sort(),
    ).toEqual(expected.filter((line) => line !== "").sort());
    expect(timeline(trace, ["multicast"])).toEqual(["(1,1) multicast 0-1>13"]);
    expect(trace.networks.activation.byteHops).toBe(15 * 8);
  });

  it("passes over cores that are no destinations", () => {
    // From (0,0) to rows 2–3 of columns 1–2: 2 links along X, in each of the two columns 3 along Y; last at 5 hops.
    const trace = run(oneStep([onCores(cores(0, 0), { send: [multicast(16, cores(2, 1, 2, 2), 1)] })]));
    expect(timeline(trace)).toEqual(["(0,0) multicast 0-2>17"]);
    expect(trace.networks.activation.byteHops).toBe(8 * 16);
  });

  it("to the sender alone ends when it has been read", () => {
    const trace = run(oneStep([onCores(cores(0, 0), { send: [multicast(640, cores(0, 0), 1)] })]));
    expect(timeline(trace)).toEqual(["(0,0) multicast 0-10"]);
  });

  it("its branches wait for links apart", () => {
    // (0,2) sends 80 bytes east: its link is held during [0,10). The multicast of (0,1) over columns 0–3 waits for that
    // link alone: (0,0) has it at 3 + 1, (0,2) at 4, (0,3) at 10 + 3 + 1 — after the first packet left the eject port at 13.
    const trace = run(
      oneStep(
        [
          onCores(cores(0, 2), { send: [move(80, 0, 3, 2)] }),
          onCores(cores(0, 1), { send: [multicast(8, cores(0, 0, 1, 4), 1)] }),
          onCores(cores(0, 0, 1, 4), { gather: receiver }),
        ],
        [{ cores: cores(0, 1), token: 1, count: 1 }],
      ),
    );
    expect(timeline(trace, ["gather"])).toEqual([
      "(0,1) gather 0-2",
      "(0,0) gather 4-5",
      "(0,2) gather 4-5",
      "(0,3) gather 14-15",
    ]);
  });
});

describe("partial sums", () => {
  it("travel down a chain of neighbours that add their own", () => {
    // 16 sums are 64 bytes: 4 cycles a link; arrival 0 + 1 + 4 = 5. Adding: ⌈16/8⌉ × 3 + 3 = 9. The signal to the psum
    // thread stands a cycle later. 5 → 14, 15 → 20, 20 → 29.
    const middle = onCores(cores(0, 1), {
      vector: [wait(1), psumReceive(16), signal(2, 0, 1)],
      psum: [wait(2), psumSend(16, 0, 2, 1)],
    });
    const trace = run(
      oneStep([
        onCores(cores(0, 0), { psum: [psumSend(16, 0, 1, 1)] }),
        middle,
        onCores(cores(0, 2), { vector: [wait(1), psumReceive(16)] }),
      ]),
    );
    expect(timeline(trace)).toEqual([
      "(0,0) psum.send 0-4>5",
      "(0,1) psum.recv 5-14",
      "(0,1) psum.send 15-19>20",
      "(0,2) psum.recv 20-29",
    ]);
    expect(trace.networks.partial.byteHops).toBe(128);
  });
});

describe("program loads", () => {
  it("overlap with work, and reach the sender from its own memory", () => {
    // 40 bytes: 10 cycles a link, a hop of 2: (0,1) has its program at 12, (0,0) at 1, when its port has read it. There
    // the gather waits for the port behind the matmul's 4 cycles: [5,6).
    const trace = run(
      oneStep([
        onCores(cores(0, 0), { control: [programLoad(40, cores(0, 0, 1, 2), 1)] }),
        onCores(cores(0, 0, 1, 2), { matrix: [matmul(4, 64, 16)], gather: receiver }),
      ]),
    );
    expect(timeline(trace)).toEqual([
      "(0,0) program.load 0-10>12",
      "(0,0) matmul 0-21",
      "(0,1) matmul 0-21",
      "(0,0) gather 1-6",
      "(0,1) gather 12-13",
    ]);
  });
});

describe("io cores", () => {
  it("inject at the width of the framebuffer and reach column 0 over the row's west link", () => {
    // 40 bytes at min(8, 4) a cycle: 10 cycles; 3 links: west link, east, east: 9 + 10 = 19. No memory port at the source.
    const trace = run(
      oneStep([
        onCores(cores(1, -1), { send: [move(40, 1, 2, 1, "from")] }),
        onCores(cores(1, 2), { gather: receiver }),
      ]),
    );
    expect(timeline(trace)).toEqual(["(1,-1) move 0-10>19", "(1,2) gather 19-20"]);
    expect(trace.networks.activation.byteHops).toBe(120);
  });

  it("take packets that went along X to column 0, then along Y to their row, then west", () => {
    // (0,2) to (2,−1): 2 + 2 + 1 links; 5 × 3 + 10 = 25. The read takes a cycle; nothing is written in a memory.
    const trace = run(oneStep([onCores(cores(0, 2), { send: [move(40, 2, -1, 1, "to")] })]));
    expect(timeline(trace)).toEqual(["(0,2) move 0-10>25"]);
    expect(trace.networks.activation.byteHops).toBe(5 * 40);
    // The two packets share the link (1,0)→(2,0) at most when both turn at column 0.
    const busy = trace.networks.activation.busyCycles;
    expect(busy[(1 * 5 + 1) * 6 + 3]).toBe(10);
    expect(busy[(2 * 5 + 1) * 6 + 1]).toBe(10);
    expect(busy[2 * 5 * 6 + 5]).toBe(10);
  });

  it("take multicasts, and send them to each other", () => {
    // (1,−1) to all io cores: west link in, the column 0 both ways (1 + 2 links), and the west links of the other three.
    const trace = run(oneStep([onCores(cores(1, -1), { send: [multicast(4, cores(0, -1, 4, 1), 1)] })]));
    // The farthest is (3,−1): 1 + 2 + 1 hops.
    expect(timeline(trace)).toEqual(["(1,-1) multicast 0-1>13"]);
    expect(trace.networks.activation.byteHops).toBe(4 * (1 + 3 + 3));
    const both = run(oneStep([onCores(cores(0, 1), { send: [multicast(4, cores(0, -1, 2, 3), 1)] })]));
    // Trunk: columns 0 and 1, one link; branches: one link in each; io cores: two west links.
    expect(both.networks.activation.byteHops).toBe(4 * (1 + 2 + 2));
  });

  it("signal each other over the grid", () => {
    // (0,−1) to (2,−1): in, two down, out: 4 hops; to (1,1): 3 hops.
    const trace = run(oneStep([onCores(cores(0, -1), { control: [signal(1, 2, -1), signal(1, 1, 1)] })]));
    expect(timeline(trace)).toEqual(["(0,-1) signal 0-1>4", "(0,-1) signal 2-3>5"]);
  });
});

describe("what holds for all traffic", () => {
  const place = fc.integer({ min: 0, max: 3 });
  const packet = fc.record({
    row: place,
    column: fc.integer({ min: -1, max: 3 }),
    rows: fc.integer({ min: 1, max: 4 }),
    columns: fc.integer({ min: 1, max: 4 }),
    bytes: fc.integer({ min: 1, max: 12 }).map((units) => units * 8),
    unicast: fc.boolean(),
  });
  const senders = fc.array(
    fc.record({ row: place, column: fc.integer({ min: -1, max: 3 }), packets: fc.array(packet, { maxLength: 4 }) }),
    { minLength: 1, maxLength: 12 },
  );
  const traffic = senders.map((all) => {
    const seen = new Map(all.map((sender) => [sender.row * 5 + sender.column, sender]));
    return oneStep(
      [...seen.values()].map((sender) =>
        onCores(cores(sender.row, sender.column), {
          send: sender.packets.map(({ row, column, rows, columns, bytes, unicast }) =>
            unicast
              ? move(bytes, row, column, 1, sender.column < 0 ? "from" : undefined)
              : multicast(bytes, cores(row, column, Math.min(rows, 4 - row), Math.min(columns, 4 - column)), 1),
          ),
        }),
      ),
    );
  });

  it("no link is held for more cycles than there are, and the links carry exactly the bytes × hops", () => {
    fc.assert(
      fc.property(traffic, (all) => {
        const wide = withTarget((target) => {
          target.frameBuffer.rowBytesPerCycle = 8;
        });
        const trace = run(all, { target: wide });
        const { busyCycles, byteHops } = trace.networks.activation;
        let linkCyclesHeld = 0;
        busyCycles.forEach((cycles, resource) => {
          expect(cycles).toBeLessThanOrEqual(trace.batchEnds[0] as number);
          if (resource % 6 < 4) linkCyclesHeld += cycles;
        });
        expect(linkCyclesHeld * 8).toBe(byteHops);
      }),
    );
  });

  it("nothing arrives before it could alone", () => {
    fc.assert(
      fc.property(traffic, (all) => {
        const trace = run(all);
        for (const { row, column, place, start, settled } of traceEvents(trace)) {
          const { instruction } = place;
          if (instruction.kind !== "move") continue;
          const from = { row, column };
          const to = instruction.core as { row: number; column: number };
          const hops = Math.abs(from.row - to.row) + Math.abs(from.column - to.column);
          const bytes = instruction.counts[0] as number;
          const hold = from.column < 0 || to.column < 0 ? frameLinkCycles(miniTarget, bytes) : bytes / 8;
          const least = hops === 0 ? 2 * portCycles(miniTarget, bytes) : hops * 3 + hold;
          expect(settled - start).toBeGreaterThanOrEqual(hops === 0 && from.column < 0 ? 1 : least);
        }
      }),
    );
  });

  it("a run is the same every time", () => {
    fc.assert(
      fc.property(traffic, (all) => {
        expect(run(all)).toEqual(run(all));
      }),
    );
  });
});

it("a move in a loop goes to the core that its turn names", () => {
  const body = [move(8, 0, affine(1, 0, 0, 1), 1)];
  const trace = run(
    oneStep([
      onCores(cores(0, 0), { send: [{ kind: "loop", count: 3, body }] }),
      onCores(cores(0, 1, 1, 3), { gather: receiver }),
    ]),
  );
  // Sent at 0, 2 and 4 to columns 1, 2, 3: arrivals 4, 2 + 7, 4 + 10.
  expect(timeline(trace, ["gather"])).toEqual(["(0,1) gather 4-5", "(0,2) gather 9-10", "(0,3) gather 14-15"]);
});
