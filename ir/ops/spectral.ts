import { problem } from "../../base/errors.ts";
import { at, product, rowMajorStrides } from "../../base/math.ts";
import type { Attributes } from "../graph.ts";
import { defineOperator, type NodeBuilder, type Operator } from "../operator.ts";
import { f32Tensor } from "../tensor.ts";
import { elementCount, formatType, type TensorType, tensorType } from "../type.ts";
import { booleanOf, numberOf } from "./attributes.ts";
import { normalizeAxis, stridedOffsets } from "./broadcast.ts";
import { requireDomain } from "./elementwise-support.ts";
import { indexList } from "./movement-declaration.ts";
import { sampleFloats } from "./samples.ts";
import { fourierForms, shortTimeForms } from "./spectral-onnx.ts";
import { type Transform, transformColumns, transformReads, transformResult } from "./spectral-values.ts";
import { operandAt, tensorNumbers, tensorOf, typeAt } from "./values.ts";

/** The transform of an axis of x [..., axis, ..., parts] that attributes describe; throws B202 when x does not fit. */
function axisTransform(
  x: TensorType,
  attributes: Attributes,
): { readonly axis: number; readonly transform: Transform } {
  requireDomain("fourier_transform", x, "float");
  const parts = x.shape.at(-1);
  const axis = normalizeAxis(numberOf(attributes, "axis"), x.shape.length);
  const length = numberOf(attributes, "length");
  if ((parts !== 1 && parts !== 2) || axis === x.shape.length - 1 || length < 1) {
    throw problem(
      "B202",
      `"fourier_transform" got ${formatType(x)}, axis ${axis} and length ${length}, expected [...,1] or [...,2], another axis than the last and a positive length.`,
    );
  }
  const transform = {
    length,
    parts,
    inverse: booleanOf(attributes, "inverse"),
    onesided: booleanOf(attributes, "onesided"),
  };
  return { axis, transform };
}

/** Factors [entries·parts, columns] of a transform. */
function transformMatrix(
  transform: Transform,
  entries: number,
): { readonly shape: readonly number[]; readonly factors: Float64Array } {
  const result = transformResult(transform);
  const shape = [entries * transform.parts, result.entries * result.parts];
  const [rows, columns] = shape as [number, number];
  const column = transformColumns(transform, entries);
  const factors = new Float64Array(rows * columns);
  for (let index = 0; index < columns; index += 1) {
    column(index).forEach((factor, row) => {
      factors[row * columns + index] = factor;
    });
  }
  return { shape, factors };
}

const fourierTransform = defineOperator({
  name: "fourier_transform",
  summary:
    "The discrete Fourier transform of an axis of x [...,1] or [...,2] (real and imaginary part), or its inverse.",
  runsOn: "folded",
  contracts: true,
  operands: ["x"],
  attributes: {
    axis: { form: "integer" },
    length: { form: "integer" },
    inverse: { form: "boolean", default: false },
    onesided: { form: "boolean", default: false },
  },
  onnx: fourierForms,
  infer: ({ operands, attributes }) => {
    const x = typeAt(operands, 0);
    const { axis, transform } = axisTransform(x, attributes);
    const { entries, parts } = transformResult(transform);
    const shape = x.shape.map((size, index) => (index === axis ? entries : size));
    return tensorType(x.element, [...shape.slice(0, -1), parts]);
  },
  evaluate: ({ operands, attributes, type }) => {
    const x = operandAt(operands, 0);
    const { axis, transform } = axisTransform(x.type, attributes);
    const { entries, parts } = transformResult(transform);
    const count = transformReads(transform, at(x.type.shape, axis));
    const values = tensorNumbers(x);
    const lines = (type: TensorType): Int32Array => {
      const kept = indexList(type.shape.length - 1).filter((index) => index !== axis);
      const strides = rowMajorStrides(type.shape);
      return stridedOffsets(
        kept.map((index) => at(type.shape, index)),
        kept.map((index) => at(strides, index)),
      );
    };
    const [sources, targets] = [lines(x.type), lines(type)];
    const [sourceStep, targetStep] = [x.type, type].map((each) => at(rowMajorStrides(each.shape), axis)) as [
      number,
      number,
    ];
    const column = transformColumns(transform, count);
    const results = new Float64Array(elementCount(type));
    for (let index = 0; index < entries * parts; index += 1) {
      const factors = column(index);
      const place = Math.floor(index / parts) * targetStep + (index % parts);
      for (let line = 0; line < sources.length; line += 1) {
        let total = 0;
        for (let row = 0; row < factors.length; row += 1) {
          const offset = Math.floor(row / transform.parts) * sourceStep + (row % transform.parts);
          total += (factors[row] as number) * (values[(sources[line] as number) + offset] as number);
        }
        results[(targets[line] as number) + place] = total;
      }
    }
    return tensorOf(type, results);
  },
  decompose: ({ operands, attributes, type }, builder) => {
    const x = operands[0] as string;
    const source = builder.type(x);
    const { axis, transform } = axisTransform(source, attributes);
    const count = transformReads(transform, at(source.shape, axis));
    const cut = { starts: [0], ends: [count], axes: [axis], steps: [1] };
    const read = count === source.shape[axis] ? x : builder.add("slice", [x], cut);
    const others = indexList(source.shape.length - 1).filter((index) => index !== axis);
    const permutation = [...others, axis, source.shape.length - 1];
    const moved = builder.add("transpose", [read], { permutation });
    const lead = others.map((index) => at(source.shape, index));
    const rows = builder.add("reshape", [moved], { shape: [product(lead), count * transform.parts] });
    const { shape, factors } = transformMatrix(transform, count);
    const matrix = builder.addConstant(tensorOf(tensorType(source.element, shape), factors));
    const { entries, parts } = transformResult(transform);
    const spectrum = builder.add("reshape", [builder.add("matmul", [rows, matrix, null])], {
      shape: [...lead, entries, parts],
    });
    const back = type.shape.map((_, index) => permutation.indexOf(index));
    return builder.add("transpose", [spectrum], { permutation: back });
  },
  samples: (random) => [
    { operands: [sampleFloats(random, [2, 6, 1])], attributes: { axis: 1, length: 6 } },
    { operands: [sampleFloats(random, [5, 3, 2])], attributes: { axis: 0, length: 8, inverse: true } },
    { operands: [sampleFloats(random, [1, 7, 1])], attributes: { axis: -2, length: 6, onesided: true } },
    { operands: [sampleFloats(random, [2, 4, 2])], attributes: { axis: 1, length: 6, inverse: true, onesided: true } },
  ],
});

/** The frames of a signal [N, samples, parts] that attributes describe; throws B202 when they do not fit. */
function shortTimeFrames(operands: readonly (TensorType | null)[], attributes: Attributes) {
  const [signal, window] = [typeAt(operands, 0), operands[1] ?? null];
  requireDomain("short_time_fourier_transform", signal, "float");
  const [batch = 0, samples = 0, parts = 1] = signal.shape;
  const [step, length] = [numberOf(attributes, "step"), numberOf(attributes, "length")];
  const fits =
    signal.shape.length === 3 &&
    (parts === 1 || parts === 2) &&
    step >= 1 &&
    length >= 1 &&
    length <= samples &&
    (window === null || (window.element === signal.element && window.shape.length === 1 && window.shape[0] === length));
  if (!fits) {
    throw problem(
      "B202",
      `"short_time_fourier_transform" got ${formatType(signal)}, step ${step}, length ${length} and ${window === null ? "no window" : `window ${formatType(window)}`}, expected [N,samples,1 or 2] of at least one frame and a window of its length.`,
    );
  }
  const transform: Transform = { length, parts, inverse: false, onesided: booleanOf(attributes, "onesided") };
  return { batch, samples, step, transform, frames: Math.floor((samples - length) / step) + 1 };
}

const shortTimeFourierTransform = defineOperator({
  name: "short_time_fourier_transform",
  summary:
    "The Fourier transforms of frames of a signal [N,samples,1 or 2], each multiplied by a window: [N,frames,entries,2].",
  runsOn: "folded",
  contracts: true,
  operands: ["signal", "window?"],
  attributes: { step: { form: "integer" }, length: { form: "integer" }, onesided: { form: "boolean", default: true } },
  onnx: shortTimeForms,
  infer: ({ operands, attributes }) => {
    const { batch, frames, transform } = shortTimeFrames(operands, attributes);
    return tensorType(typeAt(operands, 0).element, [batch, frames, transformResult(transform).entries, 2]);
  },
  evaluate: ({ operands, attributes, type }) => {
    const signal = operandAt(operands, 0);
    const types = operands.map((operand) => operand?.type ?? null);
    const { batch, samples, step, frames, transform } = shortTimeFrames(types, attributes);
    const { length, parts } = transform;
    const values = tensorNumbers(signal);
    const window = operands[1] == null ? null : tensorNumbers(operands[1]);
    const column = transformColumns(transform, length);
    const columns = transformResult(transform).entries * 2;
    const results = new Float64Array(elementCount(type));
    for (let index = 0; index < columns; index += 1) {
      const factors = column(index).map((factor, row) => factor * (window?.[Math.floor(row / parts)] ?? 1));
      for (let frame = 0; frame < batch * frames; frame += 1) {
        const start = (Math.floor(frame / frames) * samples + (frame % frames) * step) * parts;
        let total = 0;
        for (let row = 0; row < factors.length; row += 1)
          total += (factors[row] as number) * (values[start + row] as number);
        results[frame * columns + index] = total;
      }
    }
    return tensorOf(type, results);
  },
  decompose: ({ operands, attributes, type }, builder) => {
    const [signal, window] = [operands[0] as string, operands[1] ?? null];
    const types = [builder.type(signal), window === null ? null : builder.type(window)];
    const { batch, samples, step, transform } = shortTimeFrames(types, attributes);
    const planes =
      transform.parts === 1
        ? builder.add("reshape", [signal], { shape: [batch, 1, samples] })
        : builder.add("transpose", [signal], { permutation: [0, 2, 1] });
    const weights = frameWeights(transform, window, type, builder);
    const convolution = { strides: [step], pads: [0, 0], dilations: [1] };
    const spectra = builder.add("conv", [planes, weights, null], convolution);
    const [, frames = 0, entries = 0] = type.shape;
    const split = builder.add("reshape", [spectra], { shape: [batch, entries, 2, frames] });
    return builder.add("transpose", [split], { permutation: [0, 3, 1, 2] });
  },
  samples: (random) => [
    { operands: [sampleFloats(random, [1, 12, 1]), null], attributes: { step: 4, length: 6 } },
    { operands: [sampleFloats(random, [2, 9, 1]), sampleFloats(random, [5])], attributes: { step: 2, length: 5 } },
    { operands: [sampleFloats(random, [1, 8, 2]), null], attributes: { step: 3, length: 4, onesided: false } },
    { operands: [sampleFloats(random, [1, 4, 1]), f32Tensor([4], [0, 1, 1, 0])], attributes: { step: 1, length: 4 } },
  ],
});

/** The transform times the window as weights of a convolution, [columns, parts, length]. */
function frameWeights(
  transform: Transform,
  window: string | null,
  { element }: TensorType,
  builder: NodeBuilder,
): string {
  const { length, parts } = transform;
  const { shape, factors } = transformMatrix(transform, length);
  const columns = at(shape, 1);
  const kernels = Float64Array.from(factors, (_, index) => {
    const [place, column] = [index % length, Math.floor(index / (length * parts))];
    const part = Math.floor(index / length) % parts;
    return at(factors, (place * parts + part) * columns + column);
  });
  const weights = builder.addConstant(tensorOf(tensorType(element, [columns, parts, length]), kernels));
  return window === null ? weights : builder.add("mul", [weights, window]);
}

/** Fourier transforms. */
export const spectralOperators: readonly Operator[] = [fourierTransform, shortTimeFourierTransform];
