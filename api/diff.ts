import { at } from "../base/math.ts";
import type { DifferenceResult, LayerDifference } from "../report/diff-schema.ts";
import { schemaVersion } from "../report/schema-parts.ts";
import { cycleCauses } from "../runtime-sim/metrics-stack.ts";
import { provenance } from "./provenance.ts";
import { type ComparableResult, readResult } from "./result-file.ts";

type Layer = ComparableResult["layers"][number];
type Amounts = Readonly<Record<string, number>>;

/** The figures of a headline that are compared, with their units. */
const headlineFigures = [
  { figure: "latencyCycles", unit: "cycles" },
  { figure: "latencySeconds", unit: "s" },
  { figure: "intervalCycles", unit: "cycles" },
  { figure: "throughputPerSecond", unit: "/s" },
  { figure: "energyPerInferenceJoules", unit: "J" },
  { figure: "powerWatts", unit: "W" },
] as const;

type Headline = Readonly<Record<(typeof headlineFigures)[number]["figure"], number>>;

/** A figure in two results. */
interface Change {
  readonly a: number;
  readonly b: number;
  readonly difference: number;
}

/** Compares two result files of `run` or `simulate`. Throws B704 for files that are none. */
export function compareFiles(a: string, b: string): DifferenceResult {
  return compareResults({ file: a, result: readResult(a) }, { file: b, result: readResult(b) });
}

/** One of two results that are compared, and what it is called. */
interface Side {
  readonly file: string;
  readonly result: ComparableResult;
}

/**
 * Compares two results: headline, cycles by cause, energy by component, layers aligned by name (those of equal names in
 * their order). Differences are b − a; what is in one alone counts as nothing in the other, so that layers, causes and
 * components add up to the differences of the whole.
 */
export function compareResults(a: Side, b: Side): DifferenceResult {
  const [left, right] = [a.result, b.result];
  return {
    schemaVersion,
    kind: "difference",
    a: sideOf(a),
    b: sideOf(b),
    changed: changedFields(left, right),
    headline: headlineChanges(left, right),
    cyclesByCause: cycleCauses
      .map((cause) => ({
        cause,
        ...changeOf(left.timing.cyclesByCause[cause] ?? 0, right.timing.cyclesByCause[cause] ?? 0),
      }))
      .sort(byEffect(({ difference }) => difference)),
    energyByComponent: keysOf(left.energy.byComponentJoules, right.energy.byComponentJoules)
      .map((component) => ({
        component,
        ...changeOf(left.energy.byComponentJoules[component] ?? 0, right.energy.byComponentJoules[component] ?? 0),
      }))
      .sort(byEffect(({ difference }) => difference)),
    layers: layerDifferences(left, right),
    provenance: provenance("difference-result"),
  };
}

function sideOf({ file, result }: Side): DifferenceResult["a"] {
  const name = result.model?.name ?? result.program?.name ?? "";
  return { file, kind: result.kind, name, target: result.target.name };
}

/** The figures on device, then those with host, whose names begin with `withHost.` */
function headlineChanges(left: ComparableResult, right: ComparableResult): DifferenceResult["headline"] {
  const changes = (prefix: string, a: Headline, b: Headline) =>
    headlineFigures.map(({ figure, unit }) => ({
      figure: `${prefix}${figure}`,
      unit,
      ...changeOf(a[figure], b[figure]),
    }));
  return [
    ...changes("", { ...left.timing, ...left.energy }, { ...right.timing, ...right.energy }),
    ...changes("withHost.", left.withHost, right.withHost),
  ];
}

function changeOf(a: number, b: number): Change {
  return { a, b, difference: b - a };
}

/** Orders by the size of an effect, largest first; equal ones stay in order. */
function byEffect<Item>(...effects: readonly ((item: Item) => number)[]): (left: Item, right: Item) => number {
  return (left, right) => {
    for (const effect of effects) {
      const order = Math.abs(effect(right)) - Math.abs(effect(left));
      if (order !== 0) return order;
    }
    return 0;
  };
}

function keysOf(a: Amounts, b: Amounts): string[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])];
}

function differencesOf(a: Amounts, b: Amounts, keys: readonly string[] = keysOf(a, b)): Record<string, number> {
  return Object.fromEntries(keys.map((key) => [key, (b[key] ?? 0) - (a[key] ?? 0)]));
}

/** Fields that say what was run, on what and how, where the results differ. */
function changedFields(a: ComparableResult, b: ComparableResult): DifferenceResult["changed"] {
  const flat = ({ model, program, target, choices, ideal }: ComparableResult): Map<string, string> => {
    const sections = { model, program, target, choices, ideal: ideal?.resources ?? [] };
    return new Map(
      Object.entries(sections).flatMap(([section, fields]) =>
        fields === undefined
          ? []
          : Array.isArray(fields)
            ? [[section, JSON.stringify(fields)] as const]
            : Object.entries(fields).map(([name, value]) => [`${section}.${name}`, JSON.stringify(value)] as const),
      ),
    );
  };
  const [left, right] = [flat(a), flat(b)];
  return [...new Set([...left.keys(), ...right.keys()])]
    .map((path) => ({ path, a: left.get(path) ?? "absent", b: right.get(path) ?? "absent" }))
    .filter((field) => field.a !== field.b);
}

/** A layer with the components of its energy, where the result has them. */
interface SplitLayer {
  readonly layer: Layer;
  readonly energyByComponent: Amounts | null;
}

function layerDifferences(a: ComparableResult, b: ComparableResult): LayerDifference[] {
  const splits = ({ layers, energySplit }: ComparableResult): SplitLayer[] =>
    layers.map((layer, index) => ({ layer, energyByComponent: energySplit?.layers[index]?.byComponentJoules ?? null }));
  const isSplit = a.energySplit != null && b.energySplit != null;
  const rest = new Map<string, SplitLayer[]>();
  for (const each of splits(b)) rest.set(each.layer.name, [...(rest.get(each.layer.name) ?? []), each]);
  const paired = splits(a).map((left): LayerDifference => {
    const right = rest.get(left.layer.name)?.shift() ?? null;
    return layerDifference(left, right, isSplit);
  });
  const alone = [...rest.values()].flat().map((right) => layerDifference(null, right, isSplit));
  return [...paired, ...alone].sort(
    byEffect(
      ({ latencyCycles }) => latencyCycles.difference,
      ({ energyJoules }) => energyJoules.difference,
    ),
  );
}

function layerDifference(left: SplitLayer | null, right: SplitLayer | null, isSplit: boolean): LayerDifference {
  const [a, b] = [left?.layer, right?.layer];
  const change = (figure: "latencyCycles" | "intervalCycles" | "energyJoules"): Change =>
    changeOf(a?.[figure] ?? 0, b?.[figure] ?? 0);
  const mappings = [a, b].map((layer) =>
    JSON.stringify([layer?.split ?? null, layer?.weights ?? null, layer?.weightCopyCount ?? null]),
  );
  const isKnown = a?.split != null && b?.split != null;
  return {
    name: a?.name ?? b?.name ?? "",
    in: a === undefined ? "b" : b === undefined ? "a" : "both",
    latencyCycles: change("latencyCycles"),
    intervalCycles: change("intervalCycles"),
    energyJoules: change("energyJoules"),
    cyclesByCause: differencesOf(
      a?.cyclesByCause ?? {},
      b?.cyclesByCause ?? {},
      cycleCauses,
    ) as LayerDifference["cyclesByCause"],
    energyByComponentJoules: isSplit
      ? differencesOf(left?.energyByComponent ?? {}, right?.energyByComponent ?? {})
      : null,
    mapping: isKnown ? (at(mappings, 0) === at(mappings, 1) ? "same" : "other") : null,
  };
}
