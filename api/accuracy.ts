import type { Network } from "../compiler/network.ts";
import { type Energies, energiesOf, pooledSqnrDb, realNumbers } from "../compiler/quantize/accuracy.ts";
import type { Contractor } from "../ir/contractor.ts";
import { constantData, type Graph } from "../ir/graph.ts";
import { makeWasmContractor } from "../ir/ops/contraction-kernels.ts";
import type { Tensor } from "../ir/tensor.ts";
import type { ElementType } from "../ir/type.ts";
import { evaluateExact, evaluateModel } from "./answers.ts";
import type { Frame } from "./inputs.ts";

/** The two graphs that are compared: the same values by the same names, in f32 and as the chip stores them. */
export interface ComparedGraphs {
  readonly floatGraph: Graph;
  readonly chipGraph: Graph;
  readonly network: Network;
  /** Element types that the model declares for its inputs. */
  readonly inputElements: ReadonlyMap<string, ElementType>;
}

/** A figure that has no number when nothing differs. */
function finiteOrNull(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

/** Adds up signal and error energies over samples, of the outputs and of each layer's result. */
export class AccuracyMeter {
  readonly #graphs: ComparedGraphs;
  readonly #layerOf = new Map<string, string>();
  readonly #layers = new Map<string, Energies>();
  readonly #outputs: Energies[] = [];
  readonly #contractor: Contractor;

  constructor(graphs: ComparedGraphs) {
    this.#graphs = graphs;
    this.#contractor = makeWasmContractor([graphs.floatGraph, graphs.chipGraph].flatMap(constantData));
    const floats = new Set(graphs.floatGraph.nodes.map((node) => node.name));
    for (const layer of graphs.network.layers) {
      const result = layer.nodes.at(-1)?.name;
      if (result !== undefined && floats.has(result)) this.#layerOf.set(result, layer.name);
    }
  }

  /** The f32 answer for a sample; its layer results are kept when `kept` is given. */
  float(frame: Frame, kept?: Map<string, Tensor>): Tensor[] {
    return evaluateModel(this.#graphs.floatGraph, frame, {
      contractor: this.#contractor,
      ...(kept === undefined
        ? {}
        : { observe: (name: string, value: Tensor) => void (this.#layerOf.has(name) && kept.set(name, value)) }),
    });
  }

  /** The exact answer for a sample; compares layer results with those that were kept from the f32 answer. */
  exact(frame: Frame, kept: ReadonlyMap<string, Tensor>): Tensor[] {
    const { chipGraph, inputElements } = this.#graphs;
    return evaluateExact(chipGraph, frame, inputElements, {
      contractor: this.#contractor,
      observe: (name, value) => {
        const layer = this.#layerOf.get(name);
        const reference = kept.get(name);
        if (layer === undefined || reference === undefined || reference.data.length !== value.data.length) return;
        const found = energiesOf(realNumbers(reference), realNumbers(value));
        const sum = this.#layers.get(layer) ?? { signal: 0, error: 0 };
        this.#layers.set(layer, { signal: sum.signal + found.signal, error: sum.error + found.error });
      },
    });
  }

  /** Adds the outputs of a sample: the f32 answer and the chip's. */
  addOutputs(reference: readonly Tensor[], found: readonly Tensor[]): void {
    reference.forEach((value, index) => {
      const other = found[index];
      if (other !== undefined) this.#outputs.push(energiesOf(realNumbers(value), realNumbers(other)));
    });
  }

  /** Signal to quantization noise of all outputs added so far, in dB; null when nothing differs or none were added. */
  get sqnrDb(): number | null {
    return this.#outputs.length === 0 ? null : finiteOrNull(pooledSqnrDb(this.#outputs));
  }

  /** The same of each layer's result, by the layer's name; layers where nothing differs are left out. */
  get layerSqnrDb(): Map<string, number> {
    const figures = new Map<string, number>();
    for (const [layer, energies] of this.#layers) {
      const value = finiteOrNull(pooledSqnrDb([energies]));
      if (value !== null) figures.set(layer, value);
    }
    return figures;
  }
}
