import type { Random } from "../../base/random.ts";
import type { WrittenModel } from "../../compiler/onnx/write-model.ts";
import { f32Tensor, i64Tensor, type Tensor } from "../../ir/tensor.ts";
import { node, value } from "../compiler/onnx/written-models.ts";

/** Random weights of a shape. */
function weights(random: Random, ...shape: number[]): Tensor {
  const count = shape.reduce((product, size) => product * size, 1);
  return f32Tensor(
    shape,
    Array.from({ length: count }, () => random.normal() / 4),
  );
}

/** Models that together use every part of a chip. */
export function smallModels(random: Random): WrittenModel[] {
  const residual: WrittenModel = {
    name: "residual",
    opset: 17,
    inputs: [value("x", 1, 8, 8, 8)],
    outputs: [value("y", 1, 10)],
    initializers: {
      w1: weights(random, 16, 8, 3, 3),
      b1: weights(random, 16),
      w2: weights(random, 16, 16, 3, 3),
      w3: weights(random, 16, 10),
    },
    nodes: [
      node("Conv", "x w1 b1", "a", { pads: [1, 1, 1, 1] }, "first"),
      node("Relu", "a", "ar", {}, "active"),
      node("Conv", "ar w2", "b", { pads: [1, 1, 1, 1] }, "second"),
      node("Sigmoid", "ar", "gate", {}, "gate"),
      node("Mul", "b gate", "gated", {}, "gated"),
      node("Add", "ar gated", "c", {}, "joined"),
      node("GlobalAveragePool", "c", "pooled", {}, "pooled"),
      node("Flatten", "pooled", "flat", {}, "flat"),
      node("MatMul", "flat w3", "y", {}, "classes"),
    ],
  };
  const attention: WrittenModel = {
    name: "attention",
    opset: 17,
    inputs: [value("x", 12, 16)],
    outputs: [value("y", 12, 16)],
    initializers: {
      q: weights(random, 16, 16),
      k: weights(random, 16, 16),
      v: weights(random, 16, 16),
      scale: f32Tensor(
        [16],
        Array.from({ length: 16 }, () => 0.5 + random.uniform()),
      ),
      shift: weights(random, 16),
    },
    nodes: [
      node("MatMul", "x q", "queries", {}, "queries"),
      node("MatMul", "x k", "keys", {}, "keys"),
      node("MatMul", "x v", "values", {}, "values"),
      node("Transpose", "keys", "turned", { perm: [1, 0] }, "turned"),
      node("MatMul", "queries turned", "scores", {}, "scores"),
      node("Softmax", "scores", "shares", { axis: -1 }, "shares"),
      node("MatMul", "shares values", "mixed", {}, "mixed"),
      node("Add", "mixed x", "sum", {}, "sum"),
      node("LayerNormalization", "sum scale shift", "y", { axis: -1 }, "normal"),
    ],
  };
  const wide: WrittenModel = {
    name: "wide",
    opset: 17,
    inputs: [value("x", 1, 512)],
    outputs: [value("y", 1, 2056)],
    initializers: { w: weights(random, 512, 8), pads: i64Tensor([4], [0, 0, 0, 2048]) },
    nodes: [node("MatMul", "x w", "sums", {}, "sums"), node("Pad", "sums pads", "y", {}, "padded")],
  };
  return [residual, attention, wide];
}

/** A model with operators that the host runs: the greatest of more elements than the chip can compare with each other. */
export function hostedModel(random: Random): WrittenModel {
  return {
    name: "hosted",
    opset: 17,
    inputs: [value("x", 1, 8)],
    outputs: [value("y", 1, 1000)],
    initializers: { w: weights(random, 8, 4100), k: i64Tensor([1], [1000]), e: weights(random, 1, 1000) },
    nodes: [
      node("MatMul", "x w", "scores", {}, "scores"),
      node("TopK", "scores k", "best places", {}, "best"),
      node("Pow", "best e", "y", {}, "raised"),
    ],
  };
}
