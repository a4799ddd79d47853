import { LinkLoadKernel, type LinkLoads, ownerRecord, readerRecord, sourceNumber } from "../../kernels/link-loads.ts";
import type { ChipTarget } from "../../targets/target.ts";
import type { OwnerIndex } from "./owner-index.ts";
import type { Placement } from "./placement.ts";
import { readerBoxes } from "./reader-boxes.ts";

/** Pieces (pairs of an owned and a needed box that overlap) up to which all of them are looked at: each of 256 cores to each. */
const pieceLimit = 65_536;

/** Works out the loads of moving values from placement to placement, and remembers the placements' forms for the kernel. */
export class LinkLoader {
  readonly #kernel = new LinkLoadKernel();
  readonly #owners = new WeakMap<OwnerIndex, Int32Array>();
  readonly #readers = new WeakMap<Placement, Int32Array>();

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
    const { linkBytesPerCycle } = target.networks.activation;
    const costs = { elementBytes, linkBytesPerCycle, issueCycles: target.synchronization.issueCycles };
    return this.#kernel.loads(this.#ownersOf(owners), this.#readersOf(needed), costs, stays, pieceLimit);
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
    const made = ownerRecord({ axes, sources });
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
