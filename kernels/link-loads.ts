import { growTo } from "./grow-memory.ts";
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

/**
 * A placement that a kernel holds: the addresses of its record, of owners or of readers, and of the boxes of looked cores; 0 in place of
 * these for owners that leave cells free.
 */
export interface HeldPlacement {
  readonly record: number;
  readonly looked: number;
}

/** A part of a memory that grows. */
interface Region {
  address: number;
  bytes: number;
}

function emptyRegion(): Region {
  return { address: 0, bytes: 0 };
}

/** Works out loads in WASM, in a memory of its own, of placements that it holds. */
export class LinkLoadKernel {
  readonly #memory = new WebAssembly.Memory({ initial: 1 });
  readonly #kernels: KernelExports;
  readonly #board = emptyRegion();
  readonly #ways = emptyRegion();
  readonly #scratch = emptyRegion();
  readonly #lists = emptyRegion();
  readonly #least = emptyRegion();
  /** Where nothing lies yet; no record has address 0. */
  #end = 16;
  #words = new Int32Array(this.#memory.buffer);
  /** Rows and columns of the readers that were looked at last. */
  #rows = 0;
  #columns = 0;

  constructor(module: WebAssembly.Module = compileKernels()) {
    this.#kernels = instantiateKernels(module, this.#memory);
  }

  /** Takes bytes that are zeros; gives their address. */
  #take(bytes: number): number {
    const address = this.#end;
    this.#end += Math.ceil(bytes / 16) * 16;
    if (growTo(this.#memory, this.#end)) this.#words = new Int32Array(this.#memory.buffer);
    return address;
  }

  /** Makes a region large enough, moving it to where there are zeros if need be. */
  #reserve(region: Region, bytes: number): void {
    if (bytes <= region.bytes) return;
    // Twice as much, so that regions that grow time and again take no more than a few times what they need.
    region.bytes = 2 * bytes;
    region.address = this.#take(region.bytes);
  }

  /** Keeps a record, of owners, of readers or of the boxes of looked cores; gives its address. */
  hold(record: Int32Array): number {
    const address = this.#take(record.byteLength);
    this.#words.set(record, address / 4);
    return address;
  }

  /**
   * The loads of moving every piece (where an owned and a read box overlap) in a packet to each rectangle of its readers, first
   * along the row, then along the columns, over each link once. What a core owns and reads it copies, unless that `stays`. Null
   * when there are more than `pieceLimit` pieces, as the box in the middle of the list has them; they are not looked at then. Owners
   * and readers are addresses of held records.
   */
  loads(
    owners: number,
    readers: number,
    { elementBytes, linkBytesPerCycle, issueCycles }: PacketCosts,
    stays: boolean,
    pieceLimit: number,
  ): LinkLoads | null {
    const rows = this.#words[readers / 4 + layout.readerRows] as number;
    const columns = this.#words[readers / 4 + layout.readerColumns] as number;
    const ways = this.#words[readers / 4 + layout.readerWays] as number;
    const cores = rows * columns;
    const links = 2 * (columns * (rows + 1) + rows * (columns + 2));
    this.#rows = rows;
    this.#columns = columns;
    this.#reserve(this.#board, 8 * (layout.foundNumbers + 4 * cores + links + rows) + 8 * cores);
    this.#reserve(this.#ways, 8 * ways * rows * (columns + 1));
    this.#reserve(this.#scratch, this.#scratchBytes(owners, readers));
    const isFound = this.#kernels.linkLoads(
      owners,
      readers,
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

  /** What the kernel needs for overlaps on axes, what owners share of each range, and the pieces of a box. */
  #scratchBytes(owners: number, readers: number): number {
    const own = owners / 4;
    const read = readers / 4;
    const words = this.#words;
    const firstRange = read + (words[read + layout.readerAxisRanges] as number);
    let shares = 0;
    for (let axis = 0; axis < (words[read + layout.readerRank] as number); axis += 1) {
      const ranges = (words[firstRange + axis + 1] as number) - (words[firstRange + axis] as number);
      shares += ranges * (words[own + layout.ownerAxes + layout.ownerAxisWords * axis] as number);
    }
    const cells = words[own + layout.ownerCells] as number;
    return 64 * (words[read + layout.readerRanges] as number) + 8 * shares + 16 * cells;
  }

  /**
   * Fills in what moving a value costs at least where `least`, [owner][reader], is NaN: cycles of links, from what crosses two cuts of
   * the grid and what looked cores take in, and `wayCycles` where anything is sent. −1 where nothing is known: of owners that leave
   * cells free, and of more than `pieceLimit` pieces.
   */
  fillLeast(
    least: Float64Array,
    owners: readonly HeldPlacement[],
    readers: readonly HeldPlacement[],
    { elementBytes, linkBytesPerCycle }: PacketCosts,
    wayCycles: number,
    pieceLimit: number,
  ): void {
    const held = [...owners, ...readers];
    this.#reserve(this.#lists, 4 * layout.heldWords * held.length);
    this.#reserve(this.#least, least.byteLength);
    let mostRanges = 0;
    for (const { record } of readers) {
      mostRanges = Math.max(mostRanges, this.#words[record / 4 + layout.readerRanges] as number);
    }
    this.#reserve(this.#scratch, layout.sharedBytes * mostRanges);
    const list = this.#lists.address;
    held.forEach(({ record, looked }, place) => {
      this.#words[list / 4 + layout.heldWords * place + layout.heldRecord] = record;
      this.#words[list / 4 + layout.heldWords * place + layout.heldLooked] = looked;
    });
    const table = new Float64Array(this.#memory.buffer, this.#least.address, least.length);
    table.set(least);
    this.#kernels.leastEdgeCycles(
      list,
      owners.length,
      list + 4 * layout.heldWords * owners.length,
      readers.length,
      this.#least.address,
      this.#scratch.address,
      pieceLimit,
      elementBytes,
      linkBytesPerCycle,
      wayCycles,
    );
    least.set(table);
  }

  /** Cycles of all links together, after `loads`; 0 where that looked at nothing. */
  linkCycleSum(): number {
    return this.#kernels.linkCycleSum(this.#board.address, this.#rows, this.#columns);
  }
}
