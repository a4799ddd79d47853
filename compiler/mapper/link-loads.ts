import {
  LinkLoadKernel,
  type LinkLoads,
  ownerRecord,
  type PacketCosts,
  readerRecord,
  sourceNumber,
} from "../../kernels/link-loads.ts";
import type { Placement } from "../../kernels/placements.ts";
import type { ChipTarget } from "../../targets/target.ts";
import { ownerCuts } from "./owner-cuts.ts";
import type { OwnerIndex } from "./owner-index.ts";
import { readerBoxes } from "./reader-boxes.ts";

/** Pieces (pairs of an owned and a needed box that overlap) up to which all of them are looked at: each of 256 cores to each. */
const pieceLimit = 65_536;

function packetCosts(elementBytes: number, { networks, synchronization }: ChipTarget): PacketCosts {
  const { linkBytesPerCycle } = networks.activation;
  return { elementBytes, linkBytesPerCycle, issueCycles: synchronization.issueCycles };
}

/** Works out the loads of moving values from placement to placement, and remembers the placements' forms for the kernel. */
export class LinkLoader {
  readonly #kernel: LinkLoadKernel;
  readonly #owners = new WeakMap<OwnerIndex, Int32Array>();
  readonly #readers = new WeakMap<Placement, Int32Array>();

  constructor(kernels?: WebAssembly.Module) {
    this.#kernel = new LinkLoadKernel(kernels);
  }

  /**
   * The loads of moving a value, exactly: each piece is one packet to each rectangle of cores that need its box, along
   * the X-then-Y tree that the networks route; what a core owns and needs it copies, unless that `stays`. Null when there
   * are too many pieces to look at them all.
   */
  loads(
    owners: OwnerIndex,
    needed: Placement,
    elementBytes: number,
    stays: boolean,
    target: ChipTarget,
  ): LinkLoads | null {
    const costs = packetCosts(elementBytes, target);
    return this.#kernel.loads(this.#ownersOf(owners), this.#readersOf(needed), costs, stays, pieceLimit);
  }

  /** Cycles that the busiest link has at least; null where only `loads` and what is done without them say more. */
  leastLinkCycles(owners: OwnerIndex, needed: Placement, elementBytes: number, target: ChipTarget): number | null {
    // The sides of a cut must be whole grids of boxes.
    if (owners.boxes.length !== owners.placement.boxCount) return null;
    const costs = packetCosts(elementBytes, target);
    return this.#kernel.leastLinkCycles(this.#ownersOf(owners), this.#readersOf(needed), costs, pieceLimit);
  }

  /** Cycles of all links together, after `loads`; 0 where that looked at nothing. */
  linkCycleSum(): number {
    return this.#kernel.linkCycleSum();
  }

  #ownersOf(owners: OwnerIndex): Int32Array {
    const known = this.#owners.get(owners);
    if (known !== undefined) return known;
    const { starts, ends, boxes, placement } = owners;
    const axes = starts.map((own, axis) => ({ starts: own, ends: ends[axis] as Int32Array }));
    const sources = boxes.map((box) =>
      box < 0 ? -1 : sourceNumber(placement.extent[4 * box] as number, placement.extent[4 * box + 2] as number),
    );
    const made = ownerRecord({ axes, sources, ...ownerCuts(owners) });
    this.#owners.set(owners, made);
    return made;
  }

  #readersOf(needed: Placement): Int32Array {
    const known = this.#readers.get(needed);
    if (known !== undefined) return known;
    const made = readerRecord(readerBoxes(needed));
    this.#readers.set(needed, made);
    return made;
  }
}
