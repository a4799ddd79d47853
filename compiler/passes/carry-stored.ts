import type { Graph, Node } from "../../ir/graph.ts";
import { operatorOf } from "../../ir/ops/index.ts";
import {
  elementTypes,
  isFloat,
  type Quantization,
  sameNumbers,
  sameQuantization,
  type TensorType,
} from "../../ir/type.ts";
import { roundToEven } from "../../kernels/fixed-point.ts";
import { removeDead } from "./eliminate-dead.ts";
import type { Pass } from "./pass.ts";
import { type Rewriter, rewriteGraph } from "./rewriter.ts";
import { operandOf, producedBy, type Rule } from "./rule.ts";

/** Operators that are not movement, and whose result on stored integers stands for their result on the real numbers. */
const monotone = new Set(["max_pool", "relu"]);

/** Whether scales along an axis go with the movement of one operand. */
function movesAxis(node: Node, from: TensorType, quantization: Quantization): boolean {
  const { axis } = quantization;
  if (axis === null || node.op === "transpose" || node.op === "slice") return true;
  if (node.op !== "reshape") return false;
  const before = from.shape.slice(0, axis);
  const { shape } = node.type;
  const same = (count: number): boolean => sameNumbers(shape.slice(0, count), from.shape.slice(0, count));
  return same(before.length + 1);
}

/** Whether a padded number is stored exactly. */
function padsExactly(node: Node, type: TensorType): boolean {
  const value = node.attributes.value;
  if (node.op !== "pad" || typeof value !== "number") return true;
  const { scales, zeros } = type.quantization ?? { scales: [1], zeros: [0] };
  const [scale = 1, zero = 0] = [scales[0], zeros[0]];
  return value === 0 || roundToEven(value / scale + zero) === value / scale + zero;
}

/** The operands of a node that takes floats alone, when it may work on stored integers; null otherwise. */
function carriedOperands(node: Node, rewriter: Rewriter): string[] | null {
  if (node.op === "reinterpret" || !isFloat(node.type.element)) return null;
  if (!monotone.has(node.op) && operatorOf(node.op).runsOn !== "movement") return null;
  const operands = node.operands.filter((operand) => operand !== null);
  if (operands.length !== node.operands.length || operands.length === 0) return null;
  return operands.every((operand) => isFloat(rewriter.type(operand).element)) ? operands : null;
}

const carryRules: readonly Rule[] = [
  {
    name: "quantize-dequantize",
    law: "quantize(dequantize(q)) = q when the type is the same",
    ops: ["quantize"],
    apply: (node, rewriter) => {
      const inner = producedBy(rewriter, node, 0, "dequantize");
      if (inner === null) return null;
      const stored = operandOf(inner, 0);
      const type = rewriter.type(stored);
      return type.element === node.type.element && sameQuantization(type, node.type) ? stored : null;
    },
  },
  {
    name: "average-stored",
    law: "quantize(average_pool(dequantize(q))) = average_pool(q) when the type is the same and the zero point even",
    ops: ["quantize"],
    apply: (node, rewriter) => {
      const pool = producedBy(rewriter, node, 0, "average_pool");
      const inner = pool === null ? null : producedBy(rewriter, pool, 0, "dequantize");
      if (pool === null || inner === null) return null;
      const type = rewriter.type(operandOf(inner, 0));
      const zero = type.quantization?.zeros[0] ?? 1;
      const fits = type.element === node.type.element && sameQuantization(type, node.type) && zero % 2 === 0;
      if (!fits || type.quantization?.axis !== null || rewriter.useCount(pool.name) !== 1) return null;
      rewriter.absorb(pool);
      return rewriter.add("average_pool", [operandOf(inner, 0)], pool.attributes);
    },
  },
  {
    name: "move-quantize",
    law: "quantize(move(x)) = move(quantize(x)) for movement, relu, clip and max_pool",
    ops: ["quantize"],
    apply: (node, rewriter) => {
      const operand = operandOf(node, 0);
      const inner = rewriter.producer(operand);
      const bits = elementTypes[node.type.element].bits;
      if (inner === null || bits > 8 || node.type.quantization?.axis !== null) return null;
      if (rewriter.useCount(operand) !== 1 || (inner.op !== "clip" && !padsExactly(inner, node.type))) return null;
      const operands = inner.op === "clip" ? [operandOf(inner, 0)] : carriedOperands(inner, rewriter);
      if (operands === null || operands.some((each) => rewriter.constant(each) !== null)) return null;
      const stored = operands.map((each) => rewriter.add("quantize", [each], node.attributes));
      rewriter.absorb(inner);
      return rewriter.add(inner.op, stored, inner.attributes);
    },
  },
];

const sinkOps = (node: Node): boolean => monotone.has(node.op) || operatorOf(node.op).runsOn === "movement";

/** move(dequantize(q)) = dequantize(move(q)): the value by that law, or null. */
function moveDequantize(node: Node, rewriter: Rewriter): string | null {
  const operands = carriedOperands(node, rewriter);
  if (operands === null) return null;
  const inner = operands.map((operand) => {
    const producer = rewriter.producer(operand);
    return producer?.op === "dequantize" ? producer : null;
  });
  const [first] = inner;
  if (first == null) return null;
  const stored = inner.map((each) => (each === null ? null : operandOf(each, 0)));
  const type = rewriter.type(operandOf(first, 0));
  const alike = stored.every((each) => {
    const found = each === null ? null : rewriter.type(each);
    return found !== null && found.element === type.element && sameQuantization(found, type);
  });
  const quantization = type.quantization;
  if (!alike || quantization === null || elementTypes[type.element].bits > 8 || !padsExactly(node, type)) return null;
  if (quantization.axis !== null && (operands.length > 1 || !movesAxis(node, type, quantization))) return null;
  const moved = rewriter.add(node.op, stored, node.attributes);
  return rewriter.add("dequantize", [moved], first.attributes);
}

/**
 * Lets stored integers go as far as they can: what only moves numbers, max-pooling, ReLU and clip work on stored integers
 * where a quantize follows or a dequantize stands before, and a quantize that gives back what a dequantize read is gone.
 *
 *     %a = dequantize(%q) : f32[2,3]              %m = transpose(%q) : i8<scale=0.1, zero=3>[3,2]
 *     %b = transpose(%a) : f32[3,2]         ->    %b = dequantize(%m) : f32[3,2]
 */
export const carryStored: Pass = {
  name: "carry-stored",
  summary: "Moves quantize and dequantize past operators that can work on stored integers.",
  run: (graph, context) => {
    if (!graph.nodes.some((node) => node.op === "quantize" || node.op === "dequantize")) return graph;
    let current = graph;
    for (let next = carryOnce(current, context.count); next !== current; next = carryOnce(current, context.count))
      current = removeDead(next);
    return current;
  },
};

function carryOnce(graph: Graph, count: (rule: string) => void): Graph {
  return rewriteGraph(graph, (node, rewriter) => {
    if (sinkOps(node)) {
      const moved = moveDequantize(node, rewriter);
      if (moved !== null) count("move-dequantize");
      return moved;
    }
    for (const rule of carryRules) {
      if (!rule.ops.includes(node.op)) continue;
      const value = rule.apply(node, rewriter);
      if (value === null) continue;
      count(rule.name);
      return value;
    }
    return null;
  });
}
