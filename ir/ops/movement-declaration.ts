import { problem } from "../../base/errors.ts";
import { at } from "../../base/math.ts";
import type { Attributes } from "../graph.ts";
import {
  type AttributeForm,
  defineOperator,
  type EvaluateContext,
  type InferContext,
  type Movement,
  type MovementPiece,
  type OnnxForm,
  type Operator,
} from "../operator.ts";
import type { Tensor } from "../tensor.ts";
import { type Quantization, type TensorType, tensorType } from "../type.ts";
import { applyMovement } from "./movement-values.ts";
import { sampleFloats } from "./samples.ts";

/** What a movement operator states; its values follow from its pieces. */
export interface MovementDeclaration {
  readonly name: string;
  readonly summary: string;
  readonly operands: readonly string[];
  readonly attributes: Readonly<Record<string, AttributeForm>>;
  readonly onnx: readonly OnnxForm[];
  readonly infer: (context: InferContext) => TensorType;
  readonly movement: (context: InferContext & { readonly type: TensorType }) => Movement;
  readonly samples: Operator["samples"];
}

/** Makes an operator whose evaluation carries out its pieces. */
export function defineMovement(declaration: MovementDeclaration): Operator {
  const evaluate = ({ operands, attributes, type }: EvaluateContext): Tensor => {
    const types = operands.map((operand) => operand?.type ?? null);
    return applyMovement(declaration.movement({ operands: types, attributes, type }), operands, type);
  };
  return defineOperator({ ...declaration, runsOn: "movement", evaluate });
}

/** A movement whose pieces write every element. */
export function covering(pieces: readonly MovementPiece[]): Movement {
  return { pieces, fill: null };
}

/** The type in another shape; `moved` says what becomes of scales along an axis. */
export function withShape(
  type: TensorType,
  shape: readonly number[],
  moved: (quantization: Quantization, axis: number) => Quantization,
): TensorType {
  const quantization = type.quantization;
  const axis = quantization?.axis ?? null;
  return tensorType(
    type.element,
    shape,
    quantization === null || axis === null ? quantization : moved(quantization, axis),
  );
}

/** The quantization with the scales and zeros at the given indexes of its axis; below zero stands for the first. */
export function pickScales(quantization: Quantization, indexes: readonly number[]): Quantization {
  return {
    axis: quantization.axis,
    scales: indexes.map((index) => at(quantization.scales, Math.max(0, index))),
    zeros: indexes.map((index) => at(quantization.zeros, Math.max(0, index))),
  };
}

/** Throws B202. */
export function refuse(message: string): never {
  throw problem("B202", message);
}

/** 0, 1, ..., count − 1. */
export function indexList(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

/** Samples with f32 operands of the given shapes. */
export function floatSamples(
  cases: readonly (readonly [shapes: readonly (readonly number[])[], attributes: Attributes])[],
): Operator["samples"] {
  return (random) =>
    cases.map(([shapes, attributes]) => ({ operands: shapes.map((shape) => sampleFloats(random, shape)), attributes }));
}
