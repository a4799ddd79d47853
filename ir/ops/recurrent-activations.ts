import type { GraphBuilder, NodeBuilder, OnnxNode } from "../operator.ts";
import { scalarLike } from "./onnx-node.ts";

/** Writes an activation function of a recurrent cell and returns its value. */
export type Activation = (x: string, builder: NodeBuilder) => string;

interface ActivationForm {
  /** Defaults of the parameters that the function takes: none, alpha, or alpha and beta. */
  readonly defaults: readonly number[];
  readonly write: (x: string, builder: NodeBuilder, alpha: number, beta: number) => string;
}

const direct = (op: string): ActivationForm => ({ defaults: [], write: (x, builder) => builder.add(op, [x]) });

function scaled(x: string, factor: number, builder: NodeBuilder): string {
  return factor === 1 ? x : builder.add("mul", [x, scalarLike(builder, x, factor)]);
}

function shifted(x: string, addend: number, builder: NodeBuilder): string {
  return addend === 0 ? x : builder.add("add", [x, scalarLike(builder, x, addend)]);
}

/** The activation functions of LSTM, GRU and RNN, by their names in lower case. */
const activationTable: Readonly<Record<string, ActivationForm>> = {
  relu: direct("relu"),
  tanh: direct("tanh"),
  sigmoid: direct("sigmoid"),
  softplus: direct("softplus"),
  softsign: {
    defaults: [],
    write: (x, builder) => builder.add("div", [x, shifted(builder.add("abs", [x]), 1, builder)]),
  },
  affine: {
    defaults: [1, 0],
    write: (x, builder, alpha, beta) => shifted(scaled(x, alpha, builder), beta, builder),
  },
  leakyrelu: {
    defaults: [0.01],
    write: (x, builder, alpha) => builder.add("leaky_relu", [x], { alpha }),
  },
  thresholdedrelu: {
    defaults: [1],
    write: (x, builder, alpha) => {
      const kept = builder.add("greater_or_equal", [x, scalarLike(builder, x, alpha)]);
      return builder.add("where", [kept, x, scalarLike(builder, x, 0)]);
    },
  },
  scaledtanh: {
    defaults: [1, 1],
    write: (x, builder, alpha, beta) => scaled(builder.add("tanh", [scaled(x, beta, builder)]), alpha, builder),
  },
  hardsigmoid: {
    defaults: [0.2, 0.5],
    write: (x, builder, alpha, beta) =>
      builder.add("clip", [shifted(scaled(x, alpha, builder), beta, builder)], { low: 0, high: 1 }),
  },
  elu: {
    defaults: [1],
    write: (x, builder, alpha) => {
      const below = shifted(builder.add("exp", [builder.add("clip", [x], { high: 0 })]), -1, builder);
      return builder.add("add", [builder.add("relu", [x]), scaled(below, alpha, builder)]);
    },
  },
};

/**
 * The activation functions of a recurrent node, direction after direction; `defaults` are those of one direction. The
 * numbers of `activation_alpha` and `activation_beta` go, in order, to the functions that take them. Refuses an unknown
 * function and a wrong count (B111).
 */
export function recurrentActivations(
  node: OnnxNode,
  builder: GraphBuilder,
  defaults: readonly string[],
  directionCount: number,
): readonly (readonly Activation[])[] {
  const given = node.attributes.get("activations");
  const usual = Array.from({ length: directionCount }, () => defaults).flat();
  const names = Array.isArray(given) && given.length > 0 ? given.map(String) : usual;
  if (names.length !== usual.length) {
    builder.refuse("B111", `${node.operator} needs ${usual.length} activations; found [${names.join(", ")}].`);
  }
  const alphas = [...numbersOf(node, builder, "activation_alpha")];
  const betas = [...numbersOf(node, builder, "activation_beta")];
  const all = names.map((name): Activation => {
    const form = activationTable[name.toLowerCase()];
    if (form === undefined) {
      const known = Object.keys(activationTable).join(", ");
      return builder.refuse("B111", `Activation "${name}" of ${node.operator} is none of ${known}.`);
    }
    const [firstDefault, secondDefault] = form.defaults;
    const alpha = firstDefault === undefined ? 0 : (alphas.shift() ?? firstDefault);
    const beta = secondDefault === undefined ? 0 : (betas.shift() ?? secondDefault);
    return (x, target) => form.write(x, target, alpha, beta);
  });
  return Array.from({ length: directionCount }, (_, direction) =>
    all.slice(direction * defaults.length, (direction + 1) * defaults.length),
  );
}

function numbersOf(node: OnnxNode, builder: GraphBuilder, name: string): readonly number[] {
  const value = node.attributes.get(name) ?? [];
  if (Array.isArray(value) && value.every((each) => typeof each === "number")) return value;
  return builder.refuse("B111", `Attribute "${name}" of ${node.operator} is not a list of numbers.`);
}
