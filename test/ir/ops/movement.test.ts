import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BorealError } from "../../../base/errors.ts";
import { at, product, rowMajorStrides } from "../../../base/math.ts";
import { makeRandom } from "../../../base/random.ts";
import type { Attributes } from "../../../ir/graph.ts";
import type { MovementPiece, Operator } from "../../../ir/operator.ts";
import { completeAttributes } from "../../../ir/ops/attributes.ts";
import { movementOperators } from "../../../ir/ops/movement.ts";
import { reshapePieces } from "../../../ir/ops/movement-pieces.ts";
import { f32Tensor, makeTensor, type Tensor } from "../../../ir/tensor.ts";
import { perTensor, type TensorType, tensorType } from "../../../ir/type.ts";

function operator(name: string): Operator {
  const found = movementOperators.find((each) => each.name === name);
  if (found === undefined) throw new Error(`no operator ${name}`);
  return found;
}

/** 0, 1, 2, ... in the given shape. */
function counting(...shape: number[]): Tensor {
  return f32Tensor(
    shape,
    Array.from({ length: product(shape) }, (_, index) => index),
  );
}

function typeOf(name: string, operands: readonly TensorType[], attributes: Attributes): TensorType {
  return operator(name).infer({ operands, attributes: completeAttributes(operator(name), attributes) });
}

function run(
  name: string,
  operands: readonly Tensor[],
  attributes: Attributes,
): { shape: readonly number[]; values: number[] } {
  const complete = completeAttributes(operator(name), attributes);
  const type = typeOf(
    name,
    operands.map((operand) => operand.type),
    attributes,
  );
  const result = operator(name).evaluate({ operands, attributes: complete, type });
  return { shape: result.type.shape, values: Array.from(result.data, Number) };
}

function piecesOf(
  name: string,
  shapes: readonly (readonly number[])[],
  attributes: Attributes,
): readonly MovementPiece[] {
  const complete = completeAttributes(operator(name), attributes);
  const operands = shapes.map((shape) => tensorType("f32", shape));
  const type = operator(name).infer({ operands, attributes: complete });
  return operator(name).movement?.({ operands, attributes: complete, type }).pieces ?? [];
}

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return error instanceof BorealError ? (error.problems[0]?.code ?? "") : String(error);
  }
  return "none";
}

/** The axes of a shape along which an index of the given stride and count moves. */
function axesTouched(shape: readonly number[], offset: number, stride: number, count: number): number {
  const strides = rowMajorStrides(shape);
  const position = (index: number): number[] =>
    strides.map((each, axis) => Math.floor((offset + index * stride) / each) % at(shape, axis));
  const first = position(0);
  const moved = new Set<number>();
  for (let index = 1; index < count; index += 1)
    position(index).forEach((each, axis) => {
      if (each !== first[axis]) moved.add(axis);
    });
  return moved.size;
}

describe("movement operators", () => {
  it("transpose reorders axes", () => {
    expect(run("transpose", [counting(2, 3)], { permutation: [1, 0] })).toEqual({
      shape: [3, 2],
      values: [0, 3, 1, 4, 2, 5],
    });
    expect(run("transpose", [counting(2, 1, 3)], { permutation: [2, 0, 1] })).toEqual({
      shape: [3, 2, 1],
      values: [0, 3, 1, 4, 2, 5],
    });
  });

  it("slice takes steps in both directions and clamps positions", () => {
    expect(run("slice", [counting(5)], { starts: [1], ends: [100], axes: [0], steps: [2] }).values).toEqual([1, 3]);
    expect(run("slice", [counting(5)], { starts: [-1], ends: [-100], axes: [0], steps: [-2] }).values).toEqual([
      4, 2, 0,
    ]);
    expect(run("slice", [counting(2, 3)], { starts: [-2], ends: [-1], axes: [-1], steps: [1] })).toEqual({
      shape: [2, 1],
      values: [1, 4],
    });
    expect(run("slice", [counting(5)], { starts: [3], ends: [1], axes: [0], steps: [1] })).toEqual({
      shape: [0],
      values: [],
    });
  });

  it("concat joins along any axis", () => {
    expect(run("concat", [counting(2, 1), counting(2, 2)], { axis: -1 })).toEqual({
      shape: [2, 3],
      values: [0, 0, 1, 1, 2, 3],
    });
    expect(run("concat", [counting(1, 2), counting(2, 2)], { axis: 0 })).toEqual({
      shape: [3, 2],
      values: [0, 1, 0, 1, 2, 3],
    });
  });

  it("pad adds a value, mirrors, the edge and repetitions", () => {
    expect(run("pad", [counting(3)], { pads: [1, 2], value: 9 }).values).toEqual([9, 0, 1, 2, 9, 9]);
    expect(run("pad", [counting(3)], { pads: [2, 2], mode: "reflect" }).values).toEqual([2, 1, 0, 1, 2, 1, 0]);
    expect(run("pad", [counting(3)], { pads: [2, 1], mode: "edge" }).values).toEqual([0, 0, 0, 1, 2, 2]);
    expect(run("pad", [counting(3)], { pads: [2, 4], mode: "wrap" }).values).toEqual([1, 2, 0, 1, 2, 0, 1, 2, 0]);
    expect(run("pad", [counting(3)], { pads: [-1, 1], value: 7 }).values).toEqual([1, 2, 7]);
    expect(run("pad", [counting(4)], { pads: [-1, -2] }).values).toEqual([1]);
  });

  it("pad stores its value in the operand's quantization", () => {
    const type = tensorType("i8", [2], perTensor(0.5, 3));
    const operand = makeTensor(type, Int8Array.of(10, 20));
    expect(run("pad", [operand], { pads: [1, 0], value: 0 }).values).toEqual([3, 10, 20]);
    expect(run("pad", [operand], { pads: [1, 0], value: 1.25 }).values).toEqual([5, 10, 20]);
    expect(run("pad", [operand], { pads: [1, 0], value: 1.75 }).values).toEqual([7, 10, 20]);
    expect(run("pad", [operand], { pads: [0, 1], value: 1000 }).values).toEqual([10, 20, 127]);
  });

  it("expand, tile and gather repeat and pick", () => {
    expect(run("expand", [counting(2, 1)], { shape: [2, 2, 2] })).toEqual({
      shape: [2, 2, 2],
      values: [0, 0, 1, 1, 0, 0, 1, 1],
    });
    expect(run("tile", [counting(2)], { repeats: [3] }).values).toEqual([0, 1, 0, 1, 0, 1]);
    expect(run("tile", [counting(1, 2)], { repeats: [2, 2] }).values).toEqual([0, 1, 0, 1, 0, 1, 0, 1]);
    expect(run("gather", [counting(3, 2)], { axis: 0, indices: [-1, 0], indexShape: [2] })).toEqual({
      shape: [2, 2],
      values: [4, 5, 0, 1],
    });
    expect(run("gather", [counting(2, 3)], { axis: 1, indices: [2], indexShape: [] })).toEqual({
      shape: [2],
      values: [2, 5],
    });
  });

  it.each([
    ["transpose", [[2, 3]], { permutation: [0, 0] }],
    ["reshape", [[2, 3]], { shape: [4] }],
    ["slice", [[2]], { starts: [0], ends: [1], axes: [0], steps: [0] }],
    ["slice", [[2]], { starts: [0, 0], ends: [1, 1], axes: [0, 0], steps: [1, 1] }],
    ["slice", [[2]], { starts: [0], ends: [1], axes: [1], steps: [1] }],
    ["concat", [[2, 3], [2]], { axis: 0 }],
    [
      "concat",
      [
        [2, 3],
        [3, 4],
      ],
      { axis: 0 },
    ],
    ["pad", [[2]], { pads: [1] }],
    ["pad", [[2]], { pads: [-2, -1] }],
    ["pad", [[2]], { pads: [0, 1], mode: "mirror" }],
    ["expand", [[2, 3]], { shape: [2, 4] }],
    ["expand", [[2, 3]], { shape: [3] }],
    ["tile", [[2, 3]], { repeats: [2] }],
    ["gather", [[2, 3]], { axis: 0, indices: [2], indexShape: [1] }],
    ["gather", [[2, 3]], { axis: 0, indices: [1], indexShape: [2] }],
  ] as [string, number[][], Attributes][])("%s of %j refuses %j", (name, shapes, attributes) => {
    expect(
      codeOf(() =>
        typeOf(
          name,
          shapes.map((shape) => tensorType("f32", shape)),
          attributes,
        ),
      ),
    ).toBe("B202");
  });

  it("move scales along an axis with that axis", () => {
    const type = tensorType("i8", [2, 3], { axis: 1, scales: [1, 2, 3], zeros: [4, 5, 6] });
    const scales = (name: string, attributes: Attributes): unknown => {
      const { quantization } = typeOf(name, [type], attributes);
      return [quantization?.axis, quantization?.scales, quantization?.zeros];
    };
    expect(scales("transpose", { permutation: [1, 0] })).toEqual([0, [1, 2, 3], [4, 5, 6]]);
    expect(scales("reshape", { shape: [2, 1, 3] })).toEqual([2, [1, 2, 3], [4, 5, 6]]);
    expect(scales("slice", { starts: [2], ends: [0], axes: [1], steps: [-1] })).toEqual([1, [3, 2], [6, 5]]);
    expect(scales("pad", { pads: [0, 1, 0, 1], mode: "edge" })).toEqual([1, [1, 1, 2, 3, 3], [4, 4, 5, 6, 6]]);
    expect(scales("tile", { repeats: [1, 2] })).toEqual([1, [1, 2, 3, 1, 2, 3], [4, 5, 6, 4, 5, 6]]);
    expect(scales("gather", { axis: 1, indices: [2, 0], indexShape: [2] })).toEqual([1, [3, 1], [6, 4]]);
    expect(scales("gather", { axis: 0, indices: [1], indexShape: [] })).toEqual([0, [1, 2, 3], [4, 5, 6]]);
    expect(scales("expand", { shape: [5, 2, 3] })).toEqual([2, [1, 2, 3], [4, 5, 6]]);
    expect(typeOf("concat", [type, type], { axis: 1 }).quantization?.scales).toEqual([1, 2, 3, 1, 2, 3]);
    expect(typeOf("concat", [type, type], { axis: 0 }).quantization?.scales).toEqual([1, 2, 3]);
    expect(codeOf(() => typeOf("reshape", [type], { shape: [6] }))).toBe("B202");
  });

  it("concat refuses operands of different scales", () => {
    const [left, right] = [0.5, 0.25].map((scale) => tensorType("i8", [2], perTensor(scale)));
    expect(codeOf(() => typeOf("concat", [left as TensorType, right as TensorType], { axis: 0 }))).toBe("B202");
  });

  it("give the fewest pieces", () => {
    expect(piecesOf("transpose", [[2, 1, 3]], { permutation: [2, 1, 0] })).toEqual([
      {
        operand: 0,
        counts: [3, 2],
        sourceOffset: 0,
        sourceStrides: [1, 3],
        destinationOffset: 0,
        destinationStrides: [2, 1],
      },
    ]);
    expect(piecesOf("gather", [[9]], { axis: 0, indices: [1, 3, 5, 0], indexShape: [4] })).toEqual([
      { operand: 0, counts: [3], sourceOffset: 1, sourceStrides: [2], destinationOffset: 0, destinationStrides: [1] },
      { operand: 0, counts: [1], sourceOffset: 0, sourceStrides: [1], destinationOffset: 3, destinationStrides: [1] },
    ]);
    expect(piecesOf("tile", [[2, 3]], { repeats: [4, 5] })).toHaveLength(1);
    expect(piecesOf("pad", [[4]], { pads: [2, 2], mode: "reflect" })).toHaveLength(3);
    expect(
      piecesOf(
        "concat",
        [
          [2, 3],
          [2, 4],
        ],
        { axis: 1 },
      ),
    ).toHaveLength(2);
  });

  it("refine reshapes to axes of both shapes", () => {
    expect(reshapePieces([6, 4], [3, 8])).toEqual([
      {
        operand: 0,
        counts: [3, 2, 4],
        sourceOffset: 0,
        sourceStrides: [8, 4, 1],
        destinationOffset: 0,
        destinationStrides: [8, 4, 1],
      },
    ]);
    expect(reshapePieces([2, 3], [3, 2]).map(({ counts, sourceOffset }) => [counts, sourceOffset])).toEqual([
      [[2], 0],
      [[1], 2],
      [[1], 3],
      [[2], 4],
    ]);
    expect(reshapePieces([1, 1], [1])).toHaveLength(1);
    expect(reshapePieces([0, 3], [3, 0])).toEqual([]);
  });

  it("write every element once, each index along at most one axis, in reshapes of any shapes", () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 4 });
    const shapes = sizes.chain((source) =>
      fc.shuffledSubarray(source, { minLength: source.length }).map((target) => [source, target] as const),
    );
    fc.assert(
      fc.property(shapes, fc.boolean(), ([source, target], merged) => {
        const result = merged && target.length > 1 ? [at(target, 0) * at(target, 1), ...target.slice(2)] : target;
        const written = new Array<number>(product(source)).fill(0);
        for (const piece of reshapePieces(source, result)) {
          expect(piece.sourceOffset).toBe(piece.destinationOffset);
          expect(piece.sourceStrides).toEqual(piece.destinationStrides);
          const visit = (dimension: number, offset: number): void => {
            if (dimension === piece.counts.length) written[offset] = (written[offset] ?? 0) + 1;
            else
              for (let i = 0; i < at(piece.counts, dimension); i += 1)
                visit(dimension + 1, offset + i * at(piece.sourceStrides, dimension));
          };
          visit(0, piece.sourceOffset);
          piece.counts.forEach((count, dimension) => {
            const stride = at(piece.sourceStrides, dimension);
            expect(axesTouched(source, piece.sourceOffset, stride, count)).toBeLessThanOrEqual(1);
            expect(axesTouched(result, piece.destinationOffset, stride, count)).toBeLessThanOrEqual(1);
          });
        }
        expect(written.every((times) => times === 1)).toBe(true);
      }),
    );
  });

  it.each(movementOperators.map((each) => [each.name, each] as const))(
    "%s has samples that evaluate to its inferred type",
    (_, each) => {
      const samples = each.samples(makeRandom(1));
      expect(samples.length).toBeGreaterThanOrEqual(3);
      for (const { operands, attributes } of samples) {
        const complete = completeAttributes(each, attributes);
        const types = operands.map((operand) => operand?.type ?? null);
        const type = each.infer({ operands: types, attributes: complete });
        const result = each.evaluate({ operands, attributes: complete, type });
        expect(result.data).toHaveLength(product(type.shape));
        const { pieces, fill } = each.movement?.({ operands: types, attributes: complete, type }) ?? {
          pieces: [],
          fill: 0,
        };
        const written = pieces.reduce((count, piece) => count + product(piece.counts), 0);
        if (fill === null) expect(written).toBe(product(type.shape));
      }
    },
  );
});
