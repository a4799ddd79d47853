import { type ForecastWindow, f32Tensor } from "../../api.ts";
import { fitAbsolute } from "./absolute-fit.ts";
import { RidgeFit, type RidgeSolution } from "./ridge.ts";
import { type BlockWeights, type Head, seededMixing, type TsmixerSize } from "./tsmixer.ts";

/** What a forecaster is fitted to, and how. */
export interface ClosedFormOptions {
  readonly size: TsmixerSize;
  /** Seeds what is not fitted: time mixing, and the first layer of each feature mixing. */
  readonly seed: number;
  /** Windows at equal distances, in order of time. */
  readonly training: readonly ForecastWindow[];
  /** How strong time mixing is, as a part of its seeded weights. */
  readonly timeGain: number;
  /** Ridge penalties of feature mixing to choose from, in parts of its hidden units' mean square. */
  readonly mixingPenalties: readonly number[];
  /** Changes from frame to frame beyond this count as this when feature mixing is fitted: few large ones would decide it. */
  readonly greatestChange: number;
  /** Ridge penalty of the head. */
  readonly headPenalty: number;
  /** Errors of the head below this count as this (see `fitAbsolute`). */
  readonly nearestError: number;
}

/** A fitted forecaster: Linear where it has no blocks, else TSMixer. */
export interface FittedForecaster {
  readonly blocks: readonly BlockWeights[];
  readonly head: Head;
  /** By block: neurons whose frames feature mixing changes. */
  readonly mixedNeuronCounts: readonly number[];
}

/** The last part of the training windows chooses the penalties; as many before it as share frames with it are left out. */
const choosingPart = 0.2;
/** A neuron is mixed where that leaves at most this part of its error on the windows that choose. */
const keptError = 0.98;

/**
 * Fits a TSMixer layer by layer. Time mixing and the first layer of feature mixing are seeded random. The second layer of
 * each feature mixing is fitted in closed form (ridge) so that the block's result comes near the next frame of every
 * neuron, with the penalty that is best for that neuron on the last training windows, and with zeros for neurons that
 * are forecast no better for it. The head makes the absolute errors of the frames ahead small. Without blocks this is
 * ZAPBench's Linear.
 */
export function fitClosedForm(options: ClosedFormOptions): FittedForecaster {
  const { size, training } = options;
  const length = size.contextFrames * size.neuronCount;
  const values = new Float32Array(training.length * length);
  const next = new Float32Array(training.length * length);
  training.forEach(({ context, future }, index) => {
    values.set(context.data as Float32Array, index * length);
    next.set((context.data as Float32Array).subarray(size.neuronCount), index * length);
    next.set((future.data as Float32Array).subarray(0, size.neuronCount), (index + 1) * length - size.neuronCount);
  });
  const mixedNeuronCounts: number[] = [];
  const blocks = seededMixing(size, options.seed).map((seeded) => {
    const timeWeight = f32Tensor(
      seeded.timeWeight.type.shape,
      (seeded.timeWeight.data as Float32Array).map((weight) => weight * options.timeGain),
    );
    const block = { ...seeded, timeWeight };
    mixTime(values, size, block);
    const hidden = enter(values, size, block);
    const changes = next.map((value, index) => value - (values[index] as number));
    const { weights, intercepts } = fitMixing(hidden, changes, options);
    mixedNeuronCounts.push(intercepts.reduce((count, value) => count + Number(value !== 0), 0));
    const change = affine(hidden, size.hiddenCount, weights, intercepts);
    for (let index = 0; index < values.length; index += 1) {
      values[index] = (values[index] as number) + (change[index] as number);
    }
    return {
      ...block,
      leaveWeight: f32Tensor([size.hiddenCount, size.neuronCount], weights),
      leaveBias: f32Tensor([size.neuronCount], intercepts),
    };
  });
  const groups = training.map(({ future }, index) => ({
    features: values.subarray(index * length, (index + 1) * length),
    targets: future.data as Float32Array,
  }));
  const headSize = { featureCount: size.contextFrames, targetCount: size.horizonFrames };
  const head = headOf(fitAbsolute(groups, headSize, options.headPenalty, options.nearestError), size);
  return { blocks, head, mixedNeuronCounts };
}

/** The layer from hidden units [frames, hidden] to changes [frames, neurons], each neuron with its own penalty. */
function fitMixing(hidden: Float32Array, changes: Float32Array, options: ClosedFormOptions): RidgeSolution {
  const { size, training, mixingPenalties, greatestChange } = options;
  const { contextFrames, horizonFrames, neuronCount, hiddenCount } = size;
  const stride = (training[1]?.start ?? 1) - (training[0]?.start ?? 0);
  const chosenFrom = Math.floor(training.length * (1 - choosingPart));
  const fittedTo = chosenFrom - Math.ceil((contextFrames + horizonFrames) / stride);
  const clipped = changes.map((value) => clip(value, greatestChange));
  const solutionsOf = (windows: number): RidgeSolution[] => {
    const frames = windows * contextFrames;
    const fit = new RidgeFit(hiddenCount, neuronCount);
    fit.add(
      transposed(hidden.subarray(0, frames * hiddenCount), hiddenCount),
      transposed(clipped.subarray(0, frames * neuronCount), neuronCount),
    );
    return mixingPenalties.map((penalty) => fit.solve(penalty * meanSquare(hidden)));
  };
  const firstFrame = chosenFrom * contextFrames;
  const [checkedHidden, checkedChanges] = [
    hidden.subarray(firstFrame * hiddenCount),
    changes.subarray(firstFrame * neuronCount),
  ];
  const unmixed = errorsByNeuron(checkedChanges, null, neuronCount);
  const errors = solutionsOf(fittedTo).map(({ weights, intercepts }) =>
    errorsByNeuron(checkedChanges, affine(checkedHidden, hiddenCount, weights, intercepts), neuronCount),
  );
  const solutions = solutionsOf(training.length);
  const weights = new Float64Array(hiddenCount * neuronCount);
  const intercepts = new Float64Array(neuronCount);
  for (let neuron = 0; neuron < neuronCount; neuron += 1) {
    const own = errors.map((each) => each[neuron] as number);
    const best = own.indexOf(Math.min(...own));
    const solution = solutions[best];
    if (solution === undefined || (own[best] as number) > keptError * (unmixed[neuron] as number)) continue;
    intercepts[neuron] = solution.intercepts[neuron] as number;
    for (let unit = 0; unit < hiddenCount; unit += 1) {
      weights[unit * neuronCount + neuron] = solution.weights[unit * neuronCount + neuron] as number;
    }
  }
  return { weights, intercepts };
}

/** Sums of absolute differences by neuron, of [frames, neurons] from others, or from zero. */
function errorsByNeuron(values: Float32Array, others: Float32Array | null, neuronCount: number): Float64Array {
  const errors = new Float64Array(neuronCount);
  for (let index = 0; index < values.length; index += 1) {
    const neuron = index % neuronCount;
    errors[neuron] = (errors[neuron] as number) + Math.abs((values[index] as number) - (others?.[index] ?? 0));
  }
  return errors;
}

function headOf({ weights, intercepts }: RidgeSolution, { contextFrames, horizonFrames }: TsmixerSize): Head {
  return { weight: f32Tensor([contextFrames, horizonFrames], weights), bias: f32Tensor([horizonFrames], intercepts) };
}

/** x + Relu(xᵀ·W + b)ᵀ over the context frames of every window [context, neurons], in place. */
function mixTime(values: Float32Array, { contextFrames, neuronCount }: TsmixerSize, block: BlockWeights): void {
  const [weight, bias] = [block.timeWeight.data, block.timeBias.data];
  const frames = new Float64Array(contextFrames);
  for (let first = 0; first < values.length; first += contextFrames * neuronCount) {
    for (let neuron = 0; neuron < neuronCount; neuron += 1) {
      const place = first + neuron;
      for (let frame = 0; frame < contextFrames; frame += 1)
        frames[frame] = values[place + frame * neuronCount] as number;
      for (let to = 0; to < contextFrames; to += 1) {
        let sum = bias[to] as number;
        for (let from = 0; from < contextFrames; from += 1) {
          sum += (frames[from] as number) * (weight[from * contextFrames + to] as number);
        }
        values[place + to * neuronCount] = (frames[to] as number) + Math.max(0, sum);
      }
    }
  }
}

/** Relu(x·W + b) of every frame: [frames, hidden]. */
function enter(values: Float32Array, { neuronCount }: TsmixerSize, block: BlockWeights): Float32Array {
  const [weights, bias] = [block.enterWeight.data, block.enterBias.data] as [Float32Array, Float32Array];
  return affine(values, neuronCount, weights, bias).map((value) => Math.max(0, value));
}

/** x·W + b for x [samples, inputs] and W [inputs, outputs]. */
function affine(
  values: Float32Array,
  inputs: number,
  weights: Float32Array | Float64Array,
  bias: Float32Array | Float64Array,
): Float32Array {
  const samples = values.length / inputs;
  const outputs = bias.length;
  const result = new Float32Array(samples * outputs);
  for (let sample = 0; sample < samples; sample += 1) {
    const line = result.subarray(sample * outputs, (sample + 1) * outputs);
    line.set(bias);
    for (let input = 0; input < inputs; input += 1) {
      const value = values[sample * inputs + input] as number;
      const row = input * outputs;
      for (let output = 0; output < outputs; output += 1) {
        line[output] = (line[output] as number) + value * (weights[row + output] as number);
      }
    }
  }
  return result;
}

/** [rows, columns] as [columns, rows]. */
function transposed(data: Float32Array, columns: number): Float32Array {
  const rows = data.length / columns;
  const result = new Float32Array(data.length);
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      result[column * rows + row] = data[row * columns + column] as number;
    }
  }
  return result;
}

function clip(value: number, reach: number): number {
  return Math.max(-reach, Math.min(reach, value));
}

function meanSquare(values: Float32Array): number {
  return values.reduce((sum, value) => sum + value * value, 0) / values.length;
}
