import { at, product } from "../base/math.ts";
import type { Random } from "../base/random.ts";
import { type Attributes, consumers, type Graph } from "../ir/graph.ts";
import { completeAttributes } from "../ir/ops/attributes.ts";
import { inferType, operatorOf } from "../ir/ops/index.ts";
import { f32Tensor, type Tensor } from "../ir/tensor.ts";
import { elementCount, sameNumbers, type TensorType, tensorType } from "../ir/type.ts";

/** What random graphs are made of; every one must turn up often enough (test/random-graph.test.ts). */
export const features = [
  "conv-1d",
  "conv-2d",
  "conv-grouped",
  "conv-depthwise",
  "conv-strided",
  "conv-padded",
  "conv-dilated",
  "matmul",
  "matmul-activations",
  "matmul-batched",
  "bias",
  "no-bias",
  "elementwise-unary",
  "elementwise-constant",
  "fork",
  "residual-join",
  "batch-norm",
  "softmax",
  "layer-norm",
  "max-pool",
  "average-pool",
  "reduce",
  "transpose",
  "transpose-there-and-back",
  "reshape",
  "slice",
  "concat",
  "pad",
  "two-inputs",
  "two-outputs",
] as const;

/** A name of `features`. */
export type Feature = (typeof features)[number];

/** Limits of a random graph. */
export interface RandomGraphOptions {
  /** How many building blocks are added; each is one to three nodes. Default 4. */
  readonly blockCount?: number;
  /** The greatest size of a dimension. Default 6. */
  readonly maximumSize?: number;
  /** Whether weights and constants have data. Default true. */
  readonly weights?: boolean;
}

/** A random graph and what is in it. */
export interface RandomGraph {
  readonly graph: Graph;
  readonly features: ReadonlySet<Feature>;
}

/** Adds nodes to a graph that is being made. */
class GraphMaker {
  readonly inputs: { name: string; type: TensorType }[] = [];
  readonly constants: { name: string; type: TensorType; data: Tensor["data"] | null; source: "model" | "absent" }[] =
    [];
  readonly nodes: { -readonly [Key in keyof Graph["nodes"][number]]: Graph["nodes"][number][Key] }[] = [];
  readonly types = new Map<string, TensorType>();
  readonly random: Random;
  readonly #weights: boolean;

  constructor(random: Random, weights: boolean) {
    this.random = random;
    this.#weights = weights;
  }

  type(value: string): TensorType {
    const type = this.types.get(value);
    if (type === undefined) throw new Error(`"${value}" is not bound`);
    return type;
  }

  shape(value: string): readonly number[] {
    return this.type(value).shape;
  }

  input(shape: readonly number[]): string {
    const name = `x${this.inputs.length}`;
    const type = tensorType("f32", shape);
    this.inputs.push({ name, type });
    this.types.set(name, type);
    return name;
  }

  /** A constant of normal numbers, times `deviation`, plus `mean`. */
  constant(shape: readonly number[], deviation = 1, mean = 0): string {
    const name = `c${this.constants.length}`;
    const type = tensorType("f32", shape);
    const numbers = Float32Array.from({ length: elementCount(type) }, () => mean + deviation * this.random.normal());
    this.constants.push({
      name,
      type,
      data: this.#weights ? numbers : null,
      source: this.#weights ? "model" : "absent",
    });
    this.types.set(name, type);
    return name;
  }

  /** A constant of positive numbers in [0.5, 1.5). */
  positive(shape: readonly number[]): string {
    const name = this.constant(shape);
    const constant = at(this.constants, this.constants.length - 1);
    const numbers = Float32Array.from({ length: elementCount(constant.type) }, () => 0.5 + this.random.uniform());
    if (this.#weights) constant.data = numbers;
    return name;
  }

  node(op: string, operands: readonly (string | null)[], attributes: Attributes = {}): string {
    const complete = completeAttributes(operatorOf(op), attributes);
    const operandTypes = operands.map((operand) => (operand === null ? null : this.type(operand)));
    const type = inferType(op, operandTypes, complete);
    const name = `n${this.nodes.length}`;
    this.nodes.push({ name, op, operands, attributes: complete, type, origin: [name], layer: null });
    this.types.set(name, type);
    return name;
  }

  chance(probability: number): boolean {
    return this.random.uniform() < probability;
  }

  pick<T>(items: readonly T[]): T {
    return at(items, this.random.integer(0, items.length - 1));
  }
}

/** A building block: takes a value, adds nodes, and returns a new value; null when it does not fit the value. */
type Block = (maker: GraphMaker, value: string, limits: Limits) => string | null;

interface Limits {
  readonly maximumSize: number;
  readonly values: readonly string[];
  readonly mark: (feature: Feature) => void;
}

const convBlock: Block = (maker, value, { maximumSize, mark }) => {
  const shape = maker.shape(value);
  const spatial = shape.slice(2);
  if (shape.length < 3 || shape.length > 4) return null;
  const channels = at(shape, 1);
  const kernel = spatial.map((size) => maker.random.integer(1, Math.min(3, size)));
  const dilations = spatial.map((size, axis) => (2 * (at(kernel, axis) - 1) + 1 <= size && maker.chance(0.25) ? 2 : 1));
  const strides = spatial.map(() => (maker.chance(0.3) ? 2 : 1));
  const pads = [...kernel, ...kernel].map((size) => (maker.chance(0.35) ? maker.random.integer(0, size - 1) : 0));
  const group = maker.pick([1, 1, channels, channels % 2 === 0 ? 2 : 1]);
  const outputs = group * maker.random.integer(1, Math.max(1, Math.floor(maximumSize / group)));
  const depth = (channels / group) * product(kernel);
  const weights = maker.constant([outputs, channels / group, ...kernel], 1 / Math.sqrt(depth));
  const bias = maker.chance(0.6) ? maker.constant([outputs], 0.3) : null;
  mark(spatial.length === 1 ? "conv-1d" : "conv-2d");
  mark(bias === null ? "no-bias" : "bias");
  if (group > 1) mark(group === channels ? "conv-depthwise" : "conv-grouped");
  if (strides.some((stride) => stride > 1)) mark("conv-strided");
  if (pads.some((pad) => pad > 0)) mark("conv-padded");
  if (dilations.some((dilation, axis) => dilation > 1 && at(kernel, axis) > 1)) mark("conv-dilated");
  return maker.node("conv", [value, weights, bias], { strides, pads, dilations, group });
};

const matmulBlock: Block = (maker, value, { maximumSize, mark }) => {
  const shape = maker.shape(value);
  if (shape.length < 2) return null;
  const depth = at(shape, shape.length - 1);
  const columns = maker.random.integer(1, maximumSize);
  const weights = maker.constant([depth, columns], 1 / Math.sqrt(depth));
  const bias = maker.chance(0.5) ? maker.constant([columns], 0.3) : null;
  mark("matmul");
  mark(bias === null ? "no-bias" : "bias");
  if (shape.length > 2) mark("matmul-batched");
  return maker.node("matmul", [value, weights, bias]);
};

/** x·xᵀ, softmax or not, as attention does. */
const attentionBlock: Block = (maker, value, { mark }) => {
  const rank = maker.shape(value).length;
  if (rank < 2) return null;
  const permutation = Array.from({ length: rank }, (_, axis) => (axis < rank - 2 ? axis : 2 * rank - 3 - axis));
  const transposed = maker.node("transpose", [value], { permutation });
  const scores = maker.node("matmul", [value, transposed, null]);
  mark("matmul-activations");
  mark("transpose");
  const scaled = maker.node("mul", [scores, maker.constant([], 0, 0.5)]);
  mark("softmax");
  return maker.node("softmax", [scaled], { axis: -1 });
};

const unaryBlock: Block = (maker, value, { mark }) => {
  const op = maker.pick(["relu", "relu", "sigmoid", "tanh", "gelu", "clip", "leaky_relu"]);
  mark("elementwise-unary");
  return maker.node(op, [value], op === "clip" ? { low: -1, high: 1.5 } : {});
};

/** A contraction, a function of its results, and a contraction of those. */
const activatedBlock: Block = (maker, value, limits) => {
  const contract = (operand: string): string | null =>
    convBlock(maker, operand, limits) ?? matmulBlock(maker, operand, limits);
  const sums = contract(value);
  if (sums === null) return null;
  return contract(maker.node(maker.pick(["sigmoid", "tanh", "leaky_relu"]), [sums]));
};

const constantBlock: Block = (maker, value, { mark }) => {
  const shape = maker.shape(value);
  const own = maker.pick<readonly number[]>([[], shape.slice(-1), shape.map((size, axis) => (axis === 1 ? size : 1))]);
  mark("elementwise-constant");
  const op = maker.pick(["add", "sub", "mul", "div", "max"]);
  return maker.node(op, [value, op === "div" ? maker.positive(own) : maker.constant(own)]);
};

const joinBlock: Block = (maker, value, { values, mark }) => {
  const shape = maker.shape(value);
  const others = values.filter((other) => other !== value && sameNumbers(maker.shape(other), shape));
  if (others.length === 0) {
    const branch = maker.node(maker.pick(["tanh", "sigmoid", "relu"]), [value]);
    mark("residual-join");
    return maker.node("add", [value, branch]);
  }
  mark("residual-join");
  return maker.node(maker.pick(["add", "add", "mul"]), [value, maker.pick(others)]);
};

const normBlock: Block = (maker, value, { mark }) => {
  const shape = maker.shape(value);
  if (shape.length >= 3 && maker.chance(0.5)) {
    const channels = [at(shape, 1)];
    mark("batch-norm");
    const [scale, bias, mean] = [
      maker.positive(channels),
      maker.constant(channels, 0.3),
      maker.constant(channels, 0.3),
    ];
    return maker.node("batch_norm", [value, scale, bias, mean, maker.positive(channels)], { epsilon: 1e-3 });
  }
  if (shape.length < 2 || at(shape, shape.length - 1) < 3) return null;
  const last = shape.slice(-1);
  mark("layer-norm");
  return maker.node("layer_norm", [value, maker.positive(last), maker.constant(last, 0.3)], {
    axis: -1,
    epsilon: 1e-2,
  });
};

const poolBlock: Block = (maker, value, { mark }) => {
  const shape = maker.shape(value);
  const spatial = shape.slice(2);
  if (maker.chance(0.3) && shape.length >= 2) {
    mark("reduce");
    const axes = spatial.length > 0 ? spatial.map((_, axis) => axis + 2) : [shape.length - 1];
    return maker.node(maker.pick(["reduce_mean", "reduce_max", "reduce_sum"]), [value], { axes, keepdims: true });
  }
  if (spatial.length === 0 || spatial.length > 2) return null;
  const kernel = spatial.map((size) => Math.min(2, size));
  const window = {
    kernel,
    strides: kernel.map(() => maker.random.integer(1, 2)),
    pads: [...kernel, ...kernel].map(() => 0),
    dilations: kernel.map(() => 1),
  };
  const op = maker.pick(["max_pool", "average_pool"]);
  mark(op === "max_pool" ? "max-pool" : "average-pool");
  return maker.node(op, [value], window);
};

const movementBlock: Block = (maker, value, { maximumSize, mark }) => {
  const shape = maker.shape(value);
  const kind = maker.pick(["transpose", "reshape", "slice", "concat", "pad"] as const);
  const axis = maker.random.integer(0, shape.length - 1);
  const size = at(shape, axis);
  mark(kind);
  switch (kind) {
    case "transpose": {
      const permutation = shape.map((_, index) => index);
      for (let index = permutation.length - 1; index > 0; index -= 1) {
        const other = maker.random.integer(0, index);
        [permutation[index], permutation[other]] = [at(permutation, other), at(permutation, index)];
      }
      const moved = maker.node("transpose", [value], { permutation });
      if (maker.chance(0.5)) return moved;
      mark("transpose-there-and-back");
      const inverse = permutation.map((_, index) => permutation.indexOf(index));
      const changed = maker.node("add", [maker.node("tanh", [moved]), maker.constant(maker.shape(moved).slice(-1))]);
      return maker.node("transpose", [changed], { permutation: inverse });
    }
    case "reshape": {
      const [first = 1, ...rest] = shape;
      const spread = [...shape.slice(0, -1), 1, ...shape.slice(-1)];
      const joined = [...shape.slice(0, -2), product(shape.slice(-2))];
      const flat = [first, product(rest)];
      return maker.node("reshape", [value], { shape: shape.length > 3 ? maker.pick([joined, flat]) : spread });
    }
    case "slice": {
      const start = maker.random.integer(0, size - 1);
      const end = maker.random.integer(start + 1, size);
      return maker.node("slice", [value], {
        starts: [start],
        ends: [end],
        axes: [axis],
        steps: [maker.pick([1, 1, 2])],
      });
    }
    case "concat": {
      if (size * 2 > maximumSize * 2) return value;
      return maker.node("concat", [value, maker.chance(0.5) ? value : maker.node("tanh", [value])], { axis });
    }
    case "pad": {
      const pads = [...shape, ...shape].map((_, index) =>
        index % shape.length >= Math.max(0, shape.length - 2) && maker.chance(0.5) ? 1 : 0,
      );
      return maker.node("pad", [value], { pads, mode: "constant", value: 0 });
    }
  }
};

const blocks: readonly { readonly weight: number; readonly block: Block }[] = [
  { weight: 6, block: convBlock },
  { weight: 4, block: matmulBlock },
  { weight: 1, block: attentionBlock },
  { weight: 4, block: unaryBlock },
  { weight: 2, block: activatedBlock },
  { weight: 2, block: constantBlock },
  { weight: 3, block: joinBlock },
  { weight: 2, block: normBlock },
  { weight: 3, block: poolBlock },
  { weight: 6, block: movementBlock },
];

/**
 * A small valid f32 graph with seeded weights: convolutions, products, element-wise arithmetic with forks and joins,
 * pooling, normalization, movement. The same random numbers give the same graph.
 */
export function randomGraph(random: Random, options: RandomGraphOptions = {}): RandomGraph {
  const { blockCount = 4, maximumSize = 6, weights = true } = options;
  const found = new Set<Feature>();
  const mark = (feature: Feature): void => {
    found.add(feature);
  };
  const maker = new GraphMaker(random, weights);
  const size = (): number => random.integer(1, maximumSize);
  const rank = maker.pick([2, 3, 3, 4, 4, 4]);
  const shape = Array.from({ length: rank }, (_, axis) => (axis === 0 && rank > 2 ? random.integer(1, 2) : size()));
  const values = [maker.input(shape)];
  if (maker.chance(0.2)) {
    mark("two-inputs");
    values.push(maker.node("add", [at(values, 0), maker.input(shape)]));
  }
  const bag = blocks.flatMap(({ weight, block }) => new Array<Block>(weight).fill(block));
  for (let count = 0, attempts = 0; count < blockCount && attempts < 50; attempts += 1) {
    const value = maker.chance(0.75) ? at(values, values.length - 1) : maker.pick(values);
    const before = maker.nodes.length;
    const next = maker.pick(bag)(maker, value, { maximumSize, values, mark });
    if (next === null || maker.nodes.length === before) continue;
    values.push(next);
    count += 1;
  }
  const readers = consumers({
    kind: "graph",
    name: "",
    inputs: maker.inputs,
    constants: maker.constants,
    nodes: maker.nodes,
    outputs: [],
  });
  const outputs = maker.nodes.map((node) => node.name).filter((name) => !readers.has(name));
  if ([...readers.values()].some((list) => list.length > 1)) mark("fork");
  if (outputs.length > 1) mark("two-outputs");
  const graph: Graph = {
    kind: "graph",
    name: "random",
    inputs: maker.inputs,
    constants: maker.constants,
    nodes: maker.nodes,
    outputs,
  };
  return { graph, features: found };
}

/** Normally distributed inputs for a graph. */
export function randomInputs(random: Random, graph: Graph): Map<string, Tensor> {
  return new Map(
    graph.inputs.map(({ name, type }) => [
      name,
      f32Tensor(
        type.shape,
        Array.from({ length: elementCount(type) }, () => random.normal()),
      ),
    ]),
  );
}
