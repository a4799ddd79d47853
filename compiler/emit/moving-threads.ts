import type { CoreClass } from "../../ir/program.ts";
import type { Described } from "./skeleton.ts";

/** The threads of a step that move data, and what others must know of them. */
export interface MovingThreads {
  /** By row: packets that the io core of the row sends from the framebuffer. */
  readonly frameSends: readonly (readonly Described[])[];
  /** By row: packets that arrive at the io core of the row. */
  readonly frameArrivals: readonly number[];
  /** By core: packets of operands that arrive. */
  readonly arrivals: readonly number[];
  readonly classes: readonly CoreClass[];
  /** By core: tokens that start its threads. */
  readonly starts: readonly (readonly number[])[];
  /** By core: whether it sends operands. */
  readonly isSending: readonly boolean[];
  /** By core: whether it copies or fills within its own memory. */
  readonly hasGathers: readonly boolean[];
  /** By core: whether it sends what it holds of an output beside the work of this step or of the next batch. */
  readonly leaves: readonly boolean[];
  /** By row: cores that tell the io core when they have sent their operands, which those that send of outputs wait for. */
  readonly rowSenders: readonly number[];
  /** By core: bytes of its instructions. */
  readonly bytes: readonly number[];
  /** The most bytes of a core's instructions that go on while the next batch is computed. */
  readonly behindBytes: number;
}
