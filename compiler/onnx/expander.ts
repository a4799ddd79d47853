import { BorealError } from "../../base/errors.ts";
import type { OnnxNode } from "../../ir/operator.ts";
import { tensorNumbers } from "../../ir/ops/values.ts";
import { allocateData } from "../../ir/tensor.ts";
import { formatType, tensorType } from "../../ir/type.ts";
import { declaredSizes } from "./dimensions.ts";
import type { GraphStructure } from "./graph-structure.ts";
import type { ImportBuilder } from "./import-builder.ts";
import { elementOfDataType } from "./tensor-proto.ts";

/** What translates the graphs that a node holds. */
export interface Expander {
  readonly builder: ImportBuilder;
  /** The graph of that attribute; refuses the node when there is none (B111). */
  readonly graph: (attribute: string) => GraphStructure;
  /**
   * Translates a graph with values for its inputs and returns those of its outputs; null when a part of it could not be
   * translated, whose problems are collected. `step` names this use of the graph.
   */
  readonly inline: (
    graph: GraphStructure,
    inputs: readonly (string | null)[],
    step: string,
  ) => readonly string[] | null;
  /** Notes what became of the node. */
  readonly record: (record: ControlRecord) => void;
}

/** What became of a node that holds graphs. */
export type ControlRecord =
  | { readonly kind: "branch"; readonly taken: "then" | "else" | "both" }
  | { readonly kind: "unrolled"; readonly stepCount: number };

/** An error for a node whose parts have problems that are collected already. */
export function alreadyCollected(): BorealError {
  return new BorealError([]);
}

/** The one number or truth value of a known tensor; null when it is not known. Refuses more than one element (B110). */
export function knownScalar(node: OnnxNode, { builder }: Expander, value: string, what: string): number | null {
  const type = builder.type(value);
  if (type.shape.some((size) => size !== 1))
    return builder.refuse("B110", `${what} of ${node.operator} is ${formatType(type)}; expected one element.`);
  const tensor = builder.constant(value);
  return tensor === null ? null : (tensorNumbers(tensor)[0] as number);
}

/** Binds the outputs of a node that are used; refuses one that its graph does not give (B110). */
export function bindAll(node: OnnxNode, { builder }: Expander, values: readonly string[]): void {
  if (node.outputs.length > values.length) {
    builder.refuse("B110", `${node.operator} has ${node.outputs.length} outputs; its graph gives ${values.length}.`);
  }
  node.outputs.forEach((output, index) => {
    if (output !== "") builder.bind(output, values[index] as string);
  });
}

/** Values of one type put together along a new axis; there is at least one. */
export function stack(
  builder: ImportBuilder,
  values: readonly string[],
  axis: number,
  name: string | undefined,
): string {
  const parts = values.map((value) => {
    const { shape } = builder.type(value);
    return builder.add("reshape", [value], { shape: [...shape.slice(0, axis), 1, ...shape.slice(axis)] });
  });
  return builder.add("concat", parts, { axis }, name === "" ? undefined : name);
}

/** What a scan output is when no step was made: no elements along its axis, sizes as the body declares them. */
export function noSteps(
  node: OnnxNode,
  { builder }: Expander,
  body: GraphStructure,
  outputIndex: number,
  axis: number,
): string {
  const info = body.outputs[outputIndex];
  const sizes = info === undefined ? null : declaredSizes(info);
  if (info === undefined || sizes === null || !sizes.every((size) => typeof size === "number")) {
    return builder.refuse(
      "B112",
      `${node.operator} makes no step, and its body does not declare the shape of output ${outputIndex}.`,
    );
  }
  const shape = [...sizes.slice(0, axis), 0, ...sizes.slice(axis)];
  const element = elementOfDataType(info.type?.tensorType?.elemType, {});
  return builder.addConstant({ type: tensorType(element, shape), data: allocateData(element, 0) });
}
