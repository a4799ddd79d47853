import type { ImportedModel } from "../compiler/onnx/importer.ts";
import { storedTensor } from "../compiler/quantize/stored-tensor.ts";
import { guessStates, initialValue, resolveStates, type State, type StatePair } from "../compiler/states.ts";
import type { Contractor } from "../ir/contractor.ts";
import type { Graph } from "../ir/graph.ts";
import type { Tensor } from "../ir/tensor.ts";
import type { Warning } from "../report/figures-schema.ts";
import { evaluateModel } from "./answers.ts";
import type { Frame, InputDeclaration } from "./inputs.ts";
import { warning } from "./warnings.ts";

/** Which outputs feed inputs of the next run: pairs, those that names suggest, or none. */
export type StateChoice = readonly StatePair[] | "guess" | "none";

/** The states of a model, and what a result says of them. */
export interface ChosenStates {
  readonly states: readonly State[];
  readonly pairs: readonly StatePair[];
  readonly warnings: readonly Warning[];
}

/** Settles the states of a model; guessed ones come with a warning that lists them. Throws B118 for pairs that do not fit. */
export function chooseStates(
  { graph, outputNames }: Pick<ImportedModel, "graph" | "outputNames">,
  choice: StateChoice = "guess",
  initial: ReadonlyMap<string, Tensor> = new Map(),
): ChosenStates {
  if (choice === "none") return { states: [], pairs: [], warnings: [] };
  const pairs = choice === "guess" ? guessStates(graph, outputNames) : choice;
  const states = resolveStates(graph, outputNames, pairs).map((state): State => {
    const value = initial.get(state.input);
    return value === undefined ? state : { ...state, initial: value };
  });
  const listed = pairs.map(({ output, input }) => `${output}=${input}`).join(", ");
  const guessed = choice === "guess" && pairs.length > 0;
  return {
    states,
    pairs,
    warnings: guessed ? [warning("W104", `Kept on the chip from run to run, by their names: ${listed}.`)] : [],
  };
}

/** The inputs of a graph that are no states: what a sample gives. */
export function openInputs(graph: Graph, states: readonly State[]): InputDeclaration[] {
  const kept = new Set(states.map(({ input }) => input));
  return graph.inputs.filter(({ name }) => !kept.has(name));
}

/** Positions of the outputs that leave the chip: those that are no state's next value. */
export function leavingOutputs(graph: Graph, states: readonly State[]): number[] {
  const fed = new Set(states.map(({ output }) => output));
  return graph.outputs.map((_, index) => index).filter((index) => !fed.has(index));
}

/** The states of a graph while it is evaluated for one sample after the other. */
export class StateSequence {
  readonly #states: readonly State[];
  readonly #values = new Map<string, Tensor>();

  /** Begins at the initial values, in the types that the graph's inputs have. */
  constructor(graph: Graph, states: readonly State[]) {
    this.#states = states;
    for (const { name, type } of graph.inputs) {
      const state = states.find(({ input }) => input === name);
      if (state !== undefined) this.#values.set(name, storedTensor(initialValue(state, type), type));
    }
  }

  /** A sample with the states as they are now. */
  complete(frame: Frame): Frame {
    return this.#values.size === 0 ? frame : new Map([...frame, ...this.#values]);
  }

  /** Takes the next values from the graph's outputs. */
  advance(outputs: readonly Tensor[]): void {
    for (const { input, output } of this.#states) {
      const value = outputs[output];
      if (value !== undefined) this.#values.set(input, value);
    }
  }
}

/** Samples completed by the states that the f32 model has when it answers them one after the other. */
export function completeSamples(
  graph: Graph,
  states: readonly State[],
  frames: Iterable<Frame>,
  contractor?: Contractor,
): Frame[] {
  if (states.length === 0) return [...frames];
  const sequence = new StateSequence(graph, states);
  return Array.from(frames, (frame) => {
    const complete = sequence.complete(frame);
    sequence.advance(evaluateModel(graph, complete, contractor === undefined ? {} : { contractor }));
    return complete;
  });
}
