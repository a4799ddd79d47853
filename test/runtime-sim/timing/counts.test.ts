import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Instruction, SimpleInstruction } from "../../../ir/instruction.ts";
import type { Program, ThreadName } from "../../../ir/program.ts";
import { addCounts, type Counts, countsOf, emptyCounts } from "../../../runtime-sim/counts.ts";
import { type EnergyComponent, energyComponents, energyOf } from "../../../runtime-sim/energy.ts";
import {
  cores,
  gather,
  matmul,
  miniTarget,
  move,
  multicast,
  onCores,
  oneStep,
  port,
  program,
  programLoad,
  psumReceive,
  psumSend,
  run,
  signal,
  step,
  stream,
  vector,
  withTarget,
} from "./machine.ts";
import { richProgram } from "./rich-program.ts";

/** What a single instruction on core (1,1) counts. */
function countsOfOne(thread: ThreadName, instruction: Instruction, at = cores(1, 1)): Counts {
  const one = oneStep([onCores(at, { [thread]: [instruction] })]);
  return countsOf(run(one), one).total;
}

const expected = (change: (counts: Counts) => void): Counts => {
  const counts = emptyCounts();
  counts.instructionCount = 1;
  change(counts);
  return counts;
};

describe("counts of one instruction", () => {
  it("a matmul: unpadded MACs, activations for each pass, weights once, running sums for each block of inputs, finished ones once", () => {
    // [4, 65] × [65, 40] of 8 bits: 3 column passes, 5 input blocks. Sums: 4 × 40 × 4 = 640 bytes a block.
    expect(countsOfOne("matrix", matmul(4, 65, 40))).toEqual(
      expected((counts) => {
        counts.macs["8"] = 4 * 65 * 40;
        counts.memory.readBytes = 4 * 65 * 3;
        counts.weightBuffer.readBytes = 65 * 40;
        counts.accumulators.writtenBytes = 5 * 640;
        counts.accumulators.readBytes = 4 * 640;
        counts.partialBuffer.writtenBytes = 640;
      }),
    );
    // Accumulating reads the sums that stand in the partial-sum buffer once; a bias is read once from memory. 4 bits: 2 passes, 2 bits: 1.
    expect(countsOfOne("matrix", matmul(4, 65, 40, { start: "accumulate", elements: ["i4", "i4"] }))).toEqual(
      expected((counts) => {
        counts.macs["4"] = 4 * 65 * 40;
        counts.memory.readBytes = (4 * 65 * 2) / 2;
        counts.weightBuffer.readBytes = (65 * 40) / 2;
        counts.accumulators.writtenBytes = 5 * 640;
        counts.accumulators.readBytes = 4 * 640;
        counts.partialBuffer.writtenBytes = 640;
        counts.partialBuffer.readBytes = 640;
      }),
    );
    expect(countsOfOne("matrix", matmul(4, 16, 40, { start: "bias", elements: ["i2", "i2"], groups: 2 }))).toEqual(
      expected((counts) => {
        counts.macs["2"] = 2 * 4 * 16 * 40;
        counts.memory.readBytes = (2 * 4 * 16) / 4 + 2 * 40 * 4;
        counts.weightBuffer.readBytes = (2 * 16 * 40) / 4;
        counts.accumulators.writtenBytes = 2 * 640;
        counts.partialBuffer.writtenBytes = 2 * 640;
      }),
    );
    // Operands of two widths are multiplied at the wider one's rate: 3 passes of 8 bits, though the weights take 2.
    for (const elements of [["i8", "i2"] as const, ["i2", "i8"] as const]) {
      const { macs, memory, weightBuffer } = countsOfOne("matrix", matmul(4, 16, 40, { elements }));
      const [activations, weights] = elements.map((element) => (element === "i8" ? 1 : 0.25)) as [number, number];
      expect([macs["8"], memory.readBytes, weightBuffer.readBytes]).toEqual([
        4 * 16 * 40,
        4 * 16 * 2 * activations + 4 * 16 * activations,
        16 * 40 * weights,
      ]);
    }
  });

  it("a vector function: its elements, and its operands in their memories", () => {
    const operand = { space: "memory", address: 0, element: "i8", strides: [1] } as const;
    const requantize: Instruction = {
      ...vector("requantize", 64),
      sources: [
        { ...operand, space: "partial", element: "i32" },
        { ...operand, element: "scale", strides: [0] },
      ],
    };
    expect(countsOfOne("vector", requantize)).toEqual(
      expected((counts) => {
        counts.vectorElements.convert = 64;
        counts.partialBuffer.readBytes = 256;
        counts.memory.readBytes = 8;
        counts.memory.writtenBytes = 64;
      }),
    );
  });

  it("a pass through the activation unit: the elements of every function, scales, and what is kept", () => {
    const operand = { space: "memory", address: 0, element: "f16", strides: [2] } as const;
    const scale = { ...operand, element: "scale", strides: [0] } as const;
    const pass: Instruction = {
      ...vector("add", 64),
      sources: [operand, operand],
      destination: { ...operand, element: "i4", strides: [0.5] },
      activation: [
        { function: "sigmoid", element: "f16", kept: null, scale: null, parameters: {} },
        {
          function: "quantize",
          element: "f16",
          kept: { space: "partial", address: 0, strides: [2] },
          scale,
          parameters: { zero: 0, low: -8, high: 7 },
        },
      ],
    };
    expect(countsOfOne("vector", pass)).toEqual(
      expected((counts) => {
        counts.vectorElements.add = 64;
        counts.vectorElements.table = 64;
        counts.vectorElements.convert = 64;
        counts.memory.readBytes = 2 * 128 + 8;
        counts.memory.writtenBytes = 32;
        counts.partialBuffer.writtenBytes = 128;
      }),
    );
  });

  it("a gather, a load of weights and an empty view", () => {
    expect(countsOfOne("gather", gather(50))).toEqual(
      expected((counts) => {
        counts.memory.readBytes = 50;
        counts.memory.writtenBytes = 50;
      }),
    );
    expect(countsOfOne("weights", { kind: "weights.load", bytes: 70, source: 0, destination: 0 })).toEqual(
      expected((counts) => {
        counts.memory.readBytes = 70;
        counts.weightBuffer.writtenBytes = 70;
      }),
    );
    expect(countsOfOne("vector", vector("relu", 0))).toEqual(expected(() => {}));
  });

  it("partial sums: read at the source, written and added at the destination", () => {
    expect(countsOfOne("psum", psumSend(10, 1, 2, 1))).toEqual(
      expected((counts) => {
        counts.partialBuffer.readBytes = 40;
        counts.partialBuffer.writtenBytes = 40;
        counts.byteHops.partial = 40;
      }),
    );
    expect(countsOfOne("vector", psumReceive(10))).toEqual(
      expected((counts) => {
        counts.vectorElements.add = 10;
        counts.partialBuffer.readBytes = 80;
        counts.partialBuffer.writtenBytes = 40;
      }),
    );
  });

  it("a move: read once, carried over its hops, written once, or in the framebuffer", () => {
    expect(countsOfOne("send", move(40, 3, 0, 1))).toEqual(
      expected((counts) => {
        counts.memory.readBytes = 40;
        counts.memory.writtenBytes = 40;
        counts.byteHops.activation = 120;
      }),
    );
    expect(countsOfOne("send", move(40, 2, -1, 1, "to"))).toEqual(
      expected((counts) => {
        counts.memory.readBytes = 40;
        counts.frameBuffer.writtenBytes = 40;
        counts.byteHops.activation = 120;
      }),
    );
    expect(countsOfOne("send", move(40, 2, 0, 1, "from"), cores(0, -1))).toEqual(
      expected((counts) => {
        counts.frameBuffer.readBytes = 40;
        counts.memory.writtenBytes = 40;
        counts.byteHops.activation = 120;
      }),
    );
  });

  it("a multicast: written at each core of the rectangle but the sender", () => {
    expect(countsOfOne("send", multicast(8, cores(0, 0, 2, 4), 1))).toEqual(
      expected((counts) => {
        counts.memory.readBytes = 8;
        counts.memory.writtenBytes = 56;
        counts.byteHops.activation = 56;
      }),
    );
    // From (1,1) to (2..3, 2..3): 2 links along X, 2 in each of two columns.
    expect(countsOfOne("send", multicast(8, cores(2, 2, 2, 2), 1)).memory.writtenBytes).toBe(32);
    expect(countsOfOne("send", multicast(8, cores(2, 2, 2, 2), 1)).byteHops.activation).toBe(48);
  });

  it("a program load: the instruction network alone", () => {
    expect(countsOfOne("control", programLoad(100, cores(1, 0, 1, 4), 1))).toEqual(
      expected((counts) => {
        counts.memory.readBytes = 100;
        counts.byteHops.instruction = 300;
      }),
    );
  });

  it("a stream: each core's piece read once and written in every core, over a tree of R·C − 1 links", () => {
    const all = oneStep([onCores(cores(0, 0, 2, 3), { weights: [stream(10, cores(0, 0, 2, 3))] })]);
    const { total } = countsOf(run(all), all);
    expect(total.memory.readBytes).toBe(60);
    expect(total.weightBuffer.writtenBytes).toBe(360);
    expect(total.byteHops.model).toBe(6 * 5 * 10);
  });

  it("a host transfer counts with the host link alone", () => {
    const io = program(
      [
        step("io", [
          onCores(cores(0, -1), {
            host: [
              { kind: "host.in", port: 0 },
              { kind: "host.out", port: 0 },
            ],
          }),
        ]),
      ],
      {
        inputs: [port("x", 30)],
        outputs: [port("y", 50)],
      },
    );
    const device = countsOf(run(io), io).total;
    expect([device.hostBytes, device.frameBuffer]).toEqual([0, { readBytes: 0, writtenBytes: 0 }]);
    const host = countsOf(run(io, { host: true }), io, true);
    expect([host.total.hostBytes, host.total.frameBuffer]).toEqual([80, { readBytes: 50, writtenBytes: 30 }]);
    expect(host.cores?.[0]).toEqual(host.total);
  });

  it("signals and barriers are instructions; waits and signals to the own core are not counted", () => {
    const all = oneStep([
      onCores(cores(0, 0), {
        control: [signal(1, 0, 0), { kind: "wait", token: 1, count: 1 }, signal(1, 1, 1), { kind: "barrier" }],
      }),
    ]);
    expect(countsOf(run(all), all).total).toEqual(
      expected((counts) => {
        counts.instructionCount = 2;
      }),
    );
  });
});

describe("counts of a program", () => {
  it("are those of one batch, and add up over steps and over cores", () => {
    const rich = richProgram();
    const one = countsOf(run(rich, { batches: 1, host: true }), rich, true);
    const three = countsOf(run(rich, { batches: 3, host: true }), rich, true);
    expect(three).toEqual(one);
    expect(one.steps.reduce(addCounts, emptyCounts())).toEqual(one.total);
    expect(one.cores?.reduce(addCounts, emptyCounts())).toEqual(one.total);
    expect(countsOf(run(rich), rich).cores).toBeNull();
  });

  it("agree with what the networks carried", () => {
    const place = fc.integer({ min: -1, max: 3 });
    const row = fc.integer({ min: 0, max: 3 });
    const size = fc.integer({ min: 1, max: 4 });
    const message = fc.record({
      row,
      column: place,
      rows: size,
      columns: size,
      bytes: fc.integer({ min: 1, max: 99 }),
      kind: fc.constantFrom("move", "multicast", "psum", "load"),
    });
    fc.assert(
      fc.property(row, place, fc.array(message, { minLength: 1, maxLength: 6 }), (fromRow, fromColumn, messages) => {
        const queue = messages.map((each): Instruction => {
          const rectangle = cores(
            each.row,
            each.column,
            Math.min(each.rows, 4 - each.row),
            Math.min(each.columns, 4 - each.column),
          );
          if (each.kind === "move") return move(each.bytes, each.row, each.column, 1);
          if (each.kind === "psum") return psumSend(each.bytes, each.row, each.column, 1);
          return each.kind === "load" ? programLoad(each.bytes, rectangle, 1) : multicast(each.bytes, rectangle, 1);
        });
        const all: Program = oneStep([onCores(cores(fromRow, fromColumn), { send: queue })]);
        const trace = run(all);
        const { byteHops } = countsOf(trace, all).total;
        expect(byteHops.activation).toBe(trace.networks.activation.byteHops);
        expect(byteHops.partial).toBe(trace.networks.partial.byteHops);
        expect(byteHops.instruction).toBe(trace.networks.instruction.byteHops);
      }),
      { numRuns: 300 },
    );
  });

  it("agree with what the networks carried of messages whose destinations move with core and turn", () => {
    const slope = fc.constantFrom(0, 0, 1, 1, -1);
    const field = fc.record({ base: fc.integer({ min: -1, max: 3 }), row: slope, column: slope, turn: slope });
    const shape = fc.record({
      row: fc.integer({ min: 0, max: 3 }),
      column: fc.integer({ min: -1, max: 3 }),
      rows: fc.integer({ min: 1, max: 4 }),
      columns: fc.integer({ min: 1, max: 5 }),
    });
    const kind = fc.constantFrom("move", "multicast", "psum", "load");
    let sent = 0;
    fc.assert(
      fc.property(shape, field, field, kind, fc.integer({ min: 1, max: 3 }), (at, row, column, sends, turns) => {
        const sources = cores(at.row, at.column, Math.min(at.rows, 4 - at.row), Math.min(at.columns, 4 - at.column));
        const to = { row, column, rows: sends === "load" ? 2 : 1, columns: sends === "multicast" ? 2 : 1 };
        const sendOf = (): SimpleInstruction => {
          if (sends === "move") return move(10, row, column, 1);
          if (sends === "psum") return psumSend(10, row, column, 1);
          return sends === "load" ? programLoad(10, to, 1) : multicast(10, to, 1);
        };
        const corners = [0, 1].flatMap((down) =>
          [0, 1].flatMap((right) =>
            [0, turns - 1].map((turn) => {
              const [r, c] = [down * (sources.rows - 1), right * (sources.columns - 1)];
              return [row, column].map(({ base, ...by }) => base + by.row * r + by.column * c + by.turn * turn);
            }),
          ),
        );
        fc.pre(corners.every(([r = -1, c = -2]) => r >= 0 && r + to.rows <= 4 && c >= -1 && c + to.columns <= 4));
        const all = oneStep([onCores(sources, { send: [{ kind: "loop", count: turns, body: [sendOf()] }] })]);
        const trace = run(all);
        const counts = countsOf(trace, all, true);
        const { byteHops } = counts.total;
        expect(byteHops.activation).toBe(trace.networks.activation.byteHops);
        expect(byteHops.partial).toBe(trace.networks.partial.byteHops);
        expect(byteHops.instruction).toBe(trace.networks.instruction.byteHops);
        expect(countsOf(trace, all).total).toEqual(counts.total);
        expect(counts.cores?.reduce(addCounts, emptyCounts())).toEqual(counts.total);
        sent += 1;
      }),
      { numRuns: 300 },
    );
    expect(sent).toBe(300);
  });
});

describe("energy", () => {
  it("is counts × table + static power × time, by component", () => {
    const counts = emptyCounts();
    counts.macs["2"] = 8;
    counts.macs["4"] = 4;
    counts.macs["8"] = 2;
    counts.vectorElements.copy = 3;
    counts.vectorElements.table = 5;
    counts.memory.readBytes = 10;
    counts.memory.writtenBytes = 20;
    counts.weightBuffer.readBytes = 8;
    counts.weightBuffer.writtenBytes = 16;
    counts.accumulators.readBytes = 32;
    counts.accumulators.writtenBytes = 64;
    counts.partialBuffer.readBytes = 16;
    counts.partialBuffer.writtenBytes = 32;
    counts.byteHops.model = 100;
    counts.byteHops.partial = 100;
    counts.byteHops.activation = 100;
    counts.byteHops.instruction = 100;
    counts.instructionCount = 3;
    counts.frameBuffer.readBytes = 1;
    counts.frameBuffer.writtenBytes = 2;
    counts.hostBytes = 7;
    const energy = energyOf(counts, miniTarget, 1000, 2);
    const picojoules = energyComponents.map(
      (component) => Math.round((energy.byComponentJoules[component] * 2) / 1e-18) / 1e6,
    );
    expect(picojoules).toEqual([
      8 * 0.125 + 4 * 0.25 + 2 * 0.5,
      3 * 1 + 5 * 7,
      10 * 1 + 20 * 2,
      8 * 0.375 + 16 * 0.75,
      96 * 0.0625,
      48 * 0.4375,
      50,
      25,
      12.5,
      6.25,
      48,
      9,
      224,
      // 16 cores × 64 pJ × 1000 cycles; 0.5 W and 0.25 W × 1000 cycles / 1e8 Hz = 5 µJ and 2.5 µJ.
      1.024e6,
      5e6,
      2.5e6,
    ]);
  });

  it("is the sum of its parts, bit for bit: dynamic ones, then clock, leakage and interface", () => {
    const rich = richProgram();
    const energy = energyOf(countsOf(run(rich), rich).total, miniTarget, 12345, 3);
    const added = (parts: readonly EnergyComponent[]): number =>
      parts.reduce((total, component) => total + energy.byComponentJoules[component], 0);
    expect(energyComponents.slice(-3)).toEqual(["clock", "leakage", "interface"]);
    expect(energy.dynamicJoules).toBe(added(energyComponents.slice(0, -3)));
    expect(energy.staticJoules).toBe(added(energyComponents.slice(-3)));
    expect(energy.totalJoules).toBe(energy.dynamicJoules + energy.staticJoules);
  });

  it("doubles exactly when all energies and the static power double", () => {
    const double = withTarget((target) => {
      const visit = (table: Record<string, unknown>): void => {
        for (const [key, value] of Object.entries(table)) {
          if (typeof value === "number") table[key] = value * 2;
          else visit(value as Record<string, unknown>);
        }
      };
      visit(target.energy as unknown as Record<string, unknown>);
      for (const network of Object.values(target.networks)) network.hopEnergyPjPerByte *= 2;
    });
    const rich = richProgram();
    const counts = countsOf(run(rich, { host: true }), rich).total;
    const single = energyOf(counts, miniTarget, 777, 3);
    const twice = energyOf(countsOf(run(rich, { host: true, target: double }), rich).total, double, 777, 3);
    expect(twice.totalJoules).toBe(2 * single.totalJoules);
    for (const component of energyComponents) {
      expect(twice.byComponentJoules[component]).toBe(2 * single.byComponentJoules[component]);
      expect(single.byComponentJoules[component]).toBeGreaterThan(0);
    }
  });
});
