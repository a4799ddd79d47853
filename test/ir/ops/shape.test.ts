import { describe, expect, it } from "vitest";
import { BorealError } from "../../../base/errors.ts";
import { makeRandom } from "../../../base/random.ts";
import type { Attributes } from "../../../ir/graph.ts";
import { inferNode, operatorOf } from "../../../ir/ops/index.ts";
import { shapeOperators } from "../../../ir/ops/shape.ts";
import { f32Tensor, i64Tensor, type Tensor } from "../../../ir/tensor.ts";
import { formatType } from "../../../ir/type.ts";

function run(
  op: string,
  operands: readonly Tensor[],
  given: Attributes,
): { type: string; values: (number | bigint)[] } {
  const { attributes, type } = inferNode(
    op,
    operands.map((operand) => operand.type),
    given,
  );
  const result = operatorOf(op).evaluate({ operands, attributes, type });
  return { type: formatType(result.type), values: Array.from(result.data as Float32Array) };
}

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return error instanceof BorealError ? (error.problems[0]?.code ?? "") : String(error);
  }
  return "none";
}

describe("operators on known values", () => {
  const x = f32Tensor([2, 3, 4], new Array(24).fill(0));

  it("shape gives the sizes from start to before end, clamped", () => {
    expect(run("shape", [x], {})).toEqual({ type: "i64[3]", values: [2n, 3n, 4n] });
    expect(run("shape", [x], { start: -2 }).values).toEqual([3n, 4n]);
    expect(run("shape", [x], { start: 1, end: -1 }).values).toEqual([3n]);
    expect(run("shape", [x], { start: 5, end: 9 }).values).toEqual([]);
    expect(run("shape", [x], { start: 2, end: 1 }).values).toEqual([]);
  });

  it("fill repeats one number of any element type", () => {
    expect(run("fill", [], { shape: [2, 2], value: 1.5 })).toEqual({ type: "f32[2,2]", values: [1.5, 1.5, 1.5, 1.5] });
    expect(run("fill", [], { shape: [], value: -2, element: "i64" })).toEqual({ type: "i64[]", values: [-2n] });
    expect(run("fill", [], { shape: [1], value: 1, element: "f16" }).values).toEqual([0x3c00]);
    expect(codeOf(() => run("fill", [], { shape: [-1] }))).toBe("B202");
    expect(codeOf(() => run("fill", [], { shape: [1], element: "f12" }))).toBe("B202");
  });

  it("range counts from start to before limit", () => {
    expect(run("range", [], { start: 3, limit: 9, delta: 3, element: "i32" })).toEqual({
      type: "i32[2]",
      values: [3, 6],
    });
    expect(run("range", [], { start: 1, limit: 2, delta: 0.25 }).values).toEqual([1, 1.25, 1.5, 1.75]);
    expect(run("range", [], { start: 2, limit: -1, delta: -2, element: "i64" }).values).toEqual([2n, 0n]);
    expect(run("range", [], { start: 2, limit: 1 }).values).toEqual([]);
    expect(codeOf(() => run("range", [], { start: 0, limit: 1, delta: 0 }))).toBe("B202");
  });

  it("gather_data looks up indexes, below zero from the end", () => {
    const table = f32Tensor([3, 2], [0, 1, 2, 3, 4, 5]);
    expect(run("gather_data", [table, i64Tensor([2], [2, -3])], { axis: 0 })).toEqual({
      type: "f32[2,2]",
      values: [4, 5, 0, 1],
    });
    expect(run("gather_data", [table, i64Tensor([1, 1], [1])], { axis: -1 })).toEqual({
      type: "f32[3,1,1]",
      values: [1, 3, 5],
    });
    expect(codeOf(() => run("gather_data", [table, i64Tensor([1], [3])], { axis: 0 }))).toBe("B110");
    expect(codeOf(() => run("gather_data", [table, f32Tensor([1], [0])], { axis: 0 }))).toBe("B202");
  });

  it.each(shapeOperators.map((each) => [each.name, each] as const))(
    "%s has at least three valid samples",
    (_, each) => {
      const samples = each.samples(makeRandom(2));
      expect(samples.length).toBeGreaterThanOrEqual(3);
      for (const { operands, attributes } of samples) {
        const tensors = operands.flatMap((operand) => operand ?? []);
        expect(run(each.name, tensors, attributes).values).toBeDefined();
      }
    },
  );
});
