import { problem } from "../../base/errors.ts";
import { at } from "../../base/math.ts";
import {
  type ElementType,
  elementTypes,
  formatType,
  isFloat,
  type Quantization,
  sameNumbers,
  type TensorType,
} from "../type.ts";

/** Whether the element type is an integer of at most 8 bits. */
export function isNarrow(element: ElementType): boolean {
  return elementTypes[element].kind === "integer" && elementTypes[element].bits <= 8;
}

/**
 * Element type and quantization of a contraction's result: floats and wide integers keep their type; narrow integers
 * add up in i32, whose scales are those of x times those of w. Throws B202 when the operands do not go together.
 */
export function contractionElement(
  op: string,
  x: TensorType,
  w: TensorType,
  weightAxis: number,
  resultAxis: number,
): { readonly element: ElementType; readonly quantization: Quantization | null } {
  const refuse = (expected: string): never => {
    throw problem("B202", `"${op}" cannot contract ${formatType(x)} with ${formatType(w)}; expected ${expected}.`);
  };
  if (isNarrow(x.element) && isNarrow(w.element)) {
    if (x.quantization === null && w.quantization === null) return { element: "i32", quantization: null };
    if (x.quantization === null || w.quantization === null) return refuse("both operands, or neither, to be quantized");
    if (x.quantization.axis !== null) return refuse("one scale for the whole first operand");
    if (w.quantization.axis !== null && w.quantization.axis !== weightAxis) {
      return refuse(`scales of the second operand along axis ${weightAxis}`);
    }
    if (w.quantization.zeros.some((zero) => zero !== 0)) return refuse("zero point 0 of the second operand");
    const scale = at(x.quantization.scales, 0);
    return {
      element: "i32",
      quantization: {
        axis: w.quantization.axis === null ? null : resultAxis,
        scales: w.quantization.scales.map((each) => each * scale),
        zeros: w.quantization.zeros,
      },
    };
  }
  const alike = x.element === w.element && x.quantization === null && w.quantization === null && x.element !== "bool";
  return alike ? { element: x.element, quantization: null } : refuse("one float type, or integers of at most 8 bits");
}

/** Throws B202 unless the bias is absent or one number an output channel, of the result's element type. */
export function requireBias(op: string, bias: TensorType | null, element: ElementType, channels: number): void {
  if (bias === null || (bias.element === element && sameNumbers(bias.shape, [channels]))) return;
  throw problem("B202", `"${op}" got bias ${formatType(bias)}, expected ${element}[${channels}].`);
}

/** Whether the products are added in f32. */
export function isSingle(element: ElementType): boolean {
  return isFloat(element) && element !== "f64";
}
