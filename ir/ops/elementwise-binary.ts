import { internalError } from "../../base/errors.ts";
import { product } from "../../base/math.ts";
import {
  defineOperator,
  type GraphBuilder,
  type OnnxForm,
  type OnnxNode,
  type Operator,
  type Sample,
} from "../operator.ts";
import { elementTypes, isFloat, tensorType } from "../type.ts";
import { elementwiseIteration } from "./broadcast.ts";
import { singleLoops } from "./elementwise-singles.ts";
import { chooseElements, inferBroadcast, mapBinary } from "./elementwise-support.ts";
import { type BinaryEntry, binaryTable } from "./elementwise-tables.ts";
import { maskForms } from "./mask-onnx.ts";
import {
  bindOnly,
  compositeForm,
  onnxConstantNumbers,
  onnxInput,
  onnxInteger,
  onnxOutput,
  onnxText,
  scalarLike,
} from "./onnx-node.ts";
import { sampleFloats, sampleTensor } from "./samples.ts";
import { typeAt } from "./values.ts";

/**
 * The second operand of a binary ONNX node. Before opset 7 attribute `axis` says at which axis of the first operand
 * its axes begin; it is then given trailing axes of size 1.
 */
function alignedOperand(node: OnnxNode, builder: GraphBuilder): string {
  const [x, y] = [onnxInput(node, builder, 0), onnxInput(node, builder, 1)];
  if (node.opset >= 7 || onnxInteger(node, builder, "broadcast", 0) === 0) return y;
  const [xShape, yShape] = [builder.type(x).shape, builder.type(y).shape];
  const axis = onnxInteger(node, builder, "axis", xShape.length - yShape.length);
  const trailing = xShape.length - yShape.length - (axis < 0 ? axis + xShape.length : axis);
  if (trailing <= 0) return y;
  return builder.add("reshape", [y], { shape: [...yShape, ...new Array<number>(trailing).fill(1)] });
}

/** Two inputs become the two operands. */
function pairForm(operator: string, op: string, since: number): OnnxForm {
  return compositeForm(operator, since, (node, builder, name) =>
    builder.add(op, [onnxInput(node, builder, 0), alignedOperand(node, builder)], {}, name),
  );
}

/** Any number of inputs become a chain; `finish` may add to it. */
function chainForm(
  operator: string,
  op: string,
  finish?: (value: string, count: number, builder: GraphBuilder, name: string) => string,
): OnnxForm {
  return compositeForm(operator, 1, (node, builder, name) => {
    const count = node.inputs.length;
    let value = onnxInput(node, builder, 0);
    if (count === 1) return builder.add("identity", [value], {}, name);
    for (let index = 1; index < count; index += 1) {
      const last = index === count - 1 && finish === undefined;
      value = builder.add(op, [value, onnxInput(node, builder, index)], {}, ...(last ? [name] : []));
    }
    return finish === undefined ? value : finish(value, count, builder, name);
  });
}

/** x^y: a constant exponent becomes `power`; exponents of another element type are converted. */
const powForm = compositeForm("Pow", 1, (node, builder, name) => {
  const x = onnxInput(node, builder, 0);
  const y = alignedOperand(node, builder);
  const [base, exponent] = [builder.type(x), builder.type(y)];
  const known = builder.constant(y) === null ? null : onnxConstantNumbers(node, builder, 1);
  const first = known?.[0];
  if (
    isFloat(base.element) &&
    first !== undefined &&
    known?.every((value) => value === first) &&
    product(exponent.shape) === 1 &&
    exponent.shape.length <= base.shape.length
  ) {
    return builder.add("power", [x], { exponent: first }, name);
  }
  if (base.element === exponent.element) return builder.add("pow", [x, y], {}, name);
  if (isFloat(base.element) || !isFloat(exponent.element)) {
    return builder.add("pow", [x, builder.add("cast", [y], { element: base.element })], {}, name);
  }
  // f32 does not hold every integer of more than 24 bits.
  const element = elementTypes[base.element].bits > 16 ? "f64" : exponent.element;
  const operands = [x, y].map((value) => builder.add("cast", [value], { element }));
  const result = builder.add("pow", operands);
  return builder.add("cast", [result], { element: base.element }, name);
});

const mean = (value: string, count: number, builder: GraphBuilder, name: string): string =>
  builder.add("mul", [value, scalarLike(builder, value, 1 / count)], {}, name);

/** The remainder: with the sign of the divisor, or as C's fmod has it. */
const modForm = compositeForm("Mod", 10, (node, builder, name) => {
  const op = onnxInteger(node, builder, "fmod", 0) === 0 ? "mod" : "remainder";
  return builder.add(op, [onnxInput(node, builder, 0), onnxInput(node, builder, 1)], {}, name);
});

const bitShift = compositeForm("BitShift", 11, (node, builder, name) => {
  const direction = onnxText(node, builder, "direction", "");
  if (direction !== "LEFT" && direction !== "RIGHT")
    builder.refuse("B111", `Attribute "direction" is "${direction}", expected LEFT or RIGHT.`);
  const op = direction === "LEFT" ? "shift_left" : "shift_right";
  return builder.add(op, [onnxInput(node, builder, 0), onnxInput(node, builder, 1)], {}, name);
});

/** Forms beside the one that the table of functions names. */
const furtherForms: Readonly<Record<string, readonly OnnxForm[]>> = {
  mod: [modForm],
  shift_left: [bitShift],
  and: [pairForm("BitwiseAnd", "and", 18)],
  or: [pairForm("BitwiseOr", "or", 18)],
  xor: [pairForm("BitwiseXor", "xor", 18)],
};

function formsOf(entry: BinaryEntry): readonly OnnxForm[] {
  const further = furtherForms[entry.name] ?? [];
  if (entry.onnx === null) return further;
  const [operator, since] = entry.onnx;
  switch (entry.name) {
    case "add":
      return [pairForm(operator, "add", since), chainForm("Sum", "add"), chainForm("Mean", "add", mean)];
    case "max":
    case "min":
      return [chainForm(operator, entry.name)];
    case "pow":
      return [powForm];
    default:
      return [pairForm(operator, entry.name, since), ...further];
  }
}

const unsignedElements = ["u8", "u16", "u32", "u64"] as const;

function samplesOf(entry: BinaryEntry): Operator["samples"] {
  const shapes: readonly (readonly [readonly number[], readonly number[]])[] = [
    [
      [2, 3],
      [2, 3],
    ],
    [
      [2, 1, 4],
      [3, 1],
    ],
    [[5], []],
  ];
  return (random) => {
    if (entry.domain === "integer" || entry.domain === "unsigned") {
      const elements = entry.domain === "integer" ? (["bool", "bool", "i8", "u32", "i64"] as const) : unsignedElements;
      return elements.map((element, index): Sample => {
        const [x, y] = shapes[index % shapes.length] as (typeof shapes)[number];
        const operand = (shape: readonly number[]) => sampleTensor(random, tensorType(element, shape), -9, 40);
        return { operands: [operand(x), operand(y)], attributes: {} };
      });
    }
    const positive = ["pow", "div", "mod", "remainder"].includes(entry.name);
    const floats = shapes.map(
      ([x, y]): Sample => ({
        operands: [sampleFloats(random, x, positive ? 0.5 : -4), sampleFloats(random, y, positive ? 0.5 : -4)],
        attributes: {},
      }),
    );
    const integers = (["i32", "i64", "u8", "i16"] as const).map(
      (element): Sample => ({
        operands: [
          sampleTensor(random, tensorType(element, [2, 3]), 1, 9),
          sampleTensor(random, tensorType(element, [3]), 1, 5),
        ],
        attributes: {},
      }),
    );
    return [...floats, ...integers];
  };
}

function declareBinary(entry: BinaryEntry): Operator {
  const { name, summary, compute, computeBig } = entry;
  const unit = entry.function;
  return defineOperator({
    name,
    summary,
    runsOn: "vector",
    operands: ["x", "y"],
    attributes: {},
    onnx: formsOf(entry),
    infer: ({ operands }) => {
      const type = inferBroadcast(name, [typeAt(operands, 0), typeAt(operands, 1)], entry.domain);
      return entry.result === "truth" ? tensorType("bool", type.shape) : type;
    },
    evaluate: (context) => {
      const element = context.operands[0]?.type.element;
      if (element === undefined) throw internalError(`"${name}" was given no operand`);
      const computed = (isFloat(element) ? undefined : entry.computeInteger) ?? compute;
      return mapBinary(context, computed, computeBig, singleLoops[name]);
    },
    iteration: elementwiseIteration,
    vector: { kind: "elementwise", issue: () => ({ function: unit, parameters: {} }) },
    samples: samplesOf(entry),
  });
}

/** Chooses between two values, element by element. */
const where = defineOperator({
  name: "where",
  summary: "x where the condition is true, y elsewhere.",
  runsOn: "vector",
  operands: ["condition", "x", "y"],
  attributes: {},
  onnx: [
    {
      operator: "Where",
      since: 9,
      translate: (node, builder) => {
        const operands = [0, 1, 2].map((index) => onnxInput(node, builder, index));
        bindOnly(node, builder, builder.add("where", operands, {}, onnxOutput(node)));
      },
    },
    ...maskForms,
  ],
  infer: ({ operands }) => {
    const condition = inferBroadcast("where", [typeAt(operands, 0)], "bool");
    const chosen = inferBroadcast("where", [typeAt(operands, 1), typeAt(operands, 2)], "same");
    return {
      ...chosen,
      shape: inferBroadcast("where", [condition, { ...chosen, element: "bool", quantization: null }], "bool").shape,
    };
  },
  evaluate: chooseElements,
  iteration: elementwiseIteration,
  vector: { kind: "elementwise", issue: () => ({ function: "select", parameters: {} }) },
  samples: (random) =>
    (
      [
        [
          [2, 3],
          [2, 3],
          [2, 3],
        ],
        [[3], [2, 1], []],
        [[2, 1], [1], [4]],
      ] as const
    ).map(([condition, x, y]) => ({
      operands: [sampleTensor(random, tensorType("bool", condition)), sampleFloats(random, x), sampleFloats(random, y)],
      attributes: {},
    })),
});

/** Operators of two or three operands that broadcast. */
export const binaryOperators: readonly Operator[] = [...binaryTable.map(declareBinary), where];
