import { at, product, rowMajorStrides, sum } from "../../base/math.ts";
import { type Quantization, type TensorType, tensorType } from "../type.ts";
import { numberOf, numbersOf } from "./attributes.ts";
import { normalizeAxis } from "./broadcast.ts";
import {
  covering,
  defineMovement,
  floatSamples,
  indexList,
  pickScales,
  refuse,
  withShape,
} from "./movement-declaration.ts";
import { concatForms, expandForms, reshapeForms, tileForms, transposeForms } from "./movement-onnx.ts";
import { type AxisRun, axisPieces, reshapePieces, wholeRun, withoutUnitDimensions } from "./movement-pieces.ts";
import { typeAt } from "./values.ts";

/** Reorders axes. */
export const transpose = defineMovement({
  name: "transpose",
  summary: "Reorders axes: result axis i is operand axis permutation[i].",
  operands: ["data"],
  attributes: { permutation: { form: "integers" } },
  onnx: transposeForms,
  infer: (context) => {
    const type = typeAt(context.operands, 0);
    const permutation = numbersOf(context.attributes, "permutation");
    const sorted = [...permutation].sort((a, b) => a - b);
    if (permutation.length !== type.shape.length || sorted.some((axis, index) => axis !== index)) {
      refuse(`[${permutation.join(",")}] is not a permutation of the axes of shape [${type.shape.join(",")}].`);
    }
    const shape = permutation.map((axis) => at(type.shape, axis));
    return withShape(type, shape, (quantization) => ({
      ...quantization,
      axis: permutation.indexOf(quantization.axis ?? 0),
    }));
  },
  movement: (context) => {
    const strides = rowMajorStrides(typeAt(context.operands, 0).shape);
    const { shape } = context.type;
    if (product(shape) === 0) return covering([]);
    return covering([
      withoutUnitDimensions({
        operand: 0,
        counts: shape,
        sourceOffset: 0,
        sourceStrides: numbersOf(context.attributes, "permutation").map((axis) => at(strides, axis)),
        destinationOffset: 0,
        destinationStrides: rowMajorStrides(shape),
      }),
    ]);
  },
  samples: floatSamples([
    [[[2, 3]], { permutation: [1, 0] }],
    [[[2, 3, 4]], { permutation: [2, 0, 1] }],
    [[[1, 4, 2, 3]], { permutation: [0, 2, 3, 1] }],
  ]),
});

/** Changes the shape alone. */
export const reshape = defineMovement({
  name: "reshape",
  summary: "Gives the same elements in the same order another shape.",
  operands: ["data"],
  attributes: { shape: { form: "integers" } },
  onnx: reshapeForms,
  infer: (context) => {
    const type = typeAt(context.operands, 0);
    const shape = numbersOf(context.attributes, "shape");
    if (product(shape) !== product(type.shape) || shape.some((size) => size < 0)) {
      refuse(`Shape [${type.shape.join(",")}] cannot be reshaped to [${shape.join(",")}]: the element counts differ.`);
    }
    return withShape(type, shape, (quantization) => {
      const axis = quantization.axis ?? 0;
      const before = product(type.shape.slice(0, axis));
      const size = at(type.shape, axis);
      const kept = shape.findIndex((each, index) => each === size && product(shape.slice(0, index)) === before);
      if (kept < 0)
        refuse(
          `Reshaping [${type.shape.join(",")}] to [${shape.join(",")}] breaks up axis ${axis}, which has a scale for each index.`,
        );
      return { ...quantization, axis: kept };
    });
  },
  movement: (context) => covering(reshapePieces(typeAt(context.operands, 0).shape, context.type.shape)),
  samples: floatSamples([
    [[[6, 4]], { shape: [3, 8] }],
    [[[2, 3]], { shape: [3, 2] }],
    [[[1, 2, 3]], { shape: [6] }],
  ]),
});

/** Joins values along an axis. */
export const concat = defineMovement({
  name: "concat",
  summary: "Puts operands of one type, which agree in all other axes, one after the other along an axis.",
  operands: ["...parts"],
  attributes: { axis: { form: "integer" } },
  onnx: concatForms,
  infer: (context) => {
    const type = typeAt(context.operands, 0);
    const axis = normalizeAxis(numberOf(context.attributes, "axis"), type.shape.length);
    const parts = context.operands.map((part) => part ?? refuse("An operand of concat is missing."));
    for (const part of parts) {
      const fits =
        part.shape.length === type.shape.length &&
        part.shape.every((size, index) => index === axis || size === type.shape[index]);
      if (!fits || part.element !== type.element) {
        refuse(
          `${part.element}[${part.shape.join(",")}] and ${type.element}[${type.shape.join(",")}] cannot be joined along axis ${axis}.`,
        );
      }
    }
    const shape = type.shape.map((size, index) =>
      index === axis ? sum(parts.map((part) => at(part.shape, axis))) : size,
    );
    return tensorType(type.element, shape, joinedQuantization(parts, axis));
  },
  movement: (context) => {
    const { shape } = context.type;
    const axis = normalizeAxis(numberOf(context.attributes, "axis"), shape.length);
    let start = 0;
    const pieces = context.operands.flatMap((part, operand) => {
      const partShape = part?.shape ?? [];
      const count = at(partShape, axis);
      const runs = shape.map((size, index): readonly AxisRun[] =>
        index === axis ? [{ destination: start, source: 0, step: 1, count }] : wholeRun(size),
      );
      start += count;
      return axisPieces(runs, partShape, shape, operand);
    });
    return covering(pieces);
  },
  samples: floatSamples([
    [
      [
        [2, 3],
        [2, 1],
      ],
      { axis: 1 },
    ],
    [
      [
        [1, 2, 2],
        [3, 2, 2],
        [2, 2, 2],
      ],
      { axis: 0 },
    ],
    [[[4], [2]], { axis: -1 }],
  ]),
});

/** The quantization of joined parts: equal ones stay, scales along the joined axis follow each other; others are refused. */
function joinedQuantization(parts: readonly TensorType[], axis: number): Quantization | null {
  const first = parts[0]?.quantization ?? null;
  const quantizations = parts.map((part) => part.quantization);
  if (first !== null && quantizations.every((each) => each?.axis === axis)) {
    return {
      axis,
      scales: quantizations.flatMap((each) => each?.scales ?? []),
      zeros: quantizations.flatMap((each) => each?.zeros ?? []),
    };
  }
  if (quantizations.some((each) => JSON.stringify(each) !== JSON.stringify(first))) {
    refuse("Operands of concat have different scales or zero points; they must be requantized first.");
  }
  return first;
}

/** Broadcasts to a shape. */
export const expand = defineMovement({
  name: "expand",
  summary: "Repeats axes of size 1, and leads with new ones, until the shape is reached.",
  operands: ["data"],
  attributes: { shape: { form: "integers" } },
  onnx: expandForms,
  infer: (context) => {
    const type = typeAt(context.operands, 0);
    const shape = numbersOf(context.attributes, "shape");
    const lead = shape.length - type.shape.length;
    if (lead < 0 || type.shape.some((size, axis) => size !== 1 && size !== shape[axis + lead])) {
      refuse(`Shape [${type.shape.join(",")}] cannot be expanded to [${shape.join(",")}].`);
    }
    return withShape(type, shape, (quantization) => {
      const axis = (quantization.axis ?? 0) + lead;
      const repeated = at(type.shape, axis - lead) === 1;
      return {
        ...pickScales(
          quantization,
          indexList(at(shape, axis)).map((index) => (repeated ? 0 : index)),
        ),
        axis,
      };
    });
  },
  movement: (context) => {
    const { shape } = context.type;
    const source = typeAt(context.operands, 0).shape;
    const lead = shape.length - source.length;
    const runs = shape.map((count, axis): readonly AxisRun[] => [
      { destination: 0, source: 0, step: axis < lead || source[axis - lead] === 1 ? 0 : 1, count },
    ]);
    return covering(axisPieces(runs, [...new Array<number>(lead).fill(1), ...source], shape));
  },
  samples: floatSamples([
    [[[3, 1]], { shape: [3, 4] }],
    [[[1, 2]], { shape: [2, 3, 2] }],
    [[[]], { shape: [2, 2] }],
  ]),
});

/** Repeats along axes. */
export const tile = defineMovement({
  name: "tile",
  summary: "Repeats the whole operand along each axis.",
  operands: ["data"],
  attributes: { repeats: { form: "integers" } },
  onnx: tileForms,
  infer: (context) => {
    const type = typeAt(context.operands, 0);
    const repeats = numbersOf(context.attributes, "repeats");
    if (repeats.length !== type.shape.length || repeats.some((count) => count < 0)) {
      refuse(
        `Shape [${type.shape.join(",")}] needs ${type.shape.length} repeats of at least 0; found [${repeats.join(",")}].`,
      );
    }
    const shape = type.shape.map((size, axis) => size * at(repeats, axis));
    return withShape(type, shape, (quantization) => {
      const axis = quantization.axis ?? 0;
      return pickScales(
        quantization,
        indexList(at(shape, axis)).map((index) => index % at(type.shape, axis)),
      );
    });
  },
  movement: (context) => {
    const { shape } = typeAt(context.operands, 0);
    if (product(context.type.shape) === 0) return covering([]);
    const repeats = numbersOf(context.attributes, "repeats");
    const sourceStrides = rowMajorStrides(shape);
    const destinationStrides = rowMajorStrides(context.type.shape);
    return covering([
      withoutUnitDimensions({
        operand: 0,
        counts: shape.flatMap((size, axis) => [at(repeats, axis), size]),
        sourceOffset: 0,
        sourceStrides: sourceStrides.flatMap((stride) => [0, stride]),
        destinationOffset: 0,
        destinationStrides: destinationStrides.flatMap((stride, axis) => [stride * at(shape, axis), stride]),
      }),
    ]);
  },
  samples: floatSamples([
    [[[2, 3]], { repeats: [2, 1] }],
    [[[2, 2]], { repeats: [3, 2] }],
    [[[1, 3]], { repeats: [4, 1] }],
  ]),
});
