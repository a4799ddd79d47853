import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { product, rowMajorStrides } from "../../base/math.ts";
import { getPacked, putPacked, storedBytesOf, unpacked } from "../../ir/packing.ts";
import { makeTensor } from "../../ir/tensor.ts";
import { integerRange, tensorType } from "../../ir/type.ts";
import type { ContractionTask, Kernels } from "../../kernels/kernels.ts";
import { packedBits } from "../../kernels/packed.ts";
import { dataAddress, expectSame, makeTwins, put, randomize } from "./twins.ts";

const narrow = fc.constantFrom("i4", "u4", "i2", "u2");
const wide = fc.constantFrom("i8", "u8");
const small = fc.integer({ min: 1, max: 7 });

describe("packed elements", () => {
  it("stand low bits first", () => {
    const pack = (element: "i4" | "u4" | "i2", numbers: readonly number[]): number[] => [
      ...storedBytesOf(makeTensor(tensorType(element, [numbers.length]), Int8Array.from(numbers))),
    ];
    expect(pack("i4", [1, -8, 7])).toEqual([0x81, 0x07]);
    expect(pack("i2", [1, -2, -1, 0, 1])).toEqual([0b00_11_10_01, 0b01]);
  });

  it("come back as they were, up to the ends of their range", () => {
    fc.assert(
      fc.property(narrow, fc.array(fc.nat(), { maxLength: 30 }), (element, seeds) => {
        const { low, high } = integerRange(element);
        const numbers = [low, high, ...seeds.map((seed) => low + (seed % (high - low + 1)))];
        const data = element.startsWith("i") ? Int8Array.from(numbers) : Uint8Array.from(numbers);
        const bytes = storedBytesOf({ type: tensorType(element, [numbers.length]), data });
        expect(bytes.length).toBe(Math.ceil((numbers.length * packedBits(element)) / 8));
        expect(unpacked(element, bytes, numbers.length)).toEqual(data);
      }),
    );
  });

  it("are written without touching their neighbours", () => {
    fc.assert(
      fc.property(fc.constantFrom(2, 4), fc.nat(15), fc.nat(255), fc.nat(15), (bits, index, fill, value) => {
        const bytes = new Uint8Array(8).fill(fill);
        const before = Array.from({ length: 16 }, (_, at) => getPacked(bytes, bits, false, at));
        putPacked(bytes, bits, index, value);
        const after = Array.from({ length: 16 }, (_, at) => getPacked(bytes, bits, false, at));
        expect(after).toEqual(before.map((old, at) => (at === index ? value & ((1 << bits) - 1) : old)));
      }),
    );
  });

  it("are copied, packed and unpacked alike in WASM and plain, from any element to any", () => {
    const twins = makeTwins();
    fc.assert(
      fc.property(
        fc.record({
          seed: fc.integer(),
          element: narrow,
          counts: fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 2 }),
          from: fc.nat(7),
          to: fc.nat(7),
          gap: fc.nat(2),
          toPacked: fc.boolean(),
          fromPacked: fc.boolean(),
          turned: fc.boolean(),
        }),
        ({ seed, element, counts, from, to, gap, toPacked, fromPacked, turned }) => {
          randomize(twins, seed);
          const share = packedBits(element) / 8;
          const dense = rowMajorStrides(counts).map((stride, axis) => (axis === 0 ? stride + gap : stride));
          const strides = (packed: boolean, list: readonly number[]): number[] =>
            list.map((stride) => stride * (packed ? share : 1));
          const order = turned && counts.length === 2 ? [1, counts[0] as number] : dense;
          expectSame(twins, (kernels) =>
            kernels.copyPacked({
              counts,
              element,
              source: {
                packed: fromPacked,
                address: dataAddress + from * (fromPacked ? share : 1),
                strides: strides(fromPacked, dense),
              },
              destination: {
                packed: toPacked,
                address: dataAddress + 20000 + to * (toPacked ? share : 1),
                strides: strides(toPacked, order),
              },
            }),
          );
        },
      ),
      { numRuns: 400 },
    );
  });
});

interface Case {
  readonly seed: number;
  readonly groups: number;
  readonly rows: number;
  readonly inner: number;
  readonly columns: number;
  readonly activation: "i4" | "u4" | "i2" | "u2" | "i8" | "u8";
  readonly weight: "i4" | "u4" | "i2" | "u2" | "i8" | "u8";
  readonly layout: "paired" | "strided";
}

/** A contraction of unpacked operands, and the same of packed ones, whose sums stand elsewhere. */
function bothForms(kernels: Kernels, { groups, rows, inner, columns, activation, weight, layout }: Case): void {
  const share = (element: Case["weight"]): number => (element.endsWith("8") ? 1 : packedBits(element) / 8);
  const pairs = Math.ceil(inner / 2);
  const groupWeights = layout === "paired" ? pairs * columns * 2 : inner * columns;
  const activationCount = groups * rows * inner;
  const [x, w] = [dataAddress, dataAddress + 60000];
  const [packedX, packedW, partial, bias] = [x + 120000, x + 180000, x + 240000, x + 300000];
  // Numbers in the range of their types, one a byte: what stands there is cut to it by packing and unpacking.
  const settle = (element: Case["weight"], count: number, from: number, to: number, group: number): number => {
    if (share(element) === 1) {
      kernels.copy({
        counts: [count],
        elementBytes: 1,
        source: { address: from, strides: [1] },
        destination: { address: to, strides: [1] },
      });
      return group;
    }
    const bytes = Math.ceil(group * share(element));
    const shape = [count / group, group];
    const plain = { packed: false, address: from, strides: [group, 1] };
    const packed = { packed: true, address: to, strides: [bytes, share(element)] };
    kernels.copyPacked({ counts: shape, element, source: plain, destination: packed });
    kernels.copyPacked({ counts: shape, element, source: packed, destination: plain });
    return bytes;
  };
  const activationGroup = settle(activation, activationCount, x, packedX, rows * inner);
  const weightGroup = settle(weight, groups * groupWeights, w, packedW, groupWeights);
  const taskOf = (isPacked: boolean): ContractionTask => {
    const a = isPacked ? share(activation) : 1;
    const b = isPacked ? share(weight) : 1;
    return {
      groups,
      rows: [rows],
      inner: [inner],
      columns,
      activations: {
        address: isPacked ? packedX : x,
        element: activation,
        packed: isPacked && share(activation) < 1,
        groupStride: isPacked ? activationGroup : rows * inner,
        rowStrides: [inner * a],
        innerStrides: [a],
      },
      weights: {
        address: isPacked ? packedW : w,
        element: weight,
        packed: isPacked && share(weight) < 1,
        layout,
        groupStride: isPacked ? weightGroup : groupWeights,
        innerStrides: layout === "paired" ? [] : [columns * b],
        columnStride: layout === "paired" ? 0 : b,
      },
      partial: isPacked ? partial : partial + 30000,
      start: "bias",
      bias,
    };
  };
  kernels.contract(taskOf(false));
  kernels.contract(taskOf(true));
}

describe("the contraction of packed operands", () => {
  it("gives the sums of the same numbers unpacked, in WASM and plain, for every pair of widths", () => {
    const twins = makeTwins();
    const cases = fc.record({
      seed: fc.integer(),
      groups: fc.integer({ min: 1, max: 3 }),
      rows: fc.oneof(small, fc.constant(18)),
      inner: fc.integer({ min: 1, max: 70 }),
      columns: fc.oneof(small, fc.integer({ min: 8, max: 150 })),
      activation: fc.oneof(narrow, wide),
      weight: fc.oneof(narrow, wide),
      layout: fc.constantFrom("paired" as const, "strided" as const),
    });
    fc.assert(
      fc.property(cases, (sample) => {
        fc.pre(sample.rows * sample.columns * sample.groups * 4 <= 30000);
        randomize(twins, sample.seed);
        expectSame(twins, (kernels) => bothForms(kernels, sample));
        const sums = (offset: number): Buffer =>
          Buffer.from(
            twins.wasm.memory.buffer,
            dataAddress + 240000 + offset,
            product([sample.groups, sample.rows, sample.columns, 4]),
          );
        expect(Buffer.compare(sums(0), sums(30000))).toBe(0);
      }),
      { numRuns: 250 },
    );
  });

  it("adds over chunks of inner elements, rows and columns that exceed the scratch memory", () => {
    const twins = makeTwins();
    for (const [rows, inner, columns, weight] of [
      [3, 2049, 40, "i4"],
      [40, 1027, 20, "i2"],
      [2, 300, 131, "i2"],
    ] as const) {
      randomize(twins, rows);
      put(twins, dataAddress + 300000, new Int32Array(200));
      const sample: Case = { seed: 0, groups: 1, rows, inner, columns, activation: "i4", weight, layout: "paired" };
      expectSame(twins, (kernels) => bothForms(kernels, sample));
    }
  });
});
