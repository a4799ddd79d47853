import { product } from "../../base/math.ts";
import { makeRandom } from "../../base/random.ts";
import type { Constant } from "../../ir/graph.ts";
import type { OnnxNode } from "../../ir/operator.ts";
import { elementsOf } from "../../ir/ops/values.ts";
import { allocateData, type TensorData } from "../../ir/tensor.ts";
import { elementCount, elementTypes, integerRange, isFloat, type TensorType } from "../../ir/type.ts";

/** What a constant input of an ONNX node is for. */
export type WeightRole =
  | { readonly kind: "weight"; readonly fanIn: (shape: readonly number[]) => number }
  | { readonly kind: "bias" | "scale" | "mean" | "variance" };

function integersOf(node: OnnxNode, name: string): readonly number[] {
  const value = node.attributes.get(name);
  return Array.isArray(value) && value.every((each) => typeof each === "number") ? value : [];
}

function integerOf(node: OnnxNode, name: string, fallback: number): number {
  const value = node.attributes.get(name);
  return typeof value === "number" ? value : fallback;
}

function size(shape: readonly number[], axis: number): number {
  return shape.at(axis) ?? shape.at(-1) ?? 1;
}

const bias = { kind: "bias" } as const;
const scale = { kind: "scale" } as const;

/** The roles of the inputs of a node, by position; null for inputs that are no weights. */
export function weightRoles(node: OnnxNode): readonly (WeightRole | null)[] {
  const weight = (fanIn: (shape: readonly number[]) => number): WeightRole => ({ kind: "weight", fanIn });
  switch (node.operator) {
    case "Conv":
      return [null, weight((shape) => product(shape.slice(1))), bias];
    case "ConvTranspose": {
      const group = integerOf(node, "group", 1);
      const strides = product(integersOf(node, "strides"));
      return [null, weight((shape) => (size(shape, 0) / group) * (product(shape.slice(2)) / strides)), bias];
    }
    case "Gemm": {
      const [left, right] = [integerOf(node, "transA", 0), integerOf(node, "transB", 0)];
      return [
        weight((shape) => size(shape, left === 0 ? -1 : -2)),
        weight((shape) => size(shape, right === 0 ? -2 : -1)),
        bias,
      ];
    }
    case "MatMul":
      return [weight((shape) => size(shape, -1)), weight((shape) => size(shape, -2))];
    case "LSTM":
    case "GRU":
    case "RNN":
      return [null, weight((shape) => size(shape, -1)), weight((shape) => size(shape, -1)), bias];
    case "BatchNormalization":
      return [null, scale, bias, { kind: "mean" }, { kind: "variance" }];
    case "InstanceNormalization":
    case "LayerNormalization":
    case "GroupNormalization":
    case "RMSNormalization":
      return [null, scale, bias];
    default:
      return [];
  }
}

/** Whether all elements of a large constant are the same number, so that it is a stand-in for weights. */
export function isUniform(data: TensorData): boolean {
  if (data.length <= 16) return false;
  const first = data[0];
  for (let index = 1; index < data.length; index += 1) if (data[index] !== first) return false;
  return true;
}

/** FNV-1a of a text. */
function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return hash >>> 0;
}

/** Seeded numbers in place of weights: the same for the same seed and tensor name, whatever else the model holds. */
export class RandomWeights {
  readonly #seed: number;
  /** Normal numbers, of which each element of a tensor is drawn. */
  readonly #normals: Float32Array;

  constructor(seed: number) {
    this.#seed = seed;
    const random = makeRandom(0x5eed);
    this.#normals = Float32Array.from({ length: 2 ** 16 }, () => random.normal());
  }

  /**
   * Data for a constant: contraction weights N(0, 2/fan-in) (He), biases and means N(0, 0.1²), scales and variances
   * uniform in [0.9, 1.1], others N(0, 0.1²), integers uniform over the middle half of their range. Null for wide
   * integers, which are no weights.
   */
  fill(name: string, type: TensorType, role: WeightRole | null): TensorData | null {
    const random = makeRandom((hashText(name) ^ Math.imul(this.#seed, 0x9e3779b1)) >>> 0);
    const count = elementCount(type);
    if (!isFloat(type.element)) {
      if (elementTypes[type.element].bits > 8 || type.element === "bool") return null;
      const { low, high } = integerRange(type.element);
      const quarter = Math.floor((high - low + 1) / 4);
      const data = allocateData(type.element, count) as Int8Array;
      for (let index = 0; index < count; index += 1) data[index] = random.integer(low + quarter, high - quarter);
      return data;
    }
    const numbers = new Float32Array(count);
    if (role?.kind === "scale" || role?.kind === "variance") {
      for (let index = 0; index < count; index += 1) numbers[index] = 0.9 + 0.2 * random.uniform();
    } else {
      const deviation = role?.kind === "weight" ? Math.sqrt(2 / Math.max(1, role.fanIn(type.shape))) : 0.1;
      const normals = this.#normals;
      for (let index = 0; index < count; index += 1) {
        numbers[index] = deviation * (normals[Math.floor(random.uniform() * 65536)] as number);
      }
    }
    return type.element === "f32" ? numbers : elementsOf(type.element, numbers);
  }
}

/** The first index whose number is not finite (with `infinityAllowed`: is NaN); -1 when there is none or for integers. */
export function firstNotFinite(constant: Constant, infinityAllowed: boolean): number {
  const { data, type } = constant;
  if (data === null || !isFloat(type.element)) return -1;
  if (data instanceof Float32Array || data instanceof Float64Array) {
    for (let index = 0; index < data.length; index += 1) {
      const value = data[index] as number;
      if (infinityAllowed ? Number.isNaN(value) : !Number.isFinite(value)) return index;
    }
    return -1;
  }
  const infinity = type.element === "f16" ? 0x7c00 : 0x7f80;
  return (data as Uint16Array).findIndex((bits) => {
    const magnitude = bits & 0x7fff;
    return infinityAllowed ? magnitude > infinity : magnitude >= infinity;
  });
}
