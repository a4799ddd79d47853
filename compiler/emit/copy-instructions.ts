import type { SimpleInstruction } from "../../ir/instruction.ts";
import type { CopyShape, Transfer } from "../transfers.ts";
import type { Bundle } from "./bundles.ts";
import { type CopyBatch, copyViews } from "./copy-batch.ts";
import type { SequenceIndex } from "./sequence-index.ts";
import { type Described, described } from "./skeleton.ts";

/** By the instruction that a copy is made by, where only its shape counts; multicasts have the shape of their rectangle as well. */
type Way = "gather" | "move" | "frame" | number;

/** Makes the instructions of a batch's copies. Those that differ in addresses and cores alone are described once. */
export class CopyInstructions {
  readonly #batch: CopyBatch;
  /** The token that packets raise at their arrival. */
  readonly #token: number;
  /** Columns of the grid. */
  readonly #columns: number;
  readonly #shapes: SequenceIndex;
  readonly #examples = new Map<CopyShape, Map<Way, Described>>();

  constructor(batch: CopyBatch, token: number, columns: number, shapes: SequenceIndex) {
    this.#batch = batch;
    this.#token = token;
    this.#columns = columns;
    this.#shapes = shapes;
  }

  /** The packet that carries a bundle: a move to one core, a multicast to several. */
  packet({ transfer, cores, only }: Bundle): Described {
    const { rows, columns } = cores;
    if (only < 0)
      return this.#like(transfer, rows * (this.#columns + 1) + columns, cores.row, cores.column, rows, columns);
    return this.#like(transfer, "move", Math.floor(only / this.#columns), only % this.#columns);
  }

  /** The packet that carries a copy to the io core of a row. */
  frameMove(transfer: Transfer, row: number): Described {
    return this.#like(transfer, "frame", row, -1);
  }

  /** The copy within a core's memory. */
  gather({ shape, sourceOffset, destinationOffset }: Transfer): Described {
    return this.#with(this.#example(shape, "gather", 0, 0), [
      this.#batch.sourceAddress + sourceOffset,
      this.#batch.destinationAddress + destinationOffset,
    ]);
  }

  #like(
    { shape, sourceOffset, destinationOffset }: Transfer,
    way: Way,
    row: number,
    column: number,
    rows = 1,
    columns = 1,
  ): Described {
    return this.#with(this.#example(shape, way, rows, columns), [
      this.#batch.sourceAddress + sourceOffset,
      this.#batch.destinationAddress + destinationOffset,
      row,
      column,
    ]);
  }

  /** An instruction like an example, with its numbers in the order in which they stand there. */
  #with({ example, shape }: Described, numbers: readonly number[]): Described {
    return { example, shape, numbers };
  }

  #example(shape: CopyShape, way: Way, rows: number, columns: number): Described {
    const known = this.#examples.get(shape) ?? new Map<Way, Described>();
    this.#examples.set(shape, known);
    const example = known.get(way) ?? described(this.#instruction(shape, way, rows, columns), this.#shapes);
    known.set(way, example);
    return example;
  }

  #instruction(shape: CopyShape, way: Way, rows: number, columns: number): SimpleInstruction {
    const { elementBytes } = this.#batch;
    const { counts, source, destination } = copyViews(shape, this.#batch);
    const token = this.#token;
    const core = { row: 0, column: 0 };
    switch (way) {
      case "gather":
        return { kind: "gather", counts, elementBytes, source, destination };
      case "move":
        return { kind: "move", elementBytes, counts, source, destination, token, core };
      case "frame":
        return { kind: "move", elementBytes, counts, source, destination, core, token };
      default:
        return {
          kind: "multicast",
          elementBytes,
          counts,
          source,
          destination,
          token,
          cores: { ...core, rows, columns },
        };
    }
  }
}
