import { ownerCells } from "../../kernels/link-load-layout.ts";
import { LinkLoadKernel, type LinkLoads, type PacketCosts } from "../../kernels/link-loads.ts";
import type { Placement, PlacementKernel } from "../../kernels/placements.ts";
import type { ChipTarget } from "../../targets/target.ts";

/** Pieces (pairs of an owned and a needed box that overlap) up to which all of them are looked at: each of 256 cores to each. */
const pieceLimit = 65_536;

function packetCosts(elementBytes: number, { networks, synchronization }: ChipTarget): PacketCosts {
  const { linkBytesPerCycle } = networks.activation;
  return { elementBytes, linkBytesPerCycle, issueCycles: synchronization.issueCycles };
}

/** Works out the loads of moving values from placement to placement, and remembers the placements' forms for the kernel. */
export class LinkLoader {
  readonly #kernel: LinkLoadKernel;
  readonly #placer: PlacementKernel;
  readonly #owners = new WeakMap<Placement, Int32Array>();
  readonly #readers = new WeakMap<Placement, Int32Array>();

  constructor(placer: PlacementKernel, kernels?: WebAssembly.Module) {
    this.#placer = placer;
    this.#kernel = new LinkLoadKernel(kernels);
  }

  /**
   * The loads of moving a value, exactly: each piece is one packet to each rectangle of cores that need its box, along
   * the X-then-Y tree that the networks route; what a core owns and needs it copies, unless that `stays`. Null when there
   * are too many pieces to look at them all.
   */
  loads(
    owned: Placement,
    needed: Placement,
    elementBytes: number,
    stays: boolean,
    target: ChipTarget,
  ): LinkLoads | null {
    const costs = packetCosts(elementBytes, target);
    return this.#kernel.loads(this.#ownersOf(owned), this.#readersOf(needed), costs, stays, pieceLimit);
  }

  /** Cycles that the busiest link has at least; null where only `loads` and what is done without them say more. */
  leastLinkCycles(owned: Placement, needed: Placement, elementBytes: number, target: ChipTarget): number | null {
    const owners = this.#ownersOf(owned);
    // The sides of a cut must be whole grids of boxes.
    if (owners[ownerCells] !== owned.boxCount) return null;
    const costs = packetCosts(elementBytes, target);
    return this.#kernel.leastLinkCycles(owners, this.#readersOf(needed), costs, pieceLimit);
  }

  /** Cycles of all links together, after `loads`; 0 where that looked at nothing. */
  linkCycleSum(): number {
    return this.#kernel.linkCycleSum();
  }

  #ownersOf(owned: Placement): Int32Array {
    const known = this.#owners.get(owned);
    if (known !== undefined) return known;
    const made = this.#placer.owners(owned);
    this.#owners.set(owned, made);
    return made;
  }

  #readersOf(needed: Placement): Int32Array {
    const known = this.#readers.get(needed);
    if (known !== undefined) return known;
    const made = this.#placer.readers(needed);
    this.#readers.set(needed, made);
    return made;
  }
}
