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
  leastEdgeCycles,
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

/** Prices edges and remembers placements and prices, also of other edges that look the same. */
export class EdgePricer {
  readonly #network: Network;
  readonly #target: ChipTarget;
  readonly #scratch: EdgeScratch;
  readonly #placements = new Map<string, Numbered>();
  readonly #lodgings: ReadonlyMap<string, Lodging>;
  readonly #pieces = new Map<string, readonly AxisPiece[]>();
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

  #layOut(layer: number, candidate: Candidate): Geometry {
    return layOut(at(this.#network.layers, layer).dimensions, candidate.split, this.#target.grid, candidate.corner);
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
    const least = new Float64Array(owned.length * needed.length);
    const isKnown = new Uint8Array(least.length);
    const priced = (from: Numbered, to: Numbered): number => {
      const known = this.#known(this.#cycles, from);
      const key = to.number * variants + variant;
      const cycles = known.get(key) ?? this.#price(from, to, bytes, finding).cycles;
      known.set(key, cycles);
      return cycles;
    };
    let entry = 0;
    for (const from of owned) {
      const known = this.#known(this.#cycles, from);
      const bounded = this.#known(this.#bounds, from);
      for (const to of needed) {
        const key = to.number * variants + variant;
        let cycles = known.get(key);
        let bound = cycles ?? bounded.get(key);
        if (bound === undefined) {
          bound = this.#bound(from, to, bytes, finding) ?? undefined;
          if (bound === undefined) {
            cycles = priced(from, to);
            bound = cycles;
          } else bounded.set(key, bound);
        }
        least[entry] = bound;
        isKnown[entry] = cycles === undefined ? 0 : 1;
        entry += 1;
      }
    }
    return new EdgeTable(least, isKnown, (place) =>
      priced(at(owned, Math.floor(place / needed.length)), at(needed, place % needed.length)),
    );
  }

  #known(numbers: Map<number, number>[], { number }: Numbered): Map<number, number> {
    const known = numbers[number] ?? new Map<number, number>();
    numbers[number] = known;
    return known;
  }

  /** What an edge costs at least; null where it is better priced at once. */
  #bound(owned: Numbered, needed: Numbered, bytes: number, finding: Finding): number | null {
    if (needed.placement === null || needed.placement.boxCount === 0) return null;
    if (finding !== "moved" && isInPlace(owned.placement as Placement, needed.placement)) return null;
    return leastEdgeCycles(owned.placement as Placement, needed.placement, bytes, this.#target, this.#scratch);
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
