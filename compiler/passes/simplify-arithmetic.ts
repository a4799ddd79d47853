import { clamp } from "../../base/math.ts";
import type { Node } from "../../ir/graph.ts";
import { numberOf } from "../../ir/ops/attributes.ts";
import { broadcastShapes } from "../../ir/ops/broadcast.ts";
import { elementsOf } from "../../ir/ops/values.ts";
import { isFloat, sameNumbers, sameType } from "../../ir/type.ts";
import type { Rewriter } from "./rewriter.ts";
import { constantNumbers, operandOf, producedBy, type Rule, splatNumber } from "./rule.ts";

/** The neutral second operand of an operator, and whether the operands may change places. */
const neutral: Readonly<Record<string, { readonly number: number; readonly commutes: boolean }>> = {
  add: { number: 0, commutes: true },
  sub: { number: 0, commutes: false },
  mul: { number: 1, commutes: true },
  div: { number: 1, commutes: false },
};

/** The bounds that a relu or clip keeps a float in; null for other nodes. */
function boundsOf(node: Node | null): readonly [low: number, high: number] | null {
  if (node === null || !isFloat(node.type.element)) return null;
  if (node.op === "relu") return [0, Number.POSITIVE_INFINITY];
  if (node.op === "clip") return [numberOf(node.attributes, "low"), numberOf(node.attributes, "high")];
  return null;
}

function addClip(rewriter: Rewriter, x: string, low: number, high: number): string {
  if (low === 0 && high === Number.POSITIVE_INFINITY) return rewriter.add("relu", [x]);
  return rewriter.add("clip", [x], { low, high });
}

/** A constant whose numbers are those of another one, changed; the type stays. */
function mapConstant(
  rewriter: Rewriter,
  value: string,
  numbers: ArrayLike<number>,
  map: (number: number) => number,
): string {
  const { type, source } = rewriter.constant(value) as NonNullable<ReturnType<Rewriter["constant"]>>;
  return rewriter.addConstantInfo({ type, data: elementsOf(type.element, Array.from(numbers, map)), source }, value);
}

function isPowerOfTwo(number: number): boolean {
  const exponent = Math.log2(Math.abs(number));
  return Number.isInteger(exponent) && Math.abs(exponent) <= 14;
}

/** Laws of element-wise arithmetic that hold exactly in floating point. */
export const arithmeticRules: readonly Rule[] = [
  {
    name: "identity",
    law: "identity(x) = x",
    ops: ["identity"],
    apply: (node) => operandOf(node, 0),
  },
  {
    name: "cast-same",
    law: "cast(x) = x when the element type stays",
    ops: ["cast"],
    apply: (node, rewriter) => (sameType(rewriter.type(operandOf(node, 0)), node.type) ? operandOf(node, 0) : null),
  },
  {
    name: "neutral-operand",
    law: "x + 0 = x − 0 = x · 1 = x / 1 = x",
    ops: Object.keys(neutral),
    apply: (node, rewriter) => {
      const { number, commutes } = neutral[node.op] as (typeof neutral)[string];
      for (const [kept, other] of commutes
        ? [
            [0, 1],
            [1, 0],
          ]
        : [[0, 1]]) {
        const x = operandOf(node, kept as number);
        if (splatNumber(rewriter, operandOf(node, other as number)) === number && sameType(rewriter.type(x), node.type))
          return x;
      }
      return null;
    },
  },
  {
    name: "broadcast-expand",
    law: "f(expand(x), y) = f(x, y) where f broadcasts x to the same shape",
    ops: ["add", "sub", "mul", "div", "max", "min"],
    apply: (node, rewriter) => {
      for (const index of [0, 1]) {
        const inner = producedBy(rewriter, node, index, "expand");
        if (inner === null) continue;
        const operands = node.operands.map((operand, each) =>
          each === index ? operandOf(inner, 0) : (operand as string),
        );
        const shapes = operands.map((operand) => rewriter.type(operand).shape);
        if (sameNumbers(broadcastShapes(shapes), node.type.shape)) return rewriter.add(node.op, operands);
      }
      return null;
    },
  },
  {
    name: "double-negation",
    law: "neg(neg(x)) = x",
    ops: ["neg"],
    apply: (node, rewriter) => {
      const inner = rewriter.producer(operandOf(node, 0));
      return inner?.op === "neg" ? operandOf(inner, 0) : null;
    },
  },
  {
    name: "subtract-constant",
    law: "x − c = x + (−c) for a float constant c",
    ops: ["sub"],
    apply: (node, rewriter) => {
      const constant = operandOf(node, 1);
      const numbers = constantNumbers(rewriter, constant);
      if (numbers === null || !isFloat(node.type.element)) return null;
      const negated = mapConstant(rewriter, constant, numbers, (number) => -number);
      return rewriter.add("add", [operandOf(node, 0), negated]);
    },
  },
  {
    name: "divide-by-power-of-two",
    law: "x / c = x · (1/c) when every element of c is a power of two",
    ops: ["div"],
    apply: (node, rewriter) => {
      const constant = operandOf(node, 1);
      const numbers = constantNumbers(rewriter, constant);
      if (numbers === null || !isFloat(node.type.element) || !Array.from(numbers).every(isPowerOfTwo)) return null;
      return rewriter.add("mul", [
        operandOf(node, 0),
        mapConstant(rewriter, constant, numbers, (number) => 1 / number),
      ]);
    },
  },
  {
    name: "maximum-of-constant",
    law: "max(x, c) = clip(x) {low=c}; min(x, c) = clip(x) {high=c}",
    ops: ["max", "min"],
    apply: (node, rewriter) => {
      if (!isFloat(node.type.element)) return null;
      for (const [kept, other] of [
        [0, 1],
        [1, 0],
      ] as const) {
        const x = operandOf(node, kept);
        const bound = splatNumber(rewriter, operandOf(node, other));
        if (bound === null || Number.isNaN(bound) || !sameType(rewriter.type(x), node.type)) continue;
        return node.op === "max"
          ? addClip(rewriter, x, bound, Number.POSITIVE_INFINITY)
          : addClip(rewriter, x, Number.NEGATIVE_INFINITY, bound);
      }
      return null;
    },
  },
  {
    name: "clip-nothing",
    law: "clip(x) {low=-Infinity, high=Infinity} = x; clip(x) {low=0, high=Infinity} = relu(x)",
    ops: ["clip"],
    apply: (node, rewriter) => {
      const [low, high] = [numberOf(node.attributes, "low"), numberOf(node.attributes, "high")];
      if (high !== Number.POSITIVE_INFINITY) return null;
      if (low === Number.NEGATIVE_INFINITY) return operandOf(node, 0);
      return low === 0 ? rewriter.add("relu", [operandOf(node, 0)]) : null;
    },
  },
  {
    name: "clip-clip",
    law: "clip(clip(x) {low=a, high=b}) {low=c, high=d} = clip(x) {low=clamp(a,c,d), high=clamp(b,c,d)}; relu is clip {low=0}",
    ops: ["relu", "clip"],
    apply: (node, rewriter) => {
      const inner = rewriter.producer(operandOf(node, 0));
      const [first, second] = [boundsOf(inner), boundsOf(node)];
      if (inner === null || first === null || second === null) return null;
      rewriter.absorb(inner);
      const [low, high] = [clamp(first[0], ...second), clamp(first[1], ...second)];
      return addClip(rewriter, operandOf(inner, 0), low, high);
    },
  },
];
