import { internalError, problem } from "../../base/errors.ts";
import { at } from "../../base/math.ts";
import {
  type DecomposeContext,
  defineOperator,
  type EvaluateContext,
  type NodeBuilder,
  type Operator,
} from "../operator.ts";
import { allocateData, i64Tensor, makeTensor, type Tensor } from "../tensor.ts";
import { elementTypes, formatType, integerRange, isFloat, sameType, type TensorType, tensorType } from "../type.ts";
import { textOf } from "./attributes.ts";
import { binaryOperators } from "./elementwise-binary.ts";
import { requireDomain } from "./elementwise-support.ts";
import { roundsOf } from "./index-lists.ts";
import { indexMask } from "./index-mask.ts";
import { sampleFloats, sampleTensor } from "./samples.ts";
import { operandAt, tensorNumbers, tensorOf, typeAt } from "./values.ts";

/** How updates join what is there: the operator of two values and the reduction over many, and what changes nothing. */
interface Reduction {
  readonly op: string;
  readonly over: string;
  readonly neutral: (type: TensorType) => number;
}

/** The reductions of the Scatter operators; null replaces what is there. */
export const scatterReductions: Readonly<Record<string, Reduction | null>> = {
  none: null,
  add: { op: "add", over: "reduce_sum", neutral: () => 0 },
  mul: { op: "mul", over: "reduce_prod", neutral: () => 1 },
  max: {
    op: "max",
    over: "reduce_max",
    neutral: ({ element }) => (isFloat(element) ? Number.NEGATIVE_INFINITY : integerRange(element).low),
  },
  min: {
    op: "min",
    over: "reduce_min",
    neutral: ({ element }) => (isFloat(element) ? Number.POSITIVE_INFINITY : integerRange(element).high),
  },
};

function reductionOf(attributes: EvaluateContext["attributes"]): Reduction | null {
  const name = textOf(attributes, "reduction");
  const reduction = scatterReductions[name];
  if (reduction !== undefined) return reduction;
  const names = Object.keys(scatterReductions).join(", ");
  throw problem("B202", `Attribute "reduction" is "${name}", expected one of ${names}.`);
}

/** The listed rows of a value [rows,inner]. */
function takeRows(value: Tensor, rows: readonly number[]): Tensor {
  const inner = at(value.type.shape, 1);
  const data = allocateData(value.type.element, rows.length * inner) as Float64Array;
  const source = value.data as Float64Array;
  rows.forEach((row, index) => {
    data.set(source.subarray(row * inner, (row + 1) * inner), index * inner);
  });
  return makeTensor({ ...value.type, shape: [rows.length, inner] }, data);
}

function evaluateScatter({ operands, attributes, type }: EvaluateContext): Tensor {
  const [data, indices, updates] = [operandAt(operands, 0), operandAt(operands, 1), operandAt(operands, 2)];
  const [rowCount, inner] = [at(type.shape, 0), at(type.shape, 1)];
  const rows = Array.from(tensorNumbers(indices));
  const wrong = rows.find((row) => row < 0 || row >= rowCount);
  if (wrong !== undefined) throw problem("B110", `Row ${wrong} is outside the ${rowCount} rows.`);
  const result = makeTensor(type, data.data.slice());
  const target = result.data as Float64Array;
  const put = (values: Tensor, wanted: readonly number[]): void => {
    const source = values.data as Float64Array;
    wanted.forEach((row, index) => {
      target.set(source.subarray(index * inner, (index + 1) * inner), row * inner);
    });
  };
  const reduction = reductionOf(attributes);
  if (reduction === null) {
    put(updates, rows);
    return result;
  }
  const join = binaryOperators.find(({ name }) => name === reduction.op);
  if (join === undefined) throw internalError(`there is no operator "${reduction.op}"`);
  for (const round of roundsOf(rows)) {
    const touched = round.map((update) => at(rows, update));
    const pair = [takeRows(result, touched), takeRows(updates, round)];
    put(join.evaluate({ operands: pair, attributes: {}, type: at(pair, 0).type }), touched);
  }
  return result;
}

/** Comparisons of every index with every row, for all elements of a row, are at most this many. */
const comparedElements = 2 ** 22;

/**
 * Compares every index with the number of every row, and joins what those updates come to that name it. Null where that
 * makes too many elements.
 */
function writeScatter({ operands, attributes, type }: DecomposeContext, builder: NodeBuilder): string | null {
  const [data, indices, updates] = operands as [string, string, string];
  const [rowCount, inner] = [at(type.shape, 0), at(type.shape, 1)];
  const [count = 0] = builder.type(indices).shape;
  const size = count * rowCount * inner;
  if (size > comparedElements || type.quantization !== null) return null;
  if (size === 0) return builder.add("identity", [data]);
  const reduction = reductionOf(attributes);
  const element = type.element === "bool" ? "i32" : type.element;
  const asNumbers = (value: string): string =>
    type.element === "bool" ? builder.add("cast", [value], { element }) : value;
  const single = (number: number): string => builder.addConstant(tensorOf(tensorType(element, []), [number]));
  const aligned = builder.add("reshape", [indices], { shape: [count, 1, 1] });
  const mask = indexMask(builder, aligned, 1, rowCount, false);
  const spread = builder.add("reshape", [asNumbers(updates)], { shape: [count, 1, inner] });
  const over = (op: string, value: string): string => builder.add(op, [value], { axes: [0], keepdims: false });
  if (reduction !== null) {
    const all = over(reduction.over, builder.add("where", [mask, spread, single(reduction.neutral(type))]));
    return builder.add(reduction.op, [data, all]);
  }
  // Of several updates of a row the last counts: the one of the greatest number.
  const ordinal = (shape: readonly number[], numbers: ArrayLike<number>): string =>
    builder.addConstant(tensorOf(tensorType("i32", shape), numbers));
  const numbers = ordinal(
    [count, 1, 1],
    Array.from({ length: count }, (_, index) => index),
  );
  const last = over("reduce_max", builder.add("where", [mask, numbers, ordinal([], [-1])]));
  const chosen = builder.add("equal", [builder.add("reshape", [last], { shape: [1, rowCount, 1] }), numbers]);
  const picked = over("reduce_sum", builder.add("where", [chosen, spread, single(0)]));
  const named = builder.add("greater_or_equal", [last, ordinal([], [0])]);
  const result = builder.add("where", [named, picked, asNumbers(data)]);
  return type.element === "bool" ? builder.add("cast", [result], { element: "bool" }) : result;
}

const scatterData = defineOperator({
  name: "scatter_data",
  summary: "Joins each row of updates to the row of data [rows,inner] that a second operand names, in their order.",
  runsOn: "folded",
  operands: ["data", "rows", "updates"],
  attributes: { reduction: { form: "text", default: "none" } },
  onnx: [],
  obstacle:
    "It needs data-dependent addressing, which the chip does not have, and too many comparisons to do without: data and updates are too large.",
  infer: ({ operands, attributes }) => {
    const [data, rows, updates] = [typeAt(operands, 0), typeAt(operands, 1), typeAt(operands, 2)];
    const [count = 0] = rows.shape;
    const fits =
      data.shape.length === 2 &&
      rows.shape.length === 1 &&
      elementTypes[rows.element].kind === "integer" &&
      sameType(updates, { ...data, shape: [count, data.shape[1] ?? 0] });
    if (!fits) {
      const found = [data, rows, updates].map(formatType).join(", ");
      throw problem(
        "B202",
        `"scatter_data" got ${found}, expected [rows,inner], integers [n], and [n,inner] like the first.`,
      );
    }
    if (reductionOf(attributes) !== null) requireDomain("scatter_data", data, "number");
    if (data.quantization !== null && data.quantization.axis !== null)
      throw problem("B202", "A scatter that depends on data cannot have a scale for each index of an axis.");
    return data;
  },
  evaluate: evaluateScatter,
  decompose: writeScatter,
  samples: (random) => [
    {
      operands: [sampleFloats(random, [4, 2]), i64Tensor([3], [3, 0, 3]), sampleFloats(random, [3, 2])],
      attributes: {},
    },
    {
      operands: [sampleFloats(random, [3, 2]), i64Tensor([4], [1, 1, 0, 1]), sampleFloats(random, [4, 2])],
      attributes: { reduction: "add" },
    },
    {
      operands: [
        sampleTensor(random, tensorType("i32", [5, 1]), -9, 9),
        i64Tensor([3], [4, 2, 4]),
        sampleTensor(random, tensorType("i32", [3, 1]), -9, 9),
      ],
      attributes: { reduction: "min" },
    },
  ],
});

/** What writes to rows that depend on data; a chip runs it by comparing, where it is small. */
export const scatterOperators: readonly Operator[] = [scatterData];
