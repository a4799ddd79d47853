import { at, product, rowMajorStrides } from "../../base/math.ts";
import type { GraphBuilder, OnnxForm, OnnxNode } from "../operator.ts";
import { tensorType } from "../type.ts";
import { normalizeAxis } from "./broadcast.ts";
import { columnImageForm } from "./column-image.ts";
import { boxPositions, checkTuples, elementPositions, roundsOf, type TupleRows, tupleRows } from "./index-lists.ts";
import { compositeForm, onnxConstantNumbers, onnxInput, onnxInteger, onnxText } from "./onnx-node.ts";
import { scatterReductions } from "./scatter.ts";
import { tensorOf } from "./values.ts";

/** The indices at input 1, which must be known, and their shape. */
function indicesOf(node: OnnxNode, builder: GraphBuilder): { numbers: readonly number[]; shape: readonly number[] } {
  const { shape } = builder.type(onnxInput(node, builder, 1));
  return { numbers: onnxConstantNumbers(node, builder, 1) ?? [], shape };
}

/** Elements of the data that an array of indices along one axis names. */
function elementRows(node: OnnxNode, builder: GraphBuilder, data: string): TupleRows {
  const { shape } = builder.type(data);
  const axis = normalizeAxis(onnxInteger(node, builder, "axis", 0), shape.length);
  const indices = indicesOf(node, builder);
  return { rows: elementPositions(shape, axis, indices.numbers, indices.shape), inner: 1 };
}

const gatherElementsForm = compositeForm("GatherElements", 11, (node, builder, name) => {
  const [data, indices] = [onnxInput(node, builder, 0), onnxInput(node, builder, 1)];
  const axis = onnxInteger(node, builder, "axis", 0);
  if (builder.constant(indices) === null) return builder.add("gather_elements_data", [data, indices], { axis }, name);
  const { rows } = elementRows(node, builder, data);
  return builder.add("assemble", [data], { shape: builder.type(indices).shape, sources: rows }, name);
});

/** Indices of data counted from the front; `sizes` are those of the axes, of shape `shape`. */
function fromStart(builder: GraphBuilder, indices: string, shape: readonly number[], sizes: readonly number[]): string {
  const { element } = builder.type(indices);
  const integers = (dimensions: readonly number[], numbers: readonly number[]): string =>
    builder.addConstant(tensorOf(tensorType(element, dimensions), numbers));
  return builder.add("where", [
    builder.add("less", [indices, integers([], [0])]),
    builder.add("add", [indices, integers(shape, sizes)]),
    indices,
  ]);
}

/** Rows that tuples of indices name which depend on data, computed by arithmetic on the tuples; −1 counts from the end. */
function computedRows(
  builder: GraphBuilder,
  indices: string,
  batchCount: number,
  sizes: readonly number[],
  strides: readonly number[],
): string {
  const type = builder.type(indices);
  const lead = type.shape.slice(0, -1);
  const integers = (shape: readonly number[], numbers: readonly number[]): string =>
    builder.addConstant(tensorOf(tensorType(type.element, shape), numbers));
  const counted = fromStart(builder, indices, [sizes.length], sizes);
  const scaled = builder.add("mul", [counted, integers([sizes.length], strides.slice(batchCount))]);
  const row = builder.add("reduce_sum", [scaled], { axes: [lead.length], keepdims: false });
  const batchStrides = lead.map((_, axis) => (axis < batchCount ? at(strides, axis) : 0));
  return batchCount === 0 ? row : builder.add("add", [row, integers(lead, boxPositions(lead, batchStrides))]);
}

const gatherTuplesForm = compositeForm("GatherND", 11, (node, builder, name) => {
  const [data, indices] = [onnxInput(node, builder, 0), onnxInput(node, builder, 1)];
  const { shape } = builder.type(data);
  const indexShape = builder.type(indices).shape;
  const batchCount = node.opset < 12 ? 0 : onnxInteger(node, builder, "batch_dims", 0);
  const fixed = batchCount + (indexShape.at(-1) ?? 0);
  const rest = shape.slice(fixed);
  if (builder.constant(indices) !== null) {
    const { rows, inner } = tupleRows(shape, batchCount, onnxConstantNumbers(node, builder, 1) ?? [], indexShape);
    const result = [...indexShape.slice(0, -1), ...rest];
    return builder.add("assemble", [data], { shape: result, sources: rows, inner }, name);
  }
  checkTuples(shape, batchCount, indexShape);
  const sizes = shape.slice(0, fixed);
  const rows = computedRows(builder, indices, batchCount, sizes.slice(batchCount), rowMajorStrides(sizes));
  const table = builder.add("reshape", [data], { shape: [product(sizes), ...rest] });
  return builder.add("gather_data", [table, rows], { axis: 0 }, name);
});

function reductionOf(node: OnnxNode, builder: GraphBuilder): string {
  const reduction = onnxText(node, builder, "reduction", "none");
  if (scatterReductions[reduction] !== undefined) return reduction;
  const names = Object.keys(scatterReductions).join(", ");
  return builder.refuse("B111", `Attribute "reduction" is "${reduction}", expected one of ${names}.`);
}

/** Replaces rows of the data by rows of the updates; of several for one row the last counts. */
function replaceRows(
  builder: GraphBuilder,
  data: string,
  updates: string,
  rows: readonly number[],
  inner: number,
  name?: string,
): string {
  const { shape } = builder.type(data);
  const found = builder.type(updates).shape;
  if (product(found) !== rows.length * inner)
    builder.refuse(
      "B110",
      `Updates of shape [${found.join(",")}] do not fit ${rows.length} rows of ${inner} elements.`,
    );
  const rowCount = inner === 0 ? 0 : product(shape) / inner;
  const sources = Array.from({ length: rowCount }, (_, row) => row);
  rows.forEach((row, update) => {
    sources[row] = rowCount + update;
  });
  return builder.add("assemble", [data, updates], { shape, sources, inner }, name);
}

/** Scatters updates into rows of the data, joined with what is there by an operator, in the order of the updates. */
function scatterRows(
  builder: GraphBuilder,
  data: string,
  updates: string,
  { rows, inner }: TupleRows,
  reduction: string,
  name: string,
): string {
  const op = scatterReductions[reduction]?.op ?? null;
  if (op === null || rows.length * inner === 0) return replaceRows(builder, data, updates, rows, inner, name);
  const pick = (value: string, sources: readonly number[]): string =>
    builder.add("assemble", [value], { shape: [sources.length, inner], sources, inner });
  let result = data;
  const rounds = roundsOf(rows);
  rounds.forEach((round, index) => {
    const touched = round.map((update) => at(rows, update));
    const joined = builder.add(op, [pick(result, touched), pick(updates, round)]);
    result = replaceRows(builder, result, joined, touched, inner, index === rounds.length - 1 ? name : undefined);
  });
  return result;
}

/** As `scatterRows`, into rows that depend on data; there are as many as the named sizes make. */
function scatterComputedRows(
  builder: GraphBuilder,
  data: string,
  updates: string,
  rows: string,
  rowCount: number,
  reduction: string,
  name: string,
): string {
  const { shape } = builder.type(data);
  const count = product(builder.type(rows).shape);
  const inner = rowCount === 0 ? 0 : product(shape) / rowCount;
  const found = builder.type(updates).shape;
  if (product(found) !== count * inner)
    builder.refuse("B110", `Updates of shape [${found.join(",")}] do not fit ${count} rows of ${inner} elements.`);
  const result = builder.add(
    "scatter_data",
    [
      builder.add("reshape", [data], { shape: [rowCount, inner] }),
      builder.add("reshape", [rows], { shape: [count] }),
      builder.add("reshape", [updates], { shape: [count, inner] }),
    ],
    { reduction },
  );
  return builder.add("reshape", [result], { shape }, name);
}

/** Elements that an array of indices along one axis names which depend on data, counted over the whole value. */
function computedElements(node: OnnxNode, builder: GraphBuilder, data: string, indices: string): string {
  const { shape } = builder.type(data);
  const type = builder.type(indices);
  const axis = normalizeAxis(onnxInteger(node, builder, "axis", 0), shape.length);
  const strides = rowMajorStrides(shape);
  const others = strides.map((stride, other) => (other === axis ? 0 : stride));
  // Throws when the shapes do not fit; which indices there are does not matter.
  const anywhere = shape.map((size, each) => (each === axis ? 1 : size));
  elementPositions(anywhere, axis, new Array<number>(product(type.shape)).fill(0), type.shape);
  const scaled = builder.add("mul", [
    fromStart(builder, indices, [], [at(shape, axis)]),
    builder.addConstant(tensorOf(tensorType(type.element, []), [at(strides, axis)])),
  ]);
  const bases = tensorOf(tensorType(type.element, type.shape), boxPositions(type.shape, others));
  return builder.add("add", [scaled, builder.addConstant(bases)]);
}

function scatterElements(node: OnnxNode, builder: GraphBuilder, name: string): string {
  const [data, indices] = [onnxInput(node, builder, 0), onnxInput(node, builder, 1)];
  const updates = onnxInput(node, builder, 2);
  const reduction = reductionOf(node, builder);
  if (builder.constant(indices) !== null)
    return scatterRows(builder, data, updates, elementRows(node, builder, data), reduction, name);
  const rows = computedElements(node, builder, data, indices);
  return scatterComputedRows(builder, data, updates, rows, product(builder.type(data).shape), reduction, name);
}

function scatterTuples(node: OnnxNode, builder: GraphBuilder, name: string): string {
  const data = onnxInput(node, builder, 0);
  const updates = onnxInput(node, builder, 2);
  const reduction = reductionOf(node, builder);
  const { shape } = builder.type(data);
  const indices = onnxInput(node, builder, 1);
  const indexShape = builder.type(indices).shape;
  if (builder.constant(indices) !== null) {
    const rows = tupleRows(shape, 0, indicesOf(node, builder).numbers, indexShape);
    return scatterRows(builder, data, updates, rows, reduction, name);
  }
  checkTuples(shape, 0, indexShape);
  const sizes = shape.slice(0, indexShape.at(-1) ?? 0);
  const rows = computedRows(builder, indices, 0, sizes, rowMajorStrides(sizes));
  return scatterComputedRows(builder, data, updates, rows, product(sizes), reduction, name);
}

/** ReverseSequence with lengths that depend on data: a look-up of steps that arithmetic on the lengths names. */
function reverseComputed(
  builder: GraphBuilder,
  data: string,
  lengths: string,
  batchAxis: number,
  name: string,
): string {
  const { shape } = builder.type(data);
  const { element, shape: found } = builder.type(lengths);
  const [first, second] = [at(shape, 0), at(shape, 1)];
  const [batchCount, timeCount] = batchAxis === 0 ? [first, second] : [second, first];
  if (found.length !== 1 || found[0] !== batchCount)
    builder.refuse("B110", `Lengths of shape [${found.join(",")}] do not fit ${batchCount} sequences.`);
  const counting = (dimensions: readonly number[], stride: number): string =>
    builder.addConstant(
      tensorOf(
        tensorType(element, dimensions),
        Array.from({ length: product(dimensions) }, (_, index) => index * stride),
      ),
    );
  const [batches, times] =
    batchAxis === 0
      ? [
          [batchCount, 1],
          [1, timeCount],
        ]
      : [
          [1, batchCount],
          [timeCount, 1],
        ];
  const time = counting(times, 1);
  const length = builder.add("reshape", [lengths], { shape: batches });
  const one = builder.addConstant(tensorOf(tensorType(element, []), [1]));
  const turned = builder.add("sub", [builder.add("sub", [length, one]), time]);
  const from = builder.add("where", [builder.add("less", [time, length]), turned, time]);
  const stride = builder.addConstant(tensorOf(tensorType(element, []), [batchAxis === 0 ? 1 : second]));
  const rows = builder.add("add", [
    builder.add("mul", [from, stride]),
    counting(batches, batchAxis === 0 ? second : 1),
  ]);
  const table = builder.add("reshape", [data], { shape: [first * second, ...shape.slice(2)] });
  const listed = builder.add("reshape", [rows], { shape: [first * second] });
  const result = builder.add("gather_data", [table, listed], { axis: 0 });
  return builder.add("reshape", [result], { shape }, name);
}

/** ReverseSequence: the first `length` entries of the time axis backwards, the others as they are, for each batch. */
const reverseSequenceForm = compositeForm("ReverseSequence", 10, (node, builder, name) => {
  const data = onnxInput(node, builder, 0);
  const { shape } = builder.type(data);
  const [batchAxis, timeAxis] = [
    onnxInteger(node, builder, "batch_axis", 1),
    onnxInteger(node, builder, "time_axis", 0),
  ];
  if (batchAxis + timeAxis !== 1 || batchAxis * timeAxis !== 0 || shape.length < 2)
    builder.refuse("B111", `Time axis ${timeAxis} and batch axis ${batchAxis} are not the first two of the value's.`);
  const [first, second] = [at(shape, 0), at(shape, 1)];
  const [batchCount, timeCount] = batchAxis === 0 ? [first, second] : [second, first];
  const given = onnxInput(node, builder, 1);
  if (builder.constant(given) === null) return reverseComputed(builder, data, given, batchAxis, name);
  const lengths = onnxConstantNumbers(node, builder, 1) ?? [];
  const wrong = lengths.find((length) => length < 0 || length > timeCount);
  if (lengths.length !== batchCount || wrong !== undefined)
    builder.refuse("B110", `Lengths [${lengths.join(",")}] do not fit ${batchCount} sequences of ${timeCount} steps.`);
  const sources = Array.from({ length: first * second }, (_, row) => {
    const [major, minor] = [Math.floor(row / second), row % second];
    const [batch, time] = batchAxis === 0 ? [major, minor] : [minor, major];
    const length = at(lengths, batch);
    const from = time < length ? length - 1 - time : time;
    return batchAxis === 0 ? batch * second + from : from * second + batch;
  });
  return builder.add("assemble", [data], { shape, sources, inner: product(shape.slice(2)) }, name);
});

/** Gather and scatter, by indices that are known at compile time or depend on data, and what is written as that. */
export const indexingForms: readonly OnnxForm[] = [
  gatherElementsForm,
  gatherTuplesForm,
  compositeForm("Scatter", 9, scatterElements, 10),
  compositeForm("ScatterElements", 11, scatterElements),
  compositeForm("ScatterND", 11, scatterTuples),
  reverseSequenceForm,
  columnImageForm,
];
