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

/** What element types an operator takes: floats; numbers (floats and unquantized integers); also quantized; or bool. */
export type Domain = "float" | "number" | "same" | "bool";

const expectations: Readonly<Record<Domain, string>> = {
  float: "a float",
  number: "a float or an integer without quantization",
  same: "a number or truth value",
  bool: "bool",
};

/** Throws B202 unless the type lies in the domain. */
export function requireDomain(op: string, type: TensorType, domain: Domain): void {
  const accepted =
    domain === "same" ||
    (domain === "float" && isFloat(type.element)) ||
    (domain === "number" && type.element !== "bool" && type.quantization === null) ||
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

function computed(values: ArrayLike<number>, compute: (x: number) => number): Float64Array {
  const results = new Float64Array(values.length);
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
    const table = elementsOf("f16", computed(tensorNumbers({ ...x, data: everyHalf() }), compute));
    return makeTensor(
      context.type,
      (x.data as Uint16Array).map((bits) => table[bits] as number),
    );
  }
  return tensorOf(context.type, computed(tensorNumbers(x), compute));
}

/** Applies a function of two stored numbers, broadcasting, and rounds to the declared type. */
export function mapBinary(
  context: EvaluateContext,
  compute: (x: number, y: number) => number,
  computeBig: (x: bigint, y: bigint) => bigint,
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
  const results = new Float64Array(count);
  for (let index = 0; index < count; index += 1) {
    results[index] = compute(
      a[left === null ? index : (left[index] as number)] as number,
      b[right === null ? index : (right[index] as number)] as number,
    );
  }
  return tensorOf(type, results);
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
