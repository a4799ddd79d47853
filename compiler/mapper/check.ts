import { BorealError, type Problem } from "../../base/errors.ts";
import { at, product, sum } from "../../base/math.ts";
import { goesOverEnd } from "../../base/step-range.ts";
import type { MappedBuffer, MappedStep } from "../../ir/mapping.ts";
import type { WeightPlan } from "../../ir/weight-plan.ts";
import type { ChipTarget } from "../../targets/target.ts";
import { coreCount, storageGroup } from "../core-group.ts";
import { carriersOf, earlyShares } from "../early-share.ts";
import { layOut } from "../geometry.ts";
import type { Layer } from "../layers.ts";
import type { Network } from "../network.ts";
import { boundaryBuffers } from "../overlap.ts";
import type { NetworkPlan } from "../step-plan.ts";
import { anchorElements, chunkCapacityBytes, contractionRoles, tileCapacity } from "../tiling.ts";
import { pairedBytes } from "../weights.ts";
import { constantWeights, tiledPasses } from "./layer-cost.ts";
import { splitViolations, weightsViolations } from "./rules.ts";

/** Every rule that the steps of a mapping break, as B403 problems with the step's name; none for a legal mapping. */
export function checkSteps(network: Network, steps: readonly MappedStep[], target: ChipTarget): Problem[] {
  const problems: Problem[] = [];
  const report = (layer: string | null, message: string): void => {
    problems.push({ code: "B403", message, at: layer === null ? {} : { layer } });
  };
  if (steps.length !== network.layers.length) {
    report(null, `The mapping has ${steps.length} steps; the network has ${network.layers.length} layers.`);
  }
  steps.forEach((step, index) => {
    const layer = network.layers[index];
    if (layer === undefined) {
      report(step.name, `Step ${index} has no layer.`);
    } else if (step.name !== layer.name) {
      report(step.name, `Step ${index} is named "${step.name}"; the layer at its place is "${layer.name}".`);
    } else {
      problems.push(...checkStep(layer, step, target));
    }
  });
  return problems;
}

/** Throws all problems of `checkSteps` together when there are any. */
export function requireLegalSteps(network: Network, steps: readonly MappedStep[], target: ChipTarget): void {
  const problems = checkSteps(network, steps, target);
  if (problems.length > 0) throw new BorealError(problems);
}

/** Given buffers that are live over the end of a batch and hold neither an input nor an output: nothing else overlaps with another batch. */
export function checkOverlaps(plan: NetworkPlan, buffers: readonly MappedBuffer[]): Problem[] {
  const boundary = new Set(boundaryBuffers(plan).map(({ buffer }) => buffer));
  return buffers
    .filter((buffer) => goesOverEnd(buffer) && !boundary.has(buffer.name))
    .map(({ name, step, firstStep, lastStep }) => {
      const message = `Buffer "${name}" lives from step ${firstStep} over the end of the batch to step ${lastStep}; only the value of an input or output can.`;
      return { code: "B403", message, at: { layer: step } };
    });
}

/**
 * What is wrong with the shares of outputs that leave early: each leaves beside a layer that runs by itself, behind the output's maker and
 * before the output.
 */
export function checkEarly(plan: NetworkPlan): Problem[] {
  const { columns } = plan.target.grid;
  return plan.steps.flatMap((each): Problem[] => {
    const { step, layer } = each;
    if (step.early === undefined) return [];
    const report = (message: string): Problem => ({ code: "B403", message, at: { layer: step.name } });
    if (layer.kind !== "output" || layer.host !== null) return [report("Only an output of the network leaves early.")];
    const total = sum(step.early.map((share) => share.columns));
    const shares = earlyShares(plan, each);
    const carriers = carriersOf(plan, each);
    return [
      ...(total > columns ? [report(`${total} columns of cores send early; the grid has ${columns}.`)] : []),
      ...step.early.flatMap(({ step: name }, position): Problem[] => {
        const { beside } = at(shares, position);
        if (carriers[beside] === true) return [];
        return [
          report(
            `A share leaves beside "${name}", which is no layer by itself between the output's maker and the output.`,
          ),
        ];
      }),
    ];
  });
}

/** The rules that one step breaks for its layer; where another step computes at once on the same cores, its tiles have less room. */
export function checkStep(layer: Layer, step: MappedStep, target: ChipTarget, sharesCores = false): Problem[] {
  const found: string[] = [];
  if (step.kind !== layer.kind) found.push(`The step is of kind "${step.kind}"; the layer is "${layer.kind}".`);
  const nodes = layer.nodes.map((node) => node.name);
  if (step.nodes.join("\n") !== nodes.join("\n")) {
    found.push(`The step computes ${listed(step.nodes)}; the layer has ${listed(nodes)}.`);
  }
  const value = boundaryValue(layer);
  if (step.value !== value) found.push(`The step's value is ${quoted(step.value)}, expected ${quoted(value)}.`);
  const splits = splitViolations(layer, step.split, target.grid, step.corner);
  const weightPlans = weightPlanViolations(layer, step, splits.length === 0, target);
  found.push(...splits, ...weightPlans);
  if (splits.length === 0) {
    const weights = weightPlans.length === 0 ? step.weights : null;
    found.push(
      ...tileViolations(layer, step, weights, target, sharesCores),
      ...reductionViolations(layer, step, target),
    );
  }
  return found.map((message) => ({ code: "B403", message, at: { layer: layer.name } }));
}

/** The graph value that enters, stays or leaves in an input, state or output layer; null for others. */
export function boundaryValue(layer: Layer): string | null {
  if (layer.kind === "input" || layer.kind === "state") return layer.writes[0]?.value ?? null;
  if (layer.kind === "output") return layer.reads[0]?.value ?? null;
  return null;
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? "no nodes" : names.map((name) => `"${name}"`).join(", ");
}

function quoted(name: string | null): string {
  return name === null ? "null" : `"${name}"`;
}

function weightPlanViolations(layer: Layer, step: MappedStep, splitIsLegal: boolean, target: ChipTarget): string[] {
  const constant = constantWeights(layer) !== null;
  if (!constant && step.weights !== null) return ["The step has no constant weights, so none are stored."];
  if (constant && step.weights === null)
    return ["The step has constant weights, which must be resident, streamed, or stored in some copies."];
  if (step.weights === null || !splitIsLegal) return [];
  return weightsViolations(layer, layOut(layer.dimensions, step.split, target.grid), step.weights);
}

function tileViolations(
  layer: Layer,
  { tile, split }: MappedStep,
  weights: WeightPlan | null,
  target: ChipTarget,
  sharesCores: boolean,
): string[] {
  if (layer.kind !== "contraction") return tile === null ? [] : ["Only a contraction step has a tile."];
  if (tile === null) return ["A contraction step needs a tile."];
  const found: string[] = [];
  for (const name of ["rows", "columns", "inner"] as const) {
    const size = tile[name];
    if (!Number.isInteger(size) || size < 1)
      found.push(`The tile has ${size} ${name}, expected an integer of at least 1.`);
  }
  if (found.length > 0) return found;
  const geometry = layOut(layer.dimensions, split, target.grid);
  const roles = contractionRoles(layer);
  const largest = (dimensions: readonly number[], limit: number): number => {
    let most = 0;
    tiledPasses(
      dimensions.map((index) => geometry.chunks[index] as number),
      limit,
      (points) => {
        most = Math.max(most, points);
        return 0;
      },
    );
    return most;
  };
  const rows = largest(roles.row, tile.rows);
  const columns = largest(roles.column, tile.columns);
  const inner = largest(roles.inner, tile.inner);
  const sums = tileCapacity(geometry, target, sharesCores);
  if (rows * columns > sums) {
    found.push(
      `A tile of ${rows} rows × ${columns} columns makes ${rows * columns} partial sums; there is room for ${sums}.`,
    );
  }
  const weightBytes = pairedBytes(1, inner, columns, anchorElements(layer).weights);
  const chunkBytes = chunkCapacityBytes(target, coreCount(storageGroup(geometry, roles, weights)));
  if (weightBytes > chunkBytes) {
    found.push(
      `A tile of ${inner} inner elements × ${columns} columns takes ${weightBytes} bytes of weights; a half of the weight buffer takes ${chunkBytes}.`,
    );
  }
  if (tile.outer === "columns" && inner < product(roles.inner.map((index) => geometry.chunks[index] as number))) {
    found.push("Columns can be outermost only where inner elements are not cut.");
  }
  return found;
}

function reductionViolations(layer: Layer, step: MappedStep, target: ChipTarget): string[] {
  const { reduction } = layOut(layer.dimensions, step.split, target.grid);
  const stated = step.reduction;
  if (reduction === null)
    return stated === null ? [] : ["The split divides no reduction dimension, so the step has no reduction."];
  if (stated !== null && stated.axis === reduction.axis && stated.parts === reduction.parts) return [];
  const given = stated === null ? "none" : `${stated.parts} parts along ${stated.axis}`;
  return [`The split makes chains of ${reduction.parts} parts along ${reduction.axis}; the step states ${given}.`];
}
