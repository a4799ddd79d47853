import { BorealError, type Problem } from "../../../base/errors.ts";
import type { Random } from "../../../base/random.ts";
import { decodeModel, encodeModel } from "../../../compiler/onnx/codec.ts";
import { type ImportedModel, type ImportOptions, importOnnx } from "../../../compiler/onnx/importer.ts";
import type { ModelProto } from "../../../compiler/onnx/proto-types.ts";
import {
  type WrittenModel,
  type WrittenNode,
  type WrittenValue,
  writeModel,
} from "../../../compiler/onnx/write-model.ts";
import type { Constant } from "../../../ir/graph.ts";
import { f32Tensor, type Tensor } from "../../../ir/tensor.ts";

/** An f32 input or output to write. */
export function value(name: string, ...shape: (number | string | null)[]): WrittenValue {
  return { name, element: "f32", shape };
}

/** A node to write: names parted by spaces, a dash for an input that is left out. */
export function node(
  operator: string,
  inputs: string,
  outputs: string,
  attributes: WrittenNode["attributes"] = {},
  name?: string,
): WrittenNode {
  const split = (names: string): string[] => names.split(" ").map((each) => (each === "-" ? "" : each));
  return {
    operator,
    inputs: inputs === "" ? [] : split(inputs),
    outputs: split(outputs),
    attributes,
    ...(name === undefined ? {} : { name }),
  };
}

/** A written model: x f32[2,3] in and y f32[2,3] out unless `parts` says otherwise. */
export function model(nodes: readonly WrittenNode[], parts: Partial<WrittenModel> = {}): Uint8Array {
  return writeModel({ name: "m", opset: 17, inputs: [value("x", 2, 3)], outputs: [value("y", 2, 3)], ...parts, nodes });
}

/** Imports written bytes. */
export function load(bytes: Uint8Array, options: ImportOptions = {}): ImportedModel {
  return importOnnx({ bytes, name: "m.onnx" }, options);
}

/** The problems that an action throws; none when it throws nothing. */
export function problemsOf(action: () => unknown): readonly Problem[] {
  try {
    action();
  } catch (error) {
    if (error instanceof BorealError) return error.problems;
    throw error;
  }
  return [];
}

/** The codes and messages of the problems of importing bytes. */
export function refusals(bytes: Uint8Array, options: ImportOptions = {}): string[] {
  return problemsOf(() => load(bytes, options)).map(({ code, message }) => `${code} ${message}`);
}

/** The constant of that name. */
export function constantOf(imported: ImportedModel, name: string): Constant {
  const found = imported.graph.constants.find((constant) => constant.name === name);
  if (found === undefined) throw new Error(`no constant ${name}`);
  return found;
}

/** A list of numbers, or other things, made from their places. */
export function numbers<Item = number>(count: number, make: (index: number) => Item): Item[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

/** Weights of [shape], normally distributed with a deviation of 1 / divisor. */
export function normalWeights(random: Random, divisor: number, ...shape: number[]): Tensor {
  return f32Tensor(
    shape,
    numbers(
      shape.reduce((product, extent) => product * extent, 1),
      () => random.normal() / divisor,
    ),
  );
}

/** The same model after a change of its decoded form. */
export function altered(bytes: Uint8Array, change: (proto: ModelProto) => void): Uint8Array {
  const proto = decodeModel(bytes);
  change(proto);
  return encodeModel(proto);
}
