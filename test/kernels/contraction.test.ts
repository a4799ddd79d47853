import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { product } from "../../base/math.ts";
import type { ElementName } from "../../kernels/element.ts";
import type { ContractionTask, Kernels, PairingTask } from "../../kernels/kernels.ts";
import { Arena, dataAddress, dataBytes, expectSame, makeTwins, put, randomize } from "./twins.ts";

const small = fc.integer({ min: 1, max: 6 });
const dimensions = fc.oneof(
  fc.tuple(fc.integer({ min: 1, max: 40 })),
  fc.tuple(small, fc.integer({ min: 1, max: 20 })),
  fc.tuple(small, small, small),
);
const shape = fc.record({
  seed: fc.integer(),
  groups: fc.integer({ min: 1, max: 3 }),
  rows: dimensions,
  inner: fc.oneof(dimensions, fc.tuple(fc.integer({ min: 1, max: 3 }), small, small, small)),
  columns: fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 13, max: 70 })),
  activationElement: fc.constantFrom<ElementName>("i8", "u8", "i4"),
  weightElement: fc.constantFrom<ElementName>("i8", "u8", "i2"),
  layout: fc.constantFrom("paired" as const, "strided" as const),
  paired: fc.boolean(),
  start: fc.constantFrom("zero" as const, "accumulate" as const, "bias" as const),
});

describe("the integer contraction", () => {
  it("gives the same bytes in WASM as in the plain twin, for any shape, stride and start", () => {
    const twins = makeTwins();
    fc.assert(
      fc.property(shape, ({ seed, groups, rows, inner, columns, ...rest }) => {
        const [rowCount, innerCount] = [product(rows), product(inner)];
        fc.pre(groups * innerCount * (rowCount + columns) <= 90000);
        const arena = new Arena(randomize(twins, seed));
        const view = arena.view("i8", 1, [groups, ...rows, ...inner], true);
        const strided = arena.view("i8", 1, [groups, ...inner, columns], true);
        const paired = arena.bytes(groups * Math.ceil(innerCount / 2) * columns * 2);
        const task: ContractionTask = {
          groups,
          rows,
          inner,
          columns,
          activations: {
            address: view.address,
            element: rest.activationElement,
            groupStride: view.strides[0] as number,
            rowStrides: view.strides.slice(1, 1 + rows.length),
            innerStrides: view.strides.slice(1 + rows.length),
          },
          weights: {
            address: rest.layout === "paired" ? paired : strided.address,
            element: rest.weightElement,
            layout: rest.layout,
            groupStride:
              rest.layout === "paired" ? Math.ceil(innerCount / 2) * columns * 2 : (strided.strides[0] as number),
            innerStrides: rest.layout === "paired" ? [] : strided.strides.slice(1, 1 + inner.length),
            columnStride: rest.layout === "paired" ? 0 : (strided.strides[1 + inner.length] as number),
          },
          partial: arena.bytes(groups * rowCount * columns * 4),
          start: rest.start,
          bias: arena.bytes(groups * columns * 4),
        };
        expectSame(twins, (kernels) => {
          // Without the pairing the weights are random bytes, also where the last pair has but one element.
          if (rest.layout === "paired" && rest.paired)
            kernels.pairWeights(pairing(task, strided.strides, strided.address, paired));
          kernels.contract(task);
        });
      }),
      { numRuns: 150 },
    );
  });

  it("adds over chunks of inner elements and rows that exceed the scratch memory", () => {
    const twins = makeTwins();
    randomize(twins, 7);
    for (const [m, k, n, layout] of [
      [150, 1027, 131, "strided"],
      [3, 2049, 40, "strided"],
      [2, 1500, 131, "strided"],
      [141, 1026, 3, "paired"],
      [1, 2048, 33, "paired"],
    ] as const) {
      const task = denseTask(m, k, n, layout);
      expectSame(twins, (kernels) => kernels.contract(task));
    }
  }, 60000);

  it("is the sum of products: [[1, -2, 3]] · [[4], [5], [-6]] + 7 = -17", () => {
    const twins = makeTwins();
    put(twins, dataAddress, Int8Array.of(1, -2, 3));
    put(twins, dataAddress + 16, Int8Array.of(4, 5, -6, 0));
    put(twins, dataAddress + 32, Int32Array.of(7));
    const task: ContractionTask = { ...denseTask(1, 3, 1, "paired"), start: "bias", bias: dataAddress + 32 };
    expectSame(twins, (kernels) =>
      kernels.contract({ ...task, weights: { ...task.weights, address: dataAddress + 16 } }),
    );
    expect(new Int32Array(twins.wasm.memory.buffer, task.partial, 1)[0]).toBe(4 - 10 - 18 + 7);
  });

  it("wraps around in i32", () => {
    const twins = makeTwins();
    put(twins, dataAddress, Int8Array.of(127));
    put(twins, dataAddress + 16, Int8Array.of(127, 0));
    const task = denseTask(1, 1, 1, "paired");
    put(twins, task.partial, Int32Array.of(2147483647));
    const weights = { ...task.weights, address: dataAddress + 16 };
    expectSame(twins, (kernels) => kernels.contract({ ...task, weights, start: "accumulate" }));
    expect(new Int32Array(twins.wasm.memory.buffer, task.partial, 1)[0]).toBe(-2147483648 + 127 * 127 - 1);
  });

  it("reads nothing beyond the last weight of the memory", () => {
    const twins = makeTwins();
    randomize(twins, 11);
    const task = denseTask(5, 3, 3, "paired");
    const weights = { ...task.weights, address: dataAddress + dataBytes - 12 };
    expectSame(twins, (kernels) => kernels.contract({ ...task, weights }));
  });

  it("leaves an empty sum at its start", () => {
    const twins = makeTwins();
    randomize(twins, 3);
    const task = { ...denseTask(2, 0, 5, "strided"), inner: [0] };
    expectSame(twins, (kernels) => kernels.contract(task));
    expect([...new Int32Array(twins.wasm.memory.buffer, task.partial, 10)]).toEqual(new Array(10).fill(0));
  });

  it("refuses elements that are not narrow integers", () => {
    const { wasm, plain } = makeTwins();
    const task = denseTask(1, 1, 1, "paired");
    for (const kernels of [wasm, plain]) {
      const wrong = { ...task, activations: { ...task.activations, element: "f16" as const } };
      expect(() => kernels.contract(wrong)).toThrow(RangeError);
    }
  });

  it("keeps working when the memory has grown", () => {
    const twins = makeTwins();
    randomize(twins, 5);
    const task = denseTask(4, 8, 8, "paired");
    twins.wasm.contract(task);
    twins.wasm.memory.grow(1);
    twins.plain.memory.grow(1);
    expectSame(twins, (kernels) => kernels.contract(task));
  });
});

describe("the pairing of weights", () => {
  it("puts element (k, n) at [k/2][n][k mod 2], with a zero after an odd last row", () => {
    const twins = makeTwins();
    put(twins, dataAddress, Int8Array.of(1, 2, 3, 4, 5, 6));
    const source = { address: dataAddress, groupStride: 0, innerStrides: [2], columnStride: 1 };
    const task: PairingTask = { groups: 1, inner: [3], columns: 2, source, destination: dataAddress + 64 };
    expectSame(twins, (kernels) => kernels.pairWeights(task));
    expect([...new Int8Array(twins.wasm.memory.buffer, dataAddress + 64, 8)]).toEqual([1, 3, 2, 4, 5, 0, 6, 0]);
  });

  it("gives the same bytes in WASM as in the plain twin, for any strides", () => {
    const twins = makeTwins();
    fc.assert(
      fc.property(fc.integer(), small, dimensions, fc.integer({ min: 1, max: 50 }), (seed, groups, inner, columns) => {
        const arena = new Arena(randomize(twins, seed));
        const { address, strides } = arena.view("i8", 1, [groups, ...inner, columns], true);
        const destination = arena.bytes(groups * Math.ceil(product(inner) / 2) * columns * 2);
        const task = { groups, inner, columns, destination };
        const source = {
          address,
          groupStride: strides[0] as number,
          innerStrides: strides.slice(1, -1),
          columnStride: strides.at(-1) as number,
        };
        expectSame(twins, (kernels) => kernels.pairWeights({ ...task, source }));
      }),
      { numRuns: 60 },
    );
  });
});

describe("the f32 contraction", () => {
  it("agrees with the plain twin within the rounding of its additions", () => {
    const twins = makeTwins();
    fc.assert(
      fc.property(shape, ({ seed, groups, rows, inner, columns, start }) => {
        const [rowCount, innerCount] = [product(rows), product(inner)];
        fc.pre(groups * innerCount * (rowCount + columns) <= 20000);
        const random = randomize(twins, seed);
        const arena = new Arena(random);
        const floats = Float32Array.from({ length: dataBytes / 4 }, () => random.uniform() * 2 - 1);
        put(twins, dataAddress, floats);
        const aligned = (address: number): number => Math.ceil(address / 4) * 4;
        const activations = arena.view("f32", 4, [groups, ...rows, ...inner], true);
        const weights = arena.view("f32", 4, [groups, ...inner, columns], true);
        const task: ContractionTask = {
          groups,
          rows,
          inner,
          columns,
          activations: {
            address: aligned(activations.address),
            element: "f32",
            groupStride: activations.strides[0] as number,
            rowStrides: activations.strides.slice(1, 1 + rows.length),
            innerStrides: activations.strides.slice(1 + rows.length),
          },
          weights: {
            address: aligned(weights.address),
            element: "f32",
            layout: "strided",
            groupStride: weights.strides[0] as number,
            innerStrides: weights.strides.slice(1, 1 + inner.length),
            columnStride: weights.strides[1 + inner.length] as number,
          },
          partial: aligned(arena.bytes(groups * rowCount * columns * 4 + 4)),
          start,
          bias: aligned(arena.bytes(groups * columns * 4 + 4)),
        };
        expectClose(twins.wasm, twins.plain, task, groups * rowCount * columns, innerCount);
      }),
      { numRuns: 80 },
    );
  });

  it("adds over chunks of inner elements and of columns", () => {
    const twins = makeTwins();
    const floats = Float32Array.from({ length: dataBytes / 4 }, (_, index) => ((index * 37) % 101) / 101 - 0.5);
    put(twins, dataAddress, floats);
    for (const [m, k, n, columnStride] of [
      [70, 1100, 9, 4],
      [3, 150, 140, 600],
      [70, 1100, 140, 32],
    ] as const) {
      const task = floatTask(m, k, n, columnStride);
      expectClose(twins.wasm, twins.plain, task, m * n, k);
    }
  });

  it("refuses integers", () => {
    const { wasm, plain } = makeTwins();
    for (const kernels of [wasm, plain]) {
      expect(() => kernels.contractFloat(denseTask(1, 1, 1, "strided"))).toThrow("expected f32");
    }
  });
});

/** The pairing that makes the paired weights of a task from strided ones. */
function pairing(task: ContractionTask, strides: readonly number[], address: number, destination: number): PairingTask {
  const { groups, inner, columns } = task;
  const source = {
    address,
    groupStride: strides[0] as number,
    innerStrides: strides.slice(1, -1),
    columnStride: strides.at(-1) as number,
  };
  return { groups, inner, columns, source, destination };
}

/** Dense [m, k] · [k, n] at the start of the data; activations and weights may coincide. */
function denseTask(m: number, k: number, n: number, layout: "paired" | "strided"): ContractionTask {
  return {
    groups: 1,
    rows: [m],
    inner: [k],
    columns: n,
    activations: { address: dataAddress, element: "i8", groupStride: 0, rowStrides: [k], innerStrides: [1] },
    weights: {
      address: dataAddress + 1,
      element: "i8",
      layout,
      groupStride: 0,
      innerStrides: layout === "paired" ? [] : [n],
      columnStride: layout === "paired" ? 0 : 1,
    },
    partial: dataAddress + dataBytes / 2 + 65536,
    start: "zero",
    bias: dataAddress,
  };
}

function floatTask(m: number, k: number, n: number, columnStride: number): ContractionTask {
  const task = denseTask(m, k, n, "strided");
  return {
    ...task,
    activations: { ...task.activations, element: "f32", rowStrides: [k * 4], innerStrides: [4] },
    weights: {
      ...task.weights,
      address: dataAddress + 8,
      element: "f32",
      innerStrides: [columnStride === 4 ? n * 4 : 4],
      columnStride,
    },
  };
}

/** Runs both and compares the f32 results, whose absolute values the operands bound by about the inner count. */
function expectClose(wasm: Kernels, plain: Kernels, task: ContractionTask, count: number, inner: number): void {
  wasm.contractFloat(task);
  plain.contractFloat(task);
  const left = new Float32Array(wasm.memory.buffer, task.partial, count);
  const right = new Float32Array(plain.memory.buffer, task.partial, count);
  const tolerance = (inner + 4) * 2 ** -20;
  expect(left.findIndex((value, index) => !(Math.abs(value - (right[index] as number)) <= tolerance))).toBe(-1);
}
