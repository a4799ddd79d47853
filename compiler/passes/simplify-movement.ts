import { at } from "../../base/math.ts";
import { numbersOf, textOf } from "../../ir/ops/attributes.ts";
import { sameType } from "../../ir/type.ts";
import { operandOf, producedBy, type Rule } from "./rule.ts";

function isWhole(numbers: readonly number[], value: number): boolean {
  return numbers.every((number) => number === value);
}

/** The permutation that does first one, then the other. */
export function composePermutations(first: readonly number[], second: readonly number[]): number[] {
  return second.map((axis) => at(first, axis));
}

/** Laws of movements that move nothing, and of two in a row. */
export const movementRules: readonly Rule[] = [
  {
    name: "transpose-transpose",
    law: "transpose(transpose(x) {permutation=p}) {permutation=q} = transpose(x) {permutation=p∘q}",
    ops: ["transpose"],
    apply: (node, rewriter) => {
      const inner = producedBy(rewriter, node, 0, "transpose");
      if (inner === null) return null;
      rewriter.absorb(inner);
      const permutation = composePermutations(
        numbersOf(inner.attributes, "permutation"),
        numbersOf(node.attributes, "permutation"),
      );
      return rewriter.add("transpose", [operandOf(inner, 0)], { permutation });
    },
  },
  {
    name: "transpose-units",
    law: "transpose(x) = reshape(x) when only axes of size 1 change places",
    ops: ["transpose"],
    apply: (node, rewriter) => {
      const { shape, quantization } = rewriter.type(operandOf(node, 0));
      const permutation = numbersOf(node.attributes, "permutation");
      const moved = permutation.filter((axis) => shape[axis] !== 1);
      if (quantization !== null && quantization.axis !== null) return null;
      if (moved.some((axis, index) => index > 0 && axis < at(moved, index - 1))) return null;
      return rewriter.add("reshape", [operandOf(node, 0)], { shape: node.type.shape });
    },
  },
  {
    name: "reshape-reshape",
    law: "reshape(reshape(x)) {shape=s} = reshape(x) {shape=s}",
    ops: ["reshape"],
    apply: (node, rewriter) => {
      const inner = producedBy(rewriter, node, 0, "reshape");
      const quantization = node.type.quantization;
      if (inner === null || (quantization !== null && quantization.axis !== null)) return null;
      rewriter.absorb(inner);
      return rewriter.add("reshape", [operandOf(inner, 0)], node.attributes);
    },
  },
  {
    name: "movement-same-shape",
    law: "reshape(x) = expand(x) = x when the shape stays; slice(x), tile(x) = x when all is taken once",
    ops: ["reshape", "expand", "tile", "slice", "pad"],
    apply: (node, rewriter) => {
      const data = operandOf(node, 0);
      if (!sameType(rewriter.type(data), node.type)) return null;
      if (node.op === "slice" && !isWhole(numbersOf(node.attributes, "steps"), 1)) return null;
      if (node.op === "pad" && !isWhole(numbersOf(node.attributes, "pads"), 0)) return null;
      return data;
    },
  },
  {
    name: "concat-one",
    law: "concat(x) = x",
    ops: ["concat"],
    apply: (node) => (node.operands.length === 1 ? operandOf(node, 0) : null),
  },
  {
    name: "concat-concat",
    law: "concat(concat(x, y), z) = concat(x, y, z) along one axis",
    ops: ["concat"],
    apply: (node, rewriter) => {
      const parts = node.operands.map((operand, index) => {
        const inner = producedBy(rewriter, node, index, "concat");
        const joins =
          inner !== null && inner.attributes.axis === node.attributes.axis && rewriter.useCount(inner.name) === 1;
        return joins ? inner : operand;
      });
      if (parts.every((part, index) => part === node.operands[index])) return null;
      for (const part of parts) if (part !== null && typeof part === "object") rewriter.absorb(part);
      const operands = parts.flatMap((part) => (part !== null && typeof part === "object" ? part.operands : [part]));
      return rewriter.addTyped("concat", operands, node.attributes, node.type);
    },
  },
  {
    name: "pad-pad",
    law: "pad(pad(x) {pads=p}) {pads=q} = pad(x) {pads=p+q} with one value",
    ops: ["pad"],
    apply: (node, rewriter) => {
      const inner = producedBy(rewriter, node, 0, "pad");
      if (inner === null || inner.attributes.value !== node.attributes.value) return null;
      const modes = [inner, node].map((each) => textOf(each.attributes, "mode"));
      const [first, second] = [inner, node].map((each) => numbersOf(each.attributes, "pads"));
      if (first === undefined || second === undefined) return null;
      if (modes.some((mode) => mode !== "constant") || [...first, ...second].some((count) => count < 0)) return null;
      rewriter.absorb(inner);
      const pads = first.map((count, index) => count + at(second, index));
      return rewriter.add("pad", [operandOf(inner, 0)], { ...node.attributes, pads });
    },
  },
];
