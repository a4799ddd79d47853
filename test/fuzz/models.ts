import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { importOnnx } from "../../compiler/onnx/importer.ts";
import type { WrittenGraph } from "../../compiler/onnx/write-model.ts";
import { f32Tensor, i64Tensor, makeTensor } from "../../ir/tensor.ts";
import { tensorType } from "../../ir/type.ts";
import { model, node, numbers, value } from "../compiler/onnx/written-models.ts";
import { sharedFolder } from "../shared.ts";

/** Small models of the project's own: a convolution net, shape arithmetic, attention, quantized layers, a branch, a loop and a function. */
export function ownModels(): Uint8Array[] {
  const weights = (...shape: number[]): ReturnType<typeof f32Tensor> =>
    f32Tensor(
      shape,
      numbers(
        shape.reduce((product, size) => product * size, 1),
        (index) => ((index * 37) % 17) / 8 - 1,
      ),
    );
  const held = { name: "held", inputs: [], outputs: [value("h", 2, 3)] };
  const body: WrittenGraph = {
    name: "body",
    inputs: [{ name: "i", element: "i64", shape: [] }, { name: "go", element: "bool", shape: [] }, value("v", 2, 3)],
    outputs: [{ name: "go2", element: "bool", shape: [] }, value("w", 2, 3)],
    nodes: [node("Add", "v x", "w"), node("Identity", "go", "go2")],
  };
  return [
    model(
      [
        node("Conv", "x w b", "c", { pads: [1, 1, 1, 1], strides: [2, 2] }),
        node("Relu", "c", "r"),
        node("MaxPool", "r", "p", { kernel_shape: [2, 2] }),
        node("Flatten", "p", "f"),
        node("Gemm", "f g d", "y", { transB: 1 }),
      ],
      {
        inputs: [value("x", 1, 2, 8, 8)],
        outputs: [value("y", 1, 3)],
        initializers: { w: weights(3, 2, 3, 3), b: weights(3), g: weights(3, 12), d: weights(3) },
      },
    ),
    model(
      [
        node("Shape", "x", "s"),
        node("Gather", "s zero", "n", { axis: 0 }),
        node("Unsqueeze", "n first", "n1"),
        node("Concat", "n1 rest", "t", { axis: 0 }),
        node("Reshape", "x t", "r"),
        node("Expand", "r wide", "e"),
        node("ReduceMean", "e", "y", { axes: [0] }),
      ],
      {
        inputs: [value("x", 2, 3, 2)],
        outputs: [value("y", 1, 2, 6)],
        initializers: {
          zero: i64Tensor([], [0]),
          first: i64Tensor([1], [0]),
          rest: i64Tensor([1], [-1]),
          wide: i64Tensor([3], [4, 2, 6]),
        },
      },
    ),
    model(
      [
        node("MatMul", "x w", "q"),
        node("Transpose", "q", "k", { perm: [1, 0] }),
        node("MatMul", "q k", "s"),
        node("Softmax", "s", "a", { axis: -1 }),
        node("MatMul", "a x", "c"),
        node("LayerNormalization", "c g b", "y"),
      ],
      { initializers: { w: weights(3, 3), g: weights(3), b: weights(3) } },
    ),
    model(
      [
        node("QuantizeLinear", "x s z", "q"),
        node("DequantizeLinear", "q s z", "d"),
        node("DequantizeLinear", "w s z", "v"),
        node("MatMul", "d v", "y"),
      ],
      {
        initializers: {
          s: f32Tensor([], [0.5]),
          z: makeTensor(tensorType("i8", []), Int8Array.of(1)),
          w: makeTensor(tensorType("i8", [3, 3]), Int8Array.from(numbers(9, (index) => index - 4))),
        },
      },
    ),
    model(
      [
        node("If", "c", "b", {
          then_branch: { graph: { ...held, nodes: [node("Neg", "x", "h")] } },
          else_branch: { graph: { ...held, nodes: [node("Abs", "x", "h")] } },
        }),
        node("Loop", "n - b", "l", { body: { graph: body } }),
        { ...node("Soft", "l", "y", { slope: 0.5 }), domain: "own" },
      ],
      {
        inputs: [value("x", 2, 3), { name: "c", element: "bool", shape: [] }],
        initializers: { n: i64Tensor([], [3]) },
        functions: [
          {
            domain: "own",
            name: "Soft",
            inputs: ["a"],
            outputs: ["b"],
            attributes: ["slope"],
            nodes: [node("LeakyRelu", "a", "b", { alpha: { reference: "slope", kind: "float" } })],
          },
        ],
      },
    ),
    model([node("Scan", "s q", "t y", { body: { graph: scanBody() }, num_scan_inputs: 1 })], {
      inputs: [value("q", 2, 3)],
      initializers: { s: weights(3) },
    }),
  ];
}

function scanBody(): WrittenGraph {
  return {
    name: "body",
    inputs: [value("a", 3), value("e", 3)],
    outputs: [value("b", 3), value("o", 3)],
    nodes: [node("Add", "a e", "b"), node("Mul", "b e", "o")],
  };
}

/** Cases of the shared suites that import as they are, every `step`-th, and the project's own models. */
export function fuzzModels(step: number): Uint8Array[] {
  const folder = sharedFolder();
  const suites = folder === null ? [] : ["onnx-node-tests", "onnx-op-tests"].map((suite) => join(folder, suite));
  const paths = suites.flatMap((suite) =>
    readdirSync(suite)
      .sort()
      .map((name) => join(suite, name, "model.onnx")),
  );
  const small = paths.filter((path, index) => index % step === 0 && existsSync(path) && statSync(path).size <= 4096);
  return [...ownModels(), ...small.filter(imports).map((path) => Uint8Array.from(readFileSync(path)))];
}

function imports(path: string): boolean {
  try {
    importOnnx({ path });
    return true;
  } catch {
    return false;
  }
}
