import { internalError } from "../../base/errors.ts";
import type { Contractor } from "../../ir/contractor.ts";
import { evaluate } from "../../ir/evaluate.ts";
import type { Graph, Node } from "../../ir/graph.ts";
import { operatorOf } from "../../ir/ops/index.ts";
import type { Tensor } from "../../ir/tensor.ts";

/** By node: what it gives in place of its own result. */
export type Replacements = ReadonlyMap<string, (operands: readonly (Tensor | null)[]) => Tensor>;

/** All values of a graph on one frame; what a change makes of the outputs is found by evaluating what depends on it alone. */
export class FrameValues {
  readonly #graph: Graph;
  readonly #contractor: Contractor;
  readonly #values = new Map<string, Tensor>();

  /** Evaluates the graph. Throws what `evaluate` throws. */
  constructor(graph: Graph, frame: ReadonlyMap<string, Tensor>, contractor: Contractor) {
    this.#graph = graph;
    this.#contractor = contractor;
    for (const { name, type, data } of graph.constants) if (data !== null) this.#values.set(name, { type, data });
    evaluate(graph, frame, { contractor, observe: (name, value) => void this.#values.set(name, value) });
  }

  /** The value of that name. */
  valueOf(name: string): Tensor {
    return found(this.#values.get(name), name);
  }

  /** What a node reads. */
  operandsOf({ operands }: Node): (Tensor | null)[] {
    return operands.map((name) => (name === null ? null : this.valueOf(name)));
  }

  /** The outputs, in the graph's order, when some nodes give something else. */
  outputsWith(replaced: Replacements): Tensor[] {
    const changed = new Map<string, Tensor>();
    for (const node of this.#graph.nodes) {
      const replacement = replaced.get(node.name);
      const isChanged = node.operands.some((name) => name !== null && changed.has(name));
      if (replacement === undefined && !isChanged) continue;
      const operands = node.operands.map((name) => (name === null ? null : (changed.get(name) ?? this.valueOf(name))));
      const value =
        replacement?.(operands) ??
        operatorOf(node.op).evaluate({
          operands,
          attributes: node.attributes,
          type: node.type,
          contractor: this.#contractor,
        });
      changed.set(node.name, value);
    }
    return this.#graph.outputs.map((name) => changed.get(name) ?? this.valueOf(name));
  }
}

function found(value: Tensor | undefined, name: string): Tensor {
  if (value === undefined) throw internalError(`value "${name}" was not computed`, { tensor: name });
  return value;
}
