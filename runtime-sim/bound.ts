import { ceilDivide } from "../base/math.ts";
import type { VectorCostClass } from "../ir/vector-function.ts";
import { hostCycles, hostOperationCycles, macWidth, peakMacsPerCycle } from "../targets/cost.ts";
import type { ChipTarget } from "../targets/target.ts";

/** Elements by cost class; a class that is left out has none. */
type VectorElements = Readonly<Partial<Record<VectorCostClass, number>>>;

/** What a layer must do however it is mapped. All amounts are those of the whole batch. */
export interface BoundWork {
  readonly name: string;
  /** Unpadded multiply-accumulates; 0 for layers without. */
  readonly macCount: number;
  /** Width of the weights or second operand in bits. */
  readonly macBits: number;
  /** The contraction as groups of [rows × inner] × [inner × columns]; null for layers without MACs. */
  readonly shape: {
    readonly groups: number;
    readonly rows: number;
    readonly inner: number;
    readonly columns: number;
  } | null;
  /** Bytes that must cross memory ports: each operand and the result once. */
  readonly operandBytes: number;
  /** Elements of functions that only the vector unit can compute, by cost class. */
  readonly vectorElements: VectorElements;
  /** Elements of functions that an activation unit can compute behind the vector unit, if the chip has one; and of conversions. */
  readonly activationElements: VectorElements;
  readonly conversionElements: VectorElements;
  /** Bytes of the graph inputs that enter and outputs that leave through the framebuffer in this layer. */
  readonly inputBytes: number;
  readonly outputBytes: number;
  /** Whether those bytes belong to a host operation: they cross the host link on device too. */
  readonly isHostOperation: boolean;
  /** Elements that the host reads and writes; 0 for layers that do not end a host operation. */
  readonly hostElementCount: number;
  /** Names of the layers whose results this one uses. */
  readonly dependsOn: readonly string[];
}

/** What can bind a bound. Framebuffer and host link have one part for each direction. */
export const boundResources = [
  "matrix",
  "vector",
  "memory",
  "frameBufferIn",
  "frameBufferOut",
  "hostIn",
  "hostOut",
  "hostOperation",
] as const;

/** What can bind a bound. */
export type BoundResource = (typeof boundResources)[number];

/** The least cycles of a set of layers. */
export interface Bound {
  /** The longest chain of layers, each at its most loaded resource. */
  readonly latencyCycles: number;
  /** The most loaded resource over all layers, per inference; a real number. */
  readonly intervalCycles: number;
  readonly bindingResource: BoundResource;
}

/** The least cycles of one layer, with unpadded MACs and with the shape of the matrix unit. */
export interface LayerBound {
  readonly name: string;
  readonly boundCycles: number;
  readonly packedBoundCycles: number;
  readonly bindingResource: BoundResource;
}

/** Bounds of a network on a target, whatever the mapping. */
export interface Bounds {
  readonly onDevice: Bound;
  readonly withHost: Bound;
  /** With the shape of the matrix unit, on device. */
  readonly packed: Bound;
  /** On device. */
  readonly layers: readonly LayerBound[];
}

type Load = Readonly<Record<BoundResource, number>>;

/** Cycles that a layer occupies each resource at least. Proofs: docs/timing.md, Bounds. */
function loadOf(work: BoundWork, target: ChipTarget, packed: boolean, host: boolean): Load {
  const { rows, columns } = target.grid;
  const coreCount = rows * columns;
  const crossesLink = host || work.isHostOperation;
  const frameBytesPerCycle =
    rows * Math.min(target.frameBuffer.rowBytesPerCycle, target.networks.activation.linkBytesPerCycle);
  return {
    matrix: (packed ? packedCycles(work, target) : work.macCount / peakMacsPerCycle(target, work.macBits)) / coreCount,
    vector: vectorCyclesOf(work, target) / (target.vector.laneCount * coreCount),
    memory: work.operandBytes / (target.core.memoryPortBytesPerCycle * coreCount),
    frameBufferIn: work.inputBytes / frameBytesPerCycle,
    frameBufferOut: work.outputBytes / frameBytesPerCycle,
    hostIn: crossesLink && work.inputBytes > 0 ? hostCycles(target, work.inputBytes) : 0,
    hostOut: crossesLink && work.outputBytes > 0 ? hostCycles(target, work.outputBytes) : 0,
    hostOperation: work.hostElementCount > 0 ? hostOperationCycles(target, work.hostElementCount) : 0,
  };
}

/**
 * Cycles of one lane that computed all of a layer's vector functions: each pass has one of the vector unit, and at most one
 * activation and one conversion behind it, so that passes of equal length fill all three as well as can be.
 */
function vectorCyclesOf(work: BoundWork, target: ChipTarget): number {
  const cyclesOf = (elements: VectorElements): number => {
    let cycles = 0;
    for (const [cost, count] of Object.entries(elements) as [VectorCostClass, number][]) {
      cycles += count * target.vector.cycles[cost];
    }
    return cycles;
  };
  const alone = cyclesOf(work.vectorElements);
  const [activations, conversions] = [cyclesOf(work.activationElements), cyclesOf(work.conversionElements)];
  if (target.activation === null) return alone + activations + conversions;
  return Math.max(alone, (alone + activations) / 2, (alone + conversions) / 2, (alone + activations + conversions) / 3);
}

/** Cycles of one matrix unit that did all of a layer, each product of a group in whole blocks of the unit. */
function packedCycles(work: BoundWork, target: ChipTarget): number {
  if (work.shape === null) return 0;
  const { groups, rows, inner, columns } = work.shape;
  const blocks = ceilDivide(inner, target.matrix.inputCount);
  return groups * rows * blocks * ceilDivide(columns, target.matrix.outputCount[macWidth(work.macBits)]);
}

/** The resource with the largest load; the first of `boundResources` among equals. */
function mostLoaded(load: Load): BoundResource {
  return boundResources.reduce((best, resource) => (load[resource] > load[best] ? resource : best));
}

function boundOf(work: readonly BoundWork[], loads: readonly Load[], batchCount: number): Bound {
  const total: Record<BoundResource, number> = {
    matrix: 0,
    vector: 0,
    memory: 0,
    frameBufferIn: 0,
    frameBufferOut: 0,
    hostIn: 0,
    hostOut: 0,
    hostOperation: 0,
  };
  const chainEnds = new Map<string, number>();
  let latency = 0;
  work.forEach((layer, index) => {
    const load = loads[index] as Load;
    for (const resource of boundResources) total[resource] += load[resource];
    const begin = Math.max(0, ...layer.dependsOn.map((name) => chainEnds.get(name) ?? 0));
    const end = begin + load[mostLoaded(load)];
    chainEnds.set(layer.name, end);
    latency = Math.max(latency, end);
  });
  const bindingResource = mostLoaded(total);
  return {
    latencyCycles: Math.ceil(latency),
    intervalCycles: total[bindingResource] / batchCount,
    bindingResource,
  };
}

/**
 * The least latency and interval of a network, from its work alone: no mapping enters. `work` stands in topological
 * order and holds the amounts of a whole batch of `batchCount` inferences. The interval is that of the resource that is
 * loaded most over all layers; the latency is the longest chain of layers, each at its most loaded resource.
 */
export function boundsOf(work: readonly BoundWork[], target: ChipTarget, batchCount: number): Bounds {
  const loads = (packed: boolean, host: boolean): Load[] => work.map((layer) => loadOf(layer, target, packed, host));
  const [plain, packed, host] = [loads(false, false), loads(true, false), loads(false, true)];
  return {
    onDevice: boundOf(work, plain, batchCount),
    withHost: boundOf(work, host, batchCount),
    packed: boundOf(work, packed, batchCount),
    layers: work.map(({ name }, index): LayerBound => {
      const [load, packedLoad] = [plain[index] as Load, packed[index] as Load];
      const bindingResource = mostLoaded(load);
      return {
        name,
        boundCycles: load[bindingResource],
        packedBoundCycles: packedLoad[mostLoaded(packedLoad)],
        bindingResource,
      };
    }),
  };
}
