import { at } from "../../base/math.ts";
import { elementBytes } from "../../ir/type.ts";
import type { ChipTarget } from "../../targets/target.ts";
import { type Geometry, layOut } from "../geometry.ts";
import type { Network } from "../network.ts";
import type { AxisPiece } from "../pieces.ts";
import { type Candidate, ownersRead } from "./candidates.ts";
import { type EdgeCost, type EdgeScratch, edgeCost, edgeScratch, frameCost } from "./edge-cost.ts";
import type { Edge } from "./edges.ts";
import { movementPlacement, operandPieces } from "./movement-placement.ts";
import { type OwnerIndex, ownerIndex } from "./owner-index.ts";
import { type Placement, placementOf } from "./placement.ts";

/** A placement with a number of its own; the framebuffer has number 0 and no placement. */
interface Numbered {
  readonly number: number;
  readonly placement: Placement | null;
}

const frame: Numbered = { number: 0, placement: null };

/** Placements are fewer than this, and element widths and kinds of reads than the last factor: both go into one key. */
const [numberRange, variants] = [2 ** 22, 32];

/** Prices edges and remembers placements and prices, also of other edges that look the same. */
export class EdgePricer {
  readonly #network: Network;
  readonly #target: ChipTarget;
  readonly #scratch: EdgeScratch;
  readonly #placements = new Map<string, Numbered>();
  readonly #indexes = new Map<number, OwnerIndex>();
  readonly #pieces = new Map<string, readonly AxisPiece[]>();
  readonly #costs = new Map<number, EdgeCost>();

  constructor(network: Network, target: ChipTarget) {
    this.#network = network;
    this.#target = target;
    this.#scratch = edgeScratch(target);
  }

  #numbered(key: string, make: () => Placement): Numbered {
    const known = this.#placements.get(key);
    if (known !== undefined) return known;
    const made = { number: this.#placements.size + 1, placement: make() };
    this.#placements.set(key, made);
    return made;
  }

  #layOut(layer: number, candidate: Candidate): Geometry {
    return layOut(at(this.#network.layers, layer).dimensions, candidate.split, this.#target.grid);
  }

  /** Where the edge's value lies when its producer is mapped so. */
  owned(edge: Edge, producer: Candidate): Numbered {
    const write = at(at(this.#network.layers, edge.producer).writes, edge.write);
    return this.#numbered(at(producer.ownerKeys, edge.write), () =>
      placementOf(this.#layOut(edge.producer, producer), write.access, write.type.shape, true),
    );
  }

  /** Where the edge's value is needed when its consumer is mapped so. */
  needed(edge: Edge, consumer: Candidate): Numbered {
    const layer = at(this.#network.layers, edge.consumer);
    if (layer.kind === "output") return frame;
    const { access, node, type } = at(layer.reads, edge.read);
    if (access !== null) {
      return this.#numbered(at(consumer.needKeys, edge.read) ?? "", () =>
        placementOf(this.#layOut(edge.consumer, consumer), access, type.shape, ownersRead(layer, node)),
      );
    }
    const name = `${layer.name} ${edge.read}`;
    return this.#numbered(`${name} ${consumer.ownerKeys.join()}`, () => {
      const pieces = this.#pieces.get(name) ?? operandPieces(layer, edge.read);
      this.#pieces.set(name, pieces);
      return movementPlacement(this.#layOut(edge.consumer, consumer), pieces, type.shape.length);
    });
  }

  /** The cost of bringing the edge's value from where it lies to where it is needed. */
  cost(edge: Edge, owned: Numbered, needed: Numbered): EdgeCost {
    const read = at(at(this.#network.layers, edge.consumer).reads, edge.read);
    const bytes = elementBytes(read.type.element);
    const key = (owned.number * numberRange + needed.number) * variants + 2 * bytes + (read.access === null ? 1 : 0);
    let cost = this.#costs.get(key);
    if (cost === undefined) {
      cost = this.#price(owned, needed, bytes, read.access !== null);
      this.#costs.set(key, cost);
    }
    return cost;
  }

  #price(owned: Numbered, needed: Numbered, bytes: number, inPlaceAllowed: boolean): EdgeCost {
    const placement = owned.placement as Placement;
    if (needed.placement === null) return frameCost(placement, bytes, this.#target);
    let index = this.#indexes.get(owned.number);
    if (index === undefined) {
      index = ownerIndex(placement);
      this.#indexes.set(owned.number, index);
    }
    return edgeCost(index, needed.placement, bytes, inPlaceAllowed, this.#target, this.#scratch);
  }
}
