import {
  elementCount,
  makeRandom,
  makeTensor,
  type Random,
  type Tensor,
  tensorType,
  type WrittenModel,
  type WrittenNode,
} from "../../api.ts";

/** The sizes of a TSMixer: blocks of time mixing and feature mixing over [context, neurons], then a shared linear head. */
export interface TsmixerSize {
  readonly neuronCount: number;
  readonly contextFrames: number;
  readonly horizonFrames: number;
  /** Units between the two layers of a feature mixing. */
  readonly hiddenCount: number;
  readonly blockCount: number;
}

/** Weights of one block. Every matrix is [in, out]. */
export interface BlockWeights {
  /** [context, context] */
  readonly timeWeight: Tensor;
  /** [context] */
  readonly timeBias: Tensor;
  /** [neurons, hidden] */
  readonly enterWeight: Tensor;
  /** [hidden] */
  readonly enterBias: Tensor;
  /** [hidden, neurons] */
  readonly leaveWeight: Tensor;
  /** [neurons] */
  readonly leaveBias: Tensor;
}

/** The linear map from mixed context frames to forecast frames, the same for every neuron. */
export interface Head {
  /** [context, horizon] */
  readonly weight: Tensor;
  /** [horizon] */
  readonly bias: Tensor;
}

/** The name of the model's input, [batch, context, neurons]. */
export const inputName = "activity";
/** The name of the forecast, [batch, horizon, neurons]. */
export const outputName = "forecast";
/** The name of the head's input when it is the model's output, [batch, context, neurons]. */
export const mixedName = "mixed";

/** The opset that models are written in. */
const opset = 17;

/** Trainable numbers of a TSMixer, by formula. */
export function tsmixerParameterCount(size: TsmixerSize): number {
  const { neuronCount, contextFrames, horizonFrames, hiddenCount, blockCount } = size;
  const time = contextFrames * contextFrames + contextFrames;
  const feature = neuronCount * hiddenCount + hiddenCount + hiddenCount * neuronCount + neuronCount;
  return blockCount * (time + feature) + contextFrames * horizonFrames + horizonFrames;
}

/** Multiply-accumulates of one forecast, by formula. */
export function tsmixerMacCount(size: TsmixerSize): number {
  const { neuronCount, contextFrames, horizonFrames, hiddenCount, blockCount } = size;
  const time = neuronCount * contextFrames * contextFrames;
  const feature = 2 * contextFrames * neuronCount * hiddenCount;
  return blockCount * (time + feature) + neuronCount * contextFrames * horizonFrames;
}

/**
 * How strongly seeded mixing acts. Weights are uniform with mean 0; an output of a layer has about `gain` times the root
 * mean square of the layer's inputs.
 */
const gains = { time: 0.6, enter: 1, leave: 0.25 } as const;
/** Biases are uniform in ±this; activity is dF/F, of the order of 0.1. */
const biasReach = 0.01;

/** Mixing weights drawn from a seed. */
export function seededMixing(size: TsmixerSize, seed: number): BlockWeights[] {
  const random = makeRandom(seed);
  return mixing(size, (shape, halfWidth) => uniformTensor(shape, halfWidth, random));
}

/** Mixing weights of zero: the head sees the context itself. */
export function zeroMixing(size: TsmixerSize): BlockWeights[] {
  return mixing(size, zeroTensor);
}

/** A head of zeros. */
export function zeroHead({ contextFrames, horizonFrames }: TsmixerSize): Head {
  return { weight: zeroTensor([contextFrames, horizonFrames]), bias: zeroTensor([horizonFrames]) };
}

function mixing(size: TsmixerSize, make: (shape: readonly number[], halfWidth: number) => Tensor): BlockWeights[] {
  const { neuronCount, contextFrames, hiddenCount, blockCount } = size;
  return Array.from({ length: blockCount }, () => ({
    timeWeight: make([contextFrames, contextFrames], reach(gains.time, contextFrames)),
    timeBias: make([contextFrames], biasReach),
    enterWeight: make([neuronCount, hiddenCount], reach(gains.enter, neuronCount)),
    enterBias: make([hiddenCount], biasReach),
    leaveWeight: make([hiddenCount, neuronCount], reach(gains.leave, hiddenCount)),
    leaveBias: make([neuronCount], biasReach),
  }));
}

/** Half the width of a uniform distribution whose sum over `inputs` terms has `gain` times the inputs' root mean square. */
function reach(gain: number, inputs: number): number {
  return gain * Math.sqrt(3 / inputs);
}

function zeroTensor(shape: readonly number[]): Tensor {
  const type = tensorType("f32", shape);
  return makeTensor(type, new Float32Array(elementCount(type)));
}

function uniformTensor(shape: readonly number[], halfWidth: number, random: Random): Tensor {
  const tensor = zeroTensor(shape);
  const { data } = tensor;
  for (let index = 0; index < data.length; index += 1) data[index] = halfWidth * (2 * random.uniform() - 1);
  return tensor;
}

/**
 * A TSMixer as an ONNX model with an open `batch`. Each block: time mixing, x + Relu(xᵀ·W + b)ᵀ, then feature mixing,
 * x + Relu(x·W + b)·W + b; the head maps context to horizon for every neuron alike. With `head` null the model ends
 * before it. Source of the layers: the ZAPBench release, `tsmixer.py` (without reversible normalization).
 */
export function tsmixerModel(size: TsmixerSize, blocks: readonly BlockWeights[], head: Head | null): WrittenModel {
  const { neuronCount, contextFrames, horizonFrames } = size;
  const nodes: WrittenNode[] = [];
  const initializers: Record<string, Tensor> = {};
  const add = (operator: string, inputs: readonly string[], output: string): string => {
    const attributes = operator === "Transpose" ? { perm: [0, 2, 1] } : {};
    nodes.push({ operator, inputs, outputs: [output], name: output, attributes });
    return output;
  };
  /** input · weight + bias */
  const linear = (input: string, name: string, weight: Tensor, bias: Tensor): string => {
    initializers[`${name}.weight`] = weight;
    initializers[`${name}.bias`] = bias;
    return add("Add", [add("MatMul", [input, `${name}.weight`], `${name}.product`), `${name}.bias`], `${name}.sum`);
  };
  let value = inputName;
  blocks.forEach((block, index) => {
    const time = `block${index}.time`;
    const mixedInTime = linear(add("Transpose", [value], `${time}.in`), time, block.timeWeight, block.timeBias);
    const change = add("Transpose", [add("Relu", [mixedInTime], `${time}.relu`)], `${time}.out`);
    value = add("Add", [change, value], `${time}.residual`);
    const feature = `block${index}.feature`;
    const hidden = linear(value, `${feature}.enter`, block.enterWeight, block.enterBias);
    const left = linear(
      add("Relu", [hidden], `${feature}.relu`),
      `${feature}.leave`,
      block.leaveWeight,
      block.leaveBias,
    );
    value = add("Add", [left, value], head === null && index === blocks.length - 1 ? mixedName : `${feature}.residual`);
  });
  if (head !== null)
    add("Transpose", [linear(add("Transpose", [value], "head.in"), "head", head.weight, head.bias)], outputName);
  const output = head === null ? mixedName : outputName;
  const frames = head === null ? contextFrames : horizonFrames;
  return {
    name: `tsmixer-${neuronCount}`,
    opset,
    nodes,
    inputs: [{ name: inputName, element: "f32", shape: ["batch", contextFrames, neuronCount] }],
    outputs: [{ name: output, element: "f32", shape: ["batch", frames, neuronCount] }],
    initializers,
  };
}
