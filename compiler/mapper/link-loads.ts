import { lookedCores, ownerCells } from "../../kernels/link-load-layout.ts";
import { type HeldPlacement, LinkLoadKernel, type LinkLoads, type PacketCosts } from "../../kernels/link-loads.ts";
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
  readonly #owners = new WeakMap<Placement, HeldPlacement>();
  readonly #readers = new WeakMap<Placement, HeldPlacement>();

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
    return this.#kernel.loads(this.#ownersOf(owned).record, this.#readersOf(needed).record, costs, stays, pieceLimit);
  }

  /**
   * Fills in what moving values costs at least where `least`, [owned][needed], is NaN: by what crosses the middle of the chip, and by
   * what some cores take in from others. −1 where only `loads` and what is done without them say more.
   */
  fillLeast(
    least: Float64Array,
    owned: readonly Placement[],
    needed: readonly Placement[],
    elementBytes: number,
    target: ChipTarget,
  ): void {
    const { rows, columns } = target.grid;
    const wayCycles = target.networks.activation.hopCycles * ((rows + columns) >> 1);
    const owners = owned.map((each) => this.#ownersOf(each));
    const readers = needed.map((each) => this.#readersOf(each));
    this.#kernel.fillLeast(least, owners, readers, packetCosts(elementBytes, target), wayCycles, pieceLimit);
  }

  /** Cycles of all links together, after `loads`; 0 where that looked at nothing. */
  linkCycleSum(): number {
    return this.#kernel.linkCycleSum();
  }

  #ownersOf(owned: Placement): HeldPlacement {
    const known = this.#owners.get(owned);
    if (known !== undefined) return known;
    const record = this.#placer.owners(owned);
    // The sides of a cut must be whole grids of boxes.
    const isWhole = record[ownerCells] === owned.boxCount;
    const made = { record: this.#kernel.hold(record), looked: isWhole ? this.#kernel.hold(lookedBoxes(owned)) : 0 };
    this.#owners.set(owned, made);
    return made;
  }

  #readersOf(needed: Placement): HeldPlacement {
    const known = this.#readers.get(needed);
    if (known !== undefined) return known;
    const record = this.#kernel.hold(this.#placer.readers(needed));
    const made = { record, looked: this.#kernel.hold(lookedBoxes(needed)) };
    this.#readers.set(needed, made);
    return made;
  }
}

/** The boxes of some cores from the first to the last, as bounds look at them. */
function lookedBoxes({ rows, columns, rank, boxStart, boxes, bounds }: Placement): Int32Array {
  const coreOf = (looked: number): number => Math.floor((looked * (rows * columns - 1)) / (lookedCores - 1));
  const width = 2 * rank;
  let count = 0;
  for (let looked = 0; looked < lookedCores; looked += 1) {
    const core = coreOf(looked);
    count += (boxStart[core + 1] as number) - (boxStart[core] as number);
  }
  const record = new Int32Array(lookedCores + 1 + width * count);
  let end = 0;
  for (let looked = 0; looked < lookedCores; looked += 1) {
    const core = coreOf(looked);
    for (let place = boxStart[core] as number; place < (boxStart[core + 1] as number); place += 1) {
      const from = width * (boxes[place] as number);
      const to = lookedCores + 1 + width * end;
      for (let side = 0; side < width; side += 1) record[to + side] = bounds[from + side] as number;
      end += 1;
    }
    record[looked + 1] = end;
  }
  return record;
}
