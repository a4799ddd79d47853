import * as layout from "./link-load-layout.ts";
import { compileKernels, instantiateKernels, type KernelExports } from "./wasm-module.ts";

/** The most loaded parts of a grid of cores when pieces of a value move over it. */
export interface LinkLoads {
  /** Cycles of the busiest inject port, eject port, and link. */
  readonly inject: number;
  readonly eject: number;
  readonly links: number;
  /** Elements at the busiest memory port, and most elements that a core takes in from others. */
  readonly portCount: number;
  readonly remoteCount: number;
}

/** What a packet costs. */
export interface PacketCosts {
  readonly elementBytes: number;
  readonly linkBytesPerCycle: number;
  readonly issueCycles: number;
}

const pageBytes = 65536;

/** A part of a memory that grows. */
interface Region {
  address: number;
  bytes: number;
}

function emptyRegion(): Region {
  return { address: 0, bytes: 0 };
}

/** Works out loads in WASM, in a memory of its own. */
export class LinkLoadKernel {
  readonly #memory = new WebAssembly.Memory({ initial: 1 });
  readonly #kernels: KernelExports;
  readonly #board = emptyRegion();
  readonly #ways = emptyRegion();
  readonly #scratch = emptyRegion();
  readonly #owners = emptyRegion();
  readonly #readers = emptyRegion();
  /** Where no region lies yet. */
  #end = 0;
  #words = new Int32Array(this.#memory.buffer);
  /** The records that stand in the regions. */
  #ownersIn: Int32Array | null = null;
  #readersIn: Int32Array | null = null;

  constructor(module: WebAssembly.Module = compileKernels()) {
    this.#kernels = instantiateKernels(module, this.#memory);
  }

  /** Makes a region large enough; gives whether it had to be moved, to where there are zeros. */
  #reserve(region: Region, bytes: number): boolean {
    if (bytes <= region.bytes) return false;
    // Twice as much, so that regions that grow time and again take no more than a few times what they need.
    region.bytes = Math.ceil((2 * bytes) / 16) * 16;
    region.address = this.#end;
    this.#end += region.bytes;
    const missing = this.#end - this.#memory.buffer.byteLength;
    if (missing > 0) {
      this.#memory.grow(Math.ceil(missing / pageBytes));
      this.#words = new Int32Array(this.#memory.buffer);
    }
    return true;
  }

  /** Reserves what the kernel works in and copies both records to where it reads them. */
  #load(owners: Int32Array, readers: Int32Array): void {
    const rows = readers[layout.readerRows] as number;
    const columns = readers[layout.readerColumns] as number;
    const cores = rows * columns;
    const links = 2 * (columns * (rows + 1) + rows * (columns + 2));
    this.#reserve(this.#board, 8 * (layout.foundNumbers + 4 * cores + links + rows) + 8 * cores);
    this.#reserve(this.#ways, 8 * (readers[layout.readerWays] as number) * rows * (columns + 1));
    this.#reserve(this.#scratch, scratchBytes(owners, readers));
    if (this.#reserve(this.#owners, owners.byteLength) || owners !== this.#ownersIn) {
      this.#words.set(owners, this.#owners.address / 4);
      this.#ownersIn = owners;
    }
    if (this.#reserve(this.#readers, readers.byteLength) || readers !== this.#readersIn) {
      this.#words.set(readers, this.#readers.address / 4);
      this.#readersIn = readers;
    }
  }

  /**
   * The loads of moving every piece (where an owned and a read box overlap) in a packet to each rectangle of its readers, first
   * along the row, then along the columns, over each link once. What a core owns and reads it copies, unless that `stays`. Null
   * when there are more than `pieceLimit` pieces, as the box in the middle of the list has them; they are not looked at then.
   */
  loads(
    owners: Int32Array,
    readers: Int32Array,
    { elementBytes, linkBytesPerCycle, issueCycles }: PacketCosts,
    stays: boolean,
    pieceLimit: number,
  ): LinkLoads | null {
    this.#load(owners, readers);
    const isFound = this.#kernels.linkLoads(
      this.#owners.address,
      this.#readers.address,
      this.#board.address,
      this.#ways.address,
      this.#scratch.address,
      pieceLimit,
      elementBytes,
      linkBytesPerCycle,
      issueCycles,
      stays ? 1 : 0,
    );
    if (isFound === 0) return null;
    const found = new Float64Array(this.#memory.buffer, this.#board.address, layout.foundNumbers);
    return {
      inject: found[layout.foundInject] as number,
      eject: found[layout.foundEject] as number,
      links: found[layout.foundLinks] as number,
      portCount: found[layout.foundPort] as number,
      remoteCount: found[layout.foundRemote] as number,
    };
  }

  /**
   * Cycles that the busiest link has at least, from what crosses the cuts, whose sides must have an owner in every cell; null
   * when there are more than `pieceLimit` pieces.
   */
  leastLinkCycles(
    owners: Int32Array,
    readers: Int32Array,
    { elementBytes, linkBytesPerCycle }: PacketCosts,
    pieceLimit: number,
  ): number | null {
    this.#load(owners, readers);
    const cycles = this.#kernels.leastLinkCycles(
      this.#owners.address,
      this.#readers.address,
      this.#scratch.address,
      pieceLimit,
      elementBytes,
      linkBytesPerCycle,
    );
    return cycles < 0 ? null : cycles;
  }

  /** Cycles of all links together, after `loads`; 0 where that looked at nothing. */
  linkCycleSum(): number {
    const readers = this.#readersIn;
    if (readers === null) return 0;
    const rows = readers[layout.readerRows] as number;
    return this.#kernels.linkCycleSum(this.#board.address, rows, readers[layout.readerColumns] as number);
  }
}

/** What the kernel needs for overlaps on axes, what owners share of each range, and the pieces of a box. */
function scratchBytes(owners: Int32Array, readers: Int32Array): number {
  const firstRange = readers[layout.readerAxisRanges] as number;
  let shares = 0;
  for (let axis = 0; axis < (readers[layout.readerRank] as number); axis += 1) {
    const ranges = (readers[firstRange + axis + 1] as number) - (readers[firstRange + axis] as number);
    shares += ranges * (owners[layout.ownerAxes + layout.ownerAxisWords * axis] as number);
  }
  const cells = owners[layout.ownerCells] as number;
  return 64 * (readers[layout.readerRanges] as number) + 8 * shares + 16 * cells;
}
