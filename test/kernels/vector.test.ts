import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Random } from "../../base/random.ts";
import { type ElementName, storedBytes } from "../../kernels/element.ts";
import { f16BitsFromF64, f64FromF16Bits } from "../../kernels/float16.ts";
import type { KernelFunction, VectorTask } from "../../kernels/kernels.ts";
import { tableFunctions } from "../../kernels/table-names.ts";
import {
  Arena,
  dataAddress,
  edgeHalves,
  expectSame,
  makeTwins,
  put,
  randomize,
  randomScale,
  type Twins,
} from "./twins.ts";

const counts = fc.oneof(
  fc.tuple(fc.integer({ min: 1, max: 40 })),
  fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 19 })),
  fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 0, maxLength: 4 }),
);

/** Runs a function on random operands of random strides in both kernels and compares all bytes. */
function compareOn(
  twins: Twins,
  seed: number,
  task: Omit<VectorTask, "sources" | "destination" | "parameters">,
  elements: readonly ElementName[],
  destination: ElementName,
  parameters: (random: Random) => VectorTask["parameters"],
): void {
  const random = randomize(twins, seed);
  const arena = new Arena(random);
  const view = (element: ElementName, broadcast: boolean) =>
    arena.view(element, storedBytes(element), task.counts, broadcast);
  const sources = elements.map((element) => view(element, true));
  for (const { element, address } of sources) {
    if (element === "scale") writeScales(twins, random, address);
  }
  const work = { ...task, sources, destination: view(destination, false), parameters: parameters(random) };
  expectSame(twins, (kernels) => kernels.vector(work));
}

/** Scales at every eighth byte of the part of the memory that scale views of these tests can reach. */
function writeScales(twins: Twins, random: Random, address: number): void {
  put(twins, address, Int32Array.from(Array.from({ length: 2000 }, () => randomScale(random)).flat()));
}

const none = (): VectorTask["parameters"] => ({});

describe("vector functions in WASM give the same bytes as the plain twin", () => {
  const twins = makeTwins();

  it.each(["add", "subtract", "multiply", "divide", "maximum", "minimum"] as const)("%s of f16", (name) => {
    fc.assert(
      fc.property(fc.integer(), counts, (seed, shape) => {
        compareOn(twins, seed, { function: name, counts: shape }, ["f16", "f16"], "f16", none);
      }),
      { numRuns: 60 },
    );
  });

  it.each([
    ["add", "i32"],
    ["subtract", "i32"],
    ["multiply", "i32"],
    ["maximum", "i32"],
    ["maximum", "i8"],
    ["maximum", "u8"],
    ["minimum", "i32"],
    ["minimum", "i4"],
    ["minimum", "u8"],
  ] as const)("%s of %s", (name, element) => {
    fc.assert(
      fc.property(fc.integer(), counts, (seed, shape) => {
        compareOn(twins, seed, { function: name, counts: shape }, [element, element], element, none);
      }),
      { numRuns: 40 },
    );
  });

  it.each([...tableFunctions, "negate", "absolute", "relu", "leaky_relu"] as const)("%s of f16", (name) => {
    fc.assert(
      fc.property(fc.integer(), counts, (seed, shape) => {
        const parameters = (random: Random) => ({ alpha: random.uniform() * 4 - 2 });
        compareOn(twins, seed, { function: name, counts: shape }, ["f16"], "f16", parameters);
      }),
      { numRuns: 30 },
    );
  });

  it.each([...tableFunctions, "negate", "absolute", "relu", "leaky_relu", "clip"] as const)(
    "%s of every f16",
    (name) => {
      randomize(twins, 1);
      put(
        twins,
        dataAddress,
        Uint16Array.from({ length: 65536 }, (_, bits) => bits),
      );
      const view = (address: number) => ({ element: "f16" as const, address, strides: [2] });
      const task: VectorTask = {
        function: name,
        counts: [65536],
        sources: [view(dataAddress)],
        destination: view(dataAddress + 131072),
        parameters: { alpha: -0.3, low: -1.5, high: 0.1 },
      };
      expectSame(twins, (kernels) => kernels.vector(task));
    },
  );

  it.each(["f16", "i8", "u8", "i32"] as const)("clip and relu of %s", (element) => {
    fc.assert(
      fc.property(fc.integer(), counts, fc.boolean(), (seed, shape, relu) => {
        const parameters = (random: Random) => ({ low: random.integer(-200, 10), high: random.integer(0, 300) });
        const task = { function: relu ? "relu" : "clip", counts: shape } as const;
        compareOn(twins, seed, task, [element], element, parameters);
      }),
      { numRuns: 60 },
    );
  });

  it.each(["i8", "u8", "i4"] as const)("requantize to %s", (element) => {
    fc.assert(
      fc.property(fc.integer(), counts, (seed, shape) => {
        compareOn(twins, seed, { function: "requantize", counts: shape }, ["i32", "scale"], element, (random) =>
          element === "u8"
            ? { zero: random.integer(0, 255), low: 0, high: 255 }
            : { zero: random.integer(-8, 7), low: -random.integer(1, 128), high: random.integer(0, 127) },
        );
      }),
      { numRuns: 80 },
    );
  });

  it.each(["i8", "u4"] as const)("quantize to %s", (element) => {
    fc.assert(
      fc.property(fc.integer(), counts, (seed, shape) => {
        compareOn(twins, seed, { function: "quantize", counts: shape }, ["f16", "scale"], element, (random) =>
          element === "u4" ? { zero: 3, low: 0, high: 15 } : { zero: random.integer(-128, 127), low: -128, high: 127 },
        );
      }),
      { numRuns: 80 },
    );
  });

  it.each(["i8", "u8", "i2", "i32"] as const)("dequantize from %s", (element) => {
    fc.assert(
      fc.property(fc.integer(), counts, (seed, shape) => {
        const parameters = (random: Random) => ({ zero: element === "i32" ? 0 : random.integer(-128, 255) });
        compareOn(twins, seed, { function: "dequantize", counts: shape }, [element, "scale"], "f16", parameters);
      }),
      { numRuns: 80 },
    );
  });

  it.each(["i8", "u8", "f16", "i32", "f32"] as const)("fill of %s", (element) => {
    fc.assert(
      fc.property(fc.integer(), counts, (seed, shape) => {
        const parameters = (random: Random) => ({ value: random.integer(-3000, 3000) / (element === "f16" ? 7 : 1) });
        compareOn(twins, seed, { function: "fill", counts: shape }, [], element, parameters);
      }),
      { numRuns: 30 },
    );
  });

  it.each(["u8", "bf16", "f32", "f64"] as const)("copy of %s", (element) => {
    fc.assert(
      fc.property(fc.integer(), counts, (seed, shape) => {
        compareOn(twins, seed, { function: "copy", counts: shape }, [element], element, none);
      }),
      { numRuns: 30 },
    );
  });

  const anyElement = [
    ...["bool", "i4", "i8", "u8", "i16", "u16"],
    ...["i32", "u32", "i64", "u64", "f16"],
  ] as ElementName[];
  const comparisons = ["equal", "less", "less_or_equal", "greater", "greater_or_equal"] as const;
  const element = fc.constantFrom(...anyElement);

  it.each(comparisons)("%s of every element type", (name) => {
    fc.assert(
      fc.property(fc.integer(), counts, element, (seed, shape, from) => {
        compareOn(twins, seed, { function: name, counts: shape }, [from, from], "bool", none);
      }),
      { numRuns: 80 },
    );
  });

  it("select of every element type", () => {
    fc.assert(
      fc.property(fc.integer(), counts, element, (seed, shape, from) => {
        compareOn(twins, seed, { function: "select", counts: shape }, ["bool", from, from], from, none);
      }),
      { numRuns: 80 },
    );
  });

  it.each(["and", "or", "xor"] as const)("%s of integers", (name) => {
    fc.assert(
      fc.property(fc.integer(), counts, fc.constantFrom("u8", "i16", "u32", "i64"), (seed, shape, from) => {
        const integer = from as ElementName;
        compareOn(twins, seed, { function: name, counts: shape }, [integer, integer], integer, none);
      }),
      { numRuns: 40 },
    );
  });

  it("convert between any two element types", () => {
    fc.assert(
      fc.property(fc.integer(), counts, element, element, (seed, shape, from, to) => {
        compareOn(twins, seed, { function: "convert", counts: shape }, [from], to, none);
      }),
      { numRuns: 600 },
    );
  });

  it("also where the destination is a source", () => {
    const random = randomize(twins, 17);
    const view = new Arena(random).view("f16", 2, [7, 9], false);
    const parameters = {};
    for (const name of ["add", "maximum"] as const) {
      const task = { function: name, counts: [7, 9], sources: [view, view], destination: view, parameters };
      expectSame(twins, (kernels) => kernels.vector(task));
    }
    const task = { function: "tanh", counts: [7, 9], sources: [view], destination: view, parameters } as const;
    expectSame(twins, (kernels) => kernels.vector(task));
  });
});

describe("f16 arithmetic", () => {
  it("rounds + − × ÷ once, on 1,000,000 random pairs and on edge values", () => {
    const twins = makeTwins();
    const random = randomize(twins, 23);
    const size = 40000;
    const pick = (): number =>
      random.uniform() < 0.1 ? (edgeHalves[random.integer(0, edgeHalves.length - 1)] ?? 0) : random.integer(0, 65535);
    const operations: readonly (readonly [KernelFunction, (a: number, b: number) => number])[] = [
      ["add", (a, b) => a + b],
      ["subtract", (a, b) => a - b],
      ["multiply", (a, b) => a * b],
      ["divide", (a, b) => a / b],
    ];
    for (let round = 0; round < 25; round += 1) {
      const left = Uint16Array.from({ length: size }, pick);
      const right = Uint16Array.from({ length: size }, pick);
      put(twins, dataAddress, left);
      put(twins, dataAddress + 2 * size, right);
      for (const [name, apply] of operations) {
        twins.wasm.vector(halfTask(name, size, 2));
        const found = new Uint16Array(twins.wasm.memory.buffer, dataAddress + 4 * size, size);
        const wrong = left.findIndex(
          (bits, index) =>
            found[index] !== f16BitsFromF64(apply(f64FromF16Bits(bits), f64FromF16Bits(right[index] as number))),
        );
        expect(wrong === -1 ? "" : `${name} ${left[wrong]} ${right[wrong]} gives ${found[wrong]}`).toBe("");
      }
    }
  });

  it("orders −0 below +0, and gives 0x7e00 for any NaN", () => {
    const { wasm, plain } = makeTwins();
    const twins = { wasm, plain };
    put(twins, dataAddress, Uint16Array.of(0x8000, 0x0000, 0x7c01, 0x3c00));
    put(twins, dataAddress + 8, Uint16Array.of(0x0000, 0x8000, 0x3c00, 0xfe00));
    expect(run(twins, "maximum")).toEqual([0x0000, 0x0000, 0x7e00, 0x7e00]);
    expect(run(twins, "minimum")).toEqual([0x8000, 0x8000, 0x7e00, 0x7e00]);
  });

  it("has relu(−0) = +0, leaky_relu(−0) = −0, and negates zeros", () => {
    const { wasm, plain } = makeTwins();
    const twins = { wasm, plain };
    put(twins, dataAddress, Uint16Array.of(0x8000, 0x0000, 0xbc00, 0x7e01));
    expect(run(twins, "relu")).toEqual([0, 0, 0, 0x7e00]);
    expect(run(twins, "leaky_relu")).toEqual([0x8000, 0, f16BitsFromF64(-0.1), 0x7e00]);
    expect(run(twins, "negate")).toEqual([0, 0x8000, 0x3c00, 0x7e00]);
    expect(run(twins, "absolute")).toEqual([0, 0, 0x3c00, 0x7e00]);
  });

  function run(twins: Twins, name: KernelFunction): number[] {
    const task = halfTask(name, 4, name === "maximum" || name === "minimum" ? 2 : 1);
    expectSame(twins, (kernels) => kernels.vector(task));
    return [...new Uint16Array(twins.wasm.memory.buffer, task.destination.address, 4)];
  }

  function halfTask(name: KernelFunction, size: number, sources: 1 | 2): VectorTask {
    const view = (index: number) => ({
      element: "f16" as const,
      address: dataAddress + 2 * size * index,
      strides: [2],
    });
    return {
      function: name,
      counts: [size],
      sources: sources === 2 ? [view(0), view(1)] : [view(0)],
      destination: view(2),
      parameters: { alpha: 0.1 },
    };
  }
});

describe("conversions", () => {
  /** Runs a conversion of one value with the scale (M, s) and returns both kernels' result, which must agree. */
  function convert(
    name: "requantize" | "quantize" | "dequantize",
    from: ElementName,
    value: number,
    [multiplier, shift]: readonly [number, number],
    parameters: VectorTask["parameters"],
  ): number {
    const twins = makeTwins();
    const scale = { element: "scale", address: dataAddress, strides: [] } as const;
    const source = { element: from, address: dataAddress + 8, strides: [] };
    const to = name === "dequantize" ? "f16" : "i8";
    const destination = { element: to, address: dataAddress + 16, strides: [] } as const;
    put(twins, dataAddress, Int32Array.of(multiplier, shift));
    put(twins, dataAddress + 8, from === "f16" ? Uint16Array.of(f16BitsFromF64(value)) : Int32Array.of(value));
    const task = { function: name, counts: [], sources: [source, scale], destination, parameters };
    expectSame(twins, (kernels) => kernels.vector(task));
    const result = new DataView(twins.wasm.memory.buffer);
    return to === "i8" ? result.getInt8(dataAddress + 16) : f64FromF16Bits(result.getUint16(dataAddress + 16, true));
  }
  const half = [2 ** 21, 22] as const;
  const narrow = { zero: 0, low: -128, high: 127 };

  it("requantizes with ties to even: 1/2 → 0, 3/2 → 2, 5/2 → 2, −1/2 → 0, −3/2 → −2", () => {
    expect([1, 3, 5, -1, -3].map((value) => convert("requantize", "i32", value, half, narrow))).toEqual([
      0, 2, 2, 0, -2,
    ]);
  });

  it("rounds before it adds the zero point: 1/2 + 1 is 1, not 2", () => {
    expect(convert("requantize", "i32", 1, half, { ...narrow, zero: 1 })).toBe(1);
    expect(convert("quantize", "f16", 1, half, { ...narrow, zero: 1 })).toBe(1);
  });

  it("converts four and more at a time by the same rule", () => {
    const twins = makeTwins();
    put(twins, dataAddress, Int32Array.of(...half, 1, 3, 5, 7, -1));
    const view = (element: ElementName, offset: number, stride: number) => ({
      element,
      address: dataAddress + offset,
      strides: [stride],
    });
    const sources = [view("i32", 8, 4), view("scale", 0, 0)];
    const parameters = { ...narrow, zero: 1 };
    const task = { function: "requantize", counts: [5], sources, destination: view("i8", 64, 1), parameters } as const;
    expectSame(twins, (kernels) => kernels.vector(task));
    expect([...new Int8Array(twins.wasm.memory.buffer, dataAddress + 64, 5)]).toEqual([1, 3, 3, 5, 1]);
  });

  it("adds the zero point before it clamps", () => {
    expect(convert("requantize", "i32", 20, half, { zero: -5, low: -128, high: 127 })).toBe(5);
    expect(convert("requantize", "i32", 400, half, { zero: -100, low: -128, high: 90 })).toBe(90);
    expect(convert("requantize", "i32", -2147483648, half, narrow)).toBe(-128);
  });

  it("is exact for the largest product: (2^31 − 1)·(2^22 − 1)·2^−46 is 127.99997", () => {
    expect(convert("requantize", "i32", 2147483647, [2 ** 22 - 1, 46], { zero: 0, low: -128, high: 127 })).toBe(127);
    expect(convert("requantize", "i32", 2147483647, [2 ** 22 - 1, 47], narrow)).toBe(64);
  });

  it("quantizes NaN to the zero point and infinities to the bounds", () => {
    const parameters = { zero: 3, low: -100, high: 100 };
    expect(convert("quantize", "f16", Number.NaN, half, parameters)).toBe(3);
    expect(convert("quantize", "f16", Number.POSITIVE_INFINITY, half, parameters)).toBe(100);
    expect(convert("quantize", "f16", Number.NEGATIVE_INFINITY, half, parameters)).toBe(-100);
    expect(convert("quantize", "f16", 2.5, half, parameters)).toBe(4);
  });

  it("dequantizes with one rounding: 2049 is a tie and gives 2048, 2049 + 2^−13 gives 2050", () => {
    const scale = [2 ** 21, 34] as const;
    expect(convert("dequantize", "i32", 2049 * 8192, scale, { zero: 0 })).toBe(2048);
    expect(convert("dequantize", "i32", 2049 * 8192 + 1, scale, { zero: 0 })).toBe(2050);
    expect(convert("dequantize", "i32", -2051 * 8192, scale, { zero: 0 })).toBe(-2052);
    expect(convert("dequantize", "i8", -3, half, { zero: 4 })).toBe(-3.5);
  });
});

describe("conversions of dense arrays", () => {
  it("turn f16 to f32 and back, every bit pattern, and round f32", () => {
    const twins = makeTwins();
    const random = randomize(twins, 31);
    put(
      twins,
      dataAddress,
      Uint16Array.from({ length: 65536 }, (_, index) => index),
    );
    expectSame(twins, (kernels) => kernels.floatFromHalf(65536, dataAddress, dataAddress + 131072));
    expectSame(twins, (kernels) => kernels.halfFromFloat(65535, dataAddress + 131072, dataAddress));
    const near = Float32Array.from({ length: 20001 }, () => {
      const middle = f64FromF16Bits(random.integer(0, 0x7bff)) + 2 ** random.integer(-30, 4);
      return middle * (1 + random.integer(-2, 2) * 2 ** -23) * (random.uniform() < 0.5 ? -1 : 1);
    });
    put(twins, dataAddress, near);
    expectSame(twins, (kernels) => kernels.halfFromFloat(near.length, dataAddress, dataAddress + 131072));
  });
});

describe("a vector task that does not fit its function", () => {
  const { wasm, plain } = makeTwins();
  const view = (element: ElementName) => ({ element, address: dataAddress, strides: [] });
  it.each([
    ["add", ["i8", "i8"], "i16"],
    ["add", ["f16"], "f16"],
    ["and", ["f16", "f16"], "f16"],
    ["equal", ["i8", "i8"], "i8"],
    ["equal", ["i8", "u8"], "bool"],
    ["is_nan", ["i8"], "bool"],
    ["select", ["i8", "f16", "f16"], "f16"],
    ["select", ["bool", "f16", "i16"], "f16"],
    ["convert", ["f32"], "i32"],
    ["add", ["f16", "i32"], "f16"],
    ["exp", ["i8"], "i8"],
    ["exp", ["f16"], "i8"],
    ["relu", ["f32"], "f32"],
    ["sum", ["f16"], "f16"],
    ["copy", ["f16"], "i8"],
    ["requantize", ["i32", "i32"], "i8"],
    ["requantize", ["f16", "scale"], "i8"],
    ["quantize", ["i32", "scale"], "i8"],
    ["quantize", ["f16", "scale"], "i64"],
    ["dequantize", ["f16", "scale"], "f16"],
    ["dequantize", ["i8", "scale"], "f32"],
    ["maximum", ["f32", "f32"], "f32"],
    ["clip", ["f16"], "f16"],
  ] as const)("%s of %s to %s is refused", (name, sources, destination) => {
    const task = {
      function: name,
      counts: [],
      sources: sources.map(view),
      destination: view(destination),
      parameters: {},
    };
    for (const kernels of [wasm, plain]) expect(() => kernels.vector(task)).toThrow(RangeError);
  });

  it("with fewer strides than counts is refused", () => {
    const task = {
      function: "relu",
      counts: [2, 2],
      sources: [view("f16")],
      destination: view("f16"),
      parameters: {},
    } as const;
    for (const kernels of [wasm, plain]) expect(() => kernels.vector(task)).toThrow("fewer strides");
  });
});
