import type { Attributes } from "../../ir/graph.ts";
import type { Access, AxisAccess, IterationSpace } from "../../ir/iteration.ts";
import type { Movement, NodeBuilder } from "../../ir/operator.ts";
import { completeAttributes } from "../../ir/ops/attributes.ts";
import { inferType, operatorOf } from "../../ir/ops/index.ts";
import type { TensorType } from "../../ir/type.ts";
import { type AxisForm, axisPieces } from "../pieces.ts";

/** Where a batch lies in a value: sample i has the indexes i·extent to (i + 1)·extent − 1 of an axis; null: all samples share it. */
export type BatchAxis = { readonly axis: number; readonly extent: number } | null;

/** Why the samples of a batch cannot be told apart in a result; the message says it of the node. */
export class NotSeparable extends Error {}

/** A node whose operands and result already hold the batch. */
export interface BatchedNode {
  readonly op: string;
  readonly operands: readonly (string | null)[];
  readonly operandTypes: readonly (TensorType | null)[];
  readonly operandAxes: readonly BatchAxis[];
  readonly attributes: Attributes;
  readonly type: TensorType;
}

/**
 * Where the batch lies in a node's result, proven from the operator's loops, copies, or the nodes that it decomposes into:
 * sample i of the result depends on sample i of the operands alone, and on each in the same way. Throws NotSeparable.
 */
export function resultAxis(node: BatchedNode, count: number): BatchAxis {
  if (node.operandAxes.every((axis) => axis === null)) return null;
  const operator = operatorOf(node.op);
  const context = { operands: node.operandTypes, attributes: node.attributes, type: node.type };
  if (operator.movement !== undefined) return axisOfMovement(operator.movement(context), node, count);
  if (operator.iteration !== undefined) return axisOfIteration(operator.iteration(context), node, count);
  return axisOfParts(node, count);
}

/** The batch must be one parallel dimension that moves along the batch axis of each batched operand, and nowhere else. */
function axisOfIteration(space: IterationSpace, node: BatchedNode, count: number): BatchAxis {
  let found: { dimension: number; extent: number } | null = null;
  node.operandAxes.forEach((batch, operand) => {
    if (batch === null) return;
    const dimension = onlyDimension(space.operands[operand]?.[batch.axis]);
    if (dimension === null) throw new NotSeparable("looks at several samples at once");
    if (found !== null && (found.dimension !== dimension || found.extent !== batch.extent)) {
      throw new NotSeparable("pairs samples of its operands with each other");
    }
    found = { dimension, extent: batch.extent };
  });
  if (found === null) return null;
  const { dimension, extent } = found as { dimension: number; extent: number };
  const { size, kind } = space.dimensions[dimension] ?? { size: 0, kind: "reduction" };
  if (kind !== "parallel") throw new NotSeparable("reduces over the batch");
  if (size !== count * extent) throw new NotSeparable("looks at several samples at once");
  space.operands.forEach((access, operand) => {
    const own = node.operandAxes[operand]?.axis ?? null;
    const foreign = (access ?? []).some((axis, index) => index !== own && touches(axis, dimension));
    if (foreign) throw new NotSeparable("pairs samples with what all samples share");
  });
  const axis = space.result.findIndex((each) => onlyDimension(each) === dimension);
  if (axis < 0 || space.result.some((each, index) => index !== axis && touches(each, dimension))) {
    throw new NotSeparable("mixes the batch with another axis");
  }
  return { axis, extent };
}

function touches({ terms }: AxisAccess, dimension: number): boolean {
  return terms.some((term) => term.dimension === dimension);
}

/** The dimension that alone moves along an axis, index by index; null where it is otherwise. */
function onlyDimension(access: Access[number] | undefined): number | null {
  const [term, ...others] = access?.terms ?? [];
  return term === undefined || others.length > 0 || term.stride !== 1 || access?.offset !== 0 ? null : term.dimension;
}

/** Every copy must have the batch as an index that turns over all samples, of the operand and of the result. */
function axisOfMovement(movement: Movement, node: BatchedNode, count: number): BatchAxis {
  let found: BatchAxis = null;
  const shared: AxisForm[][] = [];
  const sharedCounts: (readonly number[])[] = [];
  for (const piece of movement.pieces) {
    const batch = node.operandAxes[piece.operand] ?? null;
    const shape = node.operandTypes[piece.operand]?.shape ?? [];
    for (const { source, destination, counts } of axisPieces(piece, shape, node.type.shape)) {
      if (counts.includes(0)) continue;
      if (batch === null) {
        shared.push([...destination]);
        sharedCounts.push(counts);
        continue;
      }
      const own = carriedTo(source[batch.axis], destination, counts, batch.extent, count);
      if (own === null) throw new NotSeparable("mixes the batch with another axis");
      if (found !== null && (found.axis !== own.axis || found.extent !== own.extent)) {
        throw new NotSeparable("puts samples of its operands in different places");
      }
      found = own;
    }
  }
  if (found === null) throw new NotSeparable("keeps nothing of the batch");
  const { axis, extent } = found;
  shared.forEach((destination, index) => {
    const counts = sharedCounts[index] ?? [];
    if (!destination.some((form, at) => at === axis && isOuter(form, counts, extent, count) !== null)) {
      throw new NotSeparable("puts samples beside what all samples share");
    }
  });
  return found;
}

/** Where the batch of an operand's axis goes; null where it is not carried over as a whole. */
function carriedTo(
  source: AxisForm | undefined,
  destination: readonly AxisForm[],
  counts: readonly number[],
  extent: number,
  count: number,
): NonNullable<BatchAxis> | null {
  if (source === undefined) return null;
  const only = source.terms.length === 1 ? source.terms[0] : undefined;
  if (only?.coefficient === 1 && source.base === 0 && counts[only.index] === count * extent) {
    const axis = destination.findIndex(
      ({ base, terms }) =>
        base === 0 && terms.length === 1 && terms[0]?.index === only.index && terms[0].coefficient === 1,
    );
    if (axis >= 0) return { axis, extent };
  }
  const index = isOuter(source, counts, extent, count);
  if (index === null) return null;
  for (const [axis, form] of destination.entries()) {
    const own = form.terms.find((term) => term.index === index);
    if (own === undefined) continue;
    return own.coefficient > 0 && isOuter(form, counts, own.coefficient, count) === index
      ? { axis, extent: own.coefficient }
      : null;
  }
  return null;
}

/** The index that turns once for each sample along an axis, all else staying within the sample's extent; null when there is none. */
function isOuter({ base, terms }: AxisForm, counts: readonly number[], extent: number, count: number): number | null {
  const outer = terms.find(({ index, coefficient }) => coefficient === extent && counts[index] === count);
  if (outer === undefined) return null;
  let [low, high] = [base, base];
  for (const { index, coefficient } of terms) {
    if (index === outer.index) continue;
    const reach = coefficient * ((counts[index] as number) - 1);
    low += Math.min(0, reach);
    high += Math.max(0, reach);
  }
  return low >= 0 && high < extent ? outer.index : null;
}

/** A composite: as its parts, one after the other. */
function axisOfParts(node: BatchedNode, count: number): BatchAxis {
  const types = new Map<string, TensorType>();
  const axes = new Map<string, BatchAxis>();
  node.operands.forEach((value, operand) => {
    const type = node.operandTypes[operand];
    if (value === null || type == null) return;
    types.set(value, type);
    axes.set(value, node.operandAxes[operand] ?? null);
  });
  const typeOf = (value: string): TensorType => types.get(value) as TensorType;
  const builder: NodeBuilder = {
    type: typeOf,
    addConstant: (tensor) => {
      const name = `constant ${types.size}`;
      types.set(name, tensor.type);
      return name;
    },
    add: (op, operands, attributes = {}) => {
      const name = `part ${types.size}`;
      const operandTypes = operands.map((value) => (value === null ? null : typeOf(value)));
      const complete = completeAttributes(operatorOf(op), attributes);
      const type = inferType(op, operandTypes, complete);
      const operandAxes = operands.map((value) => (value === null ? null : (axes.get(value) ?? null)));
      axes.set(name, resultAxis({ op, operands, operandTypes, operandAxes, attributes: complete, type }, count));
      types.set(name, type);
      return name;
    },
  };
  const value = operatorOf(node.op).decompose?.(
    { operands: node.operands, attributes: node.attributes, type: node.type },
    builder,
  );
  if (value == null) throw new NotSeparable("is not known to treat samples apart");
  return axes.get(value) ?? null;
}
