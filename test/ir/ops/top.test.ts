import { describe, expect, it } from "vitest";
import { makeRandom } from "../../../base/random.ts";
import type { NodeBuilder } from "../../../ir/operator.ts";
import { inferNode, operatorOf } from "../../../ir/ops/index.ts";
import { tensorNumbers } from "../../../ir/ops/values.ts";
import { i64Tensor, type Tensor } from "../../../ir/tensor.ts";
import { tensorType } from "../../../ir/type.ts";
import { apply, numbersOf, tensor } from "./checks.ts";
import { EagerBuilder, outputNumbers, outputTensor, translate } from "./eager-builder.ts";

/** The value that an operator's decomposition gives. */
function decomposed(op: string, x: Tensor, attributes: Parameters<typeof inferNode>[2]): Tensor {
  const builder = new EagerBuilder({ x });
  const inferred = inferNode(op, [x.type], attributes);
  const value = operatorOf(op).decompose?.({ operands: ["x"], ...inferred }, builder);
  return builder.value(value ?? "");
}

describe.each(["top_values", "top_indexes", "cumulative_sum"])("%s", (op) => {
  it("gives on the chip what it evaluates to, on integers and where no rounding differs", () => {
    for (let seed = 0; seed < 5; seed += 1) {
      for (const { operands, attributes } of operatorOf(op).samples(makeRandom(seed))) {
        const given = operands[0] as Tensor;
        const x = tensor(given.type.element, given.type.shape, Array.from(tensorNumbers(given), Math.round));
        expect(decomposed(op, x, attributes)).toEqual(apply(op, [x], attributes));
      }
    }
  });
});

describe("the greatest along an axis", () => {
  const x = tensor("f32", [2, 4], [3, 9, 9, -1, 0, -5, 2, 2]);

  it("come in order, the earlier of equals first", () => {
    expect(numbersOf("top_values", [x], { axis: 1, count: 3 })).toEqual([9, 9, 3, 2, 2, 0]);
    expect(numbersOf("top_indexes", [x], { axis: 1, count: 3 })).toEqual([1, 2, 0, 2, 3, 0]);
    expect(numbersOf("top_indexes", [x], { axis: -2, count: 1, largest: false })).toEqual([1, 1, 1, 0]);
  });

  it("keep 64-bit integers exact", () => {
    const big = { type: tensorType("i64", [2]), data: BigInt64Array.of(2n ** 60n, 2n ** 60n + 1n) };
    expect(apply("top_values", [big], { axis: 0, count: 1 }).data).toEqual(BigInt64Array.of(2n ** 60n + 1n));
    expect(decomposed("top_values", big, { axis: 0, count: 2 }).data).toEqual(
      BigInt64Array.of(2n ** 60n + 1n, 2n ** 60n),
    );
  });

  it("read their count from the attribute or the input, by opset", () => {
    const outputs = ["values", "places"];
    const before = translate({ operator: "TopK", opset: 9, inputs: [x], attributes: { k: 1 }, outputs });
    expect(outputNumbers(before, "values")).toEqual([9, 2]);
    const inputs = [x, i64Tensor([1], [2])];
    const since = translate({ operator: "TopK", opset: 11, inputs, known: [1], outputs, attributes: { largest: 0 } });
    expect(outputNumbers(since, "places")).toEqual([3, 0, 1, 0]);
    expect(() => translate({ operator: "TopK", opset: 11, inputs, outputs })).toThrow(/B112/);
    expect(() => translate({ operator: "TopK", opset: 11, inputs: [x], outputs })).toThrow(/B110/);
  });

  it("cannot be more than there are", () => {
    expect(() => apply("top_values", [x], { axis: 1, count: 5 })).toThrow(/B202.*count 5 for axis 1 of \[2,4\]/);
  });

  it("are left alone where the chip would have to compare too often", () => {
    const type = tensorType("f16", [4, 4096]);
    const builder: NodeBuilder = {
      type: () => type,
      addConstant: () => "constant",
      add: () => "node",
    };
    const inferred = inferNode("top_values", [type], { axis: 1, count: 1 });
    const decompose = operatorOf("top_values").decompose;
    expect(decompose?.({ operands: ["x"], ...inferred }, builder)).toBe(null);
    expect(operatorOf("top_values").obstacle).toMatch(/more than 16777216 comparisons/);
  });
});

describe("sums along an axis", () => {
  const sums = (attributes: Record<string, number>): number[] =>
    outputNumbers(
      translate({
        operator: "CumSum",
        opset: 14,
        inputs: [tensor("f32", [2, 3], [1, 2, 3, 4, 5, 6]), i64Tensor([], [-1])],
        known: [1],
        attributes,
      }),
    );

  it("include each place or not, from either end", () => {
    expect(sums({})).toEqual([1, 3, 6, 4, 9, 15]);
    expect(sums({ exclusive: 1 })).toEqual([0, 1, 3, 0, 4, 9]);
    expect(sums({ reverse: 1 })).toEqual([6, 5, 3, 15, 11, 6]);
    expect(sums({ exclusive: 1, reverse: 1 })).toEqual([5, 3, 0, 11, 6, 0]);
  });
});

describe("hardmax", () => {
  const x = tensor("f32", [2, 2, 2], [1, 4, 4, 0, -1, -2, -3, -1]);
  const hardmax = (opset: number, attributes: Record<string, number> = {}): number[] =>
    outputNumbers(translate({ operator: "Hardmax", opset, inputs: [x], attributes }));

  it("marks the first greatest along its axis, before opset 13 along all from it on", () => {
    expect(hardmax(13)).toEqual([0, 1, 1, 0, 1, 0, 0, 1]);
    expect(hardmax(13, { axis: 0 })).toEqual([1, 1, 1, 1, 0, 0, 0, 0]);
    expect(hardmax(11)).toEqual([0, 1, 0, 0, 1, 0, 0, 0]);
  });
});

describe("activations with thresholds", () => {
  const run = (operator: string, numbers: number[], attributes: Record<string, number>): number[] =>
    outputNumbers(translate({ operator, opset: 22, inputs: [tensor("f32", [numbers.length], numbers)], attributes }));

  it("cut and shift as ONNX says", () => {
    expect(run("ThresholdedRelu", [-3, 1.5, 2, 2.5], { alpha: 2 })).toEqual([0, 0, 0, 2.5]);
    expect(run("Shrink", [-3, -1, 0.5, 1, 3], { lambd: 1.5, bias: 1 })).toEqual([-2, 0, 0, 0, 2]);
    expect(run("Celu", [2, 0], { alpha: 2 })).toEqual([2, 0]);
    expect(run("Celu", [-1], { alpha: 2 })[0]).toBeCloseTo(2 * Math.expm1(-0.5), 6);
    expect(run("Elu", [-1e-6], { alpha: 1 })[0]).toBeCloseTo(-1e-6, 12);
  });

  it("shrink integers as floats", () => {
    const x = tensor("i32", [3], [-3, 1, 4]);
    const builder = translate({ operator: "Shrink", opset: 9, inputs: [x], attributes: { lambd: 1.5, bias: 0.5 } });
    expect(Array.from(outputTensor(builder).data as Int32Array)).toEqual([-2, 0, 3]);
  });
});

describe("the logarithm of a sum of powers", () => {
  it("is infinite where the greatest is", () => {
    const x = tensor("f32", [2, 2], [-Infinity, -Infinity, 1, Infinity]);
    const builder = translate({ operator: "ReduceLogSumExp", opset: 18, inputs: [x, i64Tensor([1], [1])], known: [1] });
    expect(outputNumbers(builder)).toEqual([Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]);
  });
});

describe("reductions over nothing", () => {
  const empty = tensor("f32", [2, 0], []);
  it.each([
    ["ReduceSum", 0],
    ["ReduceProd", 1],
    ["ReduceMax", Number.NEGATIVE_INFINITY],
    ["ReduceMin", Number.POSITIVE_INFINITY],
    ["ReduceL2", 0],
    ["ReduceLogSumExp", Number.NEGATIVE_INFINITY],
    ["ReduceMean", Number.NaN],
  ])("%s gives %f", (operator, expected) => {
    const builder = translate({ operator, opset: 20, inputs: [empty, i64Tensor([1], [1])], known: [1] });
    expect(outputNumbers(builder)).toEqual([expected, expected]);
  });

  it("have the ends of their type where it holds no infinity", () => {
    const axes = i64Tensor([1], [0]);
    const run = (operator: string, x: Tensor) =>
      outputTensor(translate({ operator, opset: 20, inputs: [x, axes], known: [1], attributes: { keepdims: 0 } })).data;
    expect(run("ReduceMax", i64Tensor([0], []))).toEqual(BigInt64Array.of(-(2n ** 63n)));
    expect(run("ReduceMin", tensor("u64", [0], []))).toEqual(BigUint64Array.of(2n ** 64n - 1n));
    expect(run("ReduceMax", tensor("bool", [0], []))).toEqual(Uint8Array.of(0));
    expect(run("ReduceMin", tensor("bool", [0], []))).toEqual(Uint8Array.of(1));
    expect(run("ReduceMin", tensor("i8", [0], []))).toEqual(Int8Array.of(127));
  });
});
