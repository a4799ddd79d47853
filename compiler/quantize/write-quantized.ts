import { BorealError, type Problem } from "../../base/errors.ts";
import { at, rowMajorStrides } from "../../base/math.ts";
import { type Constant, type Graph, type Node, valueTypes } from "../../ir/graph.ts";
import { operatorOf } from "../../ir/ops/index.ts";
import { elementsOf, tensorNumbers } from "../../ir/ops/values.ts";
import { f32Tensor, makeTensor, type Tensor } from "../../ir/tensor.ts";
import { elementTypes, isFloat, type Quantization, type TensorType, tensorType } from "../../ir/type.ts";
import type { WrittenModel, WrittenNode } from "../onnx/write-model.ts";
import { writtenOperator } from "../onnx/write-operators.ts";

/** The opset of written models; 25 brings integers of 2 bits, for activations. */
const opsets = { usual: 21, twoBits: 25 } as const;

/**
 * A quantized graph as a standard ONNX model in floats with pairs of QuantizeLinear and DequantizeLinear where the graph stores
 * integers: weights as integers with a scale for each channel (those of 2 bits as int4, which runtimes know better), activations with one scale and zero point, i32 biases. f16 is written
 * as float, inputs and outputs keep their names. Throws B805 with every node that ONNX has no operator for.
 */
export function quantizedModel(graph: Graph): WrittenModel {
  const writer = new QuantizedWriter(graph);
  return writer.write();
}

/** Writes the nodes of a quantized graph one after the other; each value is known by the name of its real numbers. */
class QuantizedWriter {
  readonly #graph: Graph;
  readonly #types: ReadonlyMap<string, TensorType>;
  readonly #constants: ReadonlyMap<string, Constant>;
  readonly #nodes: WrittenNode[] = [];
  readonly #initializers: Record<string, Tensor> = {};
  /** By value: the written value of its real numbers, or of itself where it has no scale. */
  readonly #real = new Map<string, string>();
  readonly #problems: Problem[] = [];

  constructor(graph: Graph) {
    this.#graph = graph;
    this.#types = valueTypes(graph);
    this.#constants = new Map(graph.constants.map((constant) => [constant.name, constant]));
  }

  write(): WrittenModel {
    for (const { name, type } of this.#graph.inputs) {
      if (type.quantization === null) this.#real.set(name, name);
      else this.#store(name, name, type);
    }
    for (const node of this.#graph.nodes) this.#node(node);
    if (this.#problems.length > 0) throw new BorealError(this.#problems);
    for (const output of this.#graph.outputs) {
      const real = this.#realOf(output);
      if (real !== output) this.#add("Identity", [real], output);
    }
    const usesTwoBits = Object.values(this.#initializers).some(({ type }) => elementTypes[type.element].bits === 2);
    return {
      name: this.#graph.name,
      opset: usesTwoBits ? opsets.twoBits : opsets.usual,
      nodes: this.#nodes,
      inputs: this.#graph.inputs.map(({ name, type }) => boundaryValue(name, type)),
      outputs: this.#graph.outputs.map((name) => boundaryValue(name, this.#typeOf(name))),
      initializers: this.#initializers,
    };
  }

  #node(node: Node): void {
    const [first] = node.operands;
    if (node.op === "dequantize") this.#real.set(node.name, this.#realOf(first ?? ""));
    else if (node.op === "quantize" || node.op === "requantize")
      this.#store(node.name, this.#realOf(first ?? ""), node.type);
    else if (operatorOf(node.op).runsOn === "matrix") this.#contraction(node);
    else {
      const result = this.#written(
        node,
        node.operands,
        node.type.quantization === null ? node.name : `${node.name}.exact`,
      );
      if (node.type.quantization === null) this.#real.set(node.name, result);
      else this.#store(node.name, result, node.type);
    }
  }

  /** A contraction of stored integers, as one of the real numbers; its i32 bias without what the zero point adds. */
  #contraction(node: Node): void {
    const [x = null, w = null, bias = null] = node.operands;
    const { quantization } = node.type;
    if (quantization === null && !isFloat(node.type.element)) {
      this.#refuse(node, "multiplies integers that have no scale");
      return;
    }
    const constant = this.#constants.get(bias ?? "");
    const isStored = constant !== undefined && quantization !== null && constant.type.element === "i32";
    const added = bias === null ? null : isStored ? this.#bias(node, constant, quantization) : this.#realOf(bias);
    if (node.op === "conv") {
      const inputs = [x, w].map((operand) => this.#realOf(operand ?? ""));
      this.#real.set(node.name, this.#emit(node, added === null ? inputs : [...inputs, added], node.name));
      return;
    }
    const product = this.#written(node, [x, w], added === null ? node.name : `${node.name}.product`);
    this.#real.set(node.name, added === null ? product : this.#add("Add", [product, added], node.name));
  }

  #bias(node: Node, { name, data }: Constant, sums: Quantization): string {
    const [x = "", w = ""] = node.operands as readonly string[];
    const zero = this.#typeOf(x).quantization?.zeros[0] ?? 0;
    const stored = Int32Array.from(data as Int32Array);
    const weights = this.#constants.get(w);
    if (zero !== 0 && weights?.data != null) {
      const axis = node.op === "conv" ? 0 : weights.type.shape.length - 1;
      const stride = at(rowMajorStrides(weights.type.shape), axis);
      const numbers = tensorNumbers(weights as Tensor);
      for (let index = 0; index < numbers.length; index += 1) {
        const channel = Math.floor(index / stride) % stored.length;
        stored[channel] = (stored[channel] as number) + zero * (numbers[index] as number);
      }
    }
    const integers = this.#initializer(`${name}.i32`, makeTensor(tensorType("i32", [stored.length]), stored));
    return this.#dequantize(integers, name, { ...sums, axis: sums.axis === null ? null : 0 }, "i32");
  }

  /** A node as its ONNX operator, of the real numbers of its operands. */
  #written(node: Node, operands: readonly (string | null)[], name: string): string {
    return this.#emit(
      node,
      operands.map((operand) => (operand === null ? "" : this.#realOf(operand))),
      name,
    );
  }

  #emit(node: Node, inputs: readonly string[], name: string): string {
    const written = writtenOperator(node);
    if (written === null) {
      this.#refuse(node, "has no ONNX operator");
      return name;
    }
    const { operator, attributes = {}, constants = [] } = written;
    const others = constants.map((constant, index) => {
      if (constant === null) return "";
      const tensor = typeof constant === "number" ? f32Tensor([], [constant]) : constant;
      return this.#initializer(`${node.name}.${operator}.${index}`, tensor);
    });
    const all = [...inputs, ...others];
    while (all.at(-1) === "") all.pop();
    this.#nodes.push({ operator, name, inputs: all, outputs: [name], attributes });
    return name;
  }

  #refuse({ name, op }: Node, reason: string): void {
    this.#problems.push({ code: "B805", message: `"${op}" ${reason}.`, at: { tensor: name } });
  }

  /** Quantizes real numbers and says what the stored integers stand for. */
  #store(value: string, real: string, type: TensorType): void {
    const quantization = type.quantization as Quantization;
    const integers = this.#add(
      "QuantizeLinear",
      [real, ...this.#parameters(value, quantization, type.element)],
      `${value}.stored`,
      {
        ...(quantization.axis === null ? {} : { axis: quantization.axis }),
      },
    );
    this.#real.set(value, this.#dequantize(integers, value, quantization, type.element));
  }

  #dequantize(integers: string, value: string, quantization: Quantization, element: TensorType["element"]): string {
    const name =
      this.#types.has(value) && this.#graph.inputs.every((input) => input.name !== value) ? value : `${value}.real`;
    return this.#add("DequantizeLinear", [integers, ...this.#parameters(value, quantization, element)], name, {
      ...(quantization.axis === null ? {} : { axis: quantization.axis }),
    });
  }

  /** Scale and zero point of a value as inputs; i32 has no zero point. */
  #parameters(value: string, { axis, scales, zeros }: Quantization, element: TensorType["element"]): string[] {
    const shape = axis === null ? [] : [scales.length];
    const scale = this.#initializer(`${value}.scale`, f32Tensor(shape, scales));
    if (element === "i32") return [scale];
    const type = tensorType(element, shape);
    return [scale, this.#initializer(`${value}.zero`, makeTensor(type, elementsOf(element, zeros)))];
  }

  #initializer(name: string, tensor: Tensor): string {
    this.#initializers[name] = tensor;
    return name;
  }

  #add(
    operator: string,
    inputs: readonly string[],
    output: string,
    attributes: WrittenNode["attributes"] = {},
  ): string {
    this.#nodes.push({ operator, name: output, inputs, outputs: [output], attributes });
    return output;
  }

  #typeOf(value: string): TensorType {
    return this.#types.get(value) as TensorType;
  }

  /** The written value of a value's real numbers; constants are written when they are first read. */
  #realOf(value: string): string {
    const known = this.#real.get(value);
    if (known !== undefined) return known;
    const constant = this.#constants.get(value);
    if (constant?.data == null) {
      this.#problems.push({ code: "B805", message: `"${value}" has no numbers.`, at: { tensor: value } });
      return value;
    }
    const { type, data } = constant;
    let real: string;
    if (type.quantization !== null) {
      const element = type.element === "i2" ? "i4" : type.element;
      const plain = makeTensor(tensorType(element, type.shape), data);
      real = this.#dequantize(this.#initializer(`${value}.stored`, plain), value, type.quantization, element);
    } else {
      const numbers = isFloat(type.element)
        ? f32Tensor(type.shape, Array.from(tensorNumbers(constant as Tensor)))
        : null;
      real = this.#initializer(value, numbers ?? makeTensor(type, data));
    }
    this.#real.set(value, real);
    return real;
  }
}

/** An input or output as the model declares it: floats are f32. */
function boundaryValue(name: string, { element, quantization, shape }: TensorType): WrittenModel["inputs"][number] {
  return { name, element: quantization !== null || isFloat(element) ? "f32" : element, shape };
}
