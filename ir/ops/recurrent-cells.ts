import { at } from "../../base/math.ts";
import type { NodeBuilder } from "../operator.ts";
import { sliceAxis } from "./composite-support.ts";
import { scalarLike } from "./onnx-node.ts";
import type { Activation } from "./recurrent-activations.ts";

/** What a recurrent cell carries from step to step, each [batch,hidden]; null stands for zeros. */
export interface CellState {
  readonly hidden: string | null;
  /** Of LSTM alone. */
  readonly memory: string | null;
}

/** The parameters of one direction of a recurrent layer of H numbers and G gates. */
export interface CellParameters {
  readonly hiddenSize: number;
  /** Recurrent weights [H,G·H]. */
  readonly recurrence: string;
  /** Bias of the recurrent product [G·H], of cells that keep it apart from that of the input product; null for none. */
  readonly recurrentBias: string | null;
  /** Peephole weights [3·H] of the gates i, o, f; null for none. */
  readonly peepholes: string | null;
  readonly activations: readonly Activation[];
  /** Bounds what enters an activation function; null for no bound. */
  readonly clip: number | null;
}

/** One step: `input` [batch,G·H] is the product of the step's input and the input weights, bias added. */
export type Step = (input: string, state: CellState) => { readonly hidden: string; readonly memory: string | null };

/** A kind of recurrent cell. */
export interface CellKind {
  readonly gateCount: number;
  /** The activation functions of one direction, where the node names none. */
  readonly defaultActivations: readonly string[];
  /** Whether the state is two values, as that of LSTM. */
  readonly keepsMemory: boolean;
  /** Whether the bias of the recurrent product is kept apart from that of the input product. */
  readonly splitsBias: boolean;
  readonly makeStep: (parameters: CellParameters, builder: NodeBuilder) => Step;
}

/** Gates `start` to before `end` of a value whose last axis holds G gates of `size` numbers. */
function gates(value: string, start: number, end: number, size: number, builder: NodeBuilder): string {
  return sliceAxis(value, builder.type(value).shape.length - 1, start * size, end * size, builder);
}

/** The activation function of a parameter list, its operand bounded by `clip`. */
function activation({ activations, clip }: CellParameters, index: number, builder: NodeBuilder): (x: string) => string {
  const write = at(activations, index);
  return (x) => write(clip === null ? x : builder.add("clip", [x], { low: -clip, high: clip }), builder);
}

function plus(x: string, y: string | null, builder: NodeBuilder): string {
  return y === null ? x : builder.add("add", [x, y]);
}

/** The product of a state and recurrent weights; null for the state of zeros. */
function recurrentProduct(state: string | null, weights: string, builder: NodeBuilder): string | null {
  return state === null ? null : builder.add("matmul", [state, weights, null]);
}

/** H' = f(x + H·R). */
const simpleCell: CellKind = {
  gateCount: 1,
  defaultActivations: ["Tanh"],
  keepsMemory: false,
  splitsBias: false,
  makeStep: (parameters, builder) => {
    const activate = activation(parameters, 0, builder);
    return (input, { hidden }) => {
      const product = recurrentProduct(hidden, parameters.recurrence, builder);
      return { hidden: activate(plus(input, product, builder)), memory: null };
    };
  },
};

/**
 * Gates i, o, f, c of x + H·R: i = f(· + Pi∘C), f = f(· + Pf∘C) or 1 − i, C' = f∘C + i∘g(·), o = f(· + Po∘C'),
 * H' = o∘h(C'). Without peepholes the function f is applied to all gates at once: to i, o and f, and to c in vain, which
 * costs less than taking c away first.
 */
function longShortTermCell(couplesForget: boolean): CellKind {
  return {
    gateCount: 4,
    defaultActivations: ["Sigmoid", "Tanh", "Tanh"],
    keepsMemory: true,
    splitsBias: false,
    makeStep: (parameters, builder) => {
      const { hiddenSize, recurrence, peepholes } = parameters;
      const [open, fresh, show] = [0, 1, 2].map((index) => activation(parameters, index, builder)) as [
        (x: string) => string,
        (x: string) => string,
        (x: string) => string,
      ];
      const part = (value: string, index: number): string => gates(value, index, index + 1, hiddenSize, builder);
      const peeps = peepholes === null ? null : [0, 1, 2].map((index) => part(peepholes, index));
      return (input, { hidden, memory }) => {
        const sum = plus(input, recurrentProduct(hidden, recurrence, builder), builder);
        const opened = peeps === null ? open(sum) : null;
        const gate = (index: number, seen: string | null): string => {
          if (opened !== null) return part(opened, index);
          const peep = seen === null || peeps === null ? null : builder.add("mul", [at(peeps, index), seen]);
          return open(plus(part(sum, index), peep, builder));
        };
        const inputGate = gate(0, memory);
        const forgetGate = (): string =>
          couplesForget ? builder.add("sub", [scalarLike(builder, inputGate, 1), inputGate]) : gate(2, memory);
        const kept = memory === null ? null : builder.add("mul", [forgetGate(), memory]);
        const next = plus(builder.add("mul", [inputGate, fresh(part(sum, 3))]), kept, builder);
        return { hidden: builder.add("mul", [gate(1, next), show(next)]), memory: next };
      };
    },
  };
}

/**
 * Gates z, r, h: H' = (1 − z)∘h + z∘H with h = g(x + (r∘H)·Rh), or g(x + r∘(H·Rh + bias)) where the reset comes after the
 * recurrent product. It is computed as h + z∘(H − h).
 */
function gatedCell(resetsAfter: boolean): CellKind {
  return {
    gateCount: 3,
    defaultActivations: ["Sigmoid", "Tanh"],
    keepsMemory: false,
    splitsBias: resetsAfter,
    makeStep: (parameters, builder) => {
      const { hiddenSize, recurrence, recurrentBias } = parameters;
      const [open, fresh] = [activation(parameters, 0, builder), activation(parameters, 1, builder)];
      const columns = (value: string, start: number, end: number): string =>
        gates(value, start, end, hiddenSize, builder);
      const early = resetsAfter ? recurrence : columns(recurrence, 0, 2);
      const late = resetsAfter ? null : columns(recurrence, 2, 3);
      return (input, { hidden }) => {
        const recurrent = hidden === null ? recurrentBias : builder.add("matmul", [hidden, early, recurrentBias]);
        const opened = open(plus(columns(input, 0, 2), recurrent === null ? null : columns(recurrent, 0, 2), builder));
        const reset = (value: string): string => builder.add("mul", [columns(opened, 1, 2), value]);
        const candidate = (): string | null => {
          if (late !== null) return hidden === null ? null : recurrentProduct(reset(hidden), late, builder);
          return recurrent === null ? null : reset(columns(recurrent, 2, 3));
        };
        const next = fresh(plus(columns(input, 2, 3), candidate(), builder));
        const change = hidden === null ? builder.add("neg", [next]) : builder.add("sub", [hidden, next]);
        const moved = builder.add("mul", [columns(opened, 0, 1), change]);
        return { hidden: builder.add("add", [next, moved]), memory: null };
      };
    },
  };
}

/** The kinds of cell of the ONNX operators RNN, LSTM and GRU. */
export const recurrentCells = { simple: simpleCell, longShortTerm: longShortTermCell, gated: gatedCell } as const;
