import { problem } from "../base/errors.ts";
import type { ImportedModel } from "../compiler/onnx/importer.ts";
import { batchGraph } from "../compiler/passes/batch.ts";

/**
 * A model that makes `count` inferences in one run: the model itself where its inputs' first axes have that size, otherwise
 * one that is made of it, for axes of size 1. Throws B601 for inputs of another batch, B603 where samples cannot be kept apart.
 */
export function batchModel(model: ImportedModel, count: number | undefined): ImportedModel {
  if (count === undefined || model.batchCount === count) return model;
  const sizes = model.graph.inputs.map(({ type }) => type.shape[0]);
  if (sizes.every((size) => size === count)) return model;
  if (count === 1 || model.batchCount !== undefined) {
    const input = model.graph.inputs.find(({ type }) => type.shape[0] !== count);
    throw problem(
      "B601",
      `A batch of ${count} was asked for, but the first axis of input "${input?.name}" is ${input?.type.shape[0] ?? "absent"}.`,
      { tensor: input?.name ?? "" },
      `Bind the batch dimension to ${count} with --dim, if the model leaves it open.`,
    );
  }
  return { ...model, graph: batchGraph(model.graph, count), batchCount: count };
}
