import type { VectorCostClass } from "../ir/vector-function.ts";
import type { ChipTarget } from "../targets/target.ts";
import type { ByteCounts, Counts } from "./counts.ts";

/** The parts of a chip that energy is charged to, dynamic ones first, then the static ones: clock, leakage, interface. */
export const energyComponents = [
  "matrix",
  "vector",
  "memory",
  "weightBuffer",
  "accumulators",
  "partialBuffer",
  "modelNetwork",
  "partialNetwork",
  "activationNetwork",
  "instructionNetwork",
  "instructions",
  "frameBuffer",
  "host",
  "clock",
  "leakage",
  "interface",
] as const;

/** A part of a chip that energy is charged to. */
export type EnergyComponent = (typeof energyComponents)[number];

/** The parts that flow whether or not anything runs. */
const staticComponents: ReadonlySet<EnergyComponent> = new Set(["clock", "leakage", "interface"]);

/** Energy in joules. Dynamic and static are the sums of their parts in the order of `energyComponents`, the total that of both, bit for bit. */
export interface Energy {
  readonly byComponentJoules: Readonly<Record<EnergyComponent, number>>;
  readonly dynamicJoules: number;
  readonly staticJoules: number;
  readonly totalJoules: number;
}

const joulesPerPicojoule = 1e-12;

/**
 * Energy of counted actions and of `cycles` cycles of static power, divided by `inferences`: counts × table + static
 * watts × time (docs/energy.md). Twice all energies and the static power give exactly twice the result.
 */
export function energyOf(counts: Counts, target: ChipTarget, cycles: number, inferences = 1): Energy {
  const table = target.energy;
  const { networks } = target;
  const seconds = cycles / target.clockHz;
  const joules = (picojoules: number): number => (picojoules * joulesPerPicojoule) / inferences;
  const both = ({ readBytes, writtenBytes }: ByteCounts, readPj: number, writtenPj: number): number =>
    readBytes * readPj + writtenBytes * writtenPj;
  let vectorPj = 0;
  for (const cost of Object.keys(table.vectorPj) as VectorCostClass[]) {
    vectorPj += counts.vectorElements[cost] * table.vectorPj[cost];
  }
  const macPj =
    counts.macs["2"] * table.macPj["2"] + counts.macs["4"] * table.macPj["4"] + counts.macs["8"] * table.macPj["8"];
  const byComponentJoules: Record<EnergyComponent, number> = {
    matrix: joules(macPj),
    vector: joules(vectorPj),
    memory: joules(both(counts.memory, table.memoryReadPjPerByte, table.memoryWritePjPerByte)),
    weightBuffer: joules(both(counts.weightBuffer, table.weightBufferReadPjPerByte, table.weightBufferWritePjPerByte)),
    accumulators: joules(both(counts.accumulators, table.accumulatorPjPerByte, table.accumulatorPjPerByte)),
    partialBuffer: joules(both(counts.partialBuffer, table.partialBufferPjPerByte, table.partialBufferPjPerByte)),
    modelNetwork: joules(counts.byteHops.model * networks.model.hopEnergyPjPerByte),
    partialNetwork: joules(counts.byteHops.partial * networks.partial.hopEnergyPjPerByte),
    activationNetwork: joules(counts.byteHops.activation * networks.activation.hopEnergyPjPerByte),
    instructionNetwork: joules(counts.byteHops.instruction * networks.instruction.hopEnergyPjPerByte),
    instructions: joules(counts.instructionCount * table.instructionPj),
    frameBuffer: joules(both(counts.frameBuffer, table.frameBufferPjPerByte, table.frameBufferPjPerByte)),
    host: joules(counts.hostBytes * table.hostPjPerByte),
    clock: joules(cycles * target.grid.rows * target.grid.columns * table.clockPjPerCycle),
    leakage: (table.leakageWatts * seconds) / inferences,
    interface: (table.interfaceWatts * seconds) / inferences,
  };
  let dynamicJoules = 0;
  let staticJoules = 0;
  let totalJoules = 0;
  for (const component of energyComponents) {
    totalJoules += byComponentJoules[component];
    if (staticComponents.has(component)) staticJoules += byComponentJoules[component];
    else dynamicJoules += byComponentJoules[component];
  }
  return { byComponentJoules, dynamicJoules, staticJoules, totalJoules };
}
