import { at } from "../../base/math.ts";
import { mapNumbers } from "../../base/typed-arrays.ts";
import type { Contractor } from "../../ir/contractor.ts";
import type { Graph, Node } from "../../ir/graph.ts";
import { operatorOf } from "../../ir/ops/index.ts";
import { tensorNumbers, tensorOf } from "../../ir/ops/values.ts";
import type { Tensor } from "../../ir/tensor.ts";
import { integerRange, isFloat } from "../../ir/type.ts";
import { roundAndClamp } from "../../kernels/fixed-point.ts";
import { contractionOf } from "./demands.ts";
import { storedTensor } from "./stored-tensor.ts";
import type { StorageOf } from "./weight-sites.ts";

/** What is done at each node of a walk: before it is evaluated in all the sets of values that `before` gives, and after. */
export interface WalkSteps {
  readonly before: (node: Node) => readonly { readonly values: Map<string, Tensor>; readonly isStored: boolean }[];
  readonly after?: (node: Node) => void;
}

/** What a walk goes over. */
export interface FrameWalkOptions {
  readonly graph: Graph;
  /** Nodes from the first one on that are evaluated. */
  readonly nodeCount: number;
  readonly storageOf: StorageOf;
  /** By weights: the numbers that their integers stand for, as far as they are rounded. */
  readonly realWeights: ReadonlyMap<string, Tensor>;
  readonly contractor: Contractor;
}

/** Evaluates a float graph node by node with many frames at once, in floats or with stored weights and activations. */
export class FrameWalk {
  readonly constants: ReadonlyMap<string, Tensor>;
  readonly #graph: Graph;
  readonly #nodeCount: number;
  readonly #storageOf: StorageOf;
  readonly #realWeights: ReadonlyMap<string, Tensor>;
  readonly #contractor: Contractor;

  constructor({ graph, nodeCount, storageOf, realWeights, contractor }: FrameWalkOptions) {
    this.#graph = graph;
    this.#nodeCount = nodeCount;
    this.#storageOf = storageOf;
    this.#realWeights = realWeights;
    this.#contractor = contractor;
    this.constants = new Map(
      graph.constants.flatMap(({ name, type, data }) => (data === null ? [] : [[name, { type, data }] as const])),
    );
  }

  /** A frame as the values of the inputs. */
  bound(frame: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
    return new Map(
      this.#graph.inputs.flatMap(({ name, type }) => {
        const given = frame.get(name);
        return given === undefined ? [] : [[name, storedTensor(given, type)] as const];
      }),
    );
  }

  /** Evaluates the nodes in each of the value sets; frees what is read no more. */
  run({ before, after }: WalkSteps): void {
    const { nodes } = this.#graph;
    const lastReader = new Map<string, number>();
    nodes.forEach((node, index) => {
      for (const operand of node.operands) if (operand !== null) lastReader.set(operand, index);
    });
    nodes.slice(0, this.#nodeCount).forEach((node, index) => {
      const sets = before(node);
      for (const { values, isStored } of sets) {
        values.set(node.name, this.#evaluate(node, values, isStored));
        for (const operand of node.operands)
          if (operand !== null && lastReader.get(operand) === index) values.delete(operand);
      }
      after?.(node);
    });
  }

  #evaluate(node: Node, values: ReadonlyMap<string, Tensor>, isStored: boolean): Tensor {
    const contraction = isStored ? contractionOf(node, (value) => this.constants.get(value)?.type.shape ?? null) : null;
    const operands = node.operands.map((operand, index) => {
      if (operand === null) return null;
      const value = values.get(operand) ?? this.constants.get(operand) ?? null;
      if (contraction === null || value === null || index > 1) return value;
      if (index === 1 && contraction.constantWeights) return this.#realWeights.get(operand) ?? value;
      return this.asStored(node, operand, value);
    });
    return operatorOf(node.op).evaluate({
      operands,
      attributes: node.attributes,
      type: node.type,
      contractor: this.#contractor,
    });
  }

  /** The numbers that the stored integers of an activation stand for. */
  asStored(node: Node, name: string, value: Tensor): Tensor {
    const storage = this.#storageOf(node, name);
    if (storage === null || !isFloat(value.type.element)) return value;
    const { quantization, element } = storage;
    const [scale, zero] = [at(quantization.scales, 0), at(quantization.zeros, 0)];
    const { low, high } = integerRange(element);
    const numbers = mapNumbers(tensorNumbers(value), (number) =>
      Number.isNaN(number) ? number : scale * (roundAndClamp(number, 1 / scale, zero, low, high) - zero),
    );
    return tensorOf(value.type, numbers);
  }
}
