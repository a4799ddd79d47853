import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { makeRandom, type Random } from "../../base/random.ts";
import { type WrittenModel, type WrittenNode, writeModel } from "../../compiler/onnx/write-model.ts";
import { macCountByPrecision } from "../../compiler/quantize/mac-count.ts";
import { precisionRules } from "../../compiler/quantize/precision.ts";
import { evaluate } from "../../ir/evaluate.ts";
import { type Graph, valueTypes } from "../../ir/graph.ts";
import { f32Tensor, type Tensor } from "../../ir/tensor.ts";
import type { TensorType } from "../../ir/type.ts";
import { loadChip } from "../../targets/load.ts";
import { load, node, value } from "../compiler/onnx/written-models.ts";
import { build, bytesOf, difference, preparedCase, runFunctional } from "./random-case.ts";

const mini = loadChip("mini-4x4");

/** Sizes of a contraction, odd ones among them, so that packed elements end within a byte. */
interface Sizes {
  readonly rows: number;
  readonly depth: number;
  readonly columns: number;
  readonly seed: number;
}

/** Numbers whose mean is off zero, so that zero points are. */
function numbers(random: Random, ...shape: number[]): Tensor {
  const count = shape.reduce((product, size) => product * size, 1);
  const shift = random.normal();
  return f32Tensor(
    shape,
    Array.from({ length: count }, () => random.normal() + shift),
  );
}

/** A recurrent layer over `rows` steps of two streams, with `gates` gates a cell. */
function recurrent(operator: string, gates: number, { rows, depth, columns, seed }: Sizes): Parts {
  const random = makeRandom(seed);
  return {
    inputs: [value("x", rows, 2, depth)],
    outputs: [value("y", rows, 1, 2, columns)],
    initializers: {
      w: numbers(random, 1, gates * columns, depth),
      r: numbers(random, 1, gates * columns, columns),
      b: numbers(random, 1, 2 * gates * columns),
    },
    nodes: [node(operator, "x w r b", "y", { hidden_size: columns })],
  };
}

function convolution(groups: number, { rows, depth, columns, seed }: Sizes, strides = [1, 1]): Parts {
  const random = makeRandom(seed);
  const [channels, outputs] = [groups * depth, groups * columns];
  const size = rows + 2;
  const [height, width] = strides.map((stride) => Math.floor((size - 1) / stride) + 1) as [number, number];
  return {
    inputs: [value("x", 1, channels, size, size)],
    outputs: [value("y", 1, outputs, height, width)],
    initializers: { w: numbers(random, outputs, depth, 3, 3), b: numbers(random, outputs) },
    nodes: [node("Conv", "x w b", "y", { group: groups, strides, pads: [1, 1, 1, 1] })],
  };
}

type Parts = Omit<WrittenModel, "name" | "opset">;

/** One model for each kind of contraction, of given sizes. */
const kinds: Readonly<Record<string, (sizes: Sizes) => Parts>> = {
  matmul: ({ rows, depth, columns, seed }) => {
    const random = makeRandom(seed);
    return {
      inputs: [value("x", rows, depth)],
      outputs: [value("y", rows, columns)],
      initializers: { w: numbers(random, depth, columns), b: numbers(random, columns) },
      nodes: [node("MatMul", "x w", "m"), node("Add", "m b", "y")],
    };
  },
  "product of two activations": ({ rows, depth, columns }) => ({
    inputs: [value("x", 3, rows, depth), value("z", 3, depth, columns)],
    outputs: [value("y", 3, rows, columns)],
    initializers: {},
    nodes: [node("MatMul", "x z", "y")],
  }),
  "batch of weight matrices": ({ rows, depth, columns, seed }) => ({
    inputs: [value("x", 3, rows, depth)],
    outputs: [value("y", 3, rows, columns)],
    initializers: { w: numbers(makeRandom(seed), 3, depth, columns) },
    nodes: [node("MatMul", "x w", "y")],
  }),
  "two layers that requantize between": ({ rows, depth, columns, seed }) => {
    const random = makeRandom(seed);
    return {
      inputs: [value("x", rows, depth)],
      outputs: [value("y", rows, depth)],
      initializers: { w: numbers(random, depth, columns), v: numbers(random, columns, depth) },
      nodes: [node("MatMul", "x w", "m"), node("Relu", "m", "r"), node("MatMul", "r v", "y")] as WrittenNode[],
    };
  },
  convolution: (sizes) => convolution(1, sizes),
  "grouped convolution": (sizes) => convolution(3, { ...sizes, depth: (sizes.depth % 3) + 1 }),
  "depthwise convolution": (sizes) => convolution(sizes.depth, { ...sizes, depth: 1, columns: 1 }, [2, 2]),
  "LSTM's gates": (sizes) => recurrent("LSTM", 4, { ...sizes, rows: 2 }),
  "GRU's gates": (sizes) => recurrent("GRU", 3, { ...sizes, rows: 2 }),
};

const size = fc.integer({ min: 1, max: 9 });
const sizes = fc.record({ rows: size, depth: size, columns: size, seed: fc.nat() });

/** The types that contractions read. */
function readTypes(graph: Graph): TensorType[] {
  const types = valueTypes(graph);
  return graph.nodes
    .filter(({ op }) => op === "matmul" || op === "conv")
    .flatMap(({ operands }) => operands.slice(0, 2).map((operand) => types.get(operand ?? "") as TensorType));
}

/** Stored numbers at the ends of their range, both in turn, or those of a frame. */
function atTheEnds({ type, data }: Tensor, first: number): Tensor {
  if (!(data instanceof Int8Array)) return { type, data };
  const bits = Number(type.element.slice(1));
  const [low, high] = [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1];
  return { type, data: data.map((_, index) => ((index + first) % 3 === 0 ? low : high)) };
}

const seen = { odd: 0, below: 0, above: 0, cases: 0 };

describe.each(Object.entries(kinds))("a %s of any size", (_, partsOf) => {
  it.each(precisionRules)("at %s gives the exact sums, also of numbers at both ends of their range", (precision) => {
    fc.assert(
      fc.property(sizes, (drawn) => {
        const written = { name: "drawn", opset: 17, ...partsOf(drawn) };
        const each = preparedCase(makeRandom(drawn.seed), load(writeModel(written)).graph, new Set(), precision);
        const { chipGraph } = each.prepared;
        expect(Object.keys(macCountByPrecision(chipGraph)).every((name) => name.endsWith(precision.slice(2)))).toBe(
          true,
        );
        count(readTypes(chipGraph));
        const built = build(each, mini, null);
        if (built === null) throw new Error("a small model does not fit");
        for (const first of [null, 1]) {
          const inputs = new Map(
            [...each.inputs].map(([name, tensor]) => [name, first === null ? tensor : atTheEnds(tensor, first)]),
          );
          const expected = bytesOf(evaluate(chipGraph, inputs));
          const found = runFunctional(built, inputs, mini, { kernels: "wasm", checked: true });
          expect(difference(expected, found), `${first}`).toBe("");
        }
      }),
      { numRuns: 1 },
    );
  });
});

function count(types: readonly TensorType[]): void {
  seen.cases += 1;
  const zeros = types.flatMap(({ quantization }) => quantization?.zeros ?? []);
  if (types.some(({ shape }) => (shape.at(-1) ?? 0) % 2 === 1)) seen.odd += 1;
  if (zeros.some((zero) => zero < 0)) seen.below += 1;
  if (zeros.some((zero) => zero > 0)) seen.above += 1;
}

afterAll(() => {
  // Among what was drawn: lengths that end within a byte, and zero points on both sides.
  const rare = Object.entries(seen).filter(([, times]) => times < 0.1 * seen.cases);
  expect(rare, JSON.stringify(seen)).toEqual([]);
});
