import { at, product, sum } from "../../base/math.ts";
import type { GraphBuilder, OnnxForm, OnnxNode } from "../operator.ts";
import { broadcastShapes, normalizeAxis } from "./broadcast.ts";
import {
  bindOnly,
  onnxConstantNumbers,
  onnxInput,
  onnxInteger,
  onnxIntegers,
  onnxOutput,
  onnxText,
} from "./onnx-node.ts";

type Write = (node: OnnxNode, builder: GraphBuilder, data: string, shape: readonly number[]) => string;

/** A form of one data operand, its shape at hand, that binds one result. */
function dataForm(operator: string, since: number, write: Write, until?: number): OnnxForm {
  const translate: OnnxForm["translate"] = (node, builder) => {
    const data = onnxInput(node, builder, 0);
    bindOnly(node, builder, write(node, builder, data, builder.type(data).shape));
  };
  return until === undefined ? { operator, since, translate } : { operator, since, until, translate };
}

/** Integers that are an attribute up to an opset and an input from the next one on; null when absent. */
function integersBy(
  node: OnnxNode,
  builder: GraphBuilder,
  name: string,
  index: number,
  inputSince: number,
): readonly number[] | null {
  return node.opset < inputSince ? onnxIntegers(node, builder, name) : onnxConstantNumbers(node, builder, index);
}

function required<T>(value: T | null, node: OnnxNode, builder: GraphBuilder, what: string): T {
  return value ?? builder.refuse("B111", `${node.operator} needs ${what}.`);
}

function reshapeTo(node: OnnxNode, builder: GraphBuilder, data: string, shape: readonly number[]): string {
  return builder.add("reshape", [data], { shape }, onnxOutput(node));
}

/** Transpose. */
export const transposeForms: readonly OnnxForm[] = [
  dataForm("Transpose", 1, (node, builder, data, shape) => {
    const permutation = onnxIntegers(node, builder, "perm") ?? shape.map((_, axis) => shape.length - 1 - axis);
    return builder.add("transpose", [data], { permutation }, onnxOutput(node));
  }),
];

/** Resolves 0 (the operand's size, unless `allowZero`) and -1 (what remains) of a wanted shape. */
function resolveShape(
  shape: readonly number[],
  wanted: readonly number[],
  allowZero: boolean,
  builder: GraphBuilder,
): number[] {
  const sizes = wanted.map((size, axis) => {
    if (size !== 0 || allowZero) return size;
    return (
      shape[axis] ??
      builder.refuse("B110", `Size 0 of axis ${axis} copies an axis that shape [${shape.join(",")}] does not have.`)
    );
  });
  const open = sizes.flatMap((size, axis) => (size === -1 ? [axis] : []));
  if (open.length > 1) builder.refuse("B110", `Shape [${wanted.join(",")}] leaves more than one axis open.`);
  if (sizes.some((size) => size < -1)) builder.refuse("B110", `Shape [${wanted.join(",")}] has a size below -1.`);
  const rest = product(sizes.filter((size) => size !== -1));
  return sizes.map((size) => {
    if (size !== -1) return size;
    const remaining = rest === 0 ? 0 : product(shape) / rest;
    if (Number.isInteger(remaining)) return remaining;
    return builder.refuse(
      "B110",
      `Shape [${shape.join(",")}] cannot be reshaped to [${wanted.join(",")}]: ${product(shape)} elements do not divide by ${rest}.`,
    );
  });
}

/** The axes that Squeeze or Unsqueeze names, counted from the front of a value of `rank`; refuses repeated ones. */
function axesOf(node: OnnxNode, builder: GraphBuilder, axes: readonly number[], rank: number): readonly number[] {
  const result = axes.map((axis) => normalizeAxis(axis, rank));
  if (new Set(result).size !== result.length)
    builder.refuse("B111", `${node.operator} names an axis twice: [${axes.join(",")}].`);
  return result;
}

function depthToSpace(node: OnnxNode, builder: GraphBuilder, data: string, shape: readonly number[]): string {
  const [batch, channels, height, width] = fourSizes(node, builder, shape);
  const block = onnxInteger(node, builder, "blocksize");
  const depthFirst = onnxText(node, builder, "mode", "DCR") === "DCR";
  const inner = channels / block ** 2;
  if (block < 1 || !Number.isInteger(inner))
    return builder.refuse("B110", `${channels} channels do not divide by blocksize ${block} squared.`);
  const split = depthFirst ? [batch, block, block, inner, height, width] : [batch, inner, block, block, height, width];
  const permutation = depthFirst ? [0, 3, 4, 1, 5, 2] : [0, 1, 4, 2, 5, 3];
  const blocks = builder.add("reshape", [data], { shape: split });
  const moved = builder.add("transpose", [blocks], { permutation });
  return reshapeTo(node, builder, moved, [batch, inner, height * block, width * block]);
}

function spaceToDepth(node: OnnxNode, builder: GraphBuilder, data: string, shape: readonly number[]): string {
  const [batch, channels, height, width] = fourSizes(node, builder, shape);
  const block = onnxInteger(node, builder, "blocksize");
  const [rows, columns] = [height / block, width / block];
  if (block < 1 || !Number.isInteger(rows) || !Number.isInteger(columns)) {
    return builder.refuse("B110", `${height}x${width} does not divide into blocks of ${block}.`);
  }
  const blocks = builder.add("reshape", [data], { shape: [batch, channels, rows, block, columns, block] });
  const moved = builder.add("transpose", [blocks], { permutation: [0, 3, 5, 1, 2, 4] });
  return reshapeTo(node, builder, moved, [batch, channels * block * block, rows, columns]);
}

function fourSizes(node: OnnxNode, builder: GraphBuilder, shape: readonly number[]): [number, number, number, number] {
  if (shape.length !== 4)
    builder.refuse("B110", `${node.operator} takes a value of rank 4; found shape [${shape.join(",")}].`);
  return [at(shape, 0), at(shape, 1), at(shape, 2), at(shape, 3)];
}

/** Reshape, Flatten, Squeeze, Unsqueeze, DepthToSpace and SpaceToDepth. */
export const reshapeForms: readonly OnnxForm[] = [
  dataForm("Reshape", 1, (node, builder, data, shape) => {
    const wanted = required(integersBy(node, builder, "shape", 1, 5), node, builder, "a shape");
    const allowZero = node.opset >= 14 && onnxInteger(node, builder, "allowzero", 0) !== 0;
    return reshapeTo(node, builder, data, resolveShape(shape, wanted, allowZero, builder));
  }),
  dataForm("Flatten", 1, (node, builder, data, shape) => {
    const axis = onnxInteger(node, builder, "axis", 1);
    const split = axis < 0 ? axis + shape.length : axis;
    if (split < 0 || split > shape.length)
      builder.refuse("B111", `Axis ${axis} is outside a value of rank ${shape.length}.`);
    return reshapeTo(node, builder, data, [product(shape.slice(0, split)), product(shape.slice(split))]);
  }),
  dataForm("Squeeze", 1, (node, builder, data, shape) => {
    const named = integersBy(node, builder, "axes", 1, 13);
    const axes =
      named === null || named.length === 0
        ? shape.flatMap((size, axis) => (size === 1 ? [axis] : []))
        : axesOf(node, builder, named, shape.length);
    const wrong = axes.find((axis) => shape[axis] !== 1);
    if (wrong !== undefined)
      builder.refuse(
        "B110",
        `Axis ${wrong} of shape [${shape.join(",")}] has size ${shape[wrong]}; Squeeze removes axes of size 1.`,
      );
    return reshapeTo(
      node,
      builder,
      data,
      shape.filter((_, axis) => !axes.includes(axis)),
    );
  }),
  dataForm("Unsqueeze", 1, (node, builder, data, shape) => {
    const named = required(integersBy(node, builder, "axes", 1, 13), node, builder, "axes");
    const rank = shape.length + named.length;
    const axes = axesOf(node, builder, named, rank);
    const kept = [...shape];
    const result = Array.from({ length: rank }, (_, axis) => (axes.includes(axis) ? 1 : (kept.shift() ?? 1)));
    return reshapeTo(node, builder, data, result);
  }),
  dataForm("DepthToSpace", 1, depthToSpace),
  dataForm("SpaceToDepth", 1, spaceToDepth),
];

/** Concat. */
export const concatForms: readonly OnnxForm[] = [
  {
    operator: "Concat",
    since: 1,
    translate: (node, builder) => {
      const parts = node.inputs.map((_, index) => onnxInput(node, builder, index));
      if (parts.length === 0) builder.refuse("B110", "Concat needs at least one input.");
      const axis = onnxInteger(node, builder, "axis", node.opset < 4 ? 1 : undefined);
      bindOnly(node, builder, builder.add("concat", parts, { axis }, onnxOutput(node)));
    },
  },
];

const farthest = 2 ** 53 - 1;

function slice(
  builder: GraphBuilder,
  data: string,
  starts: readonly number[],
  ends: readonly number[],
  axes: readonly number[],
  steps: readonly number[],
  name: string,
): string {
  const safe = (list: readonly number[]): number[] => list.map((each) => Math.min(farthest, Math.max(-farthest, each)));
  return builder.add("slice", [data], { starts: safe(starts), ends: safe(ends), axes, steps: safe(steps) }, name);
}

function splitSizes(node: OnnxNode, builder: GraphBuilder, size: number): readonly number[] {
  const named = integersBy(node, builder, "split", 1, 13);
  if (named !== null) {
    if (named.length !== node.outputs.length || sum(named) !== size || named.some((each) => each < 0)) {
      builder.refuse(
        "B110",
        `Split into [${named.join(",")}] does not fit ${node.outputs.length} outputs and an axis of size ${size}.`,
      );
    }
    return named;
  }
  const count = onnxInteger(node, builder, "num_outputs", node.outputs.length);
  const chunk = count < 1 ? 0 : Math.ceil(size / count);
  const sizes = node.outputs.map((_, index) => Math.max(0, Math.min(chunk, size - index * chunk)));
  if (sum(sizes) === size) return sizes;
  return builder.refuse(
    "B111",
    `num_outputs is ${count}; ${node.outputs.length} outputs of at most ${chunk} do not make up an axis of size ${size}.`,
  );
}

/** Slice and Split. */
export const sliceForms: readonly OnnxForm[] = [
  dataForm("Slice", 1, (node, builder, data, shape) => {
    const starts = required(integersBy(node, builder, "starts", 1, 10), node, builder, "starts");
    const ends = required(integersBy(node, builder, "ends", 2, 10), node, builder, "ends");
    const axes = integersBy(node, builder, "axes", 3, 10) ?? starts.map((_, axis) => axis);
    const steps = (node.opset < 10 ? null : onnxConstantNumbers(node, builder, 4)) ?? starts.map(() => 1);
    return slice(
      builder,
      data,
      starts,
      ends,
      axes.map((axis) => normalizeAxis(axis, shape.length)),
      steps,
      onnxOutput(node),
    );
  }),
  {
    operator: "Split",
    since: 2,
    translate: (node, builder) => {
      const data = onnxInput(node, builder, 0);
      const { shape } = builder.type(data);
      const axis = normalizeAxis(onnxInteger(node, builder, "axis", 0), shape.length);
      let start = 0;
      splitSizes(node, builder, at(shape, axis)).forEach((size, index) => {
        const output = at(node.outputs, index);
        if (output !== "") builder.bind(output, slice(builder, data, [start], [start + size], [axis], [1], output));
        start += size;
      });
    },
  },
];

/** CenterCropPad: the middle of axes that are too long, zeros around axes that are too short. */
function centerCropPad(node: OnnxNode, builder: GraphBuilder, data: string, shape: readonly number[]): string {
  const wanted = required(onnxConstantNumbers(node, builder, 1), node, builder, "a shape");
  const named = onnxIntegers(node, builder, "axes");
  const axes = named === null ? shape.map((_, axis) => axis) : axesOf(node, builder, named, shape.length);
  if (wanted.length !== axes.length || wanted.some((size) => size < 0))
    builder.refuse("B110", `Sizes [${wanted.join(",")}] do not fit ${axes.length} axes.`);
  const pads = new Array<number>(2 * shape.length).fill(0);
  axes.forEach((axis, index) => {
    const missing = at(wanted, index) - at(shape, axis);
    const before = Math.trunc(missing / 2);
    pads[axis] = before;
    pads[axis + shape.length] = missing - before;
  });
  return builder.add("pad", [data], { pads, mode: "constant", value: 0 }, onnxOutput(node));
}

/** Pad and CenterCropPad. */
export const padForms: readonly OnnxForm[] = [
  dataForm("Pad", 1, (node, builder, data, shape) => {
    const name = node.opset < 2 ? "paddings" : "pads";
    const listed = required(integersBy(node, builder, name, 1, 11), node, builder, "pads");
    const rank = shape.length;
    const named = node.opset < 18 ? null : onnxConstantNumbers(node, builder, 3);
    const axes = named === null ? shape.map((_, axis) => axis) : axesOf(node, builder, named, rank);
    if (listed.length !== 2 * axes.length) {
      builder.refuse(
        "B110",
        `Pads [${listed.join(",")}] are ${listed.length} numbers; ${axes.length} axes need ${2 * axes.length}.`,
      );
    }
    const pads = new Array<number>(2 * rank).fill(0);
    axes.forEach((axis, index) => {
      pads[axis] = at(listed, index);
      pads[axis + rank] = at(listed, index + axes.length);
    });
    const attribute = node.attributes.get("value");
    const value =
      node.opset < 11
        ? typeof attribute === "number"
          ? attribute
          : 0
        : (onnxConstantNumbers(node, builder, 2)?.[0] ?? 0);
    const mode = onnxText(node, builder, "mode", "constant");
    return builder.add("pad", [data], { pads, mode, value }, onnxOutput(node));
  }),
  dataForm("CenterCropPad", 18, centerCropPad),
];

/** Expand. */
export const expandForms: readonly OnnxForm[] = [
  dataForm("Expand", 8, (node, builder, data, shape) => {
    const wanted = required(onnxConstantNumbers(node, builder, 1), node, builder, "a shape");
    return builder.add("expand", [data], { shape: broadcastShapes([shape, wanted]) }, onnxOutput(node));
  }),
];

/** Tile. */
export const tileForms: readonly OnnxForm[] = [
  dataForm("Tile", 6, (node, builder, data) => {
    const repeats = required(onnxConstantNumbers(node, builder, 1), node, builder, "repeats");
    return builder.add("tile", [data], { repeats }, onnxOutput(node));
  }),
];

/** Gather: with indices that are known, a movement; otherwise a look-up that depends on data. */
export const gatherForms: readonly OnnxForm[] = [
  dataForm("Gather", 1, (node, builder, data, shape) => {
    const axis = normalizeAxis(onnxInteger(node, builder, "axis", 0), shape.length);
    const indexValue = onnxInput(node, builder, 1);
    const name = onnxOutput(node);
    if (builder.constant(indexValue) === null) return builder.add("gather_data", [data, indexValue], { axis }, name);
    const indices = required(onnxConstantNumbers(node, builder, 1), node, builder, "indices");
    return builder.add("gather", [data], { axis, indices, indexShape: builder.type(indexValue).shape }, name);
  }),
];
