import { at, rowMajorStrides } from "../../base/math.ts";
import type { Contractor } from "../../ir/contractor.ts";
import { type Constant, constantsByName, type Graph, type Node } from "../../ir/graph.ts";
import { makeWasmContractor } from "../../ir/ops/contraction-kernels.ts";
import { operatorOf } from "../../ir/ops/index.ts";
import { tensorNumbers, tensorOf } from "../../ir/ops/values.ts";
import type { Tensor } from "../../ir/tensor.ts";
import { type ElementType, elementCount, integerRange, isFloat, type Quantization, tensorType } from "../../ir/type.ts";
import { roundAndClamp } from "../../kernels/fixed-point.ts";
import { removeDead } from "../passes/eliminate-dead.ts";
import { rewriteGraph } from "../passes/rewriter.ts";
import { channelAxis, makeChannelMeans } from "./channel-means.ts";
import { contractionOf } from "./demands.ts";
import { splitFrames } from "./held-out.ts";
import { type InputRows, sampleRows } from "./input-samples.ts";
import {
  type LayerGroup,
  type LayerRounding,
  type LayerRows,
  type LayerWeights,
  roundLayer,
  roundNearest,
} from "./round-layer.ts";
import type { ChannelFormat, RoundedChannel } from "./rounding.ts";
import { storedTensor } from "./stored-tensor.ts";
import { type UnrolledInputs, unrolledInputs } from "./unrolled-inputs.ts";

/** How the weights of a graph are rounded. */
export interface RoundWeightsOptions {
  /**
   * nearest: each weight to the nearest integer, scales of least squared error. compensated: so that the results on the frames
   * are near to those of the float graph, where that is better than nearest on frames that were held out.
   */
  readonly rounding: "nearest" | "compensated";
  /** The element type of the weights that a contraction reads. */
  readonly weightElementOf: (contraction: Node) => ElementType;
  /** One scale for all channels of a layer. */
  readonly perTensor: boolean;
  readonly frames: readonly ReadonlyMap<string, Tensor>[];
  /** How a contraction's operand of that name is stored; null for values that are not stored as integers. */
  readonly storageOf: (contraction: Node, value: string) => StoredFormat | null;
  /** Contractions whose biases are corrected later. */
  readonly corrected: ReadonlySet<string>;
  readonly contractor?: Contractor;
}

/** How an activation is stored. */
export interface StoredFormat {
  readonly quantization: Quantization;
  readonly element: ElementType;
}

/** How the weights of a layer were rounded. */
export interface RoundedLayer extends Omit<LayerRounding, "channels"> {
  /** The contractions that read the weights. */
  readonly contractions: readonly string[];
}

/** A float graph whose contractions read stored weights, and how these were made; no layers when nothing was measured. */
export interface RoundedGraph {
  readonly graph: Graph;
  readonly layers: readonly RoundedLayer[];
}

/** Weights that are read by contractions of one kind alone. */
interface Site {
  readonly constant: Constant;
  readonly nodes: readonly Node[];
  /** The axis of the output channels. */
  readonly axis: number;
  readonly element: ElementType;
  readonly leastScales: Float64Array;
}

/** Half of what i32 holds, for biases: more would leave sums no room. */
const biasShare = 2 ** 30;

/** Rows of what a layer reads that are looked at: four for each weight of a channel, within these. */
const rowCounts = { least: 1024, most: 4096 } as const;

/** Layers of more weights a channel are rounded to nearest: their moments would take minutes. */
const greatestDepth = 2304;

/**
 * Rounds the constant float weights of contractions to signed integers, symmetric, one scale for each output channel. Layers are
 * rounded in order, each on what the rounded ones before it and the stored activations give; weights that several contractions share, on
 * what these read in the float graph.
 *
 *     %y = matmul(%x, %w, %b) : f32[1,4]  ->  %v = dequantize(%w.rounded) : f32[8,4]
 *                                             %y = matmul(%x, %v, %b) : f32[1,4]
 */
export function roundWeights(graph: Graph, options: RoundWeightsOptions): RoundedGraph {
  const sites = findSites(graph, options);
  if (sites.length === 0) return { graph, layers: [] };
  const rounder = new WeightRounder(graph, sites, options);
  rounder.run();
  return { graph: withStoredWeights(graph, sites, rounder.stored), layers: rounder.layers };
}

function findSites(graph: Graph, { storageOf, weightElementOf }: RoundWeightsOptions): Site[] {
  const constants = constantsByName(graph);
  const users = new Map<string, Node[]>();
  const others = new Set<string>();
  for (const node of graph.nodes) {
    const contraction = contractionOf(node, (value) => constants.get(value)?.type.shape ?? null);
    const isKnown = contraction?.constantWeights === true && !contraction.symmetric;
    const weights = isKnown ? contraction.weights : null;
    if (weights !== null) users.set(weights, [...(users.get(weights) ?? []), node]);
    for (const [index, operand] of node.operands.entries())
      if (operand !== null && (weights === null || index !== 1)) others.add(operand);
  }
  return [...users].flatMap(([name, nodes]): Site[] => {
    const constant = constants.get(name);
    const [first] = nodes;
    if (constant?.data == null || first === undefined || !isFloat(constant.type.element) || others.has(name)) return [];
    const element = weightElementOf(first);
    if (nodes.some((node) => node.op !== first.op || weightElementOf(node) !== element)) return [];
    const axis = first.op === "matmul" ? constant.type.shape.length - 1 : 0;
    const leastScales = new Float64Array(at(constant.type.shape, axis));
    for (const node of nodes) {
      const bias = constants.get(node.operands[2] ?? "");
      const scale = storageOf(node, node.operands[0] ?? "")?.quantization.scales[0];
      if (bias?.data == null || scale === undefined) continue;
      const numbers = tensorNumbers({ type: bias.type, data: bias.data });
      for (let channel = 0; channel < leastScales.length; channel += 1) {
        const least = Math.abs(numbers[channel] as number) / (scale * biasShare);
        leastScales[channel] = Math.max(leastScales[channel] as number, least);
      }
    }
    return [{ constant, nodes, axis, element, leastScales }];
  });
}

/** The values of a frame, in the float graph and behind what is stored so far. */
interface FrameValues {
  readonly float: Map<string, Tensor>;
  readonly stored: Map<string, Tensor>;
}

/** What is done at each node of a walk: before it is evaluated in all the sets of values that `before` gives, and after. */
interface WalkSteps {
  readonly before: (node: Node) => readonly { readonly values: Map<string, Tensor>; readonly isStored: boolean }[];
  readonly after?: (node: Node) => void;
}

/** Shifts the channels of what a contraction gives with stored weights as bias correction will: to the means of the float graph. */
function correctMeans(node: Node, frames: readonly FrameValues[]): void {
  const [wanted, found] = [makeChannelMeans(node), makeChannelMeans(node)];
  const { name, type } = node;
  for (const { float, stored } of splitFrames(frames).fit) {
    wanted.add(tensorNumbers(float.get(name) as Tensor));
    found.add(tensorNumbers(stored.get(name) as Tensor));
  }
  const means = found.means();
  const shifts = wanted.means().map((mean, channel) => mean - at(means, channel));
  const stride = at(rowMajorStrides(type.shape), channelAxis(node));
  for (const { stored } of frames) {
    const numbers = Float64Array.from(
      tensorNumbers(stored.get(name) as Tensor),
      (number, index) => number + at(shifts, Math.floor(index / stride) % shifts.length),
    );
    stored.set(name, tensorOf(type, numbers));
  }
}

/** Walks over a graph with all frames at once, rounding weights as their contractions come. */
class WeightRounder {
  readonly layers: RoundedLayer[] = [];
  /** By weights: integers and scales. */
  readonly stored = new Map<string, Omit<Constant, "name">>();
  readonly #graph: Graph;
  readonly #siteOf: ReadonlyMap<string, Site>;
  readonly #options: RoundWeightsOptions;
  readonly #contractor: Contractor;
  readonly #constants: ReadonlyMap<string, Tensor>;
  /** By weights: the numbers that their integers stand for. */
  readonly #real = new Map<string, Tensor>();
  /** By contraction of shared weights: what it reads in the float graph, frame by frame. */
  readonly #shared = new Map<string, UnrolledInputs[][]>();

  constructor(graph: Graph, sites: readonly Site[], options: RoundWeightsOptions) {
    this.#graph = graph;
    this.#siteOf = new Map(sites.flatMap((site) => site.nodes.map(({ name }) => [name, site] as const)));
    this.#options = options;
    this.#contractor = options.contractor ?? makeWasmContractor();
    this.#constants = new Map(
      graph.constants.flatMap(({ name, type, data }) => (data === null ? [] : [[name, { type, data }] as const])),
    );
  }

  run(): void {
    const { rounding, frames } = this.#options;
    if (rounding === "nearest" || frames.length === 0) {
      for (const site of new Set(this.#siteOf.values())) this.#roundToNearest(site);
      return;
    }
    if ([...this.#siteOf.values()].some(({ nodes }) => nodes.length > 1)) this.#seeShared();
    const values = frames.map((frame): FrameValues => {
      const bound = new Map(
        this.#graph.inputs.flatMap(({ name, type }) => {
          const given = frame.get(name);
          return given === undefined ? [] : [[name, storedTensor(given, type)] as const];
        }),
      );
      return { float: bound, stored: new Map(bound) };
    });
    this.#walk({
      before: (node) => {
        const site = this.#siteOf.get(node.name);
        if (site !== undefined && !this.stored.has(site.constant.name)) this.#round(site, values);
        return values.flatMap(({ float, stored }) => [
          { values: float, isStored: false },
          { values: stored, isStored: true },
        ]);
      },
      after: (node) => {
        if (this.#siteOf.has(node.name) && this.#isCorrected(node)) correctMeans(node, values);
      },
    });
  }

  /** Whether the bias of a contraction will be corrected: it has one for each channel, or none. */
  #isCorrected({ name, operands }: Node): boolean {
    const bias = operands[2] ?? null;
    return this.#options.corrected.has(name) && (bias === null || this.#constants.has(bias));
  }

  /** Evaluates the nodes up to the last one whose weights are rounded, in each of the value sets; frees what is read no more. */
  #walk({ before, after }: WalkSteps): void {
    const { nodes } = this.#graph;
    const lastReader = new Map<string, number>();
    nodes.forEach((node, index) => {
      for (const operand of node.operands) if (operand !== null) lastReader.set(operand, index);
    });
    const last = nodes.findLastIndex((node) => this.#siteOf.has(node.name));
    nodes.slice(0, last + 1).forEach((node, index) => {
      const sets = before(node);
      for (const { values, isStored } of sets) {
        values.set(node.name, this.#evaluate(node, values, isStored));
        for (const operand of node.operands)
          if (operand !== null && lastReader.get(operand) === index) values.delete(operand);
      }
      after?.(node);
    });
  }

  #evaluate(node: Node, values: ReadonlyMap<string, Tensor>, isStored: boolean): Tensor {
    const contraction = isStored
      ? contractionOf(node, (value) => this.#constants.get(value)?.type.shape ?? null)
      : null;
    const operands = node.operands.map((operand, index) => {
      if (operand === null) return null;
      const value = values.get(operand) ?? this.#constants.get(operand) ?? null;
      if (contraction === null || value === null || index > 1) return value;
      if (index === 1 && contraction.constantWeights) return this.#real.get(operand) ?? value;
      return this.#asStored(node, operand, value);
    });
    return operatorOf(node.op).evaluate({
      operands,
      attributes: node.attributes,
      type: node.type,
      contractor: this.#contractor,
    });
  }

  /** The numbers that the stored integers of an activation stand for. */
  #asStored(node: Node, name: string, value: Tensor): Tensor {
    const storage = this.#options.storageOf(node, name);
    if (storage === null || !isFloat(value.type.element)) return value;
    const { quantization, element } = storage;
    const [scale, zero] = [at(quantization.scales, 0), at(quantization.zeros, 0)];
    const { low, high } = integerRange(element);
    const numbers = Float64Array.from(tensorNumbers(value), (number) =>
      Number.isNaN(number) ? number : scale * (roundAndClamp(number, 1 / scale, zero, low, high) - zero),
    );
    return tensorOf(value.type, numbers);
  }

  /** Keeps what the contractions of shared weights read in the float graph. */
  #seeShared(): void {
    for (const frame of this.#options.frames) {
      const values = new Map(
        this.#graph.inputs.flatMap(({ name, type }) => {
          const given = frame.get(name);
          return given === undefined ? [] : [[name, storedTensor(given, type)] as const];
        }),
      );
      const before: WalkSteps["before"] = (node) => {
        const site = this.#siteOf.get(node.name);
        if (site !== undefined && site.nodes.length > 1) {
          const [name = ""] = node.operands as readonly string[];
          const x = values.get(name) ?? (this.#constants.get(name) as Tensor);
          const seen = [x, this.#asStored(node, name, x)].map((each) => unrolledInputs(node, each, site.constant.type));
          this.#shared.set(node.name, [...(this.#shared.get(node.name) ?? []), seen]);
        }
        return [{ values, isStored: false }];
      };
      this.#walk({ before });
    }
  }

  /** What the contractions of a site read, frame by frame: in the float graph, and as stored. */
  #inputsOf({ nodes, constant }: Site, frames: readonly FrameValues[]): readonly (readonly UnrolledInputs[])[][] {
    const [node] = nodes;
    if (node === undefined) return [];
    if (nodes.length > 1)
      return frames.map((_, frame) => nodes.map(({ name }) => this.#shared.get(name)?.[frame] ?? []));
    const [name = ""] = node.operands as readonly string[];
    return frames.map(({ float, stored }) => [
      [
        unrolledInputs(node, float.get(name) as Tensor, constant.type),
        unrolledInputs(node, this.#asStored(node, name, stored.get(name) as Tensor), constant.type),
      ],
    ]);
  }

  #round(site: Site, frames: readonly FrameValues[]): void {
    const inputs = this.#inputsOf(site, frames);
    const [layout] = inputs[0]?.[0] ?? [];
    if (layout === undefined || layout.depth > greatestDepth) {
      this.#roundToNearest(site);
      return;
    }
    const most = Math.max(rowCounts.least, Math.min(rowCounts.most, 4 * layout.depth));
    const rowsOf = (chosen: readonly (readonly (readonly UnrolledInputs[])[])[]): LayerRows[] => {
      const [float, stored] = [0, 1].map((which) =>
        sampleRows(
          chosen.flatMap((frame) => frame.map((pair) => pair[which] as UnrolledInputs)),
          most,
        ),
      );
      return (float ?? []).map((rows, group) => ({ float: rows, stored: stored?.[group] as InputRows }));
    };
    const split = splitFrames(inputs);
    const holdsOut = split.heldOut.length > 0;
    const fit = rowsOf(split.fit);
    const heldOut = holdsOut ? rowsOf(split.heldOut) : fit;
    const groups = this.#weightGroups(site, layout).map(
      (group, index): LayerGroup => ({
        ...group,
        fit: fit[index] as LayerRows,
        heldOut: heldOut[index] as LayerRows,
      }),
    );
    const { channels, ...figures } = roundLayer(groups, {
      isBiasCorrected: site.nodes.every((node) => this.#isCorrected(node)),
      perTensor: this.#options.perTensor,
      holdsOut,
      contractor: this.#contractor,
    });
    this.layers.push({ contractions: site.nodes.map(({ name }) => name), ...figures });
    this.#keep(site, layout, channels);
  }

  #roundToNearest(site: Site): void {
    const [node] = site.nodes;
    const shape = this.#shapeOf(node?.operands[0] ?? "");
    if (node === undefined) return;
    const zeros = tensorOf(tensorType("f32", shape), new Float32Array(elementCount(tensorType("f32", shape))));
    const layout = unrolledInputs(node, zeros, site.constant.type);
    this.#keep(site, layout, roundNearest(this.#weightGroups(site, layout), this.#options.perTensor));
  }

  #shapeOf(value: string): readonly number[] {
    const { inputs, nodes } = this.#graph;
    const found = [...inputs, ...nodes].find(({ name }) => name === value)?.type;
    return (found ?? this.#constants.get(value)?.type)?.shape ?? [];
  }

  /** The weights of each group [depth, columns], and what integers they may have. */
  #weightGroups(
    { constant, leastScales, element }: Site,
    { groups, depth, columns, index }: UnrolledInputs,
  ): LayerWeights[] {
    const numbers = tensorNumbers(constant as Tensor);
    const { high: greatest } = integerRange(element);
    return Array.from({ length: groups }, (_, group) => ({
      weights: Float64Array.from(
        { length: depth * columns },
        (_each, place) => numbers[index(group, Math.floor(place / columns), place % columns)] as number,
      ),
      columns,
      formats: Array.from(
        { length: columns },
        (_each, column): ChannelFormat => ({ greatest, leastScale: at(leastScales, group * columns + column) }),
      ),
    }));
  }

  #keep(
    { constant, axis, element }: Site,
    { index }: UnrolledInputs,
    groups: readonly (readonly RoundedChannel[])[],
  ): void {
    const { shape } = constant.type;
    const integers = new Int8Array(elementCount(constant.type));
    const real = new Float64Array(integers.length);
    groups.forEach((channels, group) => {
      channels.forEach(({ stored, scale }, column) => {
        stored.forEach((integer, k) => {
          const place = index(group, k, column);
          integers[place] = integer;
          real[place] = scale * integer;
        });
      });
    });
    const scales = groups.flatMap((channels) => channels.map(({ scale }) => scale));
    const type = tensorType(element, shape, { axis, scales, zeros: scales.map(() => 0) });
    this.stored.set(constant.name, { type, data: integers, source: constant.source });
    this.#real.set(constant.name, tensorOf(tensorType(constant.type.element, shape), real));
  }
}

function withStoredWeights(
  graph: Graph,
  sites: readonly Site[],
  stored: ReadonlyMap<string, Omit<Constant, "name">>,
): Graph {
  const weightsOf = new Map(sites.flatMap((site) => site.nodes.map(({ name }) => [name, site.constant] as const)));
  const real = new Map<string, string>();
  return removeDead(
    rewriteGraph(graph, (node, rewriter) => {
      const weights = weightsOf.get(node.name);
      const integers = weights === undefined ? undefined : stored.get(weights.name);
      if (weights === undefined || integers === undefined) return null;
      const [x = null, , bias = null] = node.operands;
      const known =
        real.get(weights.name) ??
        rewriter.add(
          "dequantize",
          [rewriter.addConstantInfo(integers, `${weights.name}.rounded`)],
          { element: weights.type.element },
          `${weights.name}.real`,
        );
      real.set(weights.name, known);
      return rewriter.add(node.op, [x, known, bias], node.attributes, node.name);
    }),
  );
}
