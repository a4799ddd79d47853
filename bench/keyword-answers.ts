import { importCase, readCaseData } from "../api/conformance-case.ts";
import {
  chooseTarget,
  compileModel,
  evaluateModel,
  executeFunctional,
  type Frame,
  type ImportedModel,
  makeRandom,
  makeTensor,
  type Tensor,
  tensorType,
  toModelTypes,
} from "../api.ts";
import { tensorNumbers } from "../ir/ops/values.ts";
import { drawClassed, drawSpectrogram } from "./keyword-inputs.ts";
import { sharedModel } from "./setting.ts";

const seeds = { calibration: 101, scoring: 1 } as const;

/** How often keyword spotters give the class that the float one gives. */
export interface Agreement {
  /** Inputs by the float model's class. */
  readonly classCounts: readonly number[];
  readonly agreements: readonly { readonly name: string; readonly agreed: number }[];
  /** For each of the agreements, by the float model's class. */
  readonly agreementsByClass: readonly (readonly number[])[];
  readonly drawnCount: number;
}

/**
 * Asks micro-kws-fp32, the same on the chip at w8a8 (calibrated on `calibrationCount` spectrograms), and micro-kws-qdq (as ONNX
 * evaluates it, and on the chip) for the class of `count` spectrograms.
 */
export function compareAnswers(count: number, calibrationCount: number): Agreement {
  const [float, stated] = ["micro-kws-fp32", "micro-kws-qdq"].map(load) as [ImportedModel, ImportedModel];
  const random = makeRandom(seeds.calibration);
  const calibration = Array.from({ length: calibrationCount }, () => frameOf(float, drawSpectrogram(random)));
  const { inputs, classes, drawnCount } = drawClassed(count, seeds.scoring, (input) =>
    classOf(evaluateModel(float.graph, frameOf(float, input))),
  );
  const classifiers = [
    { name: "micro-kws-fp32, w8a8 here, on the chip", classify: chipClassifier(float, calibration) },
    {
      name: "micro-kws-qdq, as ONNX evaluates it",
      classify: (input: Float32Array) => classOf(evaluateModel(stated.graph, frameOf(stated, input))),
    },
    { name: "micro-kws-qdq, on the chip", classify: chipClassifier(stated, []) },
  ];
  const classCount = Math.max(...classes) + 1;
  const countWhere = (wanted: number, agrees: readonly boolean[]): number =>
    classes.filter((each, index) => each === wanted && agrees[index] === true).length;
  const byClassifier = classifiers.map(({ name, classify }) => {
    const agrees = inputs.map((input, index) => classify(input) === classes[index]);
    return { name, byClass: Array.from({ length: classCount }, (_, wanted) => countWhere(wanted, agrees)) };
  });
  const all = classes.map(() => true);
  return {
    classCounts: Array.from({ length: classCount }, (_, wanted) => countWhere(wanted, all)),
    agreements: byClassifier.map(({ name, byClass }) => ({ name, agreed: byClass.reduce((sum, each) => sum + each) })),
    agreementsByClass: byClassifier.map(({ byClass }) => byClass),
    drawnCount,
  };
}

function load(name: string): ImportedModel {
  const folder = sharedModel(name);
  const [data] = readCaseData(folder);
  if (data === undefined) throw new Error(`${name} has no data set.`);
  return importCase(folder, data).model;
}

function frameOf({ graph }: ImportedModel, input: Float32Array): Frame {
  const [port] = graph.inputs;
  if (port === undefined) throw new Error("A keyword spotter has an input.");
  return new Map([[port.name, makeTensor(tensorType("f32", port.type.shape), input)]]);
}

/** The class with the greatest number of the first output; the first one among equals. */
function classOf([scores]: readonly Tensor[]): number {
  const numbers = scores === undefined ? [] : Array.from(tensorNumbers(scores));
  return numbers.indexOf(Math.max(...numbers));
}

function chipClassifier(model: ImportedModel, calibration: readonly Frame[]): (input: Float32Array) => number {
  const { chip } = chooseTarget();
  // A model that states all scales takes none of the frames; without any it would be compiled without weights.
  const frames = calibration.length > 0 ? calibration : [frameOf(model, drawSpectrogram(makeRandom(0)))];
  const { program, sidecar } = compileModel(model, chip, { calibration: frames });
  const loaded = executeFunctional(program, sidecar, chip);
  return (input) => classOf(toModelTypes(loaded.run(frameOf(model, input)), ["f32"]));
}
