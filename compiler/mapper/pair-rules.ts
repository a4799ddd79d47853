import type { Problem } from "../../base/errors.ts";
import type { MappedStep } from "../../ir/mapping.ts";
import { adjacentOrder, areDisjoint, coresOf, type LayerPair } from "../concurrency.ts";
import type { Layer } from "../layers.ts";
import type { Network } from "../network.ts";
import { splitsMayShare } from "./shared-cores.ts";

/** Whether a layer may run beside another one: it works on cores of its own and nothing takes its place. */
export function mayRunBeside({ layers, ties }: Network, index: number): boolean {
  const kind = layers[index]?.kind;
  const isTied = ties.some(({ state, next }) => index === state || index === next);
  return !isTied && (kind === "contraction" || kind === "vector" || kind === "reduce");
}

/** The pairs that steps state, by index in the network; a step that is not there has index −1. */
export function statedPairs({ layers }: Network, steps: ReadonlyMap<string, MappedStep>): LayerPair[] {
  const indexOf = (name: string): number => layers.findIndex((layer) => layer.name === name);
  return [...steps.values()].flatMap(({ name, beside }) => {
    if (beside === undefined) return [];
    const [own, other] = [indexOf(name), steps.has(beside) ? indexOf(beside) : -1];
    return [{ left: Math.min(own, other), right: Math.max(own, other) }];
  });
}

/** The rules of steps that run at once that the given steps break, by name, as B403. */
export function pairProblems(network: Network, steps: ReadonlyMap<string, MappedStep>): Problem[] {
  const problems: Problem[] = [];
  const report = (layer: string, message: string): void => {
    problems.push({ code: "B403", message, at: { layer } });
  };
  const taken = new Map<string, string>();
  for (const { name, beside } of steps.values()) {
    if (beside === undefined) continue;
    const [own, other] = [steps.get(name), steps.get(beside)];
    if (own === undefined || other === undefined || name === beside) {
      report(name, `The step is said to run beside "${beside}", which is no other step of the mapping.`);
      continue;
    }
    for (const each of [name, beside]) {
      const partner = each === name ? beside : name;
      const known = taken.get(each);
      if (known !== undefined && known !== partner) {
        report(
          each,
          `The step is said to run beside "${known}" and beside "${partner}"; two steps at most run side by side.`,
        );
      }
      taken.set(each, partner);
      const index = network.layers.findIndex((layer) => layer.name === each);
      if (!mayRunBeside(network, index)) {
        const message = "Only contractions, vector and reduce steps that no state is made of run side by side";
        report(each, `${message}; this step is of kind "${(network.layers[index] as Layer).kind}".`);
      }
    }
    const [cores, others] = [coresOf(own), coresOf(other)];
    const [left, right] = [name, beside].map((each) => network.layers.findIndex((layer) => layer.name === each));
    if (left === undefined || right === undefined || left < 0 || right < 0) continue;
    if (!areDisjoint(cores, others) && !splitsMayShare(network, { left, right }, own, other)) {
      const text = ({ row, column, rows, columns }: typeof cores): string =>
        `${rows} × ${columns} from (${row}, ${column})`;
      report(
        name,
        `Steps side by side need disjoint cores, or to be a contraction and another step that read no value in common and have no chains of partial sums; this one has ${text(cores)}, "${beside}" has ${text(others)}.`,
      );
    }
  }
  if (problems.length === 0) {
    const pairs = statedPairs(network, steps);
    pairs.forEach((pair, index) => {
      if (adjacentOrder(network, pairs.slice(0, index + 1)) !== null) return;
      const [left, right] = [network.layers[pair.left]?.name ?? "", network.layers[pair.right]?.name ?? ""];
      report(
        right,
        `The step cannot run beside "${left}": one of them needs what the other one, or a step beside it, makes.`,
      );
    });
  }
  return problems;
}

/** The steps with each pair stated by the later step of the two, as the mapper states it. */
export function orderedPairs(network: Network, steps: ReadonlyMap<string, MappedStep>): Map<string, MappedStep> {
  const result = new Map<string, MappedStep>();
  for (const [name, { beside: _, ...step }] of steps) result.set(name, step);
  for (const { left, right } of statedPairs(network, steps)) {
    const [first, second] = [network.layers[left]?.name ?? "", network.layers[right]?.name ?? ""];
    const step = result.get(second);
    if (step !== undefined) result.set(second, { ...step, beside: first });
  }
  return result;
}
