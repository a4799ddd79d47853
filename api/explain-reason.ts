import { sum } from "../base/math.ts";
import { constantWeights } from "../compiler/mapper/layer-cost.ts";
import type { StepCost } from "../compiler/mapper/steps.ts";
import type { NetworkPlan, StepPlan } from "../compiler/step-plan.ts";
import type { Split } from "../ir/mapping.ts";
import type { ProgramStep } from "../ir/program.ts";
import { elementBytes, elementCount } from "../ir/type.ts";
import { formatBytes, formatCount, formatPercent, formatRatio, words } from "../report/format.ts";
import type { BoundResource, LayerBound } from "../runtime-sim/bound.ts";
import type { StepMetrics } from "../runtime-sim/metrics.ts";
import { type CycleCause, cycleCauses } from "../runtime-sim/metrics-stack.ts";
import type { ChipTarget } from "../targets/target.ts";

/** All that is known of a layer of a compiled and simulated network. */
export interface LayerStanding {
  readonly chip: ChipTarget;
  readonly network: NetworkPlan;
  readonly plan: StepPlan;
  /** What the mapper predicted. */
  readonly cost: StepCost;
  /** What the simulation gave. */
  readonly metrics: StepMetrics;
  readonly bound: LayerBound | null;
  readonly program: ProgramStep;
}

/** The cause that the cycles of a bound's resource are charged to. */
const causeOf: Readonly<Record<BoundResource, CycleCause>> = {
  matrix: "matrix",
  vector: "vector",
  memory: "memory",
  frameBufferIn: "network",
  frameBufferOut: "network",
  hostIn: "host",
  hostOut: "host",
  hostOperation: "host",
};

/** Causes that a reason names, and the share of what lies above the bound at which no more are named. */
const mostCauses = 3;
const enoughShare = 0.75;
const leastShare = 0.05;

/** By how much the busiest link or port exceeds what a core takes in, from where on it is named. */
const sharedFactor = 1.25;

/** Bounds below this many cycles are less than what any step takes. */
const littleCycles = 16;

/** Cores that have a part of a layer. */
export function usedCoreCount({ plan }: Pick<LayerStanding, "plan">): number {
  return plan.active.filter((isActive) => isActive).length;
}

/** A split in words: `rows o:16, columns h:4 w:4`. */
export function splitText({ rows, columns }: Split): string {
  const axis = (parts: Split["rows"]): string =>
    parts.map(({ dimension, parts: count }) => `${dimension}:${count}`).join(" ");
  const texts = [rows.length === 0 ? "" : `rows ${axis(rows)}`, columns.length === 0 ? "" : `columns ${axis(columns)}`];
  return texts.filter((text) => text !== "").join(", ") || "one core";
}

/** How many times its bound a layer takes; null without a bound. */
export function boundRatio({ metrics, bound }: Pick<LayerStanding, "metrics" | "bound">): number | null {
  return bound === null || bound.boundCycles === 0 ? null : metrics.latencyCycles / bound.boundCycles;
}

/**
 * Why a layer takes longer than its bound: the causes of its cycles beyond those that the bound's resource needs, the
 * largest first, each with what it is made of.
 */
export function reasonOf(standing: LayerStanding): string {
  const { metrics, bound } = standing;
  const { stack, latencyCycles } = metrics;
  const boundCause = bound === null ? null : causeOf[bound.bindingResource];
  const above = (cause: CycleCause): number =>
    Math.max(0, stack[cause] - (cause === boundCause ? (bound?.boundCycles ?? 0) : 0));
  const whole = sum(cycleCauses.map(above));
  const named: CycleCause[] = [];
  for (const cause of [...cycleCauses].sort((left, right) => above(right) - above(left))) {
    const explained = sum(named.map(above));
    if (named.length === mostCauses || explained >= enoughShare * whole || above(cause) < leastShare * whole) break;
    named.push(cause);
  }
  const causes = named.map((cause) => `${words(cause)} ${formatCount(stack[cause])}: ${detailOf(cause, standing)}`);
  return `${formatCount(latencyCycles)} cycles${besideText(standing)}${againstBound(standing)}: ${causes.join("; ")}.`;
}

/** The layer that runs at once with this one; a step has the cycles beyond the end of the one before it. */
function besideText({ network, plan }: LayerStanding): string {
  const { name, beside } = plan.step;
  if (beside !== undefined) return ` beyond the end of "${beside}", which runs beside it`;
  const other = network.steps[plan.index + 1]?.step;
  return other?.beside === name ? ` beside "${other.name}"` : "";
}

function againstBound(standing: LayerStanding): string {
  const { bound, plan } = standing;
  const ratio = boundRatio(standing);
  if (bound === null || ratio === null) return " without work of its own";
  const { boundCycles } = bound;
  const cycles = boundCycles >= 10 ? formatCount(boundCycles) : String(Number(boundCycles.toPrecision(2)));
  const little =
    boundCycles < littleCycles ? `, little work for ${plan.active.length} cores, so that fixed costs decide` : "";
  return `, ${formatRatio(ratio)} × the bound of ${cycles} (${words(bound.bindingResource)})${little}`;
}

function detailOf(cause: CycleCause, standing: LayerStanding): string {
  const { chip, metrics, plan } = standing;
  switch (cause) {
    case "matrix":
      return matrixDetail(standing);
    case "vector": {
      const operations = sum(Object.values(metrics.counts.vectorElements));
      const { laneCount } = chip.vector;
      return `${formatCount(operations)} element operations on ${coresText(standing)} of ${laneCount} lanes each`;
    }
    case "fillAndDrain": {
      const further =
        chip.activation === null ? "" : `, ${chip.activation.fillCycles} more of the activation unit where it is used`;
      return `each instruction fills its unit, ${chip.matrix.fillCycles} cycles of the matrix and ${chip.vector.fillCycles} of the vector unit${further}`;
    }
    case "partialSums":
      return partialSumsDetail(standing);
    case "memory": {
      const { readBytes, writtenBytes } = metrics.counts.memory;
      const bytes = (readBytes + writtenBytes) / Math.max(1, usedCoreCount(standing));
      return `${formatBytes(Math.round(bytes))} pass the memory port of a core on average, ${chip.core.memoryPortBytesPerCycle} B a cycle`;
    }
    case "network":
      return networkDetail(standing);
    case "programLoad":
      return `${programText(standing)} arrive meanwhile, and this layer is over sooner`;
    case "host":
      return plan.layer.host === null
        ? "the host link"
        : `the host runs ${plan.layer.host.node.op}, or its link is in use`;
    case "synchronization":
      return `tokens, issue of instructions and a barrier of ${chip.synchronization.barrierCycles} cycles`;
  }
}

function coresText(standing: LayerStanding): string {
  const [used, all] = [usedCoreCount(standing), standing.plan.active.length];
  return used === all ? `all ${all} cores` : `${used} of ${all} cores`;
}

function matrixDetail(standing: LayerStanding): string {
  const { bound, metrics, cost } = standing;
  const texts: string[] = [];
  if (bound !== null && bound.bindingResource === "matrix" && bound.packedBoundCycles > 1.05 * bound.boundCycles) {
    texts.push(
      `its shape fills the matrix unit to ${formatPercent(bound.boundCycles / bound.packedBoundCycles)} at best`,
    );
  }
  if (usedCoreCount(standing) < standing.plan.active.length) texts.push(`${coresText(standing)} have a part`);
  const { matrixCycles } = cost.work;
  if (bound !== null && matrixCycles > 1.05 * bound.packedBoundCycles) {
    texts.push(
      `the busiest core takes ${formatCount(matrixCycles)} cycles where an even share takes ${formatCount(bound.packedBoundCycles)}`,
    );
  }
  if (texts.length === 0) texts.push(`${formatCount(metrics.macCount)} multiply-accumulates`);
  return texts.join(", ");
}

function partialSumsDetail({ plan, chip }: LayerStanding): string {
  const { reduction, dimensions } = plan.geometry;
  if (reduction === null) return "sums wait for the vector unit";
  const name = dimensions[reduction.dimension]?.name ?? "";
  const width = chip.networks.partial.linkBytesPerCycle;
  return `${name} is summed by chains of ${reduction.parts} cores, which pass i32 sums on one after the other at ${width} B a cycle`;
}

/** The programs of the next layer, which are loaded during a step: one for each group of cores that works alike. */
function programText({ chip, program: { classes } }: LayerStanding): string {
  const loads = classes.flatMap(({ cores, threads }) => {
    const instructions = Object.values(threads).flat();
    const bytes = instructions.flatMap((each) => (each.kind === "program.load" ? each.bytes : []));
    return Array.from({ length: cores.rows * cores.columns }, () => bytes).flat();
  });
  const { linkBytesPerCycle } = chip.networks.instruction;
  const whole = formatBytes(sum(loads));
  return `the next layer's programs (${loads.length}, ${whole} in all, over links of ${linkBytesPerCycle} B a cycle)`;
}

function networkDetail(standing: LayerStanding): string {
  const { chip, plan, cost } = standing;
  const { layer } = plan;
  if (layer.kind === "input") {
    const row = Math.min(chip.frameBuffer.rowBytesPerCycle, chip.networks.activation.linkBytesPerCycle);
    return `its values come from the framebuffer over ${chip.grid.rows} rows of ${row} B a cycle`;
  }
  const transferCycles = sum(cost.transfers.map((transfer) => transfer.cost.cycles));
  const texts = [
    ...(transferCycles > 0 && transferCycles >= cost.work.modelCycles / 4
      ? [transferDetail(standing, transferCycles)]
      : []),
    ...(cost.work.modelCycles > 0 && cost.work.modelCycles >= transferCycles / 4 ? [streamDetail(standing)] : []),
  ];
  return texts.length === 0 ? "packets wait for links and ports" : texts.join(", and ");
}

function transferDetail({ chip, network, plan, cost, metrics }: LayerStanding, transferCycles: number): string {
  const largest = cost.transfers.reduce((most, each) => (each.cost.cycles > most.cost.cycles ? each : most));
  const producer = network.steps.find(({ layer }) => layer.writes.some(({ value }) => value === largest.value));
  const width = chip.networks.activation.linkBytesPerCycle;
  if (plan.layer.kind === "output") {
    return `"${largest.value}" leaves over the west links of the rows, ${width} B a cycle`;
  }
  const from =
    producer === undefined ? "" : `, which ${producer.layer.name} leaves split by ${splitText(producer.step.split)},`;
  const waiting = metrics.stack.network - transferCycles - cost.work.modelCycles;
  const contention =
    waiting > 0.25 * metrics.stack.network
      ? `; ${formatCount(transferCycles)} cycles are predicted for it, the rest is packets that wait for each other`
      : "";
  const { remoteBytes, networkCycles } = largest.cost;
  const shared =
    networkCycles > (sharedFactor * remoteBytes) / width
      ? ` (${formatCount(networkCycles)} cycles on the busiest link or port)`
      : "";
  const others = cost.transfers.filter(({ cost: { cycles } }) => cycles > 0).length - 1;
  const more = others > 0 ? `; and ${others} more ${others === 1 ? "value" : "values"} one after the other` : "";
  return `each core takes in up to ${formatBytes(Math.round(remoteBytes))} of "${largest.value}"${from} over links of ${width} B a cycle${shared}${more}${contention}`;
}

function streamDetail({ chip, plan, cost }: LayerStanding): string {
  const weights = constantWeights(plan.layer);
  const bytes = weights === null ? 0 : elementCount(weights.type) * elementBytes(weights.type.element);
  const width = chip.networks.model.linkBytesPerCycle;
  const group = plan.weights?.group;
  const within =
    group !== undefined && plan.step.weights?.copies !== 1
      ? ` among the ${group.rows} × ${group.columns} cores that have a copy`
      : "";
  return `${formatBytes(Math.ceil(bytes))} of weights are streamed over the model network${within} (${formatCount(cost.work.modelCycles)} cycles predicted at ${width} B a cycle)`;
}
