import type { ChipTarget, Network } from "./target.ts";

/** What can be made free: all networks on chip with the framebuffer's rows, memory ports, host and its link, vector and activation units. */
export const idealResources = ["network", "memory", "host", "vector"] as const;

/** A part of a chip that can be made free. */
export type IdealResource = (typeof idealResources)[number];

type NetworkName = keyof ChipTarget["networks"];

/** Without width or distance: packets come in the cycle in which they are sent, and never wait for each other. */
function freeNetwork(network: Network): Network {
  return { ...network, linkBytesPerCycle: Number.POSITIVE_INFINITY, hopCycles: 0 };
}

const idealize: Readonly<Record<IdealResource, (chip: ChipTarget) => ChipTarget>> = {
  network: (chip) => ({
    ...chip,
    networks: Object.fromEntries(
      Object.entries(chip.networks).map(([name, network]) => [name, freeNetwork(network)]),
    ) as Record<NetworkName, Network>,
    frameBuffer: { ...chip.frameBuffer, rowBytesPerCycle: Number.POSITIVE_INFINITY },
  }),
  memory: (chip) => ({ ...chip, core: { ...chip.core, memoryPortBytesPerCycle: Number.POSITIVE_INFINITY } }),
  host: (chip) => ({
    ...chip,
    host: {
      bytesPerSecond: Number.POSITIVE_INFINITY,
      commandSeconds: 0,
      operationSeconds: 0,
      elementsPerSecond: Number.POSITIVE_INFINITY,
    },
  }),
  vector: (chip) => ({
    ...chip,
    vector: {
      ...chip.vector,
      cycles: Object.fromEntries(Object.keys(chip.vector.cycles).map((cost) => [cost, 0])) as typeof chip.vector.cycles,
      fillCycles: 0,
    },
    activation: chip.activation === null ? null : { fillCycles: 0 },
  }),
};

/**
 * The same chip with some resources free: rates without end, times of zero. Sizes and energies stay. Such numbers stand in
 * no target file; provenance and checksum remain those of the real chip.
 */
export function idealChip(chip: ChipTarget, resources: readonly IdealResource[]): ChipTarget {
  return resources.reduce((free, resource) => idealize[resource](free), chip);
}

/** Whether a resource of a chip takes no time. */
export function isFree(chip: ChipTarget, resource: IdealResource): boolean {
  switch (resource) {
    case "network":
      return chip.networks.activation.linkBytesPerCycle === Number.POSITIVE_INFINITY;
    case "memory":
      return chip.core.memoryPortBytesPerCycle === Number.POSITIVE_INFINITY;
    case "host":
      return chip.host.bytesPerSecond === Number.POSITIVE_INFINITY;
    case "vector":
      return chip.vector.cycles.add === 0;
  }
}
