import { problem } from "../../base/errors.ts";
import { at, product, rowMajorStrides } from "../../base/math.ts";
import type { ContractionData, Contractor } from "../contractor.ts";
import type { Access, AxisAccess, IterationDimension, IterationSpace } from "../iteration.ts";
import { defineOperator, type EvaluateContext, type InferContext, type Operator } from "../operator.ts";
import { makeTensor, type Tensor } from "../tensor.ts";
import { elementCount, formatType, isFloat, perTensor, type TensorType, tensorType } from "../type.ts";
import { numberOf } from "./attributes.ts";
import { broadcastAccess, broadcastShapes, broadcastStrides, stridedOffsets } from "./broadcast.ts";
import { convForm, gemmForm, matMulForm } from "./contraction-onnx.ts";
import { contractionElement, isNarrow, isSingle, requireBias } from "./contraction-types.ts";
import { padPlanes, plainContractor, transposeInto } from "./contraction-values.ts";
import { convolvePlanes } from "./convolution-planes.ts";
import { einsumForm } from "./einsum.ts";
import { blockedForms } from "./quantized-blocks.ts";
import { convIntegerForm, linearConvForm, linearMatMulForm, matMulIntegerForm } from "./quantized-contraction.ts";
import { sampleFloats, sampleTensor } from "./samples.ts";
import { convTransposeForm } from "./transposed-convolution.ts";
import { elementsOf, operandAt, tensorNumbers, typeAt } from "./values.ts";
import { type Window, windowAccess, windowDimensions, windowOf, windowPositions } from "./window.ts";

type TypedContext = InferContext & { readonly type: TensorType };

/** The contractor for an element type: the given one for bytes and floats of at most 32 bits, plain loops otherwise. */
function contractorOf(context: EvaluateContext): {
  readonly contractor: Contractor;
  readonly method: "integer" | "float";
} {
  const { element } = operandAt(context.operands, 0).type;
  const method = isFloat(element) || element === "i64" || element === "u64" ? "float" : "integer";
  const fast = isNarrow(element) || isSingle(element);
  return { contractor: fast ? (context.contractor ?? plainContractor) : plainContractor, method };
}

/** Room for the sums of a result, already in its own array where that holds them without rounding twice. */
function allocateSums(type: TensorType, method: "integer" | "float"): Int32Array | Float32Array | Float64Array {
  const count = elementCount(type);
  if (method === "integer") return new Int32Array(count);
  return type.element === "f32" ? new Float32Array(count) : new Float64Array(count);
}

/** The result of a type from its sums. */
function storedSums(type: TensorType, sums: Int32Array | Float32Array | Float64Array): Tensor {
  const stored =
    (type.element === "i32" && sums instanceof Int32Array) || (type.element === "f32" && sums instanceof Float32Array);
  return makeTensor(type, stored ? sums : elementsOf(type.element, sums));
}

function biasData(context: EvaluateContext): Int32Array | Float32Array | Float64Array | null {
  const bias = context.operands[2] ?? null;
  if (bias === null) return null;
  const numbers = tensorNumbers(bias);
  return numbers instanceof Int32Array || numbers instanceof Float32Array ? numbers : Float64Array.from(numbers);
}

const matmul = defineOperator({
  name: "matmul",
  summary:
    "The matrix product of the last two axes, broadcasting over the axes before them, plus a bias for each column.",
  runsOn: "matrix",
  operands: ["x", "w", "bias?"],
  attributes: {},
  onnx: [matMulForm, gemmForm, einsumForm, matMulIntegerForm, linearMatMulForm, ...blockedForms],
  infer: ({ operands }) => {
    const [x, w] = [typeAt(operands, 0), typeAt(operands, 1)];
    const [xRank, wRank] = [x.shape.length, w.shape.length];
    if (xRank < 2 || wRank < 2 || x.shape[xRank - 1] !== w.shape[wRank - 2]) {
      throw problem(
        "B202",
        `"matmul" cannot contract ${formatType(x)} with ${formatType(w)}; expected [..,M,K] and [..,K,N].`,
      );
    }
    const batch = broadcastShapes([x.shape.slice(0, -2), w.shape.slice(0, -2)]);
    const shape = [...batch, at(x.shape, xRank - 2), at(w.shape, wRank - 1)];
    const { element, quantization } = contractionElement("matmul", x, w, wRank - 1, shape.length - 1);
    requireBias("matmul", operands[2] ?? null, element, at(shape, shape.length - 1));
    return tensorType(element, shape, quantization);
  },
  evaluate: (context) => {
    const [x, w] = [operandAt(context.operands, 0), operandAt(context.operands, 1)];
    const { shape } = context.type;
    const batch = shape.slice(0, -2);
    const [rows, columns] = [at(shape, shape.length - 2), at(shape, shape.length - 1)];
    const depth = at(x.type.shape, x.type.shape.length - 1);
    const { contractor, method } = contractorOf(context);
    const [xData, wData] = [tensorNumbers(x) as ContractionData, tensorNumbers(w) as ContractionData];
    const bias = biasData(context);
    const task = (activationOffset: number, weightOffset: number, rowCount: number) =>
      contractor[method]({
        groups: 1,
        rows: [rowCount],
        inner: [depth],
        columns,
        activations: {
          data: xData.subarray(activationOffset, activationOffset + rowCount * depth),
          offset: 0,
          groupStride: 0,
          rowStrides: [depth],
          innerStrides: [1],
        },
        weights: {
          data: wData.subarray(weightOffset, weightOffset + depth * columns),
          offset: 0,
          groupStride: 0,
          innerStrides: [columns],
          columnStride: 1,
        },
        bias,
      });
    if (product(w.type.shape.slice(0, -2)) === 1 && product(x.type.shape.slice(0, -2)) === product(batch)) {
      return storedSums(context.type, task(0, 0, product(batch) * rows));
    }
    const starts = (operand: Tensor, size: number): Int32Array =>
      stridedOffsets(
        batch,
        broadcastStrides(operand.type.shape.slice(0, -2), batch).map((stride) => stride * size),
      );
    const [xStarts, wStarts] = [starts(x, rows * depth), starts(w, depth * columns)];
    const results = allocateSums(context.type, method);
    for (let index = 0; index < xStarts.length; index += 1) {
      results.set(task(xStarts[index] as number, wStarts[index] as number, rows), index * rows * columns);
    }
    return storedSums(context.type, results);
  },
  iteration: matmulIteration,
  samples: (random) => [
    { operands: [sampleFloats(random, [3, 4]), sampleFloats(random, [4, 5]), null], attributes: {} },
    {
      operands: [sampleFloats(random, [2, 1, 3, 4]), sampleFloats(random, [3, 4, 2]), sampleFloats(random, [2])],
      attributes: {},
    },
    {
      operands: [sampleFloats(random, [2, 3, 4]), sampleFloats(random, [4, 2]), sampleFloats(random, [2])],
      attributes: {},
    },
    {
      operands: [
        sampleTensor(random, tensorType("i8", [3, 6], perTensor(0.05, 4)), -128, 127),
        sampleTensor(
          random,
          tensorType("i8", [6, 4], { axis: 1, scales: [0.1, 0.2, 0.3, 0.4], zeros: [0, 0, 0, 0] }),
          -127,
          127,
        ),
        sampleTensor(random, tensorType("i32", [4]), -999, 999),
      ],
      attributes: {},
    },
    {
      operands: [
        sampleTensor(random, tensorType("u8", [2, 3, 6]), 0, 255),
        sampleTensor(random, tensorType("i4", [2, 6, 4]), -8, 7),
        null,
      ],
      attributes: {},
    },
    {
      operands: [
        sampleTensor(random, tensorType("f16", [3, 5])),
        sampleTensor(random, tensorType("f16", [5, 2])),
        null,
      ],
      attributes: {},
    },
  ],
});

/** Dimensions `b0`, `b1`, ... (axes before the matrix), `m`, `n`, and the reduction `k`. */
function matmulIteration({ operands, type }: TypedContext): IterationSpace {
  const [x, w] = [typeAt(operands, 0), typeAt(operands, 1)];
  const batch = type.shape.slice(0, -2);
  const [m, n, k] = [batch.length, batch.length + 1, batch.length + 2];
  const along = (dimension: number): AxisAccess => ({ terms: [{ dimension, stride: 1 }], offset: 0 });
  return {
    dimensions: [
      ...batch.map((size, axis): IterationDimension => ({ name: `b${axis}`, size, kind: "parallel" })),
      { name: "m", size: at(type.shape, m), kind: "parallel" },
      { name: "n", size: at(type.shape, n), kind: "parallel" },
      { name: "k", size: at(x.shape, x.shape.length - 1), kind: "reduction" },
    ],
    operands: [
      [...broadcastAccess(x.shape.slice(0, -2), batch), along(m), along(k)],
      [...broadcastAccess(w.shape.slice(0, -2), batch), along(k), along(n)],
      operands[2] === null || operands[2] === undefined ? null : [along(n)],
    ],
    result: [...broadcastAccess(batch, batch), along(m), along(n)],
  };
}

/** The shapes of a convolution: x [N,C,spatial...], w [O,C/group,kernel...]. */
interface ConvShape {
  readonly window: Window;
  readonly group: number;
  readonly batch: number;
  /** Input channels and output channels of a group. */
  readonly inputs: number;
  readonly outputs: number;
  readonly spatial: readonly number[];
}

function convShape(x: TensorType, w: TensorType, attributes: InferContext["attributes"]): ConvShape {
  const group = numberOf(attributes, "group");
  const inputs = at(w.shape, 1);
  return {
    window: windowOf("conv", attributes, w.shape.slice(2), x.shape.length - 2),
    group,
    batch: at(x.shape, 0),
    inputs,
    outputs: at(w.shape, 0) / group,
    spatial: x.shape.slice(2),
  };
}

const conv = defineOperator({
  name: "conv",
  summary: "A convolution of x [N,C,spatial...] with w [O,C/group,kernel...], plus a bias for each output channel.",
  runsOn: "matrix",
  operands: ["x", "w", "bias?"],
  attributes: {
    strides: { form: "integers" },
    pads: { form: "integers" },
    dilations: { form: "integers" },
    group: { form: "integer", default: 1 },
  },
  onnx: [convForm, convTransposeForm, convIntegerForm, linearConvForm],
  infer: ({ operands, attributes }) => {
    const [x, w] = [typeAt(operands, 0), typeAt(operands, 1)];
    const group = numberOf(attributes, "group");
    const ranks = x.shape.length >= 3 && x.shape.length === w.shape.length && group >= 1;
    if (!ranks || at(w.shape, 1) * group !== x.shape[1] || at(w.shape, 0) % group !== 0) {
      throw problem(
        "B202",
        `"conv" cannot contract ${formatType(x)} with ${formatType(w)} in ${group} groups; expected [N,C,spatial...] and [O,C/group,kernel...].`,
      );
    }
    const { element, quantization } = contractionElement("conv", x, w, 0, 1);
    const outputs = at(w.shape, 0);
    requireBias("conv", operands[2] ?? null, element, outputs);
    const { window, spatial, batch } = convShape(x, w, attributes);
    return tensorType(element, [batch, outputs, ...windowPositions("conv", window, spatial, false)], quantization);
  },
  evaluate: (context) => {
    const [x, w] = [operandAt(context.operands, 0), operandAt(context.operands, 1)];
    const { window, group, batch, inputs, outputs, spatial } = convShape(x.type, w.type, context.attributes);
    const positions = context.type.shape.slice(2);
    const { contractor, method } = contractorOf(context);
    const fill = x.type.quantization?.zeros[0] ?? 0;
    const source = tensorNumbers(x) as ContractionData;
    const { data, padded } = padPlanes(source, batch * group * inputs, spatial, window.begins, window.ends, fill);
    const strides = rowMajorStrides(padded);
    const plane = product(padded);
    const depth = inputs * product(window.kernel);
    const weights = tensorNumbers(w) as ContractionData;
    const bias = biasData(context);
    if (context.contractor !== undefined && data instanceof Float32Array && weights instanceof Float32Array) {
      const task = { data, padded, weights, bias, window, positions, batch, group, inputs, outputs };
      return storedSums(context.type, convolvePlanes(contractor, task));
    }
    const rowCount = product(positions);
    const results = allocateSums(context.type, method);
    const imageSize = group * inputs * plane;
    for (let image = 0; image < batch; image += 1) {
      const sums = contractor[method]({
        groups: group,
        rows: positions,
        inner: [inputs, ...window.kernel],
        columns: outputs,
        activations: {
          data: data.subarray(image * imageSize, (image + 1) * imageSize),
          offset: 0,
          groupStride: inputs * plane,
          rowStrides: strides.map((stride, axis) => stride * at(window.strides, axis)),
          innerStrides: [plane, ...strides.map((stride, axis) => stride * at(window.dilations, axis))],
        },
        weights: {
          data: weights,
          offset: 0,
          groupStride: outputs * depth,
          innerStrides: rowMajorStrides([inputs, ...window.kernel]),
          columnStride: depth,
        },
        bias,
      });
      for (let index = 0; index < group; index += 1) {
        const size = rowCount * outputs;
        transposeInto(
          results,
          (image * group + index) * size,
          sums.subarray(index * size, (index + 1) * size),
          rowCount,
          outputs,
        );
      }
    }
    return storedSums(context.type, results);
  },
  iteration: convIteration,
  samples: (random) => {
    const window = { strides: [1, 1], pads: [0, 0, 0, 0], dilations: [1, 1], group: 1 };
    return [
      {
        operands: [sampleFloats(random, [1, 2, 5, 6]), sampleFloats(random, [3, 2, 3, 2]), sampleFloats(random, [3])],
        attributes: window,
      },
      {
        operands: [sampleFloats(random, [2, 4, 6, 5]), sampleFloats(random, [6, 2, 3, 2]), null],
        attributes: { strides: [2, 1], pads: [1, 0, 2, 1], dilations: [1, 2], group: 2 },
      },
      {
        operands: [sampleFloats(random, [1, 3, 8]), sampleFloats(random, [3, 1, 3]), sampleFloats(random, [3])],
        attributes: { strides: [1], pads: [1, 1], dilations: [1], group: 3 },
      },
      {
        operands: [sampleFloats(random, [1, 2, 3, 4, 4]), sampleFloats(random, [2, 2, 2, 2, 2]), null],
        attributes: { strides: [1, 2, 2], pads: [0, 0, 0, 1, 1, 0], dilations: [1, 1, 1], group: 1 },
      },
      {
        operands: [
          sampleTensor(random, tensorType("i8", [1, 2, 5, 5], perTensor(0.1, -3)), -128, 127),
          sampleTensor(
            random,
            tensorType("i8", [2, 2, 3, 3], { axis: 0, scales: [0.01, 0.02], zeros: [0, 0] }),
            -127,
            127,
          ),
          sampleTensor(random, tensorType("i32", [2]), -999, 999),
        ],
        attributes: { ...window, pads: [1, 1, 1, 1] },
      },
    ];
  },
});

/**
 * Dimensions `n`, `g` (with more than one group), `o` (output channels of a group), the positions `d`, `h`, `w`, and the
 * reductions `c` (input channels of a group), `kd`, `kh`, `kw`.
 */
function convIteration({ operands, attributes, type }: TypedContext): IterationSpace {
  const [x, w] = [typeAt(operands, 0), typeAt(operands, 1)];
  const { window, group, batch, inputs, outputs } = convShape(x, w, attributes);
  const { outer, inner } = windowDimensions("conv", window, type.shape.slice(2));
  const lead: IterationDimension[] = [
    { name: "n", size: batch, kind: "parallel" },
    ...(group > 1 ? [{ name: "g", size: group, kind: "parallel" } as const] : []),
    { name: "o", size: outputs, kind: "parallel" },
  ];
  const o = lead.length - 1;
  const c = lead.length + outer.length;
  const channels = (dimension: number, size: number): AxisAccess => ({
    terms: [...(group > 1 ? [{ dimension: 1, stride: size }] : []), { dimension, stride: 1 }],
    offset: 0,
  });
  const along = (dimension: number): AxisAccess => ({ terms: [{ dimension, stride: 1 }], offset: 0 });
  const channel = channels(o, outputs);
  const operandAccess: readonly (Access | null)[] = [
    [along(0), channels(c, inputs), ...windowAccess(window, lead.length, c + 1)],
    [channel, along(c), ...inner.map((_, axis) => along(c + 1 + axis))],
    operands[2] === null || operands[2] === undefined ? null : [channel],
  ];
  return {
    dimensions: [...lead, ...outer, { name: "c", size: inputs, kind: "reduction" }, ...inner],
    operands: operandAccess,
    result: [along(0), channel, ...outer.map((_, axis) => along(lead.length + axis))],
  };
}

/** Operators that multiply and add up: they run on the matrix unit. */
export const contractionOperators: readonly Operator[] = [matmul, conv];
