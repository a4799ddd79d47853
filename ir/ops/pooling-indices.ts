import { at, product, rowMajorStrides } from "../../base/math.ts";
import { defineOperator, type NodeBuilder } from "../operator.ts";
import { integerRange, isFloat, type TensorType, tensorType } from "../type.ts";
import { booleanOf } from "./attributes.ts";
import { stridedOffsets } from "./broadcast.ts";
import { indexList } from "./movement-declaration.ts";
import { inferPool, poolAttributes, poolSamples, poolWindow } from "./pooling-support.ts";
import { operandAt, tensorNumbers, tensorOf } from "./values.ts";
import { type Window, windowTouches } from "./window.ts";

/** The index that each element of a plane counts as: row-major, or column-major with the first spatial axis fastest. */
function planeIndexes(spatial: readonly number[], columnMajor: boolean): Int32Array {
  if (!columnMajor) return stridedOffsets(spatial, rowMajorStrides(spatial));
  return stridedOffsets(spatial, rowMajorStrides([...spatial].reverse()).reverse());
}

/** The operand surrounded by what never wins, so that every window lies within it. */
function surrounded(x: string, window: Window, positions: readonly number[], builder: NodeBuilder): string {
  const { shape, element } = builder.type(x);
  const ends = positions.map((count, axis) => {
    const reach =
      (count - 1) * at(window.strides, axis) + at(window.dilations, axis) * (at(window.kernel, axis) - 1) + 1;
    return reach - at(window.begins, axis) - at(shape, axis + 2);
  });
  const pads = [0, 0, ...window.begins, 0, 0, ...ends];
  const value = isFloat(element) ? Number.NEGATIVE_INFINITY : integerRange(element).low;
  return pads.every((pad) => pad === 0) ? x : builder.add("pad", [x], { pads, value });
}

/** For each place of a window: how far along each spatial axis it lies from the window's start. */
function windowPlaces({ kernel, dilations }: Window): number[][] {
  return kernel.reduce<number[][]>(
    (places, size, axis) =>
      places.flatMap((place) => indexList(size).map((index) => [...place, index * at(dilations, axis)])),
    [[]],
  );
}

/**
 * Where the greatest element of each window lies, as ONNX's MaxPool counts it: the index in the whole operand [N,C,...] as if
 * it were flat, of the first one where several are equally great.
 */
export const maxPoolIndices = defineOperator({
  name: "max_pool_indices",
  summary: "The index, in the flat operand, of the first greatest element of each window.",
  runsOn: "folded",
  operands: ["x"],
  attributes: { ...poolAttributes, columnMajor: { form: "boolean", default: false } },
  onnx: [],
  infer: (context) => tensorType("i64", inferPool("max_pool_indices", context).shape),
  evaluate: (context) => {
    const x = operandAt(context.operands, 0);
    const types = context.operands.map((operand) => operand?.type ?? null);
    const window = poolWindow("max_pool_indices", { operands: types, attributes: context.attributes });
    const spatial = x.type.shape.slice(2);
    const { starts, offsets, places } = windowTouches(window, spatial, context.type.shape.slice(2));
    const indexes = planeIndexes(spatial, booleanOf(context.attributes, "columnMajor"));
    const values = tensorNumbers(x);
    const plane = product(spatial);
    const results = new Float64Array(product(context.type.shape));
    for (let result = 0; result < results.length; result += 1) {
      const position = result % places.length;
      const base = Math.floor(result / places.length) * plane;
      let best = offsets[starts[position] as number] ?? 0;
      for (let touch = (starts[position] as number) + 1; touch < (starts[position + 1] as number); touch += 1) {
        const offset = offsets[touch] as number;
        if ((values[base + offset] as number) > (values[base + best] as number)) best = offset;
      }
      results[result] = base + (indexes[best] as number);
    }
    return tensorOf(context.type, results);
  },
  decompose: ({ operands, attributes, type }, builder) => {
    const x = operands[0] as string;
    const source = builder.type(x);
    const window = poolWindow("max_pool_indices", { operands: [source], attributes });
    const spatial = source.shape.slice(2);
    const positions = type.shape.slice(2);
    const padded = surrounded(x, window, positions, builder);
    const axes = spatial.map((_, axis) => axis + 2);
    const places = windowPlaces(window);
    const elements = (place: readonly number[]): string =>
      builder.add("slice", [padded], {
        starts: place,
        ends: place.map((start, axis) => start + (at(positions, axis) - 1) * at(window.strides, axis) + 1),
        axes,
        steps: window.strides,
      });
    const indexes = placeIndexes(window, spatial, positions, booleanOf(attributes, "columnMajor"));
    const indexType = tensorType("i64", positions);
    const indexOf = (place: readonly number[]): string => builder.addConstant(tensorOf(indexType, indexes(place)));
    let greatest = elements(at(places, 0));
    let index = indexOf(at(places, 0));
    for (const place of places.slice(1)) {
      const candidate = elements(place);
      index = builder.add("where", [builder.add("greater", [candidate, greatest]), indexOf(place), index]);
      greatest = builder.add("max", [greatest, candidate]);
    }
    return builder.add("add", [index, planeStarts(source, builder)]);
  },
  samples: (random) => [
    ...poolSamples({ columnMajor: false })(random).slice(0, 4),
    ...poolSamples({ columnMajor: true })(random).slice(0, 3),
  ],
});

/** For a place of the window, the plane's index of the element there at each position; outside the plane, any number. */
function placeIndexes(
  window: Window,
  spatial: readonly number[],
  positions: readonly number[],
  columnMajor: boolean,
): (place: readonly number[]) => Int32Array {
  const strides = columnMajor ? rowMajorStrides([...spatial].reverse()).reverse() : rowMajorStrides(spatial);
  const steps = strides.map((stride, axis) => stride * at(window.strides, axis));
  return (place) => {
    const start = strides.reduce(
      (total, stride, axis) => total + stride * (at(place, axis) - at(window.begins, axis)),
      0,
    );
    return stridedOffsets(positions, steps, start);
  };
}

/** The index in the flat operand of the first element of each plane: i64 [N,C,1,...]. */
function planeStarts({ shape }: TensorType, builder: NodeBuilder): string {
  const [images = 0, channels = 0, ...spatial] = shape;
  const plane = product(spatial);
  const starts = indexList(images * channels).map((index) => index * plane);
  return builder.addConstant(tensorOf(tensorType("i64", [images, channels, ...spatial.map(() => 1)]), starts));
}
