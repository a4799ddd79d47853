import { z } from "zod";
import { numberSchema as number } from "./number-schema.ts";
import { voltageFactors } from "./operating-point.ts";
import type { ChipTarget, Network, Provenance } from "./target.ts";

const networkSchema = z.strictObject({
  link: number("bytes/cycle", "count"),
  hop: number("cycles", "count"),
  hopEnergy: number("pJ/byte", "measure"),
});

const costClasses = <Entry extends z.ZodType>(entry: Entry) =>
  z.strictObject({
    copy: entry,
    compare: entry,
    add: entry,
    multiply: entry,
    divide: entry,
    root: entry,
    table: entry,
    power: entry,
    convert: entry,
  });

/** The form of a chip file: sections, the numbers in them, and the unit of each. */
export const chipSchema = z.strictObject({
  kind: z.literal("chip"),
  name: z.string().min(1),
  grid: z.strictObject({ rows: number("cores", "count"), columns: number("cores", "count") }),
  clock: number("Hz", "positive"),
  supply: z.strictObject({
    voltage: number("V", "positive"),
    reference: number("V", "positive"),
    least: number("V", "positive"),
    greatest: number("V", "positive"),
    leastClock: number("Hz", "positive"),
    greatestClock: number("Hz", "positive"),
    leakageExponent: number("exponent", "measure"),
    energyCurve: z.strictObject({
      square: number("1/V^2", "any"),
      linear: number("1/V", "any"),
      constant: number("1", "any"),
    }),
    delayCurve: z.strictObject({
      cube: number("1/V^3", "any"),
      square: number("1/V^2", "any"),
      linear: number("1/V", "any"),
      constant: number("1", "any"),
    }),
  }),
  operationsPerMac: number("operations/MAC", "count"),
  core: z.strictObject({
    memory: number("bytes", "count"),
    memoryPort: number("bytes/cycle", "count"),
    weightBuffer: number("bytes", "count"),
    partialBuffer: number("bytes", "count"),
    programBuffer: number("bytes", "count"),
    threads: number("threads", "count"),
  }),
  matrix: z.strictObject({
    inputs: number("elements", "count"),
    outputs: z.strictObject({
      int8: number("elements", "count"),
      int4: number("elements", "count"),
      int2: number("elements", "count"),
    }),
    fill: number("cycles", "whole"),
  }),
  vector: z.strictObject({
    element: z.literal("f16"),
    lanes: number("lanes", "count"),
    cycles: costClasses(number("cycles", "count")),
    fill: number("cycles", "whole"),
  }),
  activation: z.strictObject({ fill: number("cycles", "whole") }).optional(),
  networks: z.strictObject({
    model: networkSchema,
    partial: networkSchema,
    activation: networkSchema,
    instruction: networkSchema,
  }),
  frameBuffer: z.strictObject({ memory: number("bytes", "count"), row: number("bytes/cycle", "count") }),
  host: z.strictObject({
    bandwidth: number("bytes/s", "positive"),
    command: number("s", "measure"),
    operation: number("s", "measure"),
    elements: number("elements/s", "positive"),
  }),
  synchronization: z.strictObject({ barrier: number("cycles", "whole"), issue: number("cycles", "whole") }),
  energy: z.strictObject({
    mac: z.strictObject({
      int8: number("pJ", "measure"),
      int4: number("pJ", "measure"),
      int2: number("pJ", "measure"),
    }),
    memoryRead: number("pJ/byte", "measure"),
    memoryWrite: number("pJ/byte", "measure"),
    weightBufferRead: number("pJ/byte", "measure"),
    weightBufferWrite: number("pJ/byte", "measure"),
    accumulator: number("pJ/byte", "measure"),
    partialBuffer: number("pJ/byte", "measure"),
    vector: costClasses(number("pJ", "measure")),
    instruction: number("pJ", "measure"),
    frameBuffer: number("pJ/byte", "measure"),
    host: number("pJ/byte", "measure"),
    clock: number("pJ/cycle", "measure"),
    leakage: number("W", "measure"),
    interface: number("W", "measure"),
  }),
});

/** A chip file that has passed its schema. */
export type ChipTree = z.infer<typeof chipSchema>;

const networkOf = (network: ChipTree["networks"]["model"], energyFactor: number): Network => ({
  linkBytesPerCycle: network.link.value,
  hopCycles: network.hop.value,
  hopEnergyPjPerByte: network.hopEnergy.value * energyFactor,
});

const valuesOf = <Key extends string>(
  entries: Readonly<Record<Key, { readonly value: number }>>,
  factor = 1,
): Record<Key, number> =>
  Object.fromEntries(
    Object.entries<{ readonly value: number }>(entries).map(([key, entry]) => [key, entry.value * factor]),
  ) as Record<Key, number>;

/** The plain chip of a checked file; its energies are those at the supply voltage that the file states. */
export function chipOf(tree: ChipTree, provenance: Provenance): ChipTarget {
  const { core, matrix, vector, networks, energy } = tree;
  const factors = voltageFactors(tree.supply);
  const dynamic = (number: { readonly value: number }): number => number.value * factors.energy;
  return {
    kind: "chip",
    name: tree.name,
    grid: { rows: tree.grid.rows.value, columns: tree.grid.columns.value },
    clockHz: tree.clock.value,
    supplyVolts: tree.supply.voltage.value,
    operationsPerMac: tree.operationsPerMac.value,
    core: {
      memoryBytes: core.memory.value,
      memoryPortBytesPerCycle: core.memoryPort.value,
      weightBufferBytes: core.weightBuffer.value,
      partialBufferBytes: core.partialBuffer.value,
      programBufferBytes: core.programBuffer.value,
      threadCount: core.threads.value,
    },
    matrix: {
      inputCount: matrix.inputs.value,
      outputCount: { 8: matrix.outputs.int8.value, 4: matrix.outputs.int4.value, 2: matrix.outputs.int2.value },
      fillCycles: matrix.fill.value,
    },
    vector: {
      laneCount: vector.lanes.value,
      element: vector.element,
      cycles: valuesOf(vector.cycles),
      fillCycles: vector.fill.value,
    },
    activation: tree.activation === undefined ? null : { fillCycles: tree.activation.fill.value },
    networks: {
      model: networkOf(networks.model, factors.energy),
      partial: networkOf(networks.partial, factors.energy),
      activation: networkOf(networks.activation, factors.energy),
      instruction: networkOf(networks.instruction, factors.energy),
    },
    frameBuffer: { bytes: tree.frameBuffer.memory.value, rowBytesPerCycle: tree.frameBuffer.row.value },
    host: {
      bytesPerSecond: tree.host.bandwidth.value,
      commandSeconds: tree.host.command.value,
      operationSeconds: tree.host.operation.value,
      elementsPerSecond: tree.host.elements.value,
    },
    synchronization: {
      barrierCycles: tree.synchronization.barrier.value,
      issueCycles: tree.synchronization.issue.value,
    },
    energy: {
      macPj: { 8: dynamic(energy.mac.int8), 4: dynamic(energy.mac.int4), 2: dynamic(energy.mac.int2) },
      memoryReadPjPerByte: dynamic(energy.memoryRead),
      memoryWritePjPerByte: dynamic(energy.memoryWrite),
      weightBufferReadPjPerByte: dynamic(energy.weightBufferRead),
      weightBufferWritePjPerByte: dynamic(energy.weightBufferWrite),
      accumulatorPjPerByte: dynamic(energy.accumulator),
      partialBufferPjPerByte: dynamic(energy.partialBuffer),
      vectorPj: valuesOf(energy.vector, factors.energy),
      instructionPj: dynamic(energy.instruction),
      frameBufferPjPerByte: dynamic(energy.frameBuffer),
      hostPjPerByte: energy.host.value,
      clockPjPerCycle: dynamic(energy.clock),
      leakageWatts: energy.leakage.value * factors.leakage,
      interfaceWatts: energy.interface.value,
    },
    provenance,
  };
}
