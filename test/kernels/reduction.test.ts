import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ElementName, storedBytes } from "../../kernels/element.ts";
import { f16BitsFromF64, f64FromF16Bits } from "../../kernels/float16.ts";
import type { KernelFunction, ReduceTask } from "../../kernels/kernels.ts";
import { Arena, dataAddress, expectSame, makeTwins, put, randomize, type Twins } from "./twins.ts";

const counts = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 0, maxLength: 3 });
const inner = fc.oneof(
  fc.tuple(fc.integer({ min: 1, max: 60 })),
  fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 3 }),
);
const functions = ["sum", "mean", "reduce_maximum", "reduce_minimum"] as const;
const halfFunctions = [...functions, "mean_of_squares"] as const;

/** Reduces a dense list of f16, given as numbers, in both kernels, which must agree; the result as a number. */
function reduceHalves(name: KernelFunction, values: readonly number[], count: number | null = null): number {
  const twins = makeTwins();
  put(twins, dataAddress, Uint16Array.from(values, f16BitsFromF64));
  const divisorAddress = dataAddress + 1048576 / 4;
  if (count !== null) put(twins, divisorAddress, Int32Array.of(count));
  const task: ReduceTask = {
    function: name,
    counts: [],
    inner: [values.length],
    source: { element: "f16", address: dataAddress, strides: [2] },
    divisor: count === null ? null : { element: "i32", address: divisorAddress, strides: [] },
    destination: { element: "f16", address: divisorAddress + 8, strides: [] },
  };
  expectSame(twins, (kernels) => kernels.reduce(task));
  return f64FromF16Bits(new DataView(twins.wasm.memory.buffer).getUint16(divisorAddress + 8, true));
}

/** Reduces a dense list of i8, in both kernels, which must agree. */
function reduceBytes(name: KernelFunction, values: readonly number[], count: number | null): number {
  const twins = makeTwins();
  put(twins, dataAddress, Int8Array.from(values));
  put(twins, dataAddress + 512, Int32Array.of(count ?? 0));
  const task: ReduceTask = {
    function: name,
    counts: [],
    inner: [values.length],
    source: { element: "i8", address: dataAddress, strides: [1] },
    divisor: count === null ? null : { element: "i32", address: dataAddress + 512, strides: [] },
    destination: { element: name === "sum" ? "i32" : "i8", address: dataAddress + 516, strides: [] },
  };
  expectSame(twins, (kernels) => kernels.reduce(task));
  const result = new DataView(twins.wasm.memory.buffer);
  return name === "sum" ? result.getInt32(dataAddress + 516, true) : result.getInt8(dataAddress + 516);
}

describe("reductions in WASM give the same bytes as the plain twin", () => {
  const twins = makeTwins();
  for (const element of ["f16", "i8", "u8", "i4", "i32"] as const) {
    it.each(element === "f16" ? halfFunctions : functions)(`%s of ${element}`, (name) => {
      fc.assert(
        fc.property(
          fc.integer(),
          counts,
          inner,
          fc.boolean(),
          fc.boolean(),
          (seed, outer, reduced, divided, finite) => {
            const random = randomize(twins, seed);
            if (finite) clearExponents(twins);
            const arena = new Arena(random);
            const to: ElementName = name === "sum" && element !== "f16" ? "i32" : element;
            const source = arena.view(element, storedBytes(element), [...outer, ...reduced], true);
            const divisor = arena.view("i32", 4, outer, false);
            const destination = arena.view(to, storedBytes(to), outer, false);
            const used = divided && name.startsWith("mean") ? divisor : null;
            const task = { function: name, counts: outer, inner: reduced, source, divisor: used, destination };
            expectSame(twins, (kernels) => kernels.reduce(task));
          },
        ),
        { numRuns: 50 },
      );
    });
  }

  it("for windows that overlap", () => {
    randomize(twins, 41);
    clearExponents(twins);
    const task: ReduceTask = {
      function: "mean",
      counts: [4, 5, 5],
      inner: [3, 3],
      source: { element: "f16", address: dataAddress, strides: [242, 44, 4, 22, 2] },
      divisor: null,
      destination: { element: "f16", address: dataAddress + 4096, strides: [50, 10, 2] },
    };
    for (const name of halfFunctions) expectSame(twins, (kernels) => kernels.reduce({ ...task, function: name }));
  });

  it("for more elements than are added at a time", () => {
    randomize(twins, 43);
    clearExponents(twins);
    const task: ReduceTask = {
      function: "sum",
      counts: [2],
      inner: [40001],
      source: { element: "f16", address: dataAddress, strides: [80002, 2] },
      divisor: null,
      destination: { element: "f16", address: dataAddress + 400000, strides: [2] },
    };
    for (const name of halfFunctions) expectSame(twins, (kernels) => kernels.reduce({ ...task, function: name }));
  });
});

/** Makes every f16 of the data finite: one bit of each exponent is cleared. */
function clearExponents(twins: Twins): void {
  for (const kernels of [twins.wasm, twins.plain]) {
    const bytes = new Uint8Array(kernels.memory.buffer, dataAddress, 500000);
    bytes.forEach((byte, index) => {
      bytes[index] = byte & 0xbf;
    });
  }
}

describe("a sum of f16", () => {
  it("is exact: 65504 + 2^−24 − 65504 = 2^−24, where f32 would give 0", () => {
    expect(reduceHalves("sum", [65504, 2 ** -24, -65504])).toBe(2 ** -24);
  });

  it("is exact also where f64 would not be: 50,000 · 65504 + 2^−24 − 50,000 · 65504 = 2^−24", () => {
    const many = new Array<number>(50000).fill(65504);
    expect(reduceHalves("sum", [...many, 2 ** -24, ...many.map((value) => -value)])).toBe(2 ** -24);
  });

  it("may pass the range of f16 on its way, and is infinite when it ends beyond", () => {
    expect(reduceHalves("sum", [65504, 65504, 65504, -65504, -65504])).toBe(65504);
    expect(reduceHalves("sum", [65504, 16])).toBe(Number.POSITIVE_INFINITY);
    expect(reduceHalves("sum", [65504, 15])).toBe(65504);
  });

  it("rounds once, ties to even: 2048 + 1 = 2048, 2048 + 1 + 2^−24 = 2050", () => {
    expect(reduceHalves("sum", [2048, 1])).toBe(2048);
    expect(reduceHalves("sum", [2048, 1, 2 ** -24])).toBe(2050);
  });

  it("lets an infinity win, gives NaN for both infinities or for a NaN, and +0 for zeros of any sign", () => {
    expect(reduceHalves("sum", [1, Number.NEGATIVE_INFINITY, 5])).toBe(Number.NEGATIVE_INFINITY);
    expect(reduceHalves("sum", [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])).toBeNaN();
    expect(reduceHalves("sum", [1, Number.NaN, Number.POSITIVE_INFINITY])).toBeNaN();
    expect(reduceHalves("sum", [-0, -0])).toBe(0);
    const ones = new Array<number>(9000).fill(1);
    expect(reduceHalves("sum", [...ones, Number.POSITIVE_INFINITY])).toBe(Number.POSITIVE_INFINITY);
    expect(reduceHalves("sum", [Number.POSITIVE_INFINITY, ...ones, Number.NEGATIVE_INFINITY])).toBeNaN();
    expect(reduceHalves("sum", [Number.NaN, ...ones, Number.NEGATIVE_INFINITY])).toBeNaN();
  });

  it("of 100,000 times 0.5 is 50,000, a tie between 49,984 and 50,016, and gives the even one", () => {
    expect(reduceHalves("sum", new Array<number>(100000).fill(0.5))).toBe(49984);
  });
});

describe("a mean", () => {
  it("of f16 divides the exact sum by the count of elements or by the divisor", () => {
    expect(reduceHalves("mean", [1, 2, 4, 5])).toBe(3);
    expect(reduceHalves("mean", [1, 2, 4, 5], 6)).toBe(2);
    expect(reduceHalves("mean", [65504, 65504])).toBe(65504);
    expect(reduceHalves("mean", [1, 0, 0])).toBe(f64FromF16Bits(f16BitsFromF64(1 / 3)));
  });

  it("of integers rounds ties to even and stays in the range of its type", () => {
    expect(reduceBytes("mean", [1, 2], null)).toBe(2);
    expect(reduceBytes("mean", [2, 3], null)).toBe(2);
    expect(reduceBytes("mean", [-1, -2], null)).toBe(-2);
    expect(reduceBytes("mean", [100, 100, 100], 2)).toBe(127);
    expect(reduceBytes("mean", [-100, -100], 1)).toBe(-128);
    expect(reduceBytes("sum", [100, 100, 100, -1], null)).toBe(299);
  });
});

describe("a mean of squares", () => {
  it("divides the exact sum of exact squares by the count of elements or by the divisor", () => {
    expect(reduceHalves("mean_of_squares", [1, -2, 4])).toBe(7);
    expect(reduceHalves("mean_of_squares", [1, -2, 4], 4)).toBe(5.25);
    // 300² + 400² is beyond f16; a hundredth of it is not.
    expect(reduceHalves("mean_of_squares", [300, -400], 100)).toBe(2500);
    expect(reduceHalves("mean_of_squares", [-0, 0])).toBe(0);
    expect(reduceHalves("mean_of_squares", [256])).toBe(Number.POSITIVE_INFINITY);
  });

  it("is rounded once: the least square decides a tie between 2048 and 2050, where f64 would lose it", () => {
    expect(reduceHalves("mean_of_squares", [32, 32, 1], 1)).toBe(2048);
    expect(reduceHalves("mean_of_squares", [32, 32, 1, 2 ** -24], 1)).toBe(2050);
    expect(reduceHalves("mean_of_squares", [2 ** -24, 32, 32, 1], 1)).toBe(2050);
    const many = new Array<number>(2049).fill(2 ** 15);
    expect(reduceHalves("mean_of_squares", many, 2 ** 30)).toBe(2048);
    expect(reduceHalves("mean_of_squares", [...many, 2 ** -24], 2 ** 30)).toBe(2050);
    expect(reduceHalves("mean_of_squares", [2 ** -24, ...many], 2 ** 30)).toBe(2050);
  });

  it("is infinite with an infinity, and no number with a NaN", () => {
    expect(reduceHalves("mean_of_squares", [1, Number.NEGATIVE_INFINITY])).toBe(Number.POSITIVE_INFINITY);
    expect(reduceHalves("mean_of_squares", [Number.POSITIVE_INFINITY, Number.NaN, 1])).toBeNaN();
  });
});

describe("a maximum or minimum of f16", () => {
  it("orders −0 below +0 and gives NaN when an operand is NaN, however many operands", () => {
    for (const length of [1, 7, 8, 30]) {
      const zeros = new Array<number>(length).fill(-0);
      expect(reduceHalves("reduce_maximum", [...zeros, 0])).toBe(0);
      expect(reduceHalves("reduce_minimum", [0, ...zeros])).toBe(-0);
      expect(reduceHalves("reduce_maximum", [Number.NaN, ...zeros])).toBeNaN();
      expect(reduceHalves("reduce_minimum", [...zeros, Number.NaN])).toBeNaN();
    }
    expect(reduceHalves("reduce_maximum", [Number.NEGATIVE_INFINITY])).toBe(Number.NEGATIVE_INFINITY);
    expect(reduceHalves("reduce_minimum", [Number.POSITIVE_INFINITY, 3])).toBe(3);
  });
});

describe("a reduction that does not fit", () => {
  const { wasm, plain } = makeTwins();
  const view = (element: ElementName) => ({ element, address: dataAddress, strides: [1] });
  const task = { counts: [], inner: [2], source: view("i8"), divisor: null, destination: view("i32") } as const;
  it.each([
    ["is not a reduction", { ...task, function: "add" as const }],
    ["has a sum of another width", { ...task, function: "sum" as const, destination: view("i16") }],
    ["has a wide maximum", { ...task, function: "reduce_maximum" as const }],
    ["is of f32", { ...task, function: "sum" as const, source: view("f32"), destination: view("f32") }],
    ["divides by f16", { ...task, function: "mean" as const, destination: view("i8"), divisor: view("f16") }],
    ["squares integers", { ...task, function: "mean_of_squares" as const, destination: view("i8") }],
    ["has no elements", { ...task, function: "sum" as const, inner: [0] }],
  ] as const)("because it %s is refused", (_, wrong) => {
    for (const kernels of [wasm, plain]) expect(() => kernels.reduce(wrong)).toThrow(RangeError);
  });
});
