import type { Contractor } from "../../ir/contractor.ts";
import { centred, crossMoments, type InputRows, productRows } from "./input-samples.ts";
import {
  type ChannelFormat,
  leastErrorScale,
  makeErrorMeasure,
  nearestIntegers,
  type RoundedChannel,
  roundCompensated,
  solveWeights,
} from "./rounding.ts";

/** Rows that a group of a contraction reads: in the float graph, and as stored behind the layers that are already rounded. */
export interface LayerRows {
  readonly float: InputRows;
  readonly stored: InputRows;
}

/** The weights of one group [depth, columns], and what they are multiplied with. */
export interface LayerGroup {
  readonly weights: Float64Array;
  readonly columns: number;
  readonly formats: readonly ChannelFormat[];
  /** Rows to round on. */
  readonly fit: LayerRows;
  /** Other rows, on which the way of rounding is chosen; the same ones where there are too few frames. */
  readonly heldOut: LayerRows;
}

/** How a layer was rounded, with the error energies of its results on the rows that were held out. */
export interface LayerRounding {
  readonly channels: readonly (readonly RoundedChannel[])[];
  readonly recipe: RoundingRecipe["name"];
  readonly signalEnergy: number;
  readonly nearestErrorEnergy: number;
  readonly errorEnergy: number;
}

/** A way of rounding a layer. */
interface RoundingRecipe {
  readonly name: "nearest" | "compensated" | "corrected";
  readonly damping: number;
}

/**
 * nearest: each weight by itself. compensated: errors of weights make up for one another on the stored inputs. corrected: the weights
 * are first moved to where they make up for the errors of the inputs too. More damping trusts the frames less.
 */
const recipes: readonly RoundingRecipe[] = [
  { name: "nearest", damping: 0 },
  { name: "compensated", damping: 0.01 },
  { name: "corrected", damping: 0.01 },
  { name: "corrected", damping: 0.1 },
  { name: "corrected", damping: 1 },
];

/** Multiply-accumulates of rounding a layer once, above which only one compensated recipe is tried. */
const cheapWork = 2e7;
const fewRecipes: readonly RoundingRecipe[] = [
  { name: "nearest", damping: 0 },
  { name: "corrected", damping: 0.1 },
];

const cautiousRecipes: readonly RoundingRecipe[] = [
  { name: "nearest", damping: 0 },
  { name: "compensated", damping: 0.1 },
];

/** How a layer is rounded. */
export interface RoundLayerOptions {
  /** Whether bias correction takes the mean of each channel's error off later. */
  readonly isBiasCorrected: boolean;
  /** One scale for all channels. */
  readonly perTensor: boolean;
  /** Whether rows were held out: without them corrections cannot be told from fitting the frames by heart. */
  readonly holdsOut: boolean;
  readonly contractor: Contractor;
}

/** Rounds the groups of a layer to nearest, the scales having the least squared error. */
export function roundNearest(
  groups: readonly Pick<LayerGroup, "weights" | "columns" | "formats">[],
  perTensor: boolean,
): RoundedChannel[][] {
  const common = perTensor ? commonScale(groups) : null;
  return groups.map((group) =>
    columnsOf(group.weights, group.columns).map((weights, column) => {
      const format = group.formats[column] as ChannelFormat;
      const scale = common ?? leastErrorScale(weights, format);
      return { stored: nearestIntegers(weights, scale, format.greatest), scale };
    }),
  );
}

/** Rounds the groups of a layer by each recipe, and keeps the one whose results are nearest to f32 on the rows that were held out. */
export function roundLayer(groups: readonly LayerGroup[], options: RoundLayerOptions): LayerRounding {
  const work = groups.reduce((sum, { fit, columns }) => sum + columns * fit.stored.depth ** 2, 0);
  const common = options.perTensor ? commonScale(groups) : null;
  const known = options.holdsOut ? (work > cheapWork ? fewRecipes : recipes) : cautiousRecipes;
  const trials = known.map((recipe) => {
    const channels =
      recipe.name === "nearest"
        ? roundNearest(groups, options.perTensor)
        : groups.map((group) => roundGroup(group, recipe, common, options));
    const energies = groups.map((group, index) => errorEnergy(group, channels[index] ?? [], options));
    return { recipe, channels, error: energies.reduce((sum, energy) => sum + energy, 0) };
  });
  const [nearest] = trials;
  const best = trials.reduce((least, trial) => (trial.error < least.error ? trial : least));
  return {
    channels: best.channels,
    recipe: best.recipe.name,
    signalEnergy: groups.reduce((sum, group) => sum + signalEnergy(group, options), 0),
    nearestErrorEnergy: nearest?.error ?? best.error,
    errorEnergy: best.error,
  };
}

function roundGroup(
  group: LayerGroup,
  { name, damping }: RoundingRecipe,
  commonScaleOfLayer: number | null,
  { isBiasCorrected, contractor }: RoundLayerOptions,
): RoundedChannel[] {
  const { weights, columns, formats } = group;
  const { depth } = group.fit.stored;
  const prepare = isBiasCorrected ? centred : (rows: InputRows): InputRows => rows;
  const stored = prepare(group.fit.stored);
  const second = crossMoments(stored, stored, contractor);
  const measure = makeErrorMeasure(second, depth, damping);
  const wanted = name === "corrected" ? correctedWeights() : weights;
  return columnsOf(wanted, columns).map((each, column) =>
    roundCompensated(measure, each, formats[column] as ChannelFormat, commonScaleOfLayer),
  );

  /** The real weights that give the float results on the stored inputs, held to the given ones by the damping. */
  function correctedWeights(): Float64Array {
    const results = productRows(prepare(group.fit.float), weights, columns, contractor);
    const products = Float64Array.from(crossMoments(stored, results, contractor));
    let trace = 0;
    for (let index = 0; index < depth; index += 1) trace += second[index * depth + index] as number;
    const held = trace > 0 ? (damping * trace) / depth : 1;
    for (let index = 0; index < products.length; index += 1)
      products[index] = (products[index] as number) + held * (weights[index] as number);
    return solveWeights(measure, products, columns);
  }
}

/** Σ of squared differences between the results of rounded weights on stored rows and those of f32, less what bias correction takes off. */
function errorEnergy(group: LayerGroup, channels: readonly RoundedChannel[], options: RoundLayerOptions): number {
  const { columns, heldOut } = group;
  const { depth } = heldOut.stored;
  const real = new Float64Array(depth * columns);
  channels.forEach(({ stored, scale }, column) => {
    for (let k = 0; k < depth; k += 1) real[k * columns + column] = scale * (stored[k] as number);
  });
  const found = productRows(heldOut.stored, real, columns, options.contractor);
  const wanted = productRows(heldOut.float, group.weights, columns, options.contractor);
  const errors = { ...found, numbers: found.numbers.map((value, index) => value - (wanted.numbers[index] as number)) };
  return energyOf(options.isBiasCorrected ? centred(errors) : errors);
}

function signalEnergy({ heldOut, weights, columns }: LayerGroup, { contractor }: RoundLayerOptions): number {
  return energyOf(productRows(heldOut.float, weights, columns, contractor));
}

function energyOf({ numbers }: InputRows): number {
  let energy = 0;
  for (let index = 0; index < numbers.length; index += 1) energy += (numbers[index] as number) ** 2;
  return energy;
}

/** The columns of a matrix [depth, columns]. */
function columnsOf(matrix: Float64Array, columns: number): Float64Array[] {
  return Array.from({ length: columns }, (_, column) =>
    Float64Array.from({ length: matrix.length / columns }, (_each, k) => matrix[k * columns + column] as number),
  );
}

/** One scale for all channels of a layer, of least squared error. */
function commonScale(groups: readonly Pick<LayerGroup, "weights" | "formats">[]): number {
  const all = new Float64Array(groups.reduce((sum, { weights }) => sum + weights.length, 0));
  let start = 0;
  for (const { weights } of groups) {
    all.set(weights, start);
    start += weights.length;
  }
  const formats = groups.flatMap((group) => group.formats);
  const leastScale = formats.reduce((most, format) => Math.max(most, format.leastScale), 0);
  return leastErrorScale(all, { greatest: formats[0]?.greatest ?? 1, leastScale });
}
