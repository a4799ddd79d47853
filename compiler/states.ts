import { BorealError, type Problem } from "../base/errors.ts";
import { type Graph, type Node, valueTypes } from "../ir/graph.ts";
import { elementsOf } from "../ir/ops/values.ts";
import type { Tensor } from "../ir/tensor.ts";
import { elementCount, formatType, sameNumbers, sameType, type TensorType } from "../ir/type.ts";

/** An input of a graph that stays on the chip: after each run it holds what an output was. */
export interface State {
  /** The graph's input. */
  readonly input: string;
  /** The position of the output that is the input's next value. */
  readonly output: number;
  /** The value before the first run, in the model's type; zeros when absent. */
  readonly initial?: Tensor;
}

/** An output and the input that it feeds, as a user names them. */
export interface StatePair {
  readonly output: string;
  readonly input: string;
}

/** What turns an output's name into that of the state it is the next value of; tried in this order. */
const nextMarks: readonly (readonly [RegExp, string])[] = [
  [/^present/i, "past"],
  [/^(new|next|updated)[_.]?/i, ""],
  [/[_.]?(out|output|new|next|n)$/i, ""],
];

/** What may stand around a state's name where it is an input. */
const ownMarks: readonly RegExp[] = [
  /^(prev|previous|initial|init|in)[_.]?/i,
  /[_.]?(in|input|prev|previous|initial|0)$/i,
];

function coreOf(name: string, marks: readonly (RegExp | readonly [RegExp, string])[]): Set<string> {
  const cores = new Set([name]);
  for (const mark of marks) {
    const [pattern, replacement] = mark instanceof RegExp ? [mark, ""] : mark;
    const core = name.replace(pattern, replacement);
    if (core !== "") cores.add(core);
  }
  return new Set([...cores].map((core) => core.toLowerCase()));
}

/**
 * The outputs whose names say that they are the next value of an input of the same type (`stateN` of `state`,
 * `present.0.key` of `past.0.key`, `h_out` of `h_in`); an output that could feed several inputs feeds none.
 */
export function guessStates(graph: Graph, outputNames: readonly string[]): StatePair[] {
  const types = valueTypes(graph);
  const taken = new Set<string>();
  return graph.outputs.flatMap((value, index) => {
    const output = outputNames[index] ?? value;
    const type = types.get(value);
    const next = coreOf(output, nextMarks);
    const fitting = graph.inputs.filter(
      (input) =>
        type !== undefined &&
        !taken.has(input.name) &&
        input.type.element === type.element &&
        sameNumbers(input.type.shape, type.shape) &&
        [...coreOf(input.name, ownMarks)].some((core) => next.has(core)),
    );
    const [only] = fitting;
    if (only === undefined || fitting.length > 1) return [];
    taken.add(only.name);
    return [{ output, input: only.name }];
  });
}

/**
 * The states that pairs of names mean. Throws B118 for every pair whose output or input does not exist, stands twice, or
 * whose types differ.
 */
export function resolveStates(graph: Graph, outputNames: readonly string[], pairs: readonly StatePair[]): State[] {
  const types = valueTypes(graph);
  const names = graph.outputs.map((value, index) => outputNames[index] ?? value);
  const inputs = new Map(graph.inputs.map(({ name, type }) => [name, type]));
  const problems: Problem[] = [];
  const taken = new Set<string>();
  const states = pairs.flatMap(({ output, input }): State[] => {
    const complain = (message: string): State[] => {
      problems.push({ code: "B118", message: `State ${output}=${input}: ${message}`, at: { tensor: input } });
      return [];
    };
    const position = names.indexOf(output);
    const type = inputs.get(input);
    const next = types.get(graph.outputs[position] ?? "");
    if (position < 0 || next === undefined)
      return complain(`there is no output "${output}", expected ${names.join(", ")}.`);
    if (type === undefined) return complain(`there is no input "${input}", expected ${[...inputs.keys()].join(", ")}.`);
    if (taken.has(input) || taken.has(`=${output}`))
      return complain("its input or its output stands in another pair too.");
    if (!sameType(type, next)) return complain(`the input is ${formatType(type)}, the output ${formatType(next)}.`);
    taken.add(input).add(`=${output}`);
    return [{ input, output: position }];
  });
  if (problems.length > 0) throw new BorealError(problems);
  return states;
}

/** The value of a state before the first run, in the model's type. */
export function initialValue(state: State, type: TensorType): Tensor {
  return state.initial ?? { type, data: elementsOf(type.element, new Float64Array(elementCount(type))) };
}

/**
 * A graph of layers with a copy wherever the next value of a state is itself an input, so that all states change at once. Throws B118 where the chip stores a state and its next value in different types.
 */
export function separateStates(graph: Graph, states: readonly State[]): Graph {
  const types = valueTypes(graph);
  const inputs = new Map(graph.inputs.map(({ name, type }) => [name, type]));
  const problems: Problem[] = [];
  const copies: Node[] = [];
  const outputs = [...graph.outputs];
  for (const { input, output } of states) {
    const value = outputs[output] ?? "";
    const [own, next] = [inputs.get(input), types.get(value)];
    if (own === undefined || next === undefined || !sameType(own, next)) {
      const stored = [own, next].map((type) => (type === undefined ? "nothing" : formatType(type)));
      const message = `State "${input}" is stored as ${stored[0]}, its next value as ${stored[1]}.`;
      problems.push({ code: "B118", message, at: { tensor: input } });
    } else if (inputs.has(value)) {
      const name = `${input}.next`;
      outputs[output] = name;
      const origin = [value];
      copies.push({ name, op: "identity", operands: [value], attributes: {}, type: next, origin, layer: name });
    }
  }
  if (problems.length > 0) throw new BorealError(problems);
  return copies.length === 0 ? graph : { ...graph, nodes: [...graph.nodes, ...copies], outputs };
}
