import { type Network, networkOf } from "../../../compiler/network.ts";
import type { Attributes, Constant, Graph, GraphInput, Node } from "../../../ir/graph.ts";
import { inferNode } from "../../../ir/ops/index.ts";
import { type ElementType, perTensor, type TensorType, tensorType } from "../../../ir/type.ts";

const scale = perTensor(0.05);

/** Builds fused, quantized graphs in i8 layer by layer, without data. */
export class TestGraph {
  readonly #types = new Map<string, TensorType>();
  readonly #inputs: GraphInput[] = [];
  readonly #constants: Constant[] = [];
  readonly #nodes: Node[] = [];
  readonly #outputs: string[] = [];

  input(name: string, shape: readonly number[], element: ElementType = "i8"): string {
    const type = tensorType(element, shape, element === "i8" ? scale : null);
    this.#inputs.push({ name, type });
    this.#types.set(name, type);
    return name;
  }

  constant(name: string, shape: readonly number[], element: ElementType = "i8"): string {
    const type = tensorType(element, shape, element === "i8" ? scale : null);
    this.#constants.push({ name, type, data: null, source: "absent" });
    this.#types.set(name, type);
    return name;
  }

  node(
    layer: string,
    name: string,
    op: string,
    operands: readonly (string | null)[],
    attributes: Attributes = {},
  ): string {
    const types = operands.map((operand) => (operand === null ? null : (this.#types.get(operand) as TensorType)));
    const inferred = inferNode(op, operands.length === 0 ? [] : types, attributes);
    this.#nodes.push({
      name,
      op,
      operands,
      attributes: inferred.attributes,
      type: inferred.type,
      origin: [name],
      layer,
    });
    this.#types.set(name, inferred.type);
    return name;
  }

  requantize(layer: string, name: string, operand: string): string {
    return this.node(layer, name, "requantize", [operand], { element: "i8", scales: [0.05], zeros: [0], axis: -1 });
  }

  matmul(layer: string, x: string, columns: number): string {
    const inner = this.#types.get(x)?.shape.at(-1) ?? 1;
    const w = this.constant(`${layer}.w`, [inner, columns]);
    const sum = this.node(layer, `${layer}.sum`, "matmul", [x, w, null]);
    return this.requantize(layer, layer, sum);
  }

  conv(
    layer: string,
    x: string,
    outputs: number,
    kernel: number,
    stride = 1,
    group = 1,
    pad = (kernel - 1) >> 1,
  ): string {
    const inputs = (this.#types.get(x)?.shape[1] ?? 1) / group;
    const w = this.constant(`${layer}.w`, [outputs, inputs, kernel, kernel]);
    const sum = this.node(layer, `${layer}.sum`, "conv", [x, w, null], {
      strides: [stride, stride],
      pads: [pad, pad, pad, pad],
      dilations: [1, 1],
      group,
    });
    return this.requantize(layer, layer, sum);
  }

  /** conv + dequantize both + add + quantize, in one layer. */
  convAdd(layer: string, x: string, skip: string, outputs: number): string {
    const sum = this.conv(layer, x, outputs, 1);
    return this.addTo(layer, `${layer}.out`, sum, skip);
  }

  addTo(layer: string, name: string, left: string, right: string): string {
    const a = this.node(layer, `${name}.a`, "dequantize", [left], { element: "f16" });
    const b = this.node(layer, `${name}.b`, "dequantize", [right], { element: "f16" });
    const both = this.node(layer, `${name}.add`, "add", [a, b]);
    return this.node(layer, name, "quantize", [both], { element: "i8", scales: [0.05], zeros: [0], axis: -1 });
  }

  maxPool(layer: string, x: string, kernel: number, stride: number): string {
    const pad = (kernel - 1) >> 1;
    return this.node(layer, layer, "max_pool", [x], {
      kernel: [kernel, kernel],
      strides: [stride, stride],
      pads: [pad, pad, pad, pad],
      dilations: [1, 1],
      ceil: false,
    });
  }

  shape(value: string): readonly number[] {
    return this.#types.get(value)?.shape ?? [];
  }

  output(value: string): this {
    this.#outputs.push(value);
    return this;
  }

  graph(name = "test"): Graph {
    return {
      kind: "graph",
      name,
      inputs: this.#inputs,
      constants: this.#constants,
      nodes: this.#nodes,
      outputs: this.#outputs,
    };
  }

  network(name = "test"): Network {
    return networkOf(this.graph(name));
  }
}

/** ResNet-50's layers in i8, its blocks' additions fused into their last convolutions. */
export function resnet50(batch = 1): Network {
  const graph = new TestGraph();
  let value = graph.maxPool("pool", graph.conv("stem", graph.input("x", [batch, 3, 224, 224]), 64, 7, 2), 3, 2);
  const stages = [
    [3, 64],
    [4, 128],
    [6, 256],
    [3, 512],
  ] as const;
  stages.forEach(([blocks, width], stage) => {
    for (let block = 0; block < blocks; block += 1) {
      const name = `s${stage}b${block}`;
      const stride = block === 0 && stage > 0 ? 2 : 1;
      const skip = block === 0 ? graph.conv(`${name}.skip`, value, 4 * width, 1, stride) : value;
      const narrow = graph.conv(`${name}.1`, value, width, 1);
      value = graph.convAdd(`${name}.3`, graph.conv(`${name}.2`, narrow, width, 3, stride), skip, 4 * width);
    }
  });
  const mean = graph.node("mean", "mean", "reduce_mean", [value], { axes: [2, 3], keepdims: false });
  return graph.output(graph.matmul("classes", mean, 1000)).network("resnet50");
}

/** The mixing layers of TSMixer over `neurons` neurons and 4 time steps, in i8. */
export function tsMixer(neurons: number): Network {
  const graph = new TestGraph();
  let value = graph.input("x", [1, 4, neurons]);
  for (let block = 0; block < 2; block += 1) {
    const turned = graph.node(`t${block}.turn`, `t${block}.turn`, "transpose", [value], { permutation: [0, 2, 1] });
    const mixed = graph.matmul(`t${block}.time`, turned, 4);
    const back = graph.node(`t${block}.back`, `t${block}.back`, "transpose", [mixed], { permutation: [0, 2, 1] });
    const added = graph.addTo(`t${block}.add`, `t${block}.added`, back, value);
    const hidden = graph.matmul(`t${block}.in`, added, 256);
    const wide = graph.matmul(`t${block}.out`, hidden, neurons);
    value = graph.addTo(`t${block}.sum`, `t${block}.summed`, wide, added);
  }
  const turned = graph.node("head.turn", "head.turn", "transpose", [value], { permutation: [0, 2, 1] });
  return graph.output(graph.matmul("head", turned, 32)).network("tsmixer");
}
