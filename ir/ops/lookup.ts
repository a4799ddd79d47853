import { problem } from "../../base/errors.ts";
import { at, product } from "../../base/math.ts";
import type { Attributes } from "../graph.ts";
import { defineOperator, type Operator } from "../operator.ts";
import { allocateData, i64Tensor, makeTensor } from "../tensor.ts";
import { elementCount, elementTypes, type TensorType } from "../type.ts";
import { numberOf } from "./attributes.ts";
import { normalizeAxis } from "./broadcast.ts";
import { elementPositions, normalizeIndex } from "./index-lists.ts";
import { chooseByIndex } from "./index-mask.ts";
import { sampleFloats } from "./samples.ts";
import { operandAt, tensorNumbers, typeAt } from "./values.ts";

const obstacle =
  "It needs data-dependent addressing, which the chip does not have, and too many comparisons to do without: its table is too large.";

/** The axis that is looked up; throws B202 for operands that do not fit. */
function lookUpAxis(data: TensorType, indices: TensorType, attributes: Attributes): number {
  if (elementTypes[indices.element].kind !== "integer")
    throw problem("B202", `Indices are ${indices.element}, expected integers.`);
  if (data.quantization !== null && data.quantization.axis !== null) {
    throw problem("B202", "A look-up that depends on data cannot have a scale for each index of an axis.");
  }
  return normalizeAxis(numberOf(attributes, "axis"), data.shape.length);
}

/** What the operators that look up an axis declare alike. */
const lookUpDeclaration = {
  runsOn: "folded",
  operands: ["data", "indices"],
  attributes: { axis: { form: "integer" } },
  onnx: [],
  obstacle,
} as const;

const ones = (count: number): number[] => new Array<number>(count).fill(1);

const gatherData = defineOperator({
  name: "gather_data",
  summary: "Looks up the indexes of an axis that a second operand holds.",
  ...lookUpDeclaration,
  infer: ({ operands, attributes }) => {
    const [data, indices] = [typeAt(operands, 0), typeAt(operands, 1)];
    const axis = lookUpAxis(data, indices, attributes);
    return { ...data, shape: [...data.shape.slice(0, axis), ...indices.shape, ...data.shape.slice(axis + 1)] };
  },
  evaluate: ({ operands, attributes, type }) => {
    const data = operandAt(operands, 0);
    const indices = tensorNumbers(operandAt(operands, 1));
    const axis = normalizeAxis(numberOf(attributes, "axis"), data.type.shape.length);
    const size = at(data.type.shape, axis);
    const inner = product(data.type.shape.slice(axis + 1));
    const outer = product(data.type.shape.slice(0, axis));
    const source = data.data as Float64Array;
    const result = allocateData(type.element, elementCount(type)) as Float64Array;
    let position = 0;
    for (let block = 0; block < outer; block += 1) {
      for (const listed of indices) {
        const start = (block * size + lookedUp(listed, size)) * inner;
        result.set(source.subarray(start, start + inner), position);
        position += inner;
      }
    }
    return makeTensor(type, result);
  },
  decompose: ({ operands, attributes, type }, builder) => {
    const [data, indices] = operands as [string, string];
    const { shape } = builder.type(data);
    const axis = normalizeAxis(numberOf(attributes, "axis"), shape.length);
    const count = product(builder.type(indices).shape);
    const after = shape.slice(axis + 1);
    const table = builder.add("reshape", [data], { shape: [...shape.slice(0, axis), 1, at(shape, axis), ...after] });
    const aligned = builder.add("reshape", [indices], { shape: [...ones(axis), count, 1, ...ones(after.length)] });
    const chosen = chooseByIndex(builder, table, aligned, axis + 1);
    return chosen === null ? null : builder.add("reshape", [chosen], { shape: type.shape });
  },
  samples: (random) => [
    { operands: [sampleFloats(random, [4, 2]), i64Tensor([3], [3, 0, -1])], attributes: { axis: 0 } },
    { operands: [sampleFloats(random, [2, 3]), i64Tensor([2, 2], [0, 1, 2, 1])], attributes: { axis: 1 } },
    { operands: [sampleFloats(random, [3, 2]), i64Tensor([], [1])], attributes: { axis: -2 } },
  ],
});

/** The index counted from the front; throws B110, for the data is at fault, when it lies outside the axis. */
function lookedUp(index: number, size: number): number {
  if (index >= -size && index < size) return normalizeIndex(index, size);
  throw problem("B110", `Index ${index} is outside an axis of size ${size}.`);
}

const gatherElementsData = defineOperator({
  name: "gather_elements_data",
  summary: "Looks up, for each element, the index of an axis that a second operand holds at its place.",
  ...lookUpDeclaration,
  infer: ({ operands, attributes }) => {
    const [data, indices] = [typeAt(operands, 0), typeAt(operands, 1)];
    const axis = lookUpAxis(data, indices, attributes);
    // Throws when the shapes do not fit; which indices there are does not matter.
    elementPositions(
      data.shape.map((size, each) => (each === axis ? 1 : size)),
      axis,
      new Array<number>(product(indices.shape)).fill(0),
      indices.shape,
    );
    return { ...data, shape: indices.shape };
  },
  evaluate: ({ operands, attributes, type }) => {
    const data = operandAt(operands, 0);
    const indices = operandAt(operands, 1);
    const { shape } = data.type;
    const axis = normalizeAxis(numberOf(attributes, "axis"), shape.length);
    const listed = Array.from(tensorNumbers(indices), (index) => lookedUp(index, at(shape, axis)));
    const source = data.data as Float64Array;
    const result = allocateData(type.element, elementCount(type)) as Float64Array;
    elementPositions(shape, axis, listed, indices.type.shape).forEach((position, index) => {
      result[index] = source[position] as number;
    });
    return makeTensor(type, result);
  },
  decompose: ({ operands, attributes }, builder) => {
    const [data, indices] = operands as [string, string];
    const { shape } = builder.type(data);
    const indexShape = builder.type(indices).shape;
    const axis = normalizeAxis(numberOf(attributes, "axis"), shape.length);
    const axes = shape.flatMap((_, each) => (each === axis ? [] : [each]));
    const within = builder.add("slice", [data], {
      starts: axes.map(() => 0),
      ends: axes.map((each) => at(indexShape, each)),
      axes,
      steps: axes.map(() => 1),
    });
    const parted = (sizes: readonly number[], positions: readonly number[]): readonly number[] => [
      ...sizes.slice(0, axis),
      ...positions,
      ...sizes.slice(axis + 1),
    ];
    const table = builder.add("reshape", [within], { shape: parted(indexShape, [1, at(shape, axis)]) });
    const aligned = builder.add("reshape", [indices], { shape: parted(indexShape, [at(indexShape, axis), 1]) });
    return chooseByIndex(builder, table, aligned, axis + 1);
  },
  samples: (random) => [
    { operands: [sampleFloats(random, [3, 2]), i64Tensor([2, 2], [2, 0, -1, 1])], attributes: { axis: 0 } },
    { operands: [sampleFloats(random, [2, 4]), i64Tensor([2, 3], [3, 0, 1, 1, -4, 2])], attributes: { axis: 1 } },
    { operands: [sampleFloats(random, [3, 2, 2]), i64Tensor([2, 1, 1], [1, 0])], attributes: { axis: -2 } },
  ],
});

/** Look-ups by indices that depend on data; a chip runs them by comparing, where the table is small. */
export const lookupOperators: readonly Operator[] = [gatherData, gatherElementsData];
