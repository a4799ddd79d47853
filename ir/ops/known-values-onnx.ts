import { at, product, rowMajorStrides } from "../../base/math.ts";
import type { GraphBuilder, OnnxForm, OnnxNode } from "../operator.ts";
import { i64Tensor, makeTensor, type Tensor } from "../tensor.ts";
import { tensorType } from "../type.ts";
import { normalizeAxis } from "./broadcast.ts";
import { onnxElement } from "./onnx-elements.ts";
import { bindExtra, compositeForm, onnxInput, onnxInteger } from "./onnx-node.ts";
import { isBig, tensorBigs, tensorNumbers, tensorOf } from "./values.ts";

/** An input that must be known at compile time, because its numbers decide the shape of the result; refuses others (B112). */
function knownInput(node: OnnxNode, builder: GraphBuilder, index: number): Tensor {
  const value = onnxInput(node, builder, index);
  return (
    builder.constant(value) ??
    builder.refuse(
      "B112",
      `The shape of what ${node.operator} gives depends on the numbers of "${value}", which must be known at compile time.`,
    )
  );
}

/** NonZero: the coordinates of the elements that are not 0, one row an axis, in row-major order. */
const nonZeroForm = compositeForm("NonZero", 9, (node, builder, name) => {
  const data = knownInput(node, builder, 0);
  const { shape } = data.type;
  const found: number[] = [];
  tensorNumbers(data).forEach((value, position) => {
    if (value !== 0) found.push(position);
  });
  const strides = rowMajorStrides(shape);
  const rows = shape.flatMap((size, axis) => found.map((position) => Math.floor(position / at(strides, axis)) % size));
  return builder.addConstant(i64Tensor([shape.length, found.length], rows), name);
});

/** EyeLike: ones on the k-th diagonal of a matrix of the input's shape. */
const eyeLikeForm = compositeForm("EyeLike", 9, (node, builder, name) => {
  const { element, shape } = builder.type(onnxInput(node, builder, 0));
  if (shape.length !== 2) builder.refuse("B110", `EyeLike takes a matrix; found shape [${shape.join(",")}].`);
  const columns = at(shape, 1);
  const diagonal = onnxInteger(node, builder, "k", 0);
  const wanted = node.attributes.has("dtype") ? onnxElement(onnxInteger(node, builder, "dtype"), builder) : element;
  const numbers = Float64Array.from({ length: product(shape) }, (_, index) =>
    (index % columns) - Math.floor(index / columns) === diagonal ? 1 : 0,
  );
  return builder.addConstant(tensorOf(tensorType(wanted, shape), numbers), name);
});

/** Compress: the slices of an axis (or, without one, the elements) where a known condition holds. */
const compressForm = compositeForm("Compress", 9, (node, builder, name) => {
  const data = onnxInput(node, builder, 0);
  const condition = tensorNumbers(knownInput(node, builder, 1));
  const { shape } = builder.type(data);
  const given = node.attributes.has("axis");
  const source = given ? data : builder.add("reshape", [data], { shape: [product(shape)] });
  const axis = given ? normalizeAxis(onnxInteger(node, builder, "axis"), shape.length) : 0;
  const size = at(builder.type(source).shape, axis);
  if (condition.length > size)
    builder.refuse("B110", `The condition has ${condition.length} elements; the axis has ${size}.`);
  const indices = Array.from(condition).flatMap((value, index) => (value === 0 ? [] : [index]));
  return builder.add("gather", [source], { axis, indices, indexShape: [indices.length] }, name);
});

/** A group of equal slices: where the first one is, and how many there are. */
interface UniqueSlice {
  readonly first: number;
  count: number;
}

/** The slices of a dense array along an axis, each as a row of its elements; 64-bit integers are whole. */
function slicesOf(data: Tensor, axis: number): Row[] {
  const { shape } = data.type;
  const size = at(shape, axis);
  const inner = product(shape.slice(axis + 1));
  const count = product(shape.slice(0, axis)) * inner;
  const elements: ArrayLike<number | bigint> = isBig(data.type.element) ? tensorBigs(data) : tensorNumbers(data);
  return Array.from({ length: size }, (_, index) =>
    Array.from({ length: count }, (_, position) => {
      const block = Math.floor(position / inner);
      return at(elements, (block * size + index) * inner + (position % inner));
    }),
  );
}

type Row = readonly (number | bigint)[];

/** Orders rows by their first difference; NaN comes last. */
function compareRows(left: Row, right: Row): number {
  for (const [index, a] of left.entries()) {
    const b = at(right, index);
    if (a < b || (Number.isNaN(b) && !Number.isNaN(a))) return -1;
    if (a > b || (Number.isNaN(a) && !Number.isNaN(b))) return 1;
  }
  return 0;
}

/** Unique of a known input: its distinct elements or slices, where each stands first, which one each is, and their counts. */
const uniqueForm: OnnxForm = {
  operator: "Unique",
  since: 11,
  translate: (node, builder) => {
    const input = knownInput(node, builder, 0);
    const given = node.attributes.has("axis");
    const data = given ? input : { ...input, type: { ...input.type, shape: [input.data.length] } };
    const axis = given ? normalizeAxis(onnxInteger(node, builder, "axis"), data.type.shape.length) : 0;
    const rows = slicesOf(data, axis);
    const keys = rows.map((row) => row.join(","));
    const groups = new Map<string, UniqueSlice>();
    keys.forEach((key, index) => {
      const group = groups.get(key);
      if (group === undefined) groups.set(key, { first: index, count: 1 });
      else group.count += 1;
    });
    const found = [...groups.entries()];
    if (onnxInteger(node, builder, "sorted", 1) !== 0) {
      found.sort(([, a], [, b]) => compareRows(at(rows, a.first), at(rows, b.first)));
    }
    const order = new Map(found.map(([key], index) => [key, index]));
    const firsts = found.map(([, group]) => group.first);
    const list = (values: readonly number[]) => (name: string) =>
      builder.addConstant(i64Tensor([values.length], values), name);
    const value = builder.addConstant(makeTensor(data.type, data.data));
    const kept = { axis, indices: firsts, indexShape: [firsts.length] };
    bindExtra(node, builder, 0, (name) => builder.add("gather", [value], kept, name));
    bindExtra(node, builder, 1, list(firsts));
    bindExtra(node, builder, 2, list(keys.map((key) => order.get(key) ?? 0)));
    bindExtra(node, builder, 3, list(found.map(([, group]) => group.count)));
  },
};

/** ONNX operators whose results are known when the shapes, or the numbers of their inputs, are. */
export const knownValueForms: readonly OnnxForm[] = [nonZeroForm, eyeLikeForm, compressForm, uniqueForm];
