import { describe, expect, it } from "vitest";
import type { AttributeValue } from "../../../ir/graph.ts";
import type { Tensor } from "../../../ir/tensor.ts";
import { expectClose, tensor } from "./checks.ts";
import { outputNumbers, outputTensor, translate } from "./eager-builder.ts";

const list = (...numbers: number[]): Tensor => tensor("f32", [numbers.length], numbers);

function numbers(
  operator: string,
  opset: number,
  inputs: readonly (Tensor | null)[],
  attributes: Record<string, AttributeValue> = {},
): number[] {
  return outputNumbers(translate({ operator, opset, inputs, attributes }));
}

describe("LayerNormalization", () => {
  it("gives mean and reciprocal deviation, in f32 also of narrower floats", () => {
    const half = tensor("f16", [1, 2], [3, 5]);
    const outputs = ["y", "mean", "deviation"];
    const inputs = [half, tensor("f16", [2], [1, 1])];
    const found = translate({ operator: "LayerNormalization", opset: 17, inputs, attributes: { epsilon: 3 }, outputs });
    expect(outputNumbers(found)).toEqual([-0.5, 0.5]);
    expect(outputTensor(found, "mean")).toEqual(tensor("f32", [1, 1], [4]));
    expect(outputTensor(found, "deviation")).toEqual(tensor("f32", [1, 1], [0.5]));
    const attributes = { stash_type: 10, epsilon: 3 };
    const narrow = translate({ operator: "LayerNormalization", opset: 17, inputs, attributes, outputs });
    expect(outputTensor(narrow, "mean").type.element).toBe("f16");
  });
});

describe("RMSNormalization and SimplifiedLayerNormalization", () => {
  it("divide by the root of the mean square; the second gives its reciprocal", () => {
    const x = tensor("f32", [1, 2], [1, 7]);
    expectClose(numbers("RMSNormalization", 23, [x, list(1, 10)], { epsilon: 0 }), [0.2, 14], 1e-6);
    const simple = translate({
      operator: "SimplifiedLayerNormalization",
      opset: 13,
      inputs: [x, list(1, 10)],
      attributes: { epsilon: 11 },
      outputs: ["y", "scale"],
    });
    expectClose(outputNumbers(simple), [1 / 6, 70 / 6], 1e-6);
    expectClose(outputNumbers(simple, "scale"), [1 / 6], 1e-6);
  });
});

describe("GroupNormalization", () => {
  const x = tensor("f32", [1, 4, 1], [1, 3, 10, 30]);

  it("takes one scale and bias for all, and refuses those of another count", () => {
    expectClose(numbers("GroupNormalization", 18, [x, list(2), list(0, 1)], { num_groups: 2 }), [-2, 2, -1, 3], 1e-4);
    expectClose(numbers("GroupNormalization", 21, [x, list(1), list(5)], { num_groups: 2 }), [4, 6, 4, 6], 1e-4);
    const wrong = () => numbers("GroupNormalization", 21, [x, list(1, 2), list(1, 2)], { num_groups: 2 });
    expect(wrong).toThrow(/B110.*needs scale and bias \[4\]; found \[2\]/);
    expect(() => numbers("GroupNormalization", 18, [x, list(1), list(1)], { num_groups: 3 })).toThrow(/B110.*3 groups/);
  });
});

describe("InstanceNormalization", () => {
  it("rounds narrow floats once", () => {
    const x = tensor("f16", [1, 1, 3], [1, 2, 4]);
    const one = tensor("f16", [1], [1]);
    const deviation = Math.sqrt(14 / 9 + 1e-5);
    const wanted = tensor(
      "f16",
      [3],
      [-4, -1, 5].map((value) => value / 3 / deviation),
    );
    const found = outputTensor(
      translate({ operator: "InstanceNormalization", inputs: [x, one, tensor("f16", [1], [0])] }),
    );
    expect(found.data).toEqual(wanted.data);
  });
});

describe("BatchNormalization", () => {
  const four = (value: number): Tensor => tensor("f32", [2, 2], [value, value, value, 2 * value]);

  it("has statistics for each element where it is not spatial", () => {
    const x = tensor("f32", [1, 2, 2], [3, 5, 7, 9]);
    const inputs = [x, four(2), four(1), four(1), four(4)];
    const attributes = { spatial: 0, epsilon: 0 };
    expectClose(numbers("BatchNormalization", 7, inputs, attributes), [3, 5, 7, 2 + 28 / Math.sqrt(8)], 1e-6);
  });

  it("before opset 7 needs is_test; later forms take one axis and parameters of another float type", () => {
    const inputs = [tensor("f32", [1, 1], [3]), list(2), list(1), list(1), list(4)];
    expectClose(numbers("BatchNormalization", 6, inputs, { is_test: 1, epsilon: 0 }), [3], 1e-6);
    expect(() => numbers("BatchNormalization", 6, inputs)).toThrow(/B104.*training/);
    const line = [tensor("f16", [2], [3, 5]), ...inputs.slice(1)];
    expect(numbers("BatchNormalization", 15, line, { epsilon: 0 })).toEqual([3, 5]);
  });
});

describe("LpNormalization and MeanVarianceNormalization", () => {
  it("read order and axes", () => {
    const x = tensor("f32", [1, 2], [3, -4]);
    expectClose(numbers("LpNormalization", 1, [x]), [0.6, -0.8], 1e-6);
    expectClose(numbers("LpNormalization", 22, [x], { p: 1 }), [3 / 7, -4 / 7], 1e-6);
    const batch = tensor("f32", [2, 2, 1], [1, 4, 3, 4]);
    expectClose(numbers("MeanVarianceNormalization", 13, [batch]), [-1, 0, 1, 0], 1e-6);
    expectClose(numbers("MeanVarianceNormalization", 13, [batch], { axes: [1] }), [-1, 1, -1, 1], 1e-6);
  });
});
