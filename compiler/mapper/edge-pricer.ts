import { at } from "../../base/math.ts";
import { elementBytes } from "../../ir/type.ts";
import type { Placement } from "../../kernels/placements.ts";
import type { ChipTarget } from "../../targets/target.ts";
import { type Geometry, layOut } from "../geometry.ts";
import type { LayerRead } from "../layers.ts";
import { type Lodging, lodgingsOf } from "../lodgings.ts";
import type { Network } from "../network.ts";
import type { AxisPiece } from "../pieces.ts";
import { placementOf } from "./access-placement.ts";
import type { Candidate } from "./candidates.ts";
import {
  type EdgeCost,
  type EdgeScratch,
  edgeCost,
  edgeEnergyPj,
  edgeScratch,
  frameCost,
  frameEnergyPj,
  isInPlace,
} from "./edge-cost.ts";
import { EdgeTable } from "./edge-table.ts";
import type { Edge } from "./edges.ts";
import { movementPlacement, operandPieces } from "./movement-placement.ts";
import { ownersRead } from "./placement-key.ts";

/** A placement with a number of its own; the framebuffer has number 0 and no placement. */
interface Numbered {
  readonly number: number;
  readonly placement: Placement | null;
}

const frame: Numbered = { number: 0, placement: null };

/** Element widths and kinds of reads are fewer: they go into one key with the number of a placement. */
const variants = 128;

/** How a value may be found where it is needed: with room around it for windows, only as it is, or not at all. */
type Finding = "around" | "as-it-is" | "moved";

const findings: readonly Finding[] = ["around", "as-it-is", "moved"];

/** By number of what is needed and variant, for the owners' placement. */
function knownOf(numbers: Map<number, number>[], { number }: Numbered): Map<number, number> {
  const known = numbers[number] ?? new Map<number, number>();
  numbers[number] = known;
  return known;
}

function placements(list: readonly Numbered[]): Placement[] {
  return list.map(({ placement }) => placement as Placement);
}

/** Prices edges and remembers placements and prices, also of other edges that look the same. */
export class EdgePricer {
  readonly #network: Network;
  readonly #target: ChipTarget;
  readonly #scratch: EdgeScratch;
  readonly #placements = new Map<string, Numbered>();
  readonly #lodgings: ReadonlyMap<string, Lodging>;
  readonly #pieces = new Map<string, readonly AxisPiece[]>();
  readonly #geometries = new Map<Candidate, Geometry>();
  /** Prices and what they are at least, by number of the owners' placement. */
  readonly #cycles: Map<number, number>[] = [];
  readonly #bounds: Map<number, number>[] = [];

  constructor(network: Network, target: ChipTarget, kernels: WebAssembly.Module) {
    this.#network = network;
    this.#target = target;
    this.#lodgings = lodgingsOf(network);
    this.#scratch = edgeScratch(target, kernels);
  }

  #numbered(key: string, make: () => Placement): Numbered {
    const known = this.#placements.get(key);
    if (known !== undefined) return known;
    const made = { number: this.#placements.size + 1, placement: make() };
    this.#placements.set(key, made);
    return made;
  }

  /** How a candidate lies on the grid; layers that share it have the same dimensions. */
  #layOut(layer: number, candidate: Candidate): Geometry {
    const known = this.#geometries.get(candidate);
    if (known !== undefined) return known;
    const { dimensions } = at(this.#network.layers, layer);
    const made = layOut(dimensions, candidate.split, this.#target.grid, candidate.corner);
    this.#geometries.set(candidate, made);
    return made;
  }

  /** Where the edge's value lies when its producer is mapped so. */
  owned(edge: Edge, producer: Candidate): Numbered {
    const write = at(at(this.#network.layers, edge.producer).writes, edge.write);
    return this.#numbered(at(producer.ownerKeys, edge.write), () =>
      placementOf(this.#scratch.placer, this.#layOut(edge.producer, producer), write.access, write.type.shape, true),
    );
  }

  /** Where the edge's value is needed when its consumer is mapped so. */
  needed(edge: Edge, consumer: Candidate): Numbered {
    const layer = at(this.#network.layers, edge.consumer);
    if (layer.kind === "output") return frame;
    const { access, node, type } = at(layer.reads, edge.read);
    if (access !== null) {
      return this.#numbered(at(consumer.needKeys, edge.read) ?? "", () =>
        placementOf(
          this.#scratch.placer,
          this.#layOut(edge.consumer, consumer),
          access,
          type.shape,
          ownersRead(layer, node),
        ),
      );
    }
    const name = `${layer.name} ${edge.read}`;
    return this.#numbered(`${name} ${consumer.ownerKeys.join()}`, () => {
      const pieces = this.#pieces.get(name) ?? operandPieces(layer, edge.read);
      this.#pieces.set(name, pieces);
      return movementPlacement(this.#scratch.placer, this.#layOut(edge.consumer, consumer), pieces, type.shape.length);
    });
  }

  #finding({ consumer }: Edge, { access, value }: LayerRead): Finding {
    if (access !== null) return "around";
    return this.#lodgings.get(value)?.layer === consumer ? "as-it-is" : "moved";
  }

  /** The cost of bringing the edge's value from where it lies to where it is needed. */
  cost(edge: Edge, owned: Numbered, needed: Numbered): EdgeCost {
    const read = at(at(this.#network.layers, edge.consumer).reads, edge.read);
    return this.#price(owned, needed, elementBytes(read.type.element), this.#finding(edge, read));
  }

  /** The dynamic energy of bringing the edge's value there, in picojoules. */
  energyPj(edge: Edge, owned: Numbered, needed: Numbered): number {
    const cost = this.cost(edge, owned, needed);
    const placement = owned.placement as Placement;
    const read = at(at(this.#network.layers, edge.consumer).reads, edge.read);
    const bytes = elementBytes(read.type.element);
    return needed.placement === null
      ? frameEnergyPj(placement, bytes, this.#target)
      : edgeEnergyPj(placement, needed.placement, bytes, read.access !== null, cost, this.#target, this.#scratch);
  }

  /** The cycles of `cost` for all pairs of placements, [owned][needed]. */
  table(edge: Edge, owned: readonly Numbered[], needed: readonly Numbered[]): EdgeTable {
    const read = at(at(this.#network.layers, edge.consumer).reads, edge.read);
    const bytes = elementBytes(read.type.element);
    const finding = this.#finding(edge, read);
    const variant = 3 * 4 * bytes + findings.indexOf(finding);
    const keyOf = (to: Numbered): number => to.number * variants + variant;
    const priced = (from: Numbered, to: Numbered): number => {
      const known = knownOf(this.#cycles, from);
      const cycles = known.get(keyOf(to)) ?? this.#price(from, to, bytes, finding).cycles;
      known.set(keyOf(to), cycles);
      return cycles;
    };
    // Choices that differ in their weights alone share a placement.
    const [owners, readers] = [[...new Set(owned)], [...new Set(needed)]];
    const bounds = new Float64Array(owners.length * readers.length);
    const isPriced = new Uint8Array(bounds.length);
    const open: number[] = [];
    for (const [row, from] of owners.entries()) {
      const [known, bounded] = [knownOf(this.#cycles, from), knownOf(this.#bounds, from)];
      for (let column = 0; column < readers.length; column += 1) {
        const entry = row * readers.length + column;
        const to = at(readers, column);
        let cycles = known.get(keyOf(to));
        const bound = cycles ?? bounded.get(keyOf(to));
        if (bound === undefined) {
          if (this.#isBounded(from, to, finding)) open.push(entry);
          else cycles = priced(from, to);
        }
        bounds[entry] = cycles ?? bound ?? Number.NaN;
        isPriced[entry] = cycles === undefined ? 0 : 1;
      }
    }
    if (open.length > 0)
      this.#scratch.links.fillLeast(bounds, placements(owners), placements(readers), bytes, this.#target);
    for (let index = 0; index < open.length; index += 1) {
      const entry = open[index] as number;
      const from = at(owners, Math.floor(entry / readers.length));
      const to = at(readers, entry % readers.length);
      const bound = bounds[entry] as number;
      if (bound >= 0) knownOf(this.#bounds, from).set(keyOf(to), bound);
      else {
        bounds[entry] = priced(from, to);
        isPriced[entry] = 1;
      }
    }
    const least = new Float64Array(owned.length * needed.length);
    const isKnown = new Uint8Array(least.length);
    const columns = needed.map((to) => readers.indexOf(to));
    let entry = 0;
    for (const from of owned) {
      const row = owners.indexOf(from) * readers.length;
      for (let place = 0; place < columns.length; place += 1) {
        const pair = row + (columns[place] as number);
        least[entry] = bounds[pair] as number;
        isKnown[entry] = isPriced[pair] as number;
        entry += 1;
      }
    }
    return new EdgeTable(least, isKnown, (entry) =>
      priced(at(owned, Math.floor(entry / needed.length)), at(needed, entry % needed.length)),
    );
  }

  /** Whether a lower bound of an edge stands for its price; else it is better priced at once. */
  #isBounded(owned: Numbered, needed: Numbered, finding: Finding): boolean {
    if (needed.placement === null || needed.placement.boxCount === 0) return false;
    return finding === "moved" || !isInPlace(owned.placement as Placement, needed.placement);
  }

  #price(owned: Numbered, needed: Numbered, bytes: number, finding: Finding): EdgeCost {
    const placement = owned.placement as Placement;
    if (needed.placement === null) return frameCost(placement, bytes, this.#target);
    return edgeCost(
      placement,
      needed.placement,
      bytes,
      finding !== "moved",
      this.#target,
      this.#scratch,
      finding === "around",
    );
  }
}
