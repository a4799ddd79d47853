import { at } from "../../base/math.ts";
import type { GraphBuilder, OnnxForm, OnnxNode } from "../operator.ts";
import { sameNumbers, tensorType } from "../type.ts";
import { pickIndex, sliceAxis } from "./composite-support.ts";
import {
  bindExtra,
  onnxConstantNumbers,
  onnxInput,
  onnxInteger,
  onnxNumber,
  onnxOptional,
  onnxText,
} from "./onnx-node.ts";
import { recurrentActivations } from "./recurrent-activations.ts";
import { type CellKind, type CellParameters, type CellState, recurrentCells } from "./recurrent-cells.ts";
import { tensorNumbers, tensorOf } from "./values.ts";

/** The sizes and choices of a recurrent node. */
interface Layer {
  readonly kind: CellKind;
  readonly stepCount: number;
  readonly batch: number;
  readonly hiddenSize: number;
  /** Whether each direction runs from the last step to the first. */
  readonly reversed: readonly boolean[];
  /** Whether the batch is the first axis of inputs and outputs. */
  readonly batchFirst: boolean;
  /** Steps of each sequence of the batch. */
  readonly lengths: readonly number[];
}

const directions: Readonly<Record<string, readonly boolean[]>> = {
  forward: [false],
  reverse: [true],
  bidirectional: [false, true],
};

/** More steps than these are not unrolled: each becomes some twenty nodes. */
const maximumSteps = 8192;

function layerOf(node: OnnxNode, builder: GraphBuilder, kind: CellKind): Layer {
  const [x, r] = [builder.type(onnxInput(node, builder, 0)), builder.type(onnxInput(node, builder, 2))];
  const direction = onnxText(node, builder, "direction", "forward").toLowerCase();
  const reversed = directions[direction];
  if (reversed === undefined) {
    return builder.refuse(
      "B111",
      `Direction "${direction}" of ${node.operator} is not forward, reverse or bidirectional.`,
    );
  }
  const batchFirst = onnxInteger(node, builder, "layout", 0) === 1;
  const [stepCount, batch] = batchFirst ? [x.shape[1], x.shape[0]] : [x.shape[0], x.shape[1]];
  const hiddenSize = onnxInteger(node, builder, "hidden_size", r.shape[2] ?? 0);
  if (x.shape.length !== 3 || stepCount === undefined || batch === undefined || stepCount * batch * hiddenSize === 0) {
    return builder.refuse(
      "B110",
      `${node.operator} takes X of three axes and at least one step, sequence and hidden number; found [${x.shape.join(",")}].`,
    );
  }
  if (stepCount * reversed.length > maximumSteps) {
    builder.refuse(
      "B104",
      `${node.operator} of ${stepCount} steps is not supported: it is unrolled, over at most ${maximumSteps / reversed.length}.`,
    );
  }
  const [count, width] = [reversed.length, kind.gateCount * hiddenSize];
  const state = batchFirst ? [batch, count, hiddenSize] : [count, batch, hiddenSize];
  const expected: readonly (readonly [number, string, readonly number[]])[] = [
    [1, "W", [count, width, at(x.shape, 2)]],
    [2, "R", [count, width, hiddenSize]],
    [3, "B", [count, 2 * width]],
    [5, "initial_h", state],
    ...(kind.keepsMemory
      ? ([
          [6, "initial_c", state],
          [7, "P", [count, 3 * hiddenSize]],
        ] as const)
      : []),
  ];
  for (const [index, name, shape] of expected) {
    const value = onnxOptional(node, index);
    const found = value === null ? shape : builder.type(value).shape;
    if (sameNumbers(found, shape)) continue;
    builder.refuse("B110", `${name} of ${node.operator} is [${found.join(",")}], expected [${shape.join(",")}].`);
  }
  const lengths = onnxConstantNumbers(node, builder, 4) ?? new Array<number>(batch).fill(stepCount);
  if (lengths.length !== batch || lengths.some((length) => length < 0 || length > stepCount)) {
    builder.refuse(
      "B110",
      `sequence_lens of ${node.operator} is [${lengths.join(",")}], expected ${batch} numbers from 0 to ${stepCount}.`,
    );
  }
  return { kind, stepCount, batch, hiddenSize, reversed, batchFirst, lengths };
}

function isZero(value: string, builder: GraphBuilder): boolean {
  const tensor = builder.constant(value);
  return tensor !== null && tensorNumbers(tensor).every((each) => each === 0);
}

/** The initial state of a direction [batch,hidden]; null for zeros. */
function initialState(
  node: OnnxNode,
  builder: GraphBuilder,
  input: number,
  layer: Layer,
  index: number,
): string | null {
  const value = onnxOptional(node, input);
  if (value === null || isZero(value, builder)) return null;
  return pickIndex(value, layer.batchFirst ? 1 : 0, index, builder);
}

/** What one direction gives: hidden states in the order of time (null for zeros), and the state at its end. */
interface Track {
  readonly hidden: readonly (string | null)[];
  readonly last: CellState;
}

/** Keeps `next` for the sequences that are running at a step, and `previous` (zeros for null) for the others. */
function choose(running: readonly boolean[], next: string, previous: string | null, builder: GraphBuilder): string {
  const { element } = builder.type(next);
  const mask = builder.addConstant(tensorOf(tensorType("bool", [running.length, 1]), running.map(Number)));
  const other = previous ?? builder.addConstant(tensorOf(tensorType(element, []), [0]));
  return builder.add("where", [mask, next, other]);
}

/** Runs the steps of one direction. The product with the input weights is one for all steps. */
function unroll(node: OnnxNode, builder: GraphBuilder, layer: Layer, parameters: CellParameters, index: number): Track {
  const { stepCount, batch, lengths, kind } = layer;
  const x = onnxInput(node, builder, 0);
  const inputs = builder.type(x).shape[2] as number;
  const ordered =
    layer.batchFirst && batch > 1 && stepCount > 1 ? builder.add("transpose", [x], { permutation: [1, 0, 2] }) : x;
  const rows = builder.add("reshape", [ordered], { shape: [stepCount * batch, inputs] });
  const weights = builder.add("transpose", [pickIndex(onnxInput(node, builder, 1), 0, index, builder)], {
    permutation: [1, 0],
  });
  const products = builder.add("matmul", [rows, weights, inputBias(node, builder, layer, index)]);
  const step = kind.makeStep(parameters, builder);
  let state: CellState = {
    hidden: initialState(node, builder, 5, layer, index),
    memory: kind.keepsMemory ? initialState(node, builder, 6, layer, index) : null,
  };
  const hidden = new Array<string | null>(stepCount).fill(null);
  for (let count = 0; count < stepCount; count += 1) {
    const time = layer.reversed[index] === true ? stepCount - 1 - count : count;
    const running = lengths.map((length) => time < length);
    if (!running.includes(true)) continue;
    const input = stepCount === 1 ? products : sliceAxis(products, 0, time * batch, (time + 1) * batch, builder);
    const next = step(input, state);
    if (!running.includes(false)) {
      state = next;
      hidden[time] = next.hidden;
      continue;
    }
    hidden[time] = choose(running, next.hidden, null, builder);
    state = {
      hidden: choose(running, next.hidden, state.hidden, builder),
      memory: next.memory === null ? null : choose(running, next.memory, state.memory, builder),
    };
  }
  return { hidden, last: state };
}

/** The bias [G·H] of the input product of a direction: of inputs and state together, unless the cell keeps them apart. */
function inputBias(node: OnnxNode, builder: GraphBuilder, layer: Layer, index: number): string | null {
  const bias = onnxOptional(node, 3);
  if (bias === null) return null;
  const width = layer.kind.gateCount * layer.hiddenSize;
  const both = pickIndex(bias, 0, index, builder);
  const first = sliceAxis(both, 0, 0, width, builder);
  return layer.kind.splitsBias ? first : builder.add("add", [first, sliceAxis(both, 0, width, 2 * width, builder)]);
}

function recurrentBias(node: OnnxNode, builder: GraphBuilder, layer: Layer, index: number): string | null {
  const bias = onnxOptional(node, 3);
  if (bias === null || !layer.kind.splitsBias) return null;
  const width = layer.kind.gateCount * layer.hiddenSize;
  return sliceAxis(pickIndex(bias, 0, index, builder), 0, width, 2 * width, builder);
}

/** The bound of what enters an activation function; null for none. */
function clipOf(node: OnnxNode, builder: GraphBuilder): number | null {
  const clip = onnxNumber(node, builder, "clip", 0);
  if (clip < 0) builder.refuse("B111", `Attribute "clip" of ${node.operator} is ${clip}, expected a positive number.`);
  return clip === 0 ? null : clip;
}

/** The zeros [batch,hidden] of a state that no step changed. */
function zeros(layer: Layer, like: string, builder: GraphBuilder): string {
  const { element } = builder.type(like);
  return builder.add("fill", [], { shape: [layer.batch, layer.hiddenSize], value: 0, element });
}

/** States [batch,hidden] of the directions as [directions,batch,hidden], or with the batch first. */
function joinStates(layer: Layer, states: readonly string[], builder: GraphBuilder, name: string): string {
  const { batch, hiddenSize, reversed, batchFirst } = layer;
  const shape = batchFirst ? [batch, reversed.length, hiddenSize] : [reversed.length, batch, hiddenSize];
  const joined = states.length === 1 ? at(states, 0) : builder.add("concat", states, { axis: batchFirst ? 1 : 0 });
  return builder.add("reshape", [joined], { shape }, name);
}

/** All hidden states: [steps,directions,batch,hidden], or [batch,steps,directions,hidden]; `zero` stands for null. */
function joinSteps(
  layer: Layer,
  tracks: readonly Track[],
  zero: () => string,
  builder: GraphBuilder,
  name: string,
): string {
  const { stepCount, batch, hiddenSize, batchFirst } = layer;
  const [first, second] = tracks.map(({ hidden }) => {
    const rows = hidden.map((value) => value ?? zero());
    const joined = rows.length === 1 ? at(rows, 0) : builder.add("concat", rows, { axis: 0 });
    return builder.add("reshape", [joined], { shape: [stepCount, 1, batch, hiddenSize] });
  }) as [string, string?];
  const joined = second === undefined ? first : builder.add("concat", [first, second], { axis: 1 });
  return batchFirst
    ? builder.add("transpose", [joined], { permutation: [2, 0, 1, 3] }, name)
    : builder.add("identity", [joined], {}, name);
}

/** A form that unrolls a recurrent layer over its steps, whose number is known; outputs Y, Y_h and, of LSTM, Y_c. */
function recurrentForm(operator: string, kindOf: (node: OnnxNode, builder: GraphBuilder) => CellKind): OnnxForm {
  return {
    operator,
    since: 1,
    translate: (node, builder) => {
      const layer = layerOf(node, builder, kindOf(node, builder));
      const { kind, hiddenSize, reversed } = layer;
      const activations = recurrentActivations(node, builder, kind.defaultActivations, reversed.length);
      const peepholes = kind.keepsMemory ? onnxOptional(node, 7) : null;
      const tracks = reversed.map((_, index) => {
        const recurrence = pickIndex(onnxInput(node, builder, 2), 0, index, builder);
        const parameters: CellParameters = {
          hiddenSize,
          recurrence: builder.add("transpose", [recurrence], { permutation: [1, 0] }),
          recurrentBias: recurrentBias(node, builder, layer, index),
          peepholes: peepholes === null || isZero(peepholes, builder) ? null : pickIndex(peepholes, 0, index, builder),
          activations: at(activations, index),
          clip: clipOf(node, builder),
        };
        return unroll(node, builder, layer, parameters, index);
      });
      const zero = (): string => zeros(layer, onnxInput(node, builder, 0), builder);
      const join = (part: keyof CellState, name: string): string => {
        const ends = tracks.map(({ last }) => last[part] ?? zero());
        return joinStates(layer, ends, builder, name);
      };
      bindExtra(node, builder, 0, (name) => joinSteps(layer, tracks, zero, builder, name));
      bindExtra(node, builder, 1, (name) => join("hidden", name));
      bindExtra(node, builder, 2, (name) => join("memory", name));
    },
  };
}

/** LSTM, GRU and RNN. */
export const recurrentForms: readonly OnnxForm[] = [
  recurrentForm("RNN", () => recurrentCells.simple),
  recurrentForm("LSTM", (node, builder) =>
    recurrentCells.longShortTerm(onnxInteger(node, builder, "input_forget", 0) !== 0),
  ),
  recurrentForm("GRU", (node, builder) =>
    recurrentCells.gated(onnxInteger(node, builder, "linear_before_reset", 0) !== 0),
  ),
];
