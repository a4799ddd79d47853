import { ceilDivide } from "../base/math.ts";
import type { VectorCostClass } from "../ir/vector-function.ts";
import type { ChipTarget, Network } from "./target.ts";

/** The operand of a `matmul` as it concerns time: counts of its loops and the width of its operands. */
export interface MatmulShape {
  readonly groups: number;
  /** Product of the row counts. */
  readonly rows: number;
  /** Product of the inner counts. */
  readonly inner: number;
  readonly columns: number;
  /** Of the wider operand, which decides the rate. */
  readonly macBits: number;
}

/** The column of the target's precision tables that operands of at most `bits` bits use: the narrowest that holds them. */
export function macWidth(bits: number): "2" | "4" | "8" {
  return bits <= 2 ? "2" : bits <= 4 ? "4" : "8";
}

/** Unpadded MACs that the matrix unit of one core does in a cycle when it is full, for operands of at most `bits` bits. */
export function peakMacsPerCycle(target: ChipTarget, bits: number): number {
  return target.matrix.inputCount * target.matrix.outputCount[macWidth(bits)];
}

/** How often a matmul passes its activations: column blocks of the matrix unit. */
export function columnPasses(target: ChipTarget, columns: number, bits: number): number {
  return ceilDivide(columns, target.matrix.outputCount[macWidth(bits)]);
}

/** How many blocks of inputs of the matrix unit an inner count fills, the last perhaps in part. */
export function innerPasses(target: ChipTarget, inner: number): number {
  return ceilDivide(inner, target.matrix.inputCount);
}

/** Cycles of the matrix unit for one matmul, fill included. docs/machine.md, Time. */
export function matmulCycles(target: ChipTarget, shape: MatmulShape): number {
  const passes = innerPasses(target, shape.inner) * columnPasses(target, shape.columns, shape.macBits);
  return shape.groups * shape.rows * passes + target.matrix.fillCycles;
}

/** Bytes that a matmul's activations take at the memory port: each row once for each column block. */
export function activationPortBytes(target: ChipTarget, shape: MatmulShape, elementBytes: number): number {
  return shape.groups * shape.rows * shape.inner * columnPasses(target, shape.columns, shape.macBits) * elementBytes;
}

/** A function on so many lanes' elements. */
export interface VectorStage {
  readonly cost: VectorCostClass;
  readonly elements: number;
}

/**
 * Cycles that an instruction holds the vector unit, fill included: its own function, then those of the activation unit. All
 * work at once on groups that follow each other, so that the slowest decides. docs/machine.md, Time.
 */
export function vectorCycles(target: ChipTarget, stages: readonly VectorStage[]): number {
  let slowest = 0;
  for (let index = 0; index < stages.length; index += 1) {
    const { cost, elements } = stages[index] as VectorStage;
    slowest = Math.max(slowest, ceilDivide(elements, target.vector.laneCount) * target.vector.cycles[cost]);
  }
  return slowest + vectorFillCycles(target, stages.length);
}

/** Cycles that a pass of so many stages takes to fill: of the vector unit, and of the activation unit where it is used. */
export function vectorFillCycles(target: ChipTarget, stageCount: number): number {
  return target.vector.fillCycles + (stageCount > 1 ? (target.activation?.fillCycles ?? 0) : 0);
}

/** Cycles of a core's memory port for `bytes` bytes; 0 for none. */
export function portCycles(target: ChipTarget, bytes: number): number {
  return ceilDivide(bytes, target.core.memoryPortBytesPerCycle);
}

/** Cycles that a packet of `bytes` bytes holds each link of a network; at least 1, none when the network is free. */
export function linkCycles(network: Network, bytes: number): number {
  return packetCycles(bytes, network.linkBytesPerCycle);
}

function packetCycles(bytes: number, bytesPerCycle: number): number {
  return bytesPerCycle === Number.POSITIVE_INFINITY ? 0 : Math.max(1, ceilDivide(bytes, bytesPerCycle));
}

/** Cycles that an activation packet from or to an io core holds each link: the narrower of link and framebuffer row. */
export function frameLinkCycles(target: ChipTarget, bytes: number): number {
  const width = Math.min(target.networks.activation.linkBytesPerCycle, target.frameBuffer.rowBytesPerCycle);
  return packetCycles(bytes, width);
}

/**
 * Cycles from the request of the inject port to arrival, over `hops` ≥ 1 links on which nothing else travels and with
 * idle memory ports at least as wide as the links. A multicast takes as long as its farthest destination.
 */
export function transferCycles(network: Network, hops: number, bytes: number): number {
  return hops * network.hopCycles + linkCycles(network, bytes);
}

/**
 * Cycles of a weights.stream over a group of cores with `pieceBytes` bytes each that all begin to send at once: the
 * corner's eject port takes in the pieces of all cores at a distance of at least d one after the other, and the first
 * of them does not come before d hops. docs/timing.md.
 */
export function streamCycles(target: ChipTarget, groupRows: number, groupColumns: number, pieceBytes: number): number {
  const { hopCycles } = target.networks.model;
  const hold = linkCycles(target.networks.model, pieceBytes);
  let left = groupRows * groupColumns;
  let cycles = left * hold;
  // Each hop farther leaves at least one core less: pieces that last as long as a hop keep the port busy.
  if (hold >= hopCycles) return cycles;
  for (let distance = 0; left > 0; distance += 1) {
    cycles = Math.max(cycles, distance * hopCycles + left * hold);
    left -= Math.min(distance, groupRows - 1) - Math.max(0, distance - groupColumns + 1) + 1;
  }
  return cycles;
}

/**
 * Links of the X-then-Y tree from a core to all cores of a rectangle but itself; column −1 stands for io cores, which
 * hang at the routers of column 0. A rectangle of one core is a unicast.
 */
export function treeHops(
  source: { readonly row: number; readonly column: number },
  cores: { readonly row: number; readonly column: number; readonly rows: number; readonly columns: number },
): number {
  const lastRow = cores.row + cores.rows - 1;
  const lastColumn = cores.column + cores.columns - 1;
  const rowInside = source.row >= cores.row && source.row <= lastRow;
  const inside = rowInside && source.column >= cores.column && source.column <= lastColumn;
  if (inside && cores.rows * cores.columns === 1) return 0;
  const firstTrunk = Math.max(cores.column, 0);
  const lastTrunk = Math.max(lastColumn, 0);
  const entry = Math.max(source.column, 0);
  const trunk = Math.max(0, lastTrunk - entry) + Math.max(0, entry - firstTrunk);
  const branch = Math.max(0, lastRow - source.row) + Math.max(0, source.row - cores.row);
  const ioLinks = (cores.column < 0 ? cores.rows : 0) - (inside && source.column < 0 ? 1 : 0);
  const ownIoLink = source.column < 0 ? 1 : 0;
  return ownIoLink + trunk + (lastTrunk - firstTrunk + 1) * branch + ioLinks;
}

/** Cycles of the host link for a tensor of `bytes` bytes, the command (rounded to the nearest cycle) included. */
export function hostCycles(target: ChipTarget, bytes: number): number {
  const command = Math.round(target.host.commandSeconds * target.clockHz);
  return command + Math.ceil((bytes * target.clockHz) / target.host.bytesPerSecond);
}

/** Cycles that the host takes for an operation on `elements` elements, its start (rounded to the nearest cycle) included. */
export function hostOperationCycles(target: ChipTarget, elements: number): number {
  const start = Math.round(target.host.operationSeconds * target.clockHz);
  return start + Math.ceil((elements * target.clockHz) / target.host.elementsPerSecond);
}
