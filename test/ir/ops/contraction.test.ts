import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { at } from "../../../base/math.ts";
import { makeRandom } from "../../../base/random.ts";
import type { Attributes } from "../../../ir/graph.ts";
import { makeWasmContractor } from "../../../ir/ops/contraction-kernels.ts";
import { inferNode, operatorOf } from "../../../ir/ops/index.ts";
import { sampleTensor } from "../../../ir/ops/samples.ts";
import { tensorNumbers } from "../../../ir/ops/values.ts";
import type { Tensor } from "../../../ir/tensor.ts";
import { type ElementType, elementCount, formatType, perTensor, tensorType } from "../../../ir/type.ts";
import { apply, expectClose, numbersOf, points, spaceOf, tensor, touched } from "./checks.ts";

/** The contraction by the loops of its own iteration space, in f64; outside the operand `outside` is read. */
function byLoops(op: string, operands: readonly (Tensor | null)[], attributes: Attributes, outside: number): number[] {
  const space = spaceOf(op, { operands, attributes });
  const [x, w, bias] = operands;
  const { type } = inferNode(
    op,
    operands.map((operand) => operand?.type ?? null),
    attributes,
  );
  const result = new Array<number>(elementCount(type)).fill(0);
  const read = (operand: Tensor | null | undefined, index: number, point: readonly number[]): number => {
    const access = space.operands[index];
    if (operand === null || operand === undefined || access === null || access === undefined) return 0;
    const element = touched(access, operand.type.shape, point);
    return element < 0 ? outside : at(tensorNumbers(operand), element);
  };
  for (const point of points(space)) {
    const element = touched(space.result, type.shape, point);
    const first = space.dimensions.every((dimension, index) => dimension.kind === "parallel" || point[index] === 0);
    result[element] = at(result, element) + read(x, 0, point) * read(w, 1, point) + (first ? read(bias, 2, point) : 0);
  }
  return result;
}

interface ConvCase {
  readonly batch: number;
  readonly group: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly pads: readonly number[];
  readonly extra: readonly number[];
  readonly bias: boolean;
  readonly seed: number;
}

const size = (low: number, high: number): fc.Arbitrary<number> => fc.integer({ min: low, max: high });

const convCase: fc.Arbitrary<ConvCase> = size(1, 3).chain((rank) => {
  const list = (low: number, high: number, length = rank) =>
    fc.array(size(low, high), { minLength: length, maxLength: length });
  return fc.record({
    batch: size(1, 2),
    group: size(1, 3),
    inputs: size(1, 3),
    outputs: size(1, 3),
    kernel: list(1, 3),
    strides: list(1, 3),
    dilations: list(1, 2),
    pads: list(0, 2, 2 * rank),
    extra: list(0, 3),
    bias: fc.boolean(),
    seed: size(0, 99999),
  });
});

function convOperands(
  example: ConvCase,
  element: "f32" | "i8" | "u8",
  zero: number,
): { operands: (Tensor | null)[]; attributes: Attributes } {
  const { group, inputs, outputs, kernel, strides, dilations, pads } = example;
  const random = makeRandom(example.seed);
  const spatial = kernel.map((length, axis) => at(dilations, axis) * (length - 1) + 1 + at(example.extra, axis));
  const quantized = element !== "f32";
  const channels = group * outputs;
  const x = tensorType(element, [example.batch, group * inputs, ...spatial], quantized ? perTensor(0.5, zero) : null);
  const scales = Array.from({ length: channels }, (_, index) => 0.25 * (index + 1));
  const w = tensorType(
    quantized ? "i8" : "f32",
    [channels, inputs, ...kernel],
    quantized ? { axis: 0, scales, zeros: scales.map(() => 0) } : null,
  );
  const range = quantized ? 255 : 4;
  return {
    operands: [
      sampleTensor(random, x, -range, range),
      sampleTensor(random, w, -127, 127),
      example.bias ? sampleTensor(random, tensorType(quantized ? "i32" : "f32", [channels]), -9999, 9999) : null,
    ],
    attributes: { strides, dilations, pads, group },
  };
}

describe("conv", () => {
  it("equals the loops of its iteration space", () => {
    fc.assert(
      fc.property(convCase, (example) => {
        const { operands, attributes } = convOperands(example, "f32", 0);
        expectClose(numbersOf("conv", operands, attributes), byLoops("conv", operands, attributes, 0), 1e-4, 1e-2);
      }),
      { numRuns: 60 },
    );
  });

  it("adds stored integers, the zero point standing in the padding", () => {
    fc.assert(
      fc.property(convCase, size(-7, 7), (example, zero) => {
        const { operands, attributes } = convOperands(example, "i8", zero);
        expect(numbersOf("conv", operands, attributes)).toEqual(byLoops("conv", operands, attributes, zero));
      }),
      { numRuns: 40 },
    );
  });

  it("gives the same in WASM as by plain loops", () => {
    const contractor = makeWasmContractor();
    fc.assert(
      fc.property(convCase, fc.constantFrom("f32", "i8", "u8"), (example, element) => {
        const { operands, attributes } = convOperands(example, element, 3);
        const { type, attributes: complete } = inferNode(
          "conv",
          operands.map((each) => each?.type ?? null),
          attributes,
        );
        const plain = apply("conv", operands, attributes);
        const fast = operatorOf("conv").evaluate({ operands, attributes: complete, type, contractor });
        if (element === "f32") expectClose(tensorNumbers(fast), tensorNumbers(plain), 1e-4, 1e-2);
        else expect(fast).toEqual(plain);
      }),
      { numRuns: 40 },
    );
  });

  it("names its dimensions: n, g with groups, o, positions, c, places in the kernel", () => {
    const names = (group: number, rank: number): string[] => {
      const ones = new Array<number>(rank).fill(1);
      const operands = [
        sampleTensor(makeRandom(1), tensorType("f32", [1, 2, ...new Array<number>(rank).fill(4)])),
        sampleTensor(makeRandom(2), tensorType("f32", [4, 2 / group, ...new Array<number>(rank).fill(3)])),
        null,
      ];
      const attributes = { strides: ones, dilations: ones, pads: [...ones, ...ones], group };
      return spaceOf("conv", { operands, attributes }).dimensions.map(
        (each) => `${each.name}${each.kind === "reduction" ? "*" : ""}${each.size}`,
      );
    };
    expect(names(1, 2)).toEqual(["n1", "o4", "h4", "w4", "c*2", "kh*3", "kw*3"]);
    expect(names(2, 1)).toEqual(["n1", "g2", "o2", "w4", "c*1", "kw*3"]);
    expect(names(1, 3)).toEqual(["n1", "o4", "d4", "h4", "w4", "c*2", "kd*3", "kh*3", "kw*3"]);
  });

  it("touches the input by stride, dilation and negative padding, the channels by group", () => {
    const operands = [
      sampleTensor(makeRandom(1), tensorType("f32", [1, 4, 9])),
      sampleTensor(makeRandom(2), tensorType("f32", [6, 2, 3])),
      null,
    ];
    const space = spaceOf("conv", { operands, attributes: { strides: [2], dilations: [3], pads: [1, 0], group: 2 } });
    expect(space.operands[0]?.[1]).toEqual({
      terms: [
        { dimension: 1, stride: 2 },
        { dimension: 4, stride: 1 },
      ],
      offset: 0,
    });
    expect(space.operands[0]?.[2]).toEqual({
      terms: [
        { dimension: 3, stride: 2 },
        { dimension: 5, stride: 3 },
      ],
      offset: -1,
    });
    expect(space.operands[1]?.[0]).toEqual({
      terms: [
        { dimension: 1, stride: 3 },
        { dimension: 2, stride: 1 },
      ],
      offset: 0,
    });
    expect(space.operands[2]).toBe(null);
  });

  it("multiplies the scale of x with each channel's scale of w, along axis 1", () => {
    const operands = [
      tensor("i8", [1, 1, 2], [1, 2], perTensor(0.5, 9)),
      tensor("i8", [2, 1, 1], [3, 4], { axis: 0, scales: [0.25, 2], zeros: [0, 0] }),
      null,
    ];
    const result = apply("conv", operands, { strides: [1], dilations: [1], pads: [0, 0] });
    expect(formatType(result.type)).toBe("i32<axis=1, scale=[0.125,1], zero=0>[1,2,2]");
    expect(Array.from(tensorNumbers(result))).toEqual([3, 6, 4, 8]);
  });

  it.each([
    [
      "channels that do not fit the groups",
      { xShape: [1, 3, 4], wShape: [2, 2, 1], group: 1 },
      /f32\[1,3,4\] with f32\[2,2,1\] in 1 groups/,
    ],
    ["outputs that the groups do not divide", { xShape: [1, 4, 4], wShape: [3, 2, 1], group: 2 }, /in 2 groups/],
    [
      "a kernel that is larger than the padded input",
      { xShape: [1, 1, 2], wShape: [1, 1, 4], group: 1 },
      /reaches over 4 does not fit axis 2 of size 2/,
    ],
    ["ranks that differ", { xShape: [1, 1, 2, 2], wShape: [1, 1, 1], group: 1 }, /cannot contract/],
  ] as const)("refuses %s", (_, { xShape, wShape, group }, message) => {
    const types = [tensorType("f32", xShape), tensorType("f32", wShape), null];
    expect(() => inferNode("conv", types, { strides: [1], dilations: [1], pads: [0, 0], group })).toThrow(message);
  });

  it("refuses strides, dilations or pads that have not one entry a spatial axis", () => {
    const types = [tensorType("f32", [1, 1, 4]), tensorType("f32", [1, 1, 2]), null];
    const good = { strides: [1], dilations: [1], pads: [0, 0] };
    for (const bad of [{ strides: [1, 1] }, { dilations: [0] }, { pads: [0] }, { pads: [-1, 0] }]) {
      expect(() => inferNode("conv", types, { ...good, ...bad })).toThrow(
        /B202.*expected 1 positive numbers each and 2 pads/,
      );
    }
  });
});

const matmulShapes = fc.record({
  batch: fc.constantFrom([[], []], [[2], []], [[], [3]], [[2, 1], [3]], [[1], [2]], [[2], [2]]) as fc.Arbitrary<
    readonly [readonly number[], readonly number[]]
  >,
  m: size(1, 4),
  n: size(1, 4),
  k: size(1, 6),
  bias: fc.boolean(),
  seed: size(0, 99999),
});

describe("matmul", () => {
  it.each(["f32", "f64", "i8", "i32", "i64"] as const)("equals the loops of its iteration space on %s", (element) => {
    fc.assert(
      fc.property(matmulShapes, ({ batch, m, n, k, bias, seed }) => {
        const random = makeRandom(seed);
        const sums: ElementType = element === "i8" ? "i32" : element;
        const operands = [
          sampleTensor(random, tensorType(element, [...batch[0], m, k]), -50, 50),
          sampleTensor(random, tensorType(element, [...batch[1], k, n]), -50, 50),
          bias ? sampleTensor(random, tensorType(sums, [n]), -50, 50) : null,
        ];
        expectClose(
          numbersOf("matmul", operands),
          byLoops("matmul", operands, {}, 0),
          1e-4,
          element === "f32" ? 1e-2 : 1e-9,
        );
      }),
      { numRuns: 30 },
    );
  });

  it("gives the same in WASM as by plain loops", () => {
    const contractor = makeWasmContractor();
    fc.assert(
      fc.property(
        matmulShapes,
        fc.constantFrom("f32", "f16", "u8", "i4"),
        ({ batch, m, n, k, bias, seed }, element) => {
          const random = makeRandom(seed);
          const float = element === "f32" || element === "f16";
          const operands = [
            sampleTensor(random, tensorType(element, [...batch[0], m, k]), -8, 99),
            sampleTensor(random, tensorType(float ? element : "i8", [...batch[1], k, n]), -8, 99),
            bias ? sampleTensor(random, tensorType(float ? element : "i32", [n]), -8, 99) : null,
          ];
          const { type, attributes } = inferNode(
            "matmul",
            operands.map((each) => each?.type ?? null),
            {},
          );
          const plain = apply("matmul", operands);
          const fast = operatorOf("matmul").evaluate({ operands, attributes, type, contractor });
          if (float) expectClose(tensorNumbers(fast), tensorNumbers(plain), element === "f16" ? 2e-3 : 1e-4, 1e-2);
          else expect(fast).toEqual(plain);
        },
      ),
      { numRuns: 40 },
    );
  });

  it("rounds f16 results once, from sums in higher precision", () => {
    const x = tensor("f16", [1, 3], [2048, 1, 1]);
    const w = tensor("f16", [3, 1], [1, 1, 1]);
    expect(numbersOf("matmul", [x, w, null])).toEqual([2050]);
  });

  it("wraps sums of integers around at 32 bits", () => {
    const x = tensor("i32", [1, 2], [2 ** 31 - 1, 1]);
    expect(numbersOf("matmul", [x, tensor("i32", [2, 1], [1, 1]), null])).toEqual([-(2 ** 31)]);
  });

  it("names its dimensions b0, b1, m, n and the reduction k", () => {
    const operands = [tensor("f32", [2, 1, 1, 2], [1, 2, 3, 4]), tensor("f32", [3, 2, 1], [1, 2, 3, 4, 5, 6]), null];
    const space = spaceOf("matmul", { operands, attributes: {} });
    expect(space.dimensions.map(({ name, size: count }) => `${name}${count}`)).toEqual([
      "b02",
      "b13",
      "m1",
      "n1",
      "k2",
    ]);
    expect(space.operands[0]).toEqual([
      { terms: [{ dimension: 0, stride: 1 }], offset: 0 },
      { terms: [], offset: 0 },
      { terms: [{ dimension: 2, stride: 1 }], offset: 0 },
      { terms: [{ dimension: 4, stride: 1 }], offset: 0 },
    ]);
    expect(space.operands[1]?.[0]).toEqual({ terms: [{ dimension: 1, stride: 1 }], offset: 0 });
  });

  it("multiplies the scale of x with each column's scale of w, along the last axis", () => {
    const x = tensorType("u8", [2, 3, 4], perTensor(0.5, 128));
    const w = tensorType("i4", [4, 2], { axis: 1, scales: [2, 4], zeros: [0, 0] });
    expect(formatType(inferNode("matmul", [x, w, null], {}).type)).toBe("i32<axis=2, scale=[1,2], zero=0>[2,3,2]");
    const whole = tensorType("i4", [4, 2], perTensor(3));
    expect(formatType(inferNode("matmul", [x, whole, null], {}).type)).toBe("i32<scale=1.5, zero=0>[2,3,2]");
  });

  it.each([
    ["inner sizes that differ", tensorType("f32", [2, 3]), tensorType("f32", [4, 2]), null, /\[..,M,K\]/],
    ["an operand of one axis", tensorType("f32", [3]), tensorType("f32", [3, 2]), null, /\[..,M,K\]/],
    [
      "batches that do not broadcast",
      tensorType("f32", [2, 1, 3]),
      tensorType("f32", [3, 3, 1]),
      null,
      /do not broadcast/,
    ],
    ["different float types", tensorType("f32", [1, 3]), tensorType("f16", [3, 1]), null, /one float type/],
    [
      "one quantized operand",
      tensorType("i8", [1, 3], perTensor(1)),
      tensorType("i8", [3, 1]),
      null,
      /both operands, or neither/,
    ],
    [
      "scales along an axis of x",
      tensorType("i8", [1, 3], { axis: 1, scales: [1, 1, 1], zeros: [0, 0, 0] }),
      tensorType("i8", [3, 1], perTensor(1)),
      null,
      /one scale for the whole first/,
    ],
    [
      "scales along the inner axis of w",
      tensorType("i8", [1, 3], perTensor(1)),
      tensorType("i8", [3, 1], { axis: 0, scales: [1, 1, 1], zeros: [0, 0, 0] }),
      null,
      /along axis 1/,
    ],
    [
      "a zero point of w",
      tensorType("i8", [1, 3], perTensor(1)),
      tensorType("i8", [3, 1], perTensor(1, 2)),
      null,
      /zero point 0/,
    ],
    [
      "a bias of another length",
      tensorType("f32", [1, 3]),
      tensorType("f32", [3, 2]),
      tensorType("f32", [3]),
      /expected f32\[2\]/,
    ],
    [
      "a float bias of integer sums",
      tensorType("i8", [1, 3]),
      tensorType("i8", [3, 2]),
      tensorType("f32", [2]),
      /expected i32\[2\]/,
    ],
    ["truth values", tensorType("bool", [1, 3]), tensorType("bool", [3, 2]), null, /one float type/],
  ] as const)("refuses %s", (_, x, w, bias, message) => {
    expect(() => inferNode("matmul", [x, w, bias], {})).toThrow(message);
  });
});
