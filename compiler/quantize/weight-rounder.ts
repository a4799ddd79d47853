import { at, rowMajorStrides } from "../../base/math.ts";
import { mapNumbers } from "../../base/typed-arrays.ts";
import type { Contractor } from "../../ir/contractor.ts";
import type { Constant, Graph, Node } from "../../ir/graph.ts";
import { makeWasmContractor } from "../../ir/ops/contraction-kernels.ts";
import { tensorNumbers, tensorOf } from "../../ir/ops/values.ts";
import type { Tensor } from "../../ir/tensor.ts";
import { elementCount, tensorType } from "../../ir/type.ts";
import { channelAxis, makeChannelMeans } from "./channel-means.ts";
import { FrameWalk, type WalkSteps } from "./frame-walk.ts";
import { splitFrames } from "./held-out.ts";
import { type InputRows, sampleRows } from "./input-samples.ts";
import { NearestMemory } from "./nearest-memory.ts";
import { type LayerGroup, type LayerRounding, type LayerRows, roundLayer, roundNearest } from "./round-layer.ts";
import type { RoundedChannel } from "./rounding.ts";
import { type UnrolledInputs, unrolledInputs } from "./unrolled-inputs.ts";
import { type WeightSite, type WeightSiteOptions, weightGroups } from "./weight-sites.ts";

/** How the weights of a graph are rounded. */
export interface RoundWeightsOptions extends WeightSiteOptions {
  /**
   * nearest: each weight to the nearest integer, scales of least squared error. compensated: so that the results on the frames
   * are near to those of the float graph, where that is better than nearest on frames that were held out.
   */
  readonly rounding: "nearest" | "compensated";
  /** One scale for all channels of a layer. */
  readonly perTensor: boolean;
  readonly frames: readonly ReadonlyMap<string, Tensor>[];
  /** Contractions whose biases are corrected later. */
  readonly corrected: ReadonlySet<string>;
  readonly contractor?: Contractor;
  readonly memory?: NearestMemory;
}

/** How the weights of a layer were rounded. */
export interface RoundedLayer extends Omit<LayerRounding, "channels"> {
  /** The contractions that read the weights. */
  readonly contractions: readonly string[];
}

/** The values of a frame, in the float graph and behind what is stored so far. */
interface FrameValues {
  readonly float: Map<string, Tensor>;
  readonly stored: Map<string, Tensor>;
}

/** Rows of what a layer reads that are looked at: four for each weight of a channel, within these. */
const rowCounts = { least: 1024, most: 4096 } as const;

/** Layers of more weights a channel are rounded to nearest: their moments would take minutes. */
const greatestDepth = 2304;

/** Shifts the channels of what a contraction gives with stored weights as bias correction will: to the means of the float graph. */
function correctMeans(node: Node, frames: readonly FrameValues[]): void {
  const [wanted, found] = [makeChannelMeans(node), makeChannelMeans(node)];
  const { name, type } = node;
  for (const { float, stored } of splitFrames(frames).fit) {
    wanted.add(tensorNumbers(float.get(name) as Tensor));
    found.add(tensorNumbers(stored.get(name) as Tensor));
  }
  const means = found.means();
  const shifts = wanted.means().map((mean, channel) => {
    const shift = mean - at(means, channel);
    return Number.isFinite(shift) ? shift : 0;
  });
  const stride = at(rowMajorStrides(type.shape), channelAxis(node));
  for (const { stored } of frames) {
    const numbers = mapNumbers(
      tensorNumbers(stored.get(name) as Tensor),
      (number, index) => number + at(shifts, Math.floor(index / stride) % shifts.length),
    );
    stored.set(name, tensorOf(type, numbers));
  }
}

/** Walks over a graph with all frames at once, rounding weights as their contractions come. */
export class WeightRounder {
  readonly layers: RoundedLayer[] = [];
  /** By weights: integers and scales. */
  readonly stored = new Map<string, Omit<Constant, "name">>();
  readonly #graph: Graph;
  readonly #siteOf: ReadonlyMap<string, WeightSite>;
  readonly #options: RoundWeightsOptions;
  readonly #contractor: Contractor;
  readonly #walk: FrameWalk;
  /** By weights: the numbers that their integers stand for. */
  readonly #real = new Map<string, Tensor>();
  /** By contraction of shared weights: what it reads in the float graph, frame by frame. */
  readonly #shared = new Map<string, UnrolledInputs[][]>();

  constructor(graph: Graph, sites: readonly WeightSite[], options: RoundWeightsOptions) {
    this.#graph = graph;
    this.#siteOf = new Map(sites.flatMap((site) => site.nodes.map(({ name }) => [name, site] as const)));
    this.#options = options;
    this.#contractor = options.contractor ?? makeWasmContractor();
    this.#walk = new FrameWalk({
      graph,
      nodeCount: graph.nodes.findLastIndex((node) => this.#siteOf.has(node.name)) + 1,
      storageOf: options.storageOf,
      realWeights: this.#real,
      contractor: this.#contractor,
    });
  }

  run(): void {
    const { rounding, frames } = this.#options;
    if (rounding === "nearest" || frames.length === 0) {
      for (const site of new Set(this.#siteOf.values())) this.#roundToNearest(site);
      return;
    }
    if ([...this.#siteOf.values()].some(({ nodes }) => nodes.length > 1)) this.#seeShared();
    const values = frames.map((frame): FrameValues => {
      const bound = this.#walk.bound(frame);
      return { float: bound, stored: new Map(bound) };
    });
    this.#walk.run({
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
    return this.#options.corrected.has(name) && (bias === null || this.#walk.constants.has(bias));
  }

  /** Keeps what the contractions of shared weights read in the float graph. */
  #seeShared(): void {
    for (const frame of this.#options.frames) {
      const values = this.#walk.bound(frame);
      const before: WalkSteps["before"] = (node) => {
        const site = this.#siteOf.get(node.name);
        if (site !== undefined && site.nodes.length > 1) {
          const [name = ""] = node.operands as readonly string[];
          const x = values.get(name) ?? (this.#walk.constants.get(name) as Tensor);
          const seen = [x, this.#walk.asStored(node, name, x)].map((each) =>
            unrolledInputs(node, each, site.constant.type),
          );
          this.#shared.set(node.name, [...(this.#shared.get(node.name) ?? []), seen]);
        }
        return [{ values, isStored: false }];
      };
      this.#walk.run({ before });
    }
  }

  /** What the contractions of a site read, frame by frame: in the float graph, and as stored. */
  #inputsOf({ nodes, constant }: WeightSite, frames: readonly FrameValues[]): readonly (readonly UnrolledInputs[])[][] {
    const [node] = nodes;
    if (node === undefined) return [];
    if (nodes.length > 1)
      return frames.map((_, frame) => nodes.map(({ name }) => this.#shared.get(name)?.[frame] ?? []));
    const [name = ""] = node.operands as readonly string[];
    return frames.map(({ float, stored }) => [
      [
        unrolledInputs(node, float.get(name) as Tensor, constant.type),
        unrolledInputs(node, this.#walk.asStored(node, name, stored.get(name) as Tensor), constant.type),
      ],
    ]);
  }

  #round(site: WeightSite, frames: readonly FrameValues[]): void {
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
    const groups = weightGroups(site, layout).map(
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

  #roundToNearest(site: WeightSite): void {
    const [node] = site.nodes;
    const shape = this.#shapeOf(node?.operands[0] ?? "");
    if (node === undefined) return;
    const zeros = tensorOf(tensorType("f32", shape), new Float32Array(elementCount(tensorType("f32", shape))));
    const layout = unrolledInputs(node, zeros, site.constant.type);
    const { perTensor, memory = new NearestMemory() } = this.#options;
    const { element, leastScales, constant } = site;
    const round = (): RoundedChannel[][] => roundNearest(weightGroups(site, layout), perTensor);
    const { data } = constant as Tensor;
    this.#keep(site, layout, memory.remembered(data, { element, leastScales, perTensor }, round));
  }

  #shapeOf(value: string): readonly number[] {
    const { inputs, nodes } = this.#graph;
    const found = [...inputs, ...nodes].find(({ name }) => name === value)?.type;
    return (found ?? this.#walk.constants.get(value)?.type)?.shape ?? [];
  }

  #keep(
    { constant, axis, element }: WeightSite,
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
