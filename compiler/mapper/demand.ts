import { ceilDivide } from "../../base/math.ts";
import { holdsStep } from "../../base/step-range.ts";
import { elementCount, elementTypes, packedBytes } from "../../ir/type.ts";
import type { ChipTarget } from "../../targets/target.ts";
import type { Network } from "../network.ts";
import { formatBytes, type Misfit, type MisfitLever, makeMisfit } from "./misfit.ts";
import type { Attempt } from "./repair.ts";

/** Why the framebuffer cannot hold all inputs and outputs of a batch; null when it can. */
export function frameMisfit(network: Network, target: ChipTarget): Misfit | null {
  const terms = network.layers.flatMap((layer) => {
    const type =
      layer.kind === "input" ? layer.writes[0]?.type : layer.kind === "output" ? layer.reads[0]?.type : undefined;
    return type === undefined ? [] : [{ name: layer.name, bytes: packedBytes(type.element, elementCount(type)) }];
  });
  const demand = terms.reduce((total, { bytes }) => total + bytes, 0);
  if (demand <= target.frameBuffer.bytes) return null;
  const batch = batchOf(network);
  const levers: MisfitLever[] = [];
  if (batch > 1) {
    const most = Math.floor((target.frameBuffer.bytes * batch) / demand);
    levers.push({
      lever: "Smaller batch",
      effect:
        most >= 1
          ? `a batch of ${most} needs ${formatBytes(Math.ceil((demand / batch) * most))} and fits`
          : `a batch of 1 needs ${formatBytes(Math.ceil(demand / batch))} and does not fit either`,
    });
  }
  levers.push({
    lever: "Smaller inputs or outputs",
    effect: `${formatBytes(demand - target.frameBuffer.bytes)} must go: crop, or cut the model so that less crosses the host link`,
  });
  return makeMisfit("framebuffer", target.frameBuffer.bytes, terms, levers);
}

/** The leading size that all inputs share; 1 when they differ. */
function batchOf(network: Network): number {
  const sizes = new Set(network.graph.inputs.map((input) => input.type.shape[0] ?? 1));
  return sizes.size === 1 ? ([...sizes][0] as number) : 1;
}

/** Why a core's memory cannot hold the closest attempt: what is live at its peak, and the levers worked out on it. */
export function memoryMisfit(network: Network, attempt: Attempt, target: ChipTarget): Misfit {
  const { allocation, steps, peakLayer } = attempt;
  const capacity = target.core.memoryBytes;
  const { peakStep } = allocation;
  const live = allocation.buffers.filter((buffer) => holdsStep(buffer, peakStep));
  const terms = live.map((buffer) => ({ name: `${buffer.role} ${buffer.name}`, bytes: buffer.bytes }));
  const used = terms.reduce((total, { bytes }) => total + bytes, 0);
  terms.push({ name: "gaps between buffers", bytes: allocation.peakBytes - used });
  const demand = allocation.peakBytes;
  const verdict = (bytes: number): string =>
    `${formatBytes(bytes)} are needed, which ${bytes <= capacity ? "fits" : "does not fit"}`;

  const levers: MisfitLever[] = [];
  const contractions = steps.filter((step) => step.weights !== null);
  const streamed = contractions.filter((step) => step.weights?.copies === 1).length;
  if (contractions.length > 0) {
    levers.push({
      lever: "Streamed weights and leaner splits",
      effect: `tried; the closest choice stores the weights of ${streamed} of ${contractions.length} layers once and still needs ${formatBytes(demand)}`,
    });
  }
  const weights = live.filter((buffer) => buffer.role === "weights");
  const weightBytes = weights.reduce((total, buffer) => total + buffer.bytes, 0);
  const wide = weights.reduce(
    (total, { element, bytes }) => total + (element !== null && elementTypes[element].bits > 4 ? bytes : 0),
    0,
  );
  if (wide > 0) {
    levers.push({ lever: "4-bit weights, two in a byte", effect: verdict(demand - Math.floor(wide / 2)) });
  }
  const passing = live.filter(
    (buffer) => buffer.role === "value" || buffer.role === "operand" || buffer.role === "scratch",
  );
  const passingBytes = passing.reduce((total, buffer) => total + buffer.bytes, 0);
  const batch = batchOf(network);
  if (batch > 1) {
    levers.push({
      lever: "Batch 1",
      effect: `about ${verdict(demand - passingBytes + ceilDivide(passingBytes, batch))} (values and operands ÷ ${batch})`,
    });
  }
  const staying = demand - passingBytes;
  const room = capacity - passingBytes;
  levers.push(
    room > 0
      ? {
          lever: "More cards",
          effect: `${ceilDivide(staying, room)} cards hold ${formatBytes(weightBytes)} of weights a core beside ${formatBytes(passingBytes)} of values, when layers are divided evenly`,
        }
      : {
          lever: "More cards",
          effect: `no help by whole layers: values and operands of step "${peakLayer}" alone need ${formatBytes(passingBytes)}`,
        },
  );
  return makeMisfit("core memory", capacity, terms, levers);
}
