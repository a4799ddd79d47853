import { makeRandom } from "../../base/random.ts";
import { type WrittenModel, type WrittenValue, writeModel } from "../../compiler/onnx/write-model.ts";
import { f32Tensor, i64Tensor, type Tensor } from "../../ir/tensor.ts";

/** Seeded weights. */
export function weights(shape: readonly number[], seed: number): Tensor {
  const random = makeRandom(seed);
  const count = shape.reduce((product, size) => product * size, 1);
  return f32Tensor(
    shape,
    Float32Array.from({ length: count }, () => random.normal() / 4),
  );
}

const f32 = (name: string, shape: WrittenValue["shape"]): WrittenValue => ({ name, element: "f32", shape });

/** y = relu(x·a + b)·c, with x of the given first axis. */
export function perceptron(batch: number | string = 1): WrittenModel {
  return {
    name: "perceptron",
    opset: 17,
    inputs: [f32("x", [batch, 16])],
    outputs: [f32("y", [batch, 8])],
    nodes: [
      { operator: "MatMul", name: "first", inputs: ["x", "a"], outputs: ["h"] },
      { operator: "Add", name: "bias", inputs: ["h", "b"], outputs: ["hb"] },
      { operator: "Relu", name: "activation", inputs: ["hb"], outputs: ["r"] },
      { operator: "MatMul", name: "second", inputs: ["r", "c"], outputs: ["y"] },
    ],
    initializers: { a: weights([16, 32], 1), b: weights([32], 2), c: weights([32, 8], 3) },
  };
}

/** Two inputs and two outputs: s = x·a + z, t = tanh(s). */
export function twoPorts(): WrittenModel {
  return {
    name: "two-ports",
    opset: 17,
    inputs: [f32("x", [1, 8]), f32("z", [1, 4])],
    outputs: [f32("s", [1, 4]), f32("t", [1, 4])],
    nodes: [
      { operator: "MatMul", name: "product", inputs: ["x", "a"], outputs: ["p"] },
      { operator: "Add", name: "sum", inputs: ["p", "z"], outputs: ["s"] },
      { operator: "Tanh", name: "squash", inputs: ["s"], outputs: ["t"] },
    ],
    initializers: { a: weights([8, 4], 4) },
  };
}

/** A small network with convolutions and a pool. */
export function convolution(): WrittenModel {
  return {
    name: "convolution",
    opset: 17,
    inputs: [f32("image", [1, 3, 8, 8])],
    outputs: [f32("classes", [1, 5])],
    nodes: [
      {
        operator: "Conv",
        name: "conv",
        inputs: ["image", "k"],
        outputs: ["c"],
        attributes: { pads: [1, 1, 1, 1], kernel_shape: [3, 3] },
      },
      { operator: "Relu", name: "relu", inputs: ["c"], outputs: ["r"] },
      { operator: "GlobalAveragePool", name: "pool", inputs: ["r"], outputs: ["g"] },
      { operator: "Flatten", name: "flatten", inputs: ["g"], outputs: ["f"] },
      { operator: "Gemm", name: "dense", inputs: ["f", "w"], outputs: ["classes"] },
    ],
    initializers: { k: weights([8, 3, 3, 3], 5), w: weights([8, 5], 6) },
  };
}

/** The bytes of a model's file. */
export const bytesOf = (model: WrittenModel): Uint8Array => writeModel(model);

/** Options that choose the small synthetic chip and one GPU. */
export const small = ["--target", "mini-4x4", "--baseline", "h100"] as const;

/** The three greatest of more sums than the chip can compare with each other. */
export function ranking(): WrittenModel {
  return {
    name: "ranking",
    opset: 17,
    inputs: [f32("x", [1, 8])],
    outputs: [f32("y", [1, 3])],
    nodes: [
      { operator: "MatMul", name: "scores", inputs: ["x", "w"], outputs: ["s"] },
      { operator: "TopK", name: "best", inputs: ["s", "k"], outputs: ["y", ""] },
    ],
    initializers: { w: weights([8, 4100], 1), k: i64Tensor([1], [3]) },
  };
}
