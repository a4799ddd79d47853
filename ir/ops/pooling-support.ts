import { problem } from "../../base/errors.ts";
import type { AttributeForm, InferContext, Operator } from "../operator.ts";
import { formatType, perTensor, type TensorType, tensorType } from "../type.ts";
import { booleanOf, numbersOf } from "./attributes.ts";
import { sampleFloats, sampleTensor } from "./samples.ts";
import { typeAt } from "./values.ts";
import { type Window, windowOf, windowPositions } from "./window.ts";

/** Attributes of every pool. */
export const poolAttributes: Readonly<Record<string, AttributeForm>> = {
  kernel: { form: "integers" },
  strides: { form: "integers" },
  pads: { form: "integers" },
  dilations: { form: "integers" },
  ceil: { form: "boolean", default: false },
};

/** The window of a pool; throws B202 when it does not fit the operand. */
export function poolWindow(op: string, { operands, attributes }: InferContext): Window {
  return windowOf(op, attributes, numbersOf(attributes, "kernel"), typeAt(operands, 0).shape.length - 2);
}

/** The result type of a pool over x [N,C,spatial...]; throws B202 when operand or window do not fit. */
export function inferPool(op: string, context: InferContext): TensorType {
  const x = typeAt(context.operands, 0);
  if (x.shape.length < 3 || x.element === "bool" || (x.quantization !== null && x.quantization.axis !== null)) {
    throw problem(
      "B202",
      `"${op}" got ${formatType(x)}, expected [N,C,spatial...] with at most one scale for the whole tensor.`,
    );
  }
  const positions = windowPositions(
    op,
    poolWindow(op, context),
    x.shape.slice(2),
    booleanOf(context.attributes, "ceil"),
  );
  return tensorType(x.element, [...x.shape.slice(0, 2), ...positions], x.quantization);
}

/** Samples of pools with further attributes. */
export function poolSamples(extra: Readonly<Record<string, boolean>>): Operator["samples"] {
  return (random) => {
    const plain = { kernel: [2, 2], strides: [2, 2], pads: [0, 0, 0, 0], dilations: [1, 1], ceil: false, ...extra };
    const padded = { kernel: [3, 3], strides: [2, 1], pads: [1, 0, 1, 2], dilations: [1, 2], ceil: true, ...extra };
    return [
      { operands: [sampleFloats(random, [1, 2, 4, 6])], attributes: plain },
      { operands: [sampleFloats(random, [2, 1, 7, 6])], attributes: padded },
      {
        operands: [sampleFloats(random, [1, 3, 9])],
        attributes: { ...plain, kernel: [3], strides: [2], pads: [1, 1], dilations: [1] },
      },
      { operands: [sampleTensor(random, tensorType("f16", [1, 2, 5, 5]))], attributes: padded },
      {
        operands: [sampleTensor(random, tensorType("i8", [1, 2, 5, 5], perTensor(0.1, -7)), -128, 127)],
        attributes: padded,
      },
    ];
  };
}
