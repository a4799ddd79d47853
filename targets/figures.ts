import { sum } from "../base/math.ts";
import type { ChipTarget } from "./target.ts";
import type { Target } from "./tree.ts";

/** How many numbers of a target are estimates. */
export function estimatedNumberCount(target: Target): number {
  return [...target.provenance.values()].filter(({ source }) => source === "estimated").length;
}

/** Peak operations a second at a width of weights in bits: cores × multiply-accumulates a cycle × operations each × clock. */
export function peakOperationsPerSecond(chip: ChipTarget, bits: 2 | 4 | 8): number {
  const { inputCount, outputCount } = chip.matrix;
  return coreCount(chip) * inputCount * outputCount[bits] * chip.operationsPerMac * chip.clockHz;
}

/** Bytes a second through the memory ports of all cores. */
export function memoryBandwidthBytesPerSecond(chip: ChipTarget): number {
  return coreCount(chip) * chip.core.memoryPortBytesPerCycle * chip.clockHz;
}

/** Bytes of all core memories and the framebuffer. */
export function chipMemoryBytes(chip: ChipTarget): number {
  return coreCount(chip) * chip.core.memoryBytes + chip.frameBuffer.bytes;
}

/** Data wires that cross a core along one axis: the links of all networks, in both directions of that axis. */
export function wiresPerAxis(chip: ChipTarget): number {
  return sum(Object.values(chip.networks).map((network) => network.linkBytesPerCycle)) * 8 * 2;
}

/** Cores of the grid. */
export function coreCount(chip: ChipTarget): number {
  return chip.grid.rows * chip.grid.columns;
}
