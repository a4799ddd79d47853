import type { Access } from "../ir/iteration.ts";
import type { MappedStep } from "../ir/mapping.ts";
import type { ChainPlan, TablePlan } from "./chain.ts";
import type { Layer, LayerRead } from "./layers.ts";
import { anchorAccesses } from "./tiling.ts";

/** What decides the bytes of the constant buffers of a step. */
interface ConstantHolder {
  readonly step: MappedStep;
  readonly layer: Layer;
  readonly reads: readonly { readonly read: LayerRead; readonly mode: string; readonly buffer: string }[];
  readonly weights: { readonly read: LayerRead; readonly buffer: string } | null;
  readonly chain: ChainPlan;
}

/** Keys that were worked out before, by the plan of the constant, weights or table. */
export type ConstantKeys = Map<object, string>;

/**
 * Gives the constant buffers of all steps that hold the same bytes on every core that has both one name, that of the
 * first: weights, constants and tables are stored once however many steps read them, as those of an unrolled recurrence do.
 */
export function shareConstants<Plan extends ConstantHolder>(
  plans: readonly Plan[],
  keys: ConstantKeys = new Map(),
): Plan[] {
  const names = new Map<string, string>();
  const nameOf = (plan: { readonly buffer: string }, keyOf: () => string): string => {
    const { buffer } = plan;
    const key = keys.get(plan) ?? keyOf();
    keys.set(plan, key);
    const known = names.get(key);
    if (known !== undefined) return known;
    names.set(key, buffer);
    return buffer;
  };
  return plans.map((plan) => {
    const { weights, chain } = plan;
    if (weights === null && chain.tables.length === 0 && plan.reads.every(({ read }) => !read.constant)) return plan;
    return {
      ...plan,
      reads: plan.reads.map((read) =>
        read.mode === "constant" ? { ...read, buffer: nameOf(read, () => constantKey(read.read, plan)) } : read,
      ),
      weights: weights === null ? null : { ...weights, buffer: nameOf(weights, () => weightsKey(weights.read, plan)) },
      chain: {
        ...chain,
        tables: chain.tables.map((table) => ({ ...table, buffer: nameOf(table, () => tableKey(table, plan)) })),
      },
    };
  });
}

/** Equal for steps whose cores have the same parts of the same iteration space. */
function placeOf({ layer, step }: ConstantHolder): string {
  return JSON.stringify([layer.dimensions, step.split.rows, step.split.columns, step.corner]);
}

/** Whether an access touches the same elements wherever a core is. */
function isEverywhere(access: Access): boolean {
  return access.every(({ terms }) => terms.length === 0);
}

function constantKey({ value, access }: LayerRead, holder: ConstantHolder): string {
  return JSON.stringify(["constant", value, access, access === null || isEverywhere(access) ? "" : placeOf(holder)]);
}

function weightsKey({ value }: LayerRead, holder: ConstantHolder): string {
  const { layer, step } = holder;
  return JSON.stringify([
    "weights",
    value,
    anchorAccesses(layer),
    layer.result,
    step.tile,
    step.weights,
    placeOf(holder),
  ]);
}

function tableKey({ kind, shape, values, access }: TablePlan, holder: ConstantHolder): string {
  const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString("latin1");
  return JSON.stringify(["table", kind, shape, isEverywhere(access) ? "" : [access, placeOf(holder)]]) + bytes;
}
