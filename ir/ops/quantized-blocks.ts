import { product } from "../../base/math.ts";
import type { GraphBuilder, NodeBuilder, OnnxForm, OnnxNode } from "../operator.ts";
import type { Tensor } from "../tensor.ts";
import { tensorType } from "../type.ts";
import { compositeForm, onnxInput, onnxInteger, onnxOptional } from "./onnx-node.ts";
import { castTo } from "./quantized-linear.ts";
import { tensorNumbers, tensorOf } from "./values.ts";

/** Weights [N,K] of which each block of numbers along K has a scale of its own: N·⌈K/block⌉ scales, row-major. */
interface BlockedWeights {
  readonly columns: number;
  readonly depth: number;
  readonly block: number;
  /** Stored numbers less their zero points, [N][⌈K/block⌉·block]; what is beyond K is 0. */
  readonly numbers: Float64Array;
  readonly scales: ArrayLike<number>;
}

/**
 * Adds x [..., K] · weights' [K,N]. A block is a group of a convolution over one position, and each pair of block and
 * column an output channel, so that each has its scale; the sums of a column's blocks are added. Stored numbers beyond
 * i8 make float weights instead.
 */
function blockedProduct(builder: NodeBuilder, x: string, weights: BlockedWeights): string {
  const { columns, depth, block, numbers, scales } = weights;
  const blocks = Math.ceil(depth / block);
  const lead = builder.type(x).shape.slice(0, -1);
  const rows = product(lead);
  const padded = blocks * block;
  const { element } = builder.type(x);
  if (numbers.some((number) => number < -128 || number > 127)) {
    const floats = new Float64Array(depth * columns);
    for (let column = 0; column < columns; column += 1) {
      for (let k = 0; k < depth; k += 1) {
        const scale = scales[column * blocks + Math.floor(k / block)] as number;
        floats[k * columns + column] = (numbers[column * padded + k] as number) * scale;
      }
    }
    const w = builder.addConstant(tensorOf(tensorType(element, [depth, columns]), floats));
    return builder.add("matmul", [x, w, null]);
  }
  const channels = blocks * columns;
  const stored = new Float64Array(channels * block);
  const channelScales = new Array<number>(channels);
  for (let group = 0; group < blocks; group += 1) {
    for (let column = 0; column < columns; column += 1) {
      const channel = group * columns + column;
      const from = column * padded + group * block;
      stored.set(numbers.subarray(from, from + block), channel * block);
      channelScales[channel] = scales[column * blocks + group] as number;
    }
  }
  const type = tensorType("i8", [channels, block, 1], {
    axis: 0,
    scales: channelScales,
    zeros: channelScales.map(() => 0),
  });
  const w = builder.add("dequantize", [builder.addConstant(tensorOf(type, stored))], { element });
  const matrix = builder.add("reshape", [x], { shape: [rows, depth] });
  const whole =
    padded === depth
      ? matrix
      : builder.add("pad", [matrix], { pads: [0, 0, 0, padded - depth], mode: "constant", value: 0 });
  const positions = builder.add("reshape", [whole], { shape: [rows, padded, 1] });
  const window = { strides: [1], pads: [0, 0], dilations: [1], group: blocks };
  const sums = builder.add("conv", [positions, w, null], window);
  const parted = builder.add("reshape", [sums], { shape: [rows, blocks, columns] });
  const total = blocks === 1 ? parted : builder.add("reduce_sum", [parted], { axes: [1], keepdims: false });
  return builder.add("reshape", [total], { shape: [...lead, columns] });
}

/** Unsigned numbers of `bits` bits, low bits first, of which each of `rows` rows starts at a byte. */
function unpackRows(bytes: ArrayLike<number>, rows: number, count: number, bits: number): Float64Array {
  const width = Math.ceil((count * bits) / 8);
  const mask = 2 ** bits - 1;
  return Float64Array.from({ length: rows * count }, (_, index) => {
    const bit = (index % count) * bits;
    const byte = bytes[Math.floor(index / count) * width + (bit >> 3)] ?? 0;
    return (byte >> (bit & 7)) & mask;
  });
}

function requireConstant(node: OnnxNode, builder: GraphBuilder, index: number): Tensor {
  const value = onnxInput(node, builder, index);
  return (
    builder.constant(value) ??
    builder.refuse("B112", `Input ${index} of ${node.operator} ("${value}") must be known at compile time.`)
  );
}

/** MatMulNBits: B holds K numbers of 2, 4 or 8 bits for each of N columns, in blocks that have scales and zero points. */
const matMulNBits = compositeForm("MatMulNBits", 1, (node, builder, name) => {
  const [depth, columns] = [onnxInteger(node, builder, "K"), onnxInteger(node, builder, "N")];
  const [bits, block] = [onnxInteger(node, builder, "bits", 4), onnxInteger(node, builder, "block_size")];
  if (bits !== 2 && bits !== 4 && bits !== 8)
    builder.refuse("B104", `MatMulNBits with ${bits} bits is not supported, expected 2, 4 or 8.`);
  if (onnxOptional(node, 4) !== null)
    builder.refuse("B104", "MatMulNBits with reordered groups (g_idx) is not supported.");
  const x = onnxInput(node, builder, 0);
  const blocks = Math.ceil(depth / block);
  const padded = blocks * block;
  const scales = tensorNumbers(requireConstant(node, builder, 2));
  const bytes = tensorNumbers(requireConstant(node, builder, 1));
  const fits =
    bytes.length === columns * blocks * Math.ceil((block * bits) / 8) &&
    scales.length === columns * blocks &&
    builder.type(x).shape.at(-1) === depth;
  if (!fits)
    builder.refuse("B110", `Weights, scales and x do not fit N=${columns}, K=${depth} and blocks of ${block}.`);
  const stored = unpackRows(bytes, columns * blocks, block, bits);
  const zero = onnxOptional(node, 3) === null ? null : requireConstant(node, builder, 3);
  const zeros =
    zero === null
      ? null
      : zero.type.element === "u8"
        ? unpackRows(tensorNumbers(zero), columns, blocks, bits)
        : tensorNumbers(zero);
  if (zeros?.some((each) => each !== Math.round(each)) === true)
    builder.refuse("B104", "MatMulNBits with zero points that are not whole numbers is not supported.");
  const numbers = stored.map((number, index) => {
    const column = Math.floor(index / padded);
    const k = index % padded;
    return k >= depth ? 0 : number - (zeros?.[column * blocks + Math.floor(k / block)] ?? 2 ** (bits - 1));
  });
  const product = blockedProduct(builder, x, { columns, depth, block, numbers, scales });
  const bias = onnxOptional(node, 5);
  return bias === null
    ? builder.add("identity", [product], {}, name)
    : builder.add("add", [product, castTo(builder, bias, builder.type(product).element)], {}, name);
});

/** Products with weights in blocks. */
export const blockedForms: readonly OnnxForm[] = [{ ...matMulNBits, domain: "com.microsoft" }];
