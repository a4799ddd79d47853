import { problem } from "../../base/errors.ts";
import type { EvaluateContext, InferContext } from "../operator.ts";
import { allocateData, makeTensor, type Tensor } from "../tensor.ts";
import { elementCount, formatType, isFloat, sameQuantization, type TensorType, tensorType } from "../type.ts";
import { broadcastOffsets, broadcastShapes } from "./broadcast.ts";
import {
  elementsOf,
  everyHalf,
  halfCount,
  isBig,
  operandAt,
  tensorBigs,
  tensorNumbers,
  tensorOf,
  typeAt,
} from "./values.ts";

/**
 * What element types an operator takes: floats; numbers (floats and unquantized integers); also quantized ones and truth
 * values; unquantized integers and truth values; unsigned integers; or bool.
 */
export type Domain = "float" | "number" | "same" | "integer" | "unsigned" | "bool";

const expectations: Readonly<Record<Domain, string>> = {
  float: "a float",
  number: "a float or an integer without quantization",
  same: "a number or truth value",
  integer: "an integer without quantization, or bool",
  unsigned: "an unsigned integer without quantization",
  bool: "bool",
};

/** Throws B202 unless the type lies in the domain. */
export function requireDomain(op: string, type: TensorType, domain: Domain): void {
  const accepted =
    domain === "same" ||
    (domain === "float" && isFloat(type.element)) ||
    (domain === "number" && type.element !== "bool" && type.quantization === null) ||
    (domain === "integer" && !isFloat(type.element) && type.quantization === null) ||
    (domain === "unsigned" && type.element.startsWith("u") && type.quantization === null) ||
    (domain === "bool" && type.element === "bool");
  if (!accepted) throw problem("B202", `"${op}" got ${formatType(type)}, expected ${expectations[domain]}.`);
}

/** The result type of operands that broadcast and share element type and quantization; throws B202 otherwise. */
export function inferBroadcast(op: string, operands: readonly TensorType[], domain: Domain): TensorType {
  const first = typeAt(operands, 0);
  for (const operand of operands) {
    requireDomain(op, operand, domain);
    const alike = operand.element === first.element && sameQuantization(operand, first);
    if (!alike || (operand.quantization !== null && operand.quantization.axis !== null)) {
      throw problem(
        "B202",
        `"${op}" got ${operands.map(formatType).join(" and ")}, expected one element type and one scale for each whole tensor.`,
      );
    }
  }
  return tensorType(first.element, broadcastShapes(operands.map((operand) => operand.shape)), first.quantization);
}

/** The operand's type, for functions of one operand; throws B202 outside the domain. */
export function inferUnary(op: string, { operands }: InferContext, domain: Domain): TensorType {
  const type = typeAt(operands, 0);
  requireDomain(op, type, domain);
  return type;
}

/** Room for results of a type that are computed in f64: f32 itself rounds when it is stored. */
function roomFor({ element }: TensorType, count: number): Float32Array | Float64Array {
  return element === "f32" ? new Float32Array(count) : new Float64Array(count);
}

/** A tensor of results that stand in the room for them. */
function roomed(type: TensorType, results: Float32Array | Float64Array): Tensor {
  return type.element === "f32" ? makeTensor(type, results) : tensorOf(type, results);
}

function computed<T extends Float32Array | Float64Array>(
  values: ArrayLike<number>,
  compute: (x: number) => number,
  results: T,
): T {
  for (let index = 0; index < results.length; index += 1) results[index] = compute(values[index] as number);
  return results;
}

/** Applies a function to every stored number and rounds to the declared type. */
export function mapUnary(
  context: EvaluateContext,
  compute: (x: number) => number,
  computeBig?: (x: bigint) => bigint,
): Tensor {
  const x = operandAt(context.operands, 0);
  if (isBig(x.type.element) && computeBig !== undefined) {
    const data = x.data as BigInt64Array;
    return makeTensor(context.type, data.map(computeBig));
  }
  if (x.type.element === "f16" && context.type.element === "f16" && x.data.length > halfCount) {
    const table = elementsOf(
      "f16",
      computed(tensorNumbers({ ...x, data: everyHalf() }), compute, new Float64Array(halfCount)),
    );
    return makeTensor(
      context.type,
      (x.data as Uint16Array).map((bits) => table[bits] as number),
    );
  }
  return roomed(context.type, computed(tensorNumbers(x), compute, roomFor(context.type, x.data.length)));
}

/**
 * Applies a function of two stored numbers, broadcasting, and rounds to the declared type; `single` does the same for f32
 * arrays of one length.
 */
export function mapBinary(
  context: EvaluateContext,
  compute: (x: number, y: number) => number,
  computeBig: (x: bigint, y: bigint) => bigint,
  single?: (x: Float32Array, y: Float32Array) => Float32Array,
): Tensor {
  const [x, y] = [operandAt(context.operands, 0), operandAt(context.operands, 1)];
  const { type } = context;
  const [left, right] = [broadcastOffsets(x.type.shape, type.shape), broadcastOffsets(y.type.shape, type.shape)];
  const count = elementCount(type);
  if (isBig(x.type.element)) {
    const [a, b] = [tensorBigs(x), tensorBigs(y)];
    const result = (index: number): bigint =>
      computeBig(
        a[left === null ? index : (left[index] as number)] as bigint,
        b[right === null ? index : (right[index] as number)] as bigint,
      );
    if (isBig(type.element)) {
      const data = type.element === "i64" ? new BigInt64Array(count) : new BigUint64Array(count);
      for (let index = 0; index < count; index += 1) data[index] = result(index);
      return makeTensor(type, data);
    }
    return tensorOf(
      type,
      Array.from({ length: count }, (_, index) => Number(result(index))),
    );
  }
  const [a, b] = [tensorNumbers(x), tensorNumbers(y)];
  const isSingle = a instanceof Float32Array && b instanceof Float32Array && type.element === "f32";
  if (single !== undefined && isSingle && left === null && right === null) return makeTensor(type, single(a, b));
  const results = roomFor(type, count);
  for (let index = 0; index < count; index += 1) {
    results[index] = compute(
      a[left === null ? index : (left[index] as number)] as number,
      b[right === null ? index : (right[index] as number)] as number,
    );
  }
  return roomed(type, results);
}

/** Operand 1 where operand 0 is true and operand 2 elsewhere, broadcasting; elements are copied as they are stored. */
export function chooseElements(context: EvaluateContext): Tensor {
  const { type } = context;
  const [condition, x, y] = [
    operandAt(context.operands, 0),
    operandAt(context.operands, 1),
    operandAt(context.operands, 2),
  ];
  const [where, left, right] = [condition, x, y].map((operand) => broadcastOffsets(operand.type.shape, type.shape));
  const data = allocateData(type.element, elementCount(type));
  for (let index = 0; index < data.length; index += 1) {
    const chosen = condition.data[where?.[index] ?? index] !== 0;
    data[index] = chosen ? (x.data[left?.[index] ?? index] as never) : (y.data[right?.[index] ?? index] as never);
  }
  return makeTensor(type, data);
}
