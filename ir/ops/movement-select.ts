import { at, clamp, product } from "../../base/math.ts";
import type { Attributes } from "../graph.ts";
import { numberOf, numbersOf, textOf } from "./attributes.ts";
import { normalizeAxis } from "./broadcast.ts";
import {
  covering,
  defineMovement,
  floatSamples,
  indexList,
  pickScales,
  refuse,
  withShape,
} from "./movement-declaration.ts";
import { gatherForms, padForms, sliceForms } from "./movement-onnx.ts";
import { type AxisRun, axisPieces, axisRuns, wholeRun } from "./movement-pieces.ts";
import { fillOf } from "./movement-values.ts";
import { typeAt } from "./values.ts";

/** What a slice takes along one axis, resolved as ONNX does: negative positions count from the end, then clamp. */
function sliceRun(size: number, start: number, end: number, step: number): AxisRun {
  if (step === 0) refuse("A slice cannot have step 0.");
  const forward = step > 0;
  const resolve = (position: number, low: number, high: number): number =>
    clamp(position < 0 ? position + size : position, low, high);
  const first = forward ? resolve(start, 0, size) : resolve(start, -1, size - 1);
  const last = forward ? resolve(end, 0, size) : resolve(end, -1, size - 1);
  return { destination: 0, source: first, step, count: Math.max(0, Math.ceil((last - first) / step)) };
}

function sliceRuns(shape: readonly number[], attributes: Attributes): AxisRun[] {
  const [starts, ends, axes, steps] = ["starts", "ends", "axes", "steps"].map((name) =>
    numbersOf(attributes, name),
  ) as [readonly number[], readonly number[], readonly number[], readonly number[]];
  if ([ends, axes, steps].some((list) => list.length !== starts.length)) {
    refuse(
      `A slice needs as many starts (${starts.length}) as ends (${ends.length}), axes (${axes.length}) and steps (${steps.length}).`,
    );
  }
  const normalized = axes.map((axis) => normalizeAxis(axis, shape.length));
  if (new Set(normalized).size !== normalized.length) refuse(`A slice names an axis twice: [${axes.join(",")}].`);
  return shape.map((size, axis) => {
    const index = normalized.indexOf(axis);
    if (index < 0) return { destination: 0, source: 0, step: 1, count: size };
    return sliceRun(size, at(starts, index), at(ends, index), at(steps, index));
  });
}

/** Takes ranges of axes. */
export const slice = defineMovement({
  name: "slice",
  summary:
    "Takes every step-th index from start to before end along the named axes; positions below zero count from the end.",
  operands: ["data"],
  attributes: {
    starts: { form: "integers" },
    ends: { form: "integers" },
    axes: { form: "integers" },
    steps: { form: "integers" },
  },
  onnx: sliceForms,
  infer: (context) => {
    const type = typeAt(context.operands, 0);
    const runs = sliceRuns(type.shape, context.attributes);
    return withShape(
      type,
      runs.map((run) => run.count),
      (quantization) => {
        const run = at(runs, quantization.axis ?? 0);
        return pickScales(
          quantization,
          indexList(run.count).map((index) => run.source + index * run.step),
        );
      },
    );
  },
  movement: (context) => {
    const { shape } = typeAt(context.operands, 0);
    const runs = sliceRuns(shape, context.attributes).map((run) => [run]);
    return covering(axisPieces(runs, shape, context.type.shape));
  },
  samples: floatSamples([
    [[[5, 4]], { starts: [1], ends: [4], axes: [0], steps: [2] }],
    [[[3, 6]], { starts: [0, 1], ends: [2, 6], axes: [0, 1], steps: [1, 3] }],
    [[[2, 5]], { starts: [4], ends: [-6], axes: [1], steps: [-1] }],
  ]),
});

/** Runs of one padded axis: what is before, within and after it, cropped where a pad is negative. */
function padRuns(size: number, before: number, after: number, mode: string): readonly AxisRun[] {
  const count = Math.max(0, size + before + after);
  if (mode === "constant") {
    const destination = Math.max(0, before);
    const source = Math.max(0, -before);
    return [{ destination, source, step: 1, count: Math.min(size - source, count - destination) }];
  }
  if (size === 0 && count > 0) refuse(`Mode ${mode} cannot pad an axis of size 0.`);
  const period = 2 * (size - 1);
  return axisRuns(
    indexList(count).map((index) => {
      const position = index - before;
      if (mode === "edge") return clamp(position, 0, size - 1);
      if (mode === "wrap") return ((position % size) + size) % size;
      if (size === 1) return 0;
      const folded = ((position % period) + period) % period;
      return folded < size ? folded : period - folded;
    }),
  );
}

/** Extends or crops axes. */
export const pad = defineMovement({
  name: "pad",
  summary:
    "Adds (or, where negative, removes) indexes before and after each axis: a value, a mirror, the edge or a repetition.",
  operands: ["data"],
  attributes: {
    pads: { form: "integers" },
    mode: { form: "text", default: "constant" },
    value: { form: "number", default: 0 },
  },
  onnx: padForms,
  infer: (context) => {
    const type = typeAt(context.operands, 0);
    const rank = type.shape.length;
    const pads = numbersOf(context.attributes, "pads");
    const mode = textOf(context.attributes, "mode");
    if (!["constant", "reflect", "edge", "wrap"].includes(mode))
      refuse(`Mode "${mode}" is not constant, reflect, edge or wrap.`);
    if (pads.length !== 2 * rank) refuse(`A value of rank ${rank} needs ${2 * rank} pads; found ${pads.length}.`);
    const shape = type.shape.map((size, axis) => size + at(pads, axis) + at(pads, axis + rank));
    if (shape.some((size) => size < 0))
      refuse(`Pads [${pads.join(",")}] remove more than shape [${type.shape.join(",")}] has.`);
    return withShape(type, shape, (quantization) => {
      const axis = quantization.axis ?? 0;
      const picked = new Array<number>(at(shape, axis)).fill(-1);
      for (const run of padRuns(at(type.shape, axis), at(pads, axis), at(pads, axis + rank), mode)) {
        for (const index of indexList(run.count)) picked[run.destination + index] = run.source + index * run.step;
      }
      return pickScales(quantization, picked);
    });
  },
  movement: (context) => {
    const { shape } = typeAt(context.operands, 0);
    const pads = numbersOf(context.attributes, "pads");
    const mode = textOf(context.attributes, "mode");
    const runs = shape.map((size, axis) => padRuns(size, at(pads, axis), at(pads, axis + shape.length), mode));
    const pieces = axisPieces(runs, shape, context.type.shape);
    const fills = mode === "constant" && pads.some((count) => count > 0);
    return { pieces, fill: fills ? fillOf(context.type, numberOf(context.attributes, "value")) : null };
  },
  samples: floatSamples([
    [[[2, 3]], { pads: [1, 0, 0, 2], mode: "constant", value: 0.5 }],
    [[[1, 2, 4]], { pads: [0, 1, 3, 0, 1, 2], mode: "reflect", value: 0 }],
    [[[3, 3]], { pads: [2, -1, 1, 2], mode: "edge", value: 0 }],
  ]),
});

/** Indexes of a gather, counted from the front; throws B202 for one outside the axis. */
function gatherIndexes(attributes: Attributes, size: number): number[] {
  return numbersOf(attributes, "indices").map((index) => {
    if (index < -size || index >= size) refuse(`Index ${index} is outside an axis of size ${size}.`);
    return index < 0 ? index + size : index;
  });
}

function gatheredShape(shape: readonly number[], axis: number, indexShape: readonly number[]): number[] {
  return [...shape.slice(0, axis), ...indexShape, ...shape.slice(axis + 1)];
}

/** Takes indexes of an axis that are known at compile time. */
export const gather = defineMovement({
  name: "gather",
  summary: "Takes the listed indexes of an axis, which is replaced by the axes of indexShape.",
  operands: ["data"],
  attributes: { axis: { form: "integer" }, indices: { form: "integers" }, indexShape: { form: "integers" } },
  onnx: gatherForms,
  infer: (context) => {
    const type = typeAt(context.operands, 0);
    const axis = normalizeAxis(numberOf(context.attributes, "axis"), type.shape.length);
    const indexes = gatherIndexes(context.attributes, at(type.shape, axis));
    const indexShape = numbersOf(context.attributes, "indexShape");
    if (product(indexShape) !== indexes.length) {
      refuse(`Shape [${indexShape.join(",")}] of the indices does not hold ${indexes.length} of them.`);
    }
    return withShape(type, gatheredShape(type.shape, axis, indexShape), (quantization) => {
      const scaled = quantization.axis ?? 0;
      if (scaled !== axis) return { ...quantization, axis: scaled < axis ? scaled : scaled + indexShape.length - 1 };
      if (indexShape.length === 0)
        return {
          axis: null,
          scales: pickScales(quantization, indexes).scales,
          zeros: pickScales(quantization, indexes).zeros,
        };
      if (indexShape.length > 1)
        refuse("An axis that has a scale for each index can only be gathered by a list of indices.");
      return pickScales(quantization, indexes);
    });
  },
  movement: (context) => {
    const { shape } = typeAt(context.operands, 0);
    const axis = normalizeAxis(numberOf(context.attributes, "axis"), shape.length);
    const runs = axisRuns(gatherIndexes(context.attributes, at(shape, axis)));
    const flat = shape.map((size, index) => (index === axis ? numbersOf(context.attributes, "indices").length : size));
    return covering(
      axisPieces(
        shape.map((size, index) => (index === axis ? runs : wholeRun(size))),
        shape,
        flat,
      ),
    );
  },
  samples: floatSamples([
    [[[5, 2]], { axis: 0, indices: [4, 0, 2], indexShape: [3] }],
    [[[2, 6]], { axis: 1, indices: [-1, 1, 3, 5], indexShape: [2, 2] }],
    [[[3, 4]], { axis: 0, indices: [1], indexShape: [] }],
  ]),
});
