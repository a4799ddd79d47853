import { at, product } from "../../base/math.ts";
import type { GraphBuilder, OnnxForm } from "../operator.ts";
import { isFloat, sameNumbers } from "../type.ts";
import { indexList } from "./movement-declaration.ts";
import { compositeForm, onnxInput, onnxText } from "./onnx-node.ts";

/** A value whose axes are named by the labels of an equation. */
interface Labelled {
  readonly value: string;
  readonly labels: readonly string[];
}

/** The labels of each operand and of the result. Axes of an ellipsis are labelled `.0`, `.1`, ... counted from the last. */
interface Equation {
  readonly operands: readonly (readonly string[])[];
  readonly result: readonly string[];
}

const termPattern = /^([A-Za-z]*)(\.\.\.)?([A-Za-z]*)$/;

/** The labels of one term, an ellipsis standing for `ellipsisAxes` axes; null when the term is malformed. */
function termLabels(term: string, ellipsisAxes: number): string[] | null {
  const parts = termPattern.exec(term);
  if (parts === null) return null;
  const ellipsis = parts[2] === undefined ? [] : indexList(ellipsisAxes).map((axis) => `.${ellipsisAxes - 1 - axis}`);
  return [...(parts[1] ?? ""), ...ellipsis, ...(parts[3] ?? "")];
}

/** Reads an equation for operands of the given ranks; refuses what is malformed (B111) or does not fit (B110). */
function readEquation(text: string, ranks: readonly number[], builder: GraphBuilder): Equation {
  const [left = "", right, ...rest] = text.replaceAll(/\s/g, "").split("->");
  const malformed = (): never => builder.refuse("B111", `Equation "${text}" is malformed.`);
  if (rest.length > 0) malformed();
  const terms = left.split(",");
  if (terms.length !== ranks.length)
    builder.refuse("B110", `Equation "${text}" has ${terms.length} terms for ${ranks.length} inputs.`);
  const operands = terms.map((term, index) => {
    const letters = term.replace("...", "").length;
    const labels = termLabels(term, Math.max(0, at(ranks, index) - letters)) ?? malformed();
    if (labels.length !== at(ranks, index))
      builder.refuse("B110", `Term "${term}" of equation "${text}" does not fit an input of rank ${at(ranks, index)}.`);
    return labels;
  });
  const all = operands.flat();
  const widest = Math.max(0, ...operands.map((labels) => labels.filter((label) => label.startsWith(".")).length));
  const result =
    right === undefined
      ? [...(termLabels("...", widest) ?? []), ...[...new Set(all)].filter((label) => isSingle(label, all)).sort()]
      : (termLabels(right, widest) ?? malformed());
  const unknown = result.find((label, index) => !all.includes(label) || result.indexOf(label) !== index);
  if (unknown !== undefined)
    builder.refuse("B111", `The result of equation "${text}" names "${unknown}" twice, or no input has it.`);
  return { operands, result };
}

function isSingle(label: string, all: readonly string[]): boolean {
  return !label.startsWith(".") && all.indexOf(label) === all.lastIndexOf(label);
}

/** Writes the sum of products that an equation names. */
class EinsumWriter {
  readonly #builder: GraphBuilder;
  /** The size of each label; an axis of size 1 broadcasts to it. */
  readonly #sizes: ReadonlyMap<string, number>;

  constructor(builder: GraphBuilder, sizes: ReadonlyMap<string, number>) {
    this.#builder = builder;
    this.#sizes = sizes;
  }

  #shape(labels: readonly string[]): number[] {
    return labels.map((label) => this.#sizes.get(label) ?? 1);
  }

  #reshaped(value: string, shape: readonly number[]): string {
    return sameNumbers(this.#builder.type(value).shape, shape)
      ? value
      : this.#builder.add("reshape", [value], { shape });
  }

  /** The value with its axes in another order. */
  arranged({ value, labels }: Labelled, order: readonly string[]): string {
    const permutation = order.map((label) => labels.indexOf(label));
    if (permutation.every((axis, index) => axis === index)) return value;
    return this.#builder.add("transpose", [value], { permutation });
  }

  /** Takes the diagonal of labels that an operand repeats, and takes out axes that broadcast. */
  normalized(operand: Labelled): Labelled {
    const { shape } = this.#builder.type(operand.value);
    const kept = indexList(shape.length).filter(
      (axis) => at(shape, axis) === (this.#sizes.get(at(operand.labels, axis)) ?? 1),
    );
    let labels = kept.map((axis) => at(operand.labels, axis));
    let value = this.#reshaped(
      operand.value,
      kept.map((axis) => at(shape, axis)),
    );
    for (;;) {
      const repeated = labels.find((label, index) => labels.indexOf(label) !== index);
      if (repeated === undefined) return { value, labels };
      [value, labels] = this.#diagonal(value, labels, repeated);
    }
  }

  /** The diagonal of the first two axes of a label, as one axis at the end. */
  #diagonal(value: string, labels: readonly string[], label: string): [string, string[]] {
    const first = labels.indexOf(label);
    const second = labels.indexOf(label, first + 1);
    const others = indexList(labels.length).filter((axis) => axis !== first && axis !== second);
    const builder = this.#builder;
    const moved = builder.add("transpose", [value], { permutation: [...others, first, second] });
    const rest = others.map((axis) => at(labels, axis));
    const size = this.#sizes.get(label) ?? 1;
    const lines = builder.add("reshape", [moved], { shape: [...this.#shape(rest), size * size] });
    const picked = builder.add("slice", [lines], {
      starts: [0],
      ends: [size * size],
      axes: [rest.length],
      steps: [size + 1],
    });
    return [picked, [...rest, label]];
  }

  /** Sums over the labels that nothing else needs. */
  summed({ value, labels }: Labelled, needed: ReadonlySet<string>): Labelled {
    const axes = indexList(labels.length).filter((axis) => !needed.has(at(labels, axis)));
    if (axes.length === 0) return { value, labels };
    return {
      value: this.#builder.add("reduce_sum", [value], { axes, keepdims: false }),
      labels: labels.filter((label) => needed.has(label)),
    };
  }

  /** Multiplies two operands and sums over the labels that both have and nothing else needs. */
  combined(left: Labelled, right: Labelled, needed: ReadonlySet<string>): Labelled {
    const shared = left.labels.filter((label) => right.labels.includes(label));
    const batch = shared.filter((label) => needed.has(label));
    const inner = shared.filter((label) => !needed.has(label));
    const rows = left.labels.filter((label) => !shared.includes(label));
    const columns = right.labels.filter((label) => !shared.includes(label));
    const labels = [...batch, ...rows, ...columns];
    const [a, b] = [
      this.arranged(left, [...batch, ...rows, ...inner]),
      this.arranged(right, [...batch, ...inner, ...columns]),
    ];
    const [batchShape, rowShape, innerShape, columnShape] = [batch, rows, inner, columns].map((each) =>
      this.#shape(each),
    ) as [number[], number[], number[], number[]];
    const builder = this.#builder;
    if (inner.length > 0 && isFloat(builder.type(a).element)) {
      const outer = batch.length === 0 ? [] : [product(batchShape)];
      const depth = product(innerShape);
      const x = this.#reshaped(a, [...outer, product(rowShape), depth]);
      const w = this.#reshaped(b, [...outer, depth, product(columnShape)]);
      return { value: this.#reshaped(builder.add("matmul", [x, w, null]), this.#shape(labels)), labels };
    }
    const ones = (list: readonly number[]): number[] => list.map(() => 1);
    const x = this.#reshaped(a, [...batchShape, ...rowShape, ...ones(columnShape), ...innerShape]);
    const turned = this.arranged({ value: right.value, labels: right.labels }, [...batch, ...columns, ...inner]);
    const w = this.#reshaped(turned, [...batchShape, ...ones(rowShape), ...columnShape, ...innerShape]);
    return this.summed({ value: builder.add("mul", [x, w]), labels: [...labels, ...inner] }, needed);
  }
}

/** The size of each label over all operands; refuses sizes that differ and are not 1 (B110). */
function labelSizes(
  equation: Equation,
  shapes: readonly (readonly number[])[],
  builder: GraphBuilder,
): Map<string, number> {
  const sizes = new Map<string, number>();
  equation.operands.forEach((labels, operand) => {
    labels.forEach((label, axis) => {
      const size = at(at(shapes, operand), axis);
      const known = sizes.get(label) ?? 1;
      if (known !== 1 && size !== 1 && known !== size)
        builder.refuse("B110", `Einsum label "${label}" has sizes ${known} and ${size}.`);
      sizes.set(label, known === 1 ? size : known);
    });
  });
  return sizes;
}

/** Einsum: operands are multiplied pair by pair from the left; pairs that share a label to sum over are matrix products. */
export const einsumForm: OnnxForm = compositeForm("Einsum", 12, (node, builder, name) => {
  const values = node.inputs.map((_, index) => onnxInput(node, builder, index));
  const shapes = values.map((value) => builder.type(value).shape);
  const equation = readEquation(
    onnxText(node, builder, "equation", ""),
    shapes.map((shape) => shape.length),
    builder,
  );
  const writer = new EinsumWriter(builder, labelSizes(equation, shapes, builder));
  const operands = values.map((value, index) => writer.normalized({ value, labels: at(equation.operands, index) }));
  const neededAfter = (index: number): Set<string> =>
    new Set([...equation.result, ...operands.slice(index + 1).flatMap(({ labels }) => labels)]);
  let result = writer.summed(at(operands, 0), neededAfter(0));
  operands.slice(1).forEach((operand, index) => {
    const needed = neededAfter(index + 1);
    const right = writer.summed(operand, new Set([...needed, ...result.labels]));
    result = writer.combined(result, right, needed);
    result = writer.summed(result, needed);
  });
  return builder.add("identity", [writer.arranged(result, equation.result)], {}, name);
});
