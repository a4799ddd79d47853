import type { Problem } from "../../base/errors.ts";
import { product } from "../../base/math.ts";
import type { Rectangle } from "../../ir/instruction.ts";
import type { CorePlace, MappedStep, Split } from "../../ir/mapping.ts";
import { adjacentOrder, type LayerPair } from "../concurrency.ts";
import { firstCore } from "../geometry.ts";
import type { Layer } from "../layers.ts";
import type { Network } from "../network.ts";

/** The cores that a split is laid on, those without work included. */
export function coresOf({
  split,
  corner = firstCore,
}: {
  readonly split: Split;
  readonly corner?: CorePlace;
}): Rectangle {
  const [rows, columns] = [split.rows, split.columns].map((list) => product(list.map(({ parts }) => parts)));
  return { ...corner, rows: rows ?? 1, columns: columns ?? 1 };
}

/** Whether two rectangles of cores have none in common. */
export function areDisjoint(left: Rectangle, right: Rectangle): boolean {
  return (
    left.row + left.rows <= right.row ||
    right.row + right.rows <= left.row ||
    left.column + left.columns <= right.column ||
    right.column + right.columns <= left.column
  );
}

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

/** The rules of steps side by side that the given steps break, by name, as B403. */
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
    if (!areDisjoint(cores, others)) {
      const text = ({ row, column, rows, columns }: typeof cores): string =>
        `${rows} × ${columns} from (${row}, ${column})`;
      report(
        name,
        `Steps side by side need disjoint cores; this one has ${text(cores)}, "${beside}" has ${text(others)}.`,
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
