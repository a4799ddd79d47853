import type { IdealResult, Warning } from "../report/figures-schema.ts";
import type { Figures, RunMetrics } from "../runtime-sim/metrics.ts";
import type { IdealResource } from "../targets/ideal.ts";
import { warning } from "./warnings.ts";

/** A simulation with free resources beside that of the real machine. */
export interface Idealization {
  readonly resources: readonly IdealResource[];
  /** The same program on the machine as it is. */
  readonly real: RunMetrics;
}

/** What a result says of free resources: which, and the headline of the real machine. */
export function idealResult(idealization: Idealization | null): IdealResult | null {
  if (idealization === null) return null;
  const { resources, real } = idealization;
  return {
    resources: [...resources],
    mappedFor: "real machine",
    real: { ...headline(real.onDevice), withHost: headline(real.withHost) },
  };
}

function headline(figures: Figures): Omit<IdealResult["real"], "withHost"> {
  const { latencyCycles, latencySeconds, intervalCycles, throughputPerSecond } = figures;
  const { energyPerInferenceJoules, powerWatts } = figures;
  return { latencyCycles, latencySeconds, intervalCycles, throughputPerSecond, energyPerInferenceJoules, powerWatts };
}

/**
 * Says that figures are of an idealised machine, and names figures that came out worse than those of the real one: where
 * requests are served in the order in which they come, less work in one place may bring another order in a second.
 */
export function idealWarnings(idealization: Idealization | null, metrics: RunMetrics): Warning[] {
  if (idealization === null) return [];
  const { resources, real } = idealization;
  const worse = (["onDevice", "withHost"] as const).flatMap((way) =>
    (["latencyCycles", "intervalCycles"] as const)
      .filter((figure) => metrics[way][figure] > real[way][figure])
      .map(
        (figure) =>
          `${figure} ${way === "onDevice" ? "on device" : "with host"} from ${real[way][figure]} to ${metrics[way][figure]}`,
      ),
  );
  return [
    warning("W303", `No real machine: ${resources.join(", ")} ${resources.length === 1 ? "takes" : "take"} no time.`),
    ...(worse.length === 0
      ? []
      : [warning("W304", `Free resources raised ${worse.join(", ")}: another order of service.`)]),
  ];
}
