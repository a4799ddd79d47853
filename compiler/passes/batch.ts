import { BorealError, type Problem, problem } from "../../base/errors.ts";
import { at, product } from "../../base/math.ts";
import type { Attributes, Graph, GraphInput, Node } from "../../ir/graph.ts";
import { numberOf, numbersOf } from "../../ir/ops/attributes.ts";
import { inferType, isElementwise } from "../../ir/ops/index.ts";
import type { TensorType } from "../../ir/type.ts";
import { type BatchAxis, NotSeparable, resultAxis } from "./batch-axis.ts";

/** Ways to choose among several axes of size 1 of the inputs that are tried. */
const attemptLimit = 16;

/**
 * Makes a graph of one sample compute `count` of them side by side: along an axis of size 1 of every input, the first
 * for which that can be done. Sample i of each output is what the graph makes of sample i of the inputs, bit for bit;
 * outputs that depend on no input stay as they are. Proven node by node (`batch-axis.ts`). Throws B603 with every input
 * that has no such axis, or the first node that does not treat samples apart.
 */
export function batchGraph(graph: Graph, count: number): Graph {
  if (count === 1) return graph;
  const problems = graph.inputs.flatMap(({ name, type }): Problem[] =>
    type.shape.includes(1)
      ? []
      : [
          {
            code: "B603",
            message: `Input "${name}" of shape [${type.shape.join(",")}] has no axis of size 1 that could hold a batch of ${count}.`,
            at: { tensor: name },
          },
        ],
  );
  if (problems.length > 0) throw new BorealError(problems);
  let refusal: BorealError | null = null;
  for (const axes of axisChoices(graph.inputs).slice(0, attemptLimit)) {
    try {
      return new Batching(graph, count, axes).graph();
    } catch (error) {
      if (!(error instanceof BorealError)) throw error;
      refusal ??= error;
    }
  }
  throw refusal ?? problem("B603", "The graph has no inputs.");
}

/** Axes of size 1, one for each input: the first of all, then the others in order. */
function axisChoices(inputs: readonly GraphInput[]): number[][] {
  let choices: number[][] = [[]];
  for (const { type } of inputs) {
    const axes = type.shape.flatMap((size, axis) => (size === 1 ? [axis] : []));
    choices = axes.flatMap((axis) => choices.map((choice) => [...choice, axis])).slice(0, 4 * attemptLimit);
  }
  return choices;
}

/** A type that holds a batch. */
function batched(type: TensorType, batch: BatchAxis, count: number): TensorType {
  if (batch === null) return type;
  const { quantization } = type;
  const shape = type.shape.map((size, axis) => (axis === batch.axis ? size * count : size));
  if (quantization?.axis !== batch.axis) return { ...type, shape };
  if (quantization.scales.length > 1) throw new NotSeparable("has a scale for each index of the batch");
  return { ...type, shape, quantization: { ...quantization, axis: null } };
}

/** One attempt: where the batch lies in every value, and the nodes that have been made. */
class Batching {
  readonly #graph: Graph;
  readonly #count: number;
  readonly #inputs: readonly GraphInput[];
  readonly #nodes: Node[] = [];
  readonly #types = new Map<string, TensorType>();
  readonly #axes = new Map<string, BatchAxis>();
  readonly #names = new Set<string>();

  constructor(graph: Graph, count: number, inputAxes: readonly number[]) {
    this.#graph = graph;
    this.#count = count;
    for (const { name, type } of [...graph.inputs, ...graph.constants, ...graph.nodes]) {
      this.#names.add(name);
      this.#types.set(name, type);
      this.#axes.set(name, null);
    }
    this.#inputs = graph.inputs.map(({ name, type }, index) => {
      const axis = { axis: at(inputAxes, index), extent: 1 };
      const input = { name, type: batched(type, axis, count) };
      this.#types.set(name, input.type);
      this.#axes.set(name, axis);
      return input;
    });
  }

  graph(): Graph {
    const before = new Map([...this.#graph.inputs, ...this.#graph.nodes].map(({ name, type }) => [name, type]));
    for (const node of this.#graph.nodes) {
      try {
        this.#add(node, before);
      } catch (error) {
        const reason = reasonOf(error);
        if (reason === null) throw error;
        throw problem(
          "B603",
          `A batch of ${this.#count} cannot be made of a model for one sample: "${node.op}" ${reason}.`,
          { onnxNode: node.origin[0] ?? node.name, operator: node.op },
        );
      }
    }
    return { ...this.#graph, inputs: this.#inputs, nodes: this.#nodes };
  }

  #typeOf(value: string): TensorType {
    return this.#types.get(value) as TensorType;
  }

  #axisOf(value: string | null): BatchAxis {
    return value === null ? null : (this.#axes.get(value) ?? null);
  }

  #add(node: Node, before: ReadonlyMap<string, TensorType>): void {
    if (node.operands.every((value) => this.#axisOf(value) === null)) {
      this.#nodes.push(node);
      return;
    }
    const operands = this.#aligned(node);
    const first = node.operands.find((value) => this.#axisOf(value) !== null) ?? "";
    const own = this.#axisOf(first) as NonNullable<BatchAxis>;
    const form = attributesOf(node, before.get(first) ?? node.type, own, this.#count);
    this.#push({ ...node, ...form, operands });
  }

  /** Adds a node: its shape is inferred, the rest of its type is what it was. */
  #push(node: Node): string {
    const operandTypes = node.operands.map((value) => (value === null ? null : this.#typeOf(value)));
    const { shape } = inferType(node.op, operandTypes, node.attributes);
    const operandAxes = node.operands.map((value) => this.#axisOf(value));
    const plain = { ...node.type, shape };
    const axis = resultAxis({ ...node, operandTypes, operandAxes, type: plain }, this.#count);
    const single = shape.map((size, index) => (index === axis?.axis ? size / this.#count : size));
    const type = batched({ ...node.type, shape: single }, axis, this.#count);
    this.#nodes.push({ ...node, type });
    this.#names.add(node.name);
    this.#types.set(node.name, type);
    this.#axes.set(node.name, axis);
    return node.name;
  }

  #fresh(wanted: string): string {
    for (let number = 1; ; number += 1) {
      const name = `${wanted}.batch${number}`;
      if (!this.#names.has(name)) return name;
    }
  }

  /**
   * The operands of a node that pairs them index by index: batches moved to one axis where only axes of size 1 lie
   * between, and what all samples share repeated along it where its size there is not 1.
   */
  #aligned(node: Node): readonly (string | null)[] {
    const joins = node.op === "concat";
    if (!joins && !isElementwise(node.op)) return node.operands;
    const rank = node.type.shape.length;
    const fromEnd = (value: string | null): number | null => {
      const batch = this.#axisOf(value);
      return value === null || batch === null ? null : this.#typeOf(value).shape.length - batch.axis;
    };
    const places = node.operands.flatMap((value) => fromEnd(value) ?? []);
    const place = Math.max(...places);
    return node.operands.map((value) => {
      if (value === null) return null;
      const type = this.#typeOf(value);
      const batch = this.#axisOf(value);
      const axis = type.shape.length - place;
      if (batch !== null) return batch.axis === axis ? value : this.#moved(node, value, batch, axis);
      if (axis < 0 || type.shape.length > rank) return value;
      const size = at(type.shape, axis);
      if (!joins && size === 1) return value;
      const repeats = type.shape.map((_, index) => (index === axis ? this.#count : 1));
      const shape = type.shape.map((each, index) => each * at(repeats, index));
      const name = this.#fresh(value);
      const tiled: Node = {
        ...node,
        name,
        op: "tile",
        operands: [value],
        attributes: { repeats },
        type: { ...type, shape },
      };
      this.#nodes.push(tiled);
      this.#names.add(name);
      this.#types.set(name, tiled.type);
      this.#axes.set(name, { axis, extent: size });
      return name;
    });
  }

  /** A batch that only axes of size 1 part from another axis stands there after a reshape. */
  #moved(node: Node, value: string, batch: NonNullable<BatchAxis>, axis: number): string {
    const type = this.#typeOf(value);
    const shape = type.shape.map((size, index) => (index === batch.axis ? batch.extent : size));
    const passed = shape.slice(Math.min(axis, batch.axis), Math.max(axis, batch.axis) + 1);
    if (axis < 0 || batch.extent !== 1 || product(passed) !== 1) {
      throw new NotSeparable("pairs operands whose batches stand on different axes");
    }
    shape[axis] = this.#count;
    return this.#push({
      ...node,
      name: this.#fresh(value),
      op: "reshape",
      operands: [value],
      attributes: { shape },
      type: { ...type, shape: shape.map((size, index) => (index === axis ? 1 : size)) },
    });
  }
}

/** Why a node cannot take a batch; null for errors of another kind. */
function reasonOf(error: unknown): string | null {
  if (error instanceof NotSeparable) return error.message;
  if (error instanceof BorealError && error.problems.every(({ code }) => code === "B202")) {
    return `does not take operands that hold a batch (${error.problems.map(({ message }) => message).join(" ")})`;
  }
  return null;
}

/** The operator and attributes of a node whose attributes hold sizes; `type` is that of its operand before, for one sample. */
function attributesOf(
  node: Node,
  type: TensorType,
  batch: NonNullable<BatchAxis>,
  count: number,
): { readonly op: string; readonly attributes: Attributes } {
  const { op, attributes } = node;
  const grown = (shape: readonly number[], axis: number): readonly number[] =>
    shape.map((size, index) => (index === axis ? size * count : size));
  switch (op) {
    case "reshape": {
      const shape = numbersOf(attributes, "shape");
      return { op, attributes: { ...attributes, shape: grown(shape, reshapedAxis(type.shape, batch, shape)) } };
    }
    case "expand": {
      const shape = numbersOf(attributes, "shape");
      return { op, attributes: { ...attributes, shape: grown(shape, shape.length - type.shape.length + batch.axis) } };
    }
    case "slice":
      return { op, attributes: withoutWholeSlice(attributes, node.type, type, batch) };
    case "resize":
      return { op, attributes: withoutSameSize(attributes, batch) };
    case "gather": {
      // The only index of the axis is taken: the axis goes, the sample stays whole.
      const axis = numberOf(attributes, "axis");
      const only = batch.extent === 1 && (axis < 0 ? axis + type.shape.length : axis) === batch.axis;
      if (!only || numbersOf(attributes, "indexShape").length > 0) return { op, attributes };
      const { shape } = node.type;
      return { op: "reshape", attributes: { shape: grown(shape, reshapedAxis(type.shape, batch, shape)) } };
    }
    default:
      return { op, attributes };
  }
}

/** The axis of a reshaped value before which as many elements stand as before the batch: one of size 1, the same if it can be. */
function reshapedAxis(from: readonly number[], batch: NonNullable<BatchAxis>, to: readonly number[]): number {
  const before = product(from.slice(0, batch.axis));
  const fitting = to.flatMap((size, axis) => (product(to.slice(0, axis)) === before ? [{ size, axis }] : []));
  const single = fitting.filter(({ size }) => size === 1);
  const chosen = single.find(({ axis }) => axis === batch.axis) ?? single[0] ?? fitting[0];
  if (chosen === undefined) throw new NotSeparable("mixes the batch with another axis");
  return chosen.axis;
}

/** A slice without the entry of the batch's axis where it takes all of it in order. */
function withoutWholeSlice(
  attributes: Attributes,
  result: TensorType,
  type: TensorType,
  { axis, extent }: NonNullable<BatchAxis>,
): Attributes {
  const rank = type.shape.length;
  const entry = numbersOf(attributes, "axes").findIndex((each) => (each < 0 ? each + rank : each) === axis);
  const inOrder = extent === 1 || numbersOf(attributes, "steps")[entry] === 1;
  if (entry < 0 || result.shape[axis] !== extent || !inOrder) return attributes;
  return withoutEntries(attributes, ["starts", "ends", "axes", "steps"], (place) => place === entry);
}

/** A resizing without the entry of the batch's axis where that keeps its size and shows the whole of it. */
function withoutSameSize(attributes: Attributes, { axis, extent }: NonNullable<BatchAxis>): Attributes {
  const axes = numbersOf(attributes, "axes");
  const entry = axes.indexOf(axis);
  const region = numbersOf(attributes, "region");
  const isWhole = region[entry] === 0 && region[entry + axes.length] === 1;
  const isSame = ["sizes", "lengths"].every((name) => numbersOf(attributes, name)[entry] === extent);
  if (entry < 0 || !isWhole || !isSame) return attributes;
  return withoutEntries(attributes, ["axes", "sizes", "lengths", "region"], (place) => place % axes.length === entry);
}

function withoutEntries(
  attributes: Attributes,
  lists: readonly string[],
  isLeftOut: (place: number) => boolean,
): Attributes {
  const shorter = lists.map((name) => [name, numbersOf(attributes, name).filter((_, place) => !isLeftOut(place))]);
  return { ...attributes, ...Object.fromEntries(shorter) };
}
