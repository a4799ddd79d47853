import type { ElementType } from "../ir/type.ts";
import type { VectorCostClass } from "../ir/vector-function.ts";

/** One of the chip's networks on chip: a 2-D mesh, dimension-ordered (X then Y), one cycle or more a hop. */
export interface Network {
  /** Bytes a cycle of each link, in each direction. */
  readonly linkBytesPerCycle: number;
  readonly hopCycles: number;
  /** Energy of a byte over one hop. */
  readonly hopEnergyPjPerByte: number;
}

/** Energies of counted actions and the power that always flows, at the chip's supply voltage. */
export interface EnergyTable {
  /** By width of the wider operand in bits. */
  readonly macPj: Readonly<Record<"2" | "4" | "8", number>>;
  readonly memoryReadPjPerByte: number;
  readonly memoryWritePjPerByte: number;
  readonly weightBufferReadPjPerByte: number;
  readonly weightBufferWritePjPerByte: number;
  /** Running sums that the matrix unit reads and writes for each block of inputs. */
  readonly accumulatorPjPerByte: number;
  readonly partialBufferPjPerByte: number;
  /** Energy of one function on one lane, by cost class. */
  readonly vectorPj: Readonly<Record<VectorCostClass, number>>;
  readonly instructionPj: number;
  readonly frameBufferPjPerByte: number;
  readonly hostPjPerByte: number;
  /** Of one core in each cycle, whether or not anything runs: clock tree and idle pipelines. */
  readonly clockPjPerCycle: number;
  /** Whole chip. */
  readonly leakageWatts: number;
  /** Link and regulators, whole chip. */
  readonly interfaceWatts: number;
}

/** A NorthPole-style chip. Plain numbers with their unit in the name; `provenance` holds unit, source and range of each. */
export interface ChipTarget {
  readonly kind: "chip";
  readonly name: string;
  readonly grid: { readonly rows: number; readonly columns: number };
  readonly clockHz: number;
  readonly supplyVolts: number;
  /** 2 for the usual convention: one multiply-accumulate is two operations. */
  readonly operationsPerMac: number;
  readonly core: {
    readonly memoryBytes: number;
    readonly memoryPortBytesPerCycle: number;
    readonly weightBufferBytes: number;
    readonly partialBufferBytes: number;
    readonly programBufferBytes: number;
    readonly threadCount: number;
  };
  readonly matrix: {
    /** Inputs of one vector-matrix product, the same at every precision. */
    readonly inputCount: number;
    /** Outputs of one vector-matrix product a cycle, by width of the wider operand in bits. */
    readonly outputCount: Readonly<Record<"2" | "4" | "8", number>>;
    /** Cycles from the last input of an instruction to its last result. */
    readonly fillCycles: number;
  };
  readonly vector: {
    readonly laneCount: number;
    readonly element: ElementType;
    /** Cycles for one group of lanes, by cost class. */
    readonly cycles: Readonly<Record<VectorCostClass, number>>;
    readonly fillCycles: number;
  };
  /**
   * The unit behind the vector unit, as many lanes wide and as quick at each function; null for a chip whose vector unit does
   * everything.
   */
  readonly activation: { readonly fillCycles: number } | null;
  readonly networks: Readonly<Record<"model" | "partial" | "activation" | "instruction", Network>>;
  readonly frameBuffer: { readonly bytes: number; readonly rowBytesPerCycle: number };
  readonly host: {
    readonly bytesPerSecond: number;
    /** Before each transfer. */
    readonly commandSeconds: number;
    /** From the arrival of the operands of a host operation to the start of its work. */
    readonly operationSeconds: number;
    /** Elements that a host operation reads and writes. */
    readonly elementsPerSecond: number;
  };
  readonly synchronization: { readonly barrierCycles: number; readonly issueCycles: number };
  readonly energy: EnergyTable;
  readonly provenance: Provenance;
}

/** How a number is known. */
export interface NumberSource {
  readonly value: number;
  readonly unit: string;
  readonly source: "published" | "derived" | "estimated" | "synthetic";
  /** The citation, what the formula means, or the reasoning. */
  readonly note: string;
  /** For derived numbers: the arithmetic over other paths that gives the value; null otherwise. */
  readonly formula: string | null;
  /** For estimates: the least and greatest plausible value. */
  readonly range: readonly [number, number] | null;
  /** For estimates that calibration moved: the value before; null otherwise. */
  readonly prior: number | null;
}

/** Every number of a target by its dotted path (`core.memory`), in file order. */
export type Provenance = ReadonlyMap<string, NumberSource>;
