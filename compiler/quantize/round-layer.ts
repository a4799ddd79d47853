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

/** The weights of one group [depth, columns], and what integers they may have. */
export interface LayerWeights {
  readonly weights: Float64Array;
  readonly columns: number;
  readonly formats: readonly ChannelFormat[];
}

/** The weights of a group, and what they are multiplied with. */
export interface LayerGroup extends LayerWeights {
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
const cheapWork = 1e8;
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
export function roundNearest(groups: readonly LayerWeights[], perTensor: boolean): RoundedChannel[][] {
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
  const work = groups.reduce((sum, { fit, columns }) => sum + (columns + fit.stored.depth) * fit.stored.depth ** 2, 0);
  const common = options.perTensor ? commonScale(groups) : null;
  const known = options.holdsOut ? (work > cheapWork ? fewRecipes : recipes) : cautiousRecipes;
  const rounders = groups.map((group) => groupRounder(group, common, options));
  const judges = groups.map((group) => heldOutErrors(group, options));
  const nearestChannels = roundNearest(groups, options.perTensor);
  const trials = known.map((recipe) => {
    const channels =
      recipe.name === "nearest"
        ? nearestChannels
        : rounders.map((round, index) => round(recipe) ?? (nearestChannels[index] as RoundedChannel[]));
    const energies = judges.map((errorOf, index) => errorOf(channels[index] ?? []));
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

/** Rounds a group by recipes; its moments are found once. Null where what the group reads or gives on the frames overflows. */
function groupRounder(
  { weights, columns, formats, fit }: LayerGroup,
  commonScaleOfLayer: number | null,
  { isBiasCorrected, contractor }: RoundLayerOptions,
): (recipe: RoundingRecipe) => RoundedChannel[] | null {
  const { depth } = fit.stored;
  const seen = isBiasCorrected ? { float: centred(fit.float), stored: centred(fit.stored) } : fit;
  const second = crossMoments(seen.stored, seen.stored, contractor);
  const products = Float64Array.from(
    crossMoments(seen.stored, productRows(seen.float, weights, columns, contractor), contractor),
  );
  let trace = 0;
  for (let index = 0; index < depth; index += 1) trace += second[index * depth + index] as number;
  const isUsable = areFinite(second) && areFinite(products);
  return ({ name, damping }) => {
    if (!isUsable) return null;
    const measure = makeErrorMeasure(second, depth, damping);
    // The real weights that give the float results on the stored inputs, held to the given ones by the damping.
    const held = trace > 0 ? (damping * trace) / depth : 1;
    const wanted =
      name === "corrected"
        ? solveWeights(
            measure,
            products.map((each, index) => each + held * (weights[index] as number)),
            columns,
          )
        : weights;
    return roundCompensated(measure, wanted, formats, commonScaleOfLayer);
  };
}

/** Σ of squared differences between the results of rounded weights on stored rows and those of f32, less what bias correction takes off. */
function heldOutErrors(
  { columns, heldOut, weights }: LayerGroup,
  { isBiasCorrected, contractor }: RoundLayerOptions,
): (channels: readonly RoundedChannel[]) => number {
  const wanted = productRows(heldOut.float, weights, columns, contractor);
  return (channels) => {
    const real = new Float64Array(weights.length);
    channels.forEach(({ stored, scale }, column) => {
      for (let k = 0; k < stored.length; k += 1) real[k * columns + column] = scale * (stored[k] as number);
    });
    const found = productRows(heldOut.stored, real, columns, contractor);
    const errors = {
      ...found,
      numbers: found.numbers.map((value, index) => value - (wanted.numbers[index] as number)),
    };
    return energyOf(isBiasCorrected ? centred(errors) : errors);
  };
}

function areFinite(numbers: ArrayLike<number>): boolean {
  for (let index = 0; index < numbers.length; index += 1) if (!Number.isFinite(numbers[index])) return false;
  return true;
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
