import { describe, expect, it } from "vitest";
import { BorealError } from "../../../base/errors.ts";
import { makeRandom, type Random } from "../../../base/random.ts";
import { batchGraph } from "../../../compiler/passes/batch.ts";
import { evaluate } from "../../../ir/evaluate.ts";
import type { Attributes, Graph, Node } from "../../../ir/graph.ts";
import type { Sample } from "../../../ir/operator.ts";
import { inferNode, operators } from "../../../ir/ops/index.ts";
import { tensorNumbers, tensorOf } from "../../../ir/ops/values.ts";
import type { Tensor } from "../../../ir/tensor.ts";
import { tensorType } from "../../../ir/type.ts";
import { stacked } from "./batch-samples.ts";

const count = 3;

/** How an operand that varies from sample to sample comes in: as it is, or without a leading axis of size 1, so that samples share an axis with its elements. */
type Entry = "as it is" | "flattened";

/** An operator's sample as a graph for one whose chosen operands are inputs. */
function graphOf(op: string, { operands, attributes }: Sample, chosen: readonly number[], entry: Entry): Graph {
  const node = { origin: ["n"], layer: null } as const;
  const present = operands.flatMap((operand, index) => (operand === null ? [] : [{ operand, index }]));
  const inputs = present.filter(({ index }) => chosen.includes(index));
  const nameOf = (index: number): string => `operand${index}`;
  const reshapes = inputs.map(
    ({ operand: { type }, index }): Node => ({
      ...node,
      name: nameOf(index),
      op: "reshape",
      operands: [`input${index}`],
      attributes: { shape: type.shape },
      type,
    }),
  );
  const form = inferNode(
    op,
    operands.map((operand) => operand?.type ?? null),
    attributes,
  );
  const last: Node = {
    ...node,
    ...form,
    name: "y",
    op,
    operands: operands.map((operand, index) => (operand === null ? null : nameOf(index))),
  };
  return {
    kind: "graph",
    name: "g",
    inputs: inputs.map(({ operand: { type }, index }) =>
      entry === "as it is"
        ? { name: nameOf(index), type }
        : { name: `input${index}`, type: { ...type, shape: [1, ...type.shape] } },
    ),
    constants: present
      .filter(({ index }) => !chosen.includes(index))
      .map(({ operand: { type, data }, index }) => ({ name: nameOf(index), type, data, source: "model" })),
    nodes: entry === "as it is" ? [last] : [...reshapes, last],
    outputs: ["y"],
  };
}

/** The batched graph; null where it is refused, as it must be, with B603 alone. */
function batchedOrRefused(graph: Graph): Graph | null {
  try {
    return batchGraph(graph, count);
  } catch (error) {
    if (!(error instanceof BorealError)) throw error;
    expect(new Set(error.problems.map(({ code }) => code))).toEqual(new Set(["B603"]));
    return null;
  }
}

/** The elements of a tensor in another order: what an operator expects of its values still holds. */
function shuffled(random: Random, tensor: Tensor, shape: readonly number[]): Tensor {
  const keyed = Array.from(tensorNumbers(tensor), (number) => ({ number, key: random.uniform() }));
  const numbers = keyed.sort((left, right) => left.key - right.key).map(({ number }) => number);
  return tensorOf({ ...tensor.type, shape }, numbers);
}

/** Subsets of the operands that may be inputs, none of them empty. */
function subsets({ operands }: Sample): number[][] {
  const places = operands.flatMap((operand, index) =>
    operand?.type.quantization?.axis === null || operand?.type.quantization === null ? [index] : [],
  );
  return Array.from({ length: (1 << places.length) - 1 }, (_, mask) =>
    places.filter((_place, bit) => (((mask + 1) >> bit) & 1) === 1),
  );
}

/** Compares a batch of an operator's sample with each alone; whether it was made at all. */
function checkBatch(random: Random, op: string, sample: Sample, chosen: readonly number[], entry: Entry): boolean {
  const graph = graphOf(op, sample, chosen, entry);
  const batched = batchedOrRefused(graph);
  if (batched === null) return false;
  const frames = Array.from(
    { length: count },
    () =>
      new Map(
        graph.inputs.map(({ name, type }) => {
          const own = sample.operands[Number(name.replace(/\D/g, ""))] as Tensor;
          return [name, shuffled(random, own, type.shape)] as const;
        }),
      ),
  );
  const together = batched.inputs.map(
    ({ name, type }) =>
      [
        name,
        stacked(
          frames.map((frame) => frame.get(name) as Tensor),
          type,
        ),
      ] as const,
  );
  const found = evaluate(batched, new Map(together)).get("y") as Tensor;
  const alone = frames.map((frame) => evaluate(graph, frame).get("y") as Tensor);
  const what = `${op} ${JSON.stringify(sample.attributes)}, inputs ${chosen.join()} ${entry}`;
  expect(tensorNumbers(found), what).toEqual(tensorNumbers(stacked(alone, found.type)));
  return true;
}

describe("a batch of every operator's samples", () => {
  it.each([...operators.values()])("$name: each as alone, or refused", ({ name, samples }) => {
    const random = makeRandom(3);
    for (const sample of samples(random)) {
      for (const chosen of subsets(sample)) {
        checkBatch(random, name, sample, chosen, "as it is");
        checkBatch(random, name, sample, chosen, "flattened");
      }
    }
  });

  const vector = (size: number): Tensor =>
    tensorOf(
      tensorType("f32", [size]),
      Float32Array.from({ length: size }, (_, index) => index),
    );
  const map = tensorOf(
    tensorType("f32", [4, 1, 6]),
    Float32Array.from({ length: 24 }, (_, index) => index),
  );
  it.each<readonly [string, string, Tensor, Attributes, "made" | "refused"]>([
    ["reversed", "slice", vector(4), { starts: [3], ends: [-5], axes: [0], steps: [-1] }, "refused"],
    ["every second", "slice", vector(4), { starts: [0], ends: [4], axes: [0], steps: [2] }, "refused"],
    ["the first half", "slice", vector(4), { starts: [0], ends: [2], axes: [0], steps: [1] }, "refused"],
    ["reordered", "gather", vector(3), { axis: 0, indexShape: [3], indices: [2, 0, 1] }, "refused"],
    ["the last", "gather", vector(3), { axis: 0, indexShape: [], indices: [2] }, "refused"],
    ["repeated", "tile", vector(3), { repeats: [2] }, "refused"],
    ["padded", "pad", vector(3), { pads: [1, 0], mode: "constant", value: 7 }, "refused"],
    ["normalized", "softmax", vector(3), { axis: 0 }, "refused"],
    ["summed up", "cumulative_sum", vector(3), { axis: 0, exclusive: false, reverse: false }, "refused"],
    ["pooled over", "max_pool", map, { kernel: [3], strides: [1], pads: [1, 1], dilations: [1], ceil: false }, "made"],
    ["one longer than the batch", "reshape", vector(3), { shape: [3, 1] }, "made"],
    [
      "cropped to its size",
      "resize",
      vector(4),
      { axes: [0], sizes: [4], lengths: [4], region: [0.2, 0.9], coordinates: "tf_crop_and_resize", mode: "linear" },
      "refused",
    ],
    [
      "shifted",
      "resize",
      vector(4),
      { axes: [0], sizes: [4], lengths: [5], region: [0, 1], coordinates: "half_pixel", mode: "linear" },
      "refused",
    ],
    ["turned", "transpose", map, { permutation: [2, 1, 0] }, "made"],
  ])("keeps what is %s within a sample, or refuses it", (_, op, operand, attributes, outcome) => {
    const sample: Sample = { operands: [operand], attributes };
    expect(checkBatch(makeRandom(5), op, sample, [0], "flattened") ? "made" : "refused").toBe(outcome);
  });
});
