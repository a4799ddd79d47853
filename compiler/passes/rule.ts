import type { Constant, Node } from "../../ir/graph.ts";
import { tensorNumbers } from "../../ir/ops/values.ts";
import type { Rewriter } from "./rewriter.ts";

/** An algebraic law and how nodes are rewritten by it. */
export interface Rule {
  readonly name: string;
  /** The law, as IR text on both sides of an equals sign. */
  readonly law: string;
  /** The operators of the nodes that the rule looks at. */
  readonly ops: readonly string[];
  /** The value that the node's value equals by the law; null when the law does not apply. */
  readonly apply: (node: Node, rewriter: Rewriter) => string | null;
}

/** The value of an operand that must be there. */
export function operandOf(node: Node, index: number): string {
  return node.operands[index] as string;
}

/** The node of the given operator that binds an operand; null when something else does. */
export function producedBy(rewriter: Rewriter, node: Node, index: number, op: string): Node | null {
  const operand = node.operands[index];
  const producer = operand == null ? null : rewriter.producer(operand);
  return producer?.op === op ? producer : null;
}

/** The numbers of a constant that has data; null for any other value. */
export function constantNumbers(rewriter: Rewriter, value: string | null): ArrayLike<number> | null {
  const constant = value === null ? null : rewriter.constant(value);
  return constant?.data == null ? null : tensorNumbers({ type: constant.type, data: constant.data });
}

/** The number that all elements of a constant are; null when they differ or are not known. */
export function splatNumber(rewriter: Rewriter, value: string | null): number | null {
  const numbers = constantNumbers(rewriter, value);
  const first = numbers?.[0];
  if (numbers === null || first === undefined) return null;
  return Array.prototype.every.call(numbers, (each: number) => each === first) ? first : null;
}

/** Where a result that is computed from constants comes from: absent wins over random, random over the model. */
export function mergedSource(constants: readonly Constant[]): Constant["source"] {
  if (constants.some((constant) => constant.data === null)) return "absent";
  return constants.some((constant) => constant.source === "random") ? "random" : "model";
}
