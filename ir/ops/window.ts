import { problem } from "../../base/errors.ts";
import { at, product, rowMajorStrides } from "../../base/math.ts";
import type { Attributes } from "../graph.ts";
import type { AxisAccess, IterationDimension } from "../iteration.ts";
import type { GraphBuilder, OnnxNode } from "../operator.ts";
import { numbersOf } from "./attributes.ts";
import { onnxInteger, onnxIntegers, onnxText } from "./onnx-node.ts";

/** How a window slides over the spatial axes of a value [N,C,spatial...]; one entry a spatial axis. */
export interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly begins: readonly number[];
  readonly ends: readonly number[];
}

/** The window that completed attributes and a kernel describe; throws B202 when a list has not one entry a spatial axis. */
export function windowOf(op: string, attributes: Attributes, kernel: readonly number[], spatialRank: number): Window {
  const [strides, dilations, pads] = ["strides", "dilations", "pads"].map((name) => numbersOf(attributes, name)) as [
    readonly number[],
    readonly number[],
    readonly number[],
  ];
  const fits = [kernel, strides, dilations].every(
    (list) => list.length === spatialRank && list.every((size) => size >= 1),
  );
  if (!fits || pads.length !== 2 * spatialRank || pads.some((pad) => pad < 0)) {
    throw problem(
      "B202",
      `"${op}" got kernel [${kernel.join(",")}], strides [${strides.join(",")}], dilations [${dilations.join(",")}] and pads [${pads.join(",")}], expected ${spatialRank} positive numbers each and ${2 * spatialRank} pads.`,
    );
  }
  return { kernel, strides, dilations, begins: pads.slice(0, spatialRank), ends: pads.slice(spatialRank) };
}

/** Window positions along each spatial axis; `ceil` lets the last one leave the padded value, but not start beyond its first pad. */
export function windowPositions(op: string, window: Window, spatial: readonly number[], ceil: boolean): number[] {
  return spatial.map((size, axis) => {
    const stride = at(window.strides, axis);
    const begin = at(window.begins, axis);
    const reach = at(window.dilations, axis) * (at(window.kernel, axis) - 1) + 1;
    const room = size + begin + at(window.ends, axis) - reach;
    let positions = (ceil ? Math.ceil(room / stride) : Math.floor(room / stride)) + 1;
    if (ceil && (positions - 1) * stride >= size + begin) positions -= 1;
    if (positions < 1) {
      throw problem(
        "B202",
        `"${op}": a window that reaches over ${reach} does not fit axis ${axis + 2} of size ${size} padded by ${begin} and ${at(window.ends, axis)}.`,
      );
    }
    return positions;
  });
}

const spatialNames: readonly (readonly string[])[] = [[], ["w"], ["h", "w"], ["d", "h", "w"]];

/** Names of the spatial dimensions of a value: w; h, w; or d, h, w. Throws B202 for other counts. */
function spatialDimensionNames(op: string, spatialRank: number): readonly string[] {
  const names = spatialNames[spatialRank];
  if (names === undefined || spatialRank === 0)
    throw problem("B202", `"${op}" got ${spatialRank} spatial axes, expected 1 to 3.`);
  return names;
}

/** Parallel dimensions of the window positions and reduction dimensions of the places in the window. */
export function windowDimensions(
  op: string,
  window: Window,
  positions: readonly number[],
): { readonly outer: IterationDimension[]; readonly inner: IterationDimension[] } {
  const names = spatialDimensionNames(op, positions.length);
  return {
    outer: positions.map((size, axis) => ({ name: at(names, axis), size, kind: "parallel" })),
    inner: window.kernel.map((size, axis) => ({ name: `k${at(names, axis)}`, size, kind: "reduction" })),
  };
}

/** The spatial index that a position and a place in the window touch, given the numbers of their dimensions. */
export function windowAccess(window: Window, outer: number, inner: number): AxisAccess[] {
  return window.kernel.map((_, axis) => ({
    terms: [
      { dimension: outer + axis, stride: at(window.strides, axis) },
      { dimension: inner + axis, stride: at(window.dilations, axis) },
    ],
    // Never −0, which the engine keeps as a float.
    offset: 0 - at(window.begins, axis),
  }));
}

/** For each window position, the elements of a plane that it touches (offsets[starts[p]…starts[p+1]]) and how many padded places. */
export interface WindowTouches {
  readonly starts: Int32Array;
  readonly offsets: Int32Array;
  /** Places of the window inside the padded plane, by position. */
  readonly places: Int32Array;
}

/** The offsets that a window touches along one axis at a position, and how many of its places lie in the padded axis. */
function axisTouches(
  window: Window,
  axis: number,
  size: number,
  stride: number,
  position: number,
): { readonly offsets: readonly number[]; readonly inside: number } {
  const first = position * at(window.strides, axis) - at(window.begins, axis);
  const offsets: number[] = [];
  let inside = 0;
  for (let place = 0; place < at(window.kernel, axis); place += 1) {
    const coordinate = first + place * at(window.dilations, axis);
    if (coordinate >= 0 && coordinate < size) offsets.push(coordinate * stride);
    if (coordinate < size + at(window.ends, axis)) inside += 1;
  }
  return { offsets, inside };
}

/** The places that a window touches at each of its positions over a plane. */
export function windowTouches(window: Window, spatial: readonly number[], positions: readonly number[]): WindowTouches {
  const strides = rowMajorStrides(spatial);
  const count = product(positions);
  const starts = new Int32Array(count + 1);
  const places = new Int32Array(count);
  const offsets: number[] = [];
  const axes = positions.map((axisCount, axis) =>
    Array.from({ length: axisCount }, (_, position) =>
      axisTouches(window, axis, at(spatial, axis), at(strides, axis), position),
    ),
  );
  const index = new Array<number>(positions.length).fill(0);
  for (let position = 0; position < count; position += 1) {
    let touched: readonly number[] = [0];
    let inside = 1;
    for (let axis = 0; axis < positions.length; axis += 1) {
      const along = at(at(axes, axis), at(index, axis));
      const bases = touched;
      const next: number[] = [];
      for (const base of bases) for (const offset of along.offsets) next.push(base + offset);
      touched = next;
      inside *= along.inside;
    }
    places[position] = inside;
    for (const offset of touched) offsets.push(offset);
    starts[position + 1] = offsets.length;
    for (let axis = positions.length - 1; axis >= 0; axis -= 1) {
      index[axis] = at(index, axis) + 1;
      if (at(index, axis) < at(positions, axis)) break;
      index[axis] = 0;
    }
  }
  return { starts, offsets: Int32Array.from(offsets), places };
}

/** The strides, dilations and pads of an ONNX convolution or pool, with `auto_pad` resolved for its input's shape. */
export function onnxWindow(
  node: OnnxNode,
  builder: GraphBuilder,
  spatial: readonly number[],
  kernel: readonly number[],
): { readonly strides: readonly number[]; readonly dilations: readonly number[]; readonly pads: readonly number[] } {
  const ones = new Array<number>(spatial.length).fill(1);
  const strides = onnxIntegers(node, builder, "strides") ?? ones;
  const dilations = onnxIntegers(node, builder, "dilations") ?? ones;
  const given = onnxIntegers(node, builder, "pads") ?? new Array<number>(2 * spatial.length).fill(0);
  const mode = onnxText(node, builder, "auto_pad", "NOTSET");
  if (mode === "NOTSET") return { strides, dilations, pads: given };
  if (mode === "VALID") return { strides, dilations, pads: new Array<number>(2 * spatial.length).fill(0) };
  if (mode !== "SAME_UPPER" && mode !== "SAME_LOWER") {
    return builder.refuse(
      "B111",
      `Attribute "auto_pad" is "${mode}", expected NOTSET, VALID, SAME_UPPER or SAME_LOWER.`,
    );
  }
  const totals = spatial.map((size, axis) => {
    const stride = strides[axis] ?? 1;
    const reach = (dilations[axis] ?? 1) * ((kernel[axis] ?? 1) - 1) + 1;
    return Math.max(0, (Math.ceil(size / stride) - 1) * stride + reach - size);
  });
  const small = totals.map((total) => Math.floor(total / 2));
  const large = totals.map((total) => Math.ceil(total / 2));
  return { strides, dilations, pads: mode === "SAME_UPPER" ? [...small, ...large] : [...large, ...small] };
}

/** The number of the `group` attribute and the like. */
export function onnxGroup(node: OnnxNode, builder: GraphBuilder): number {
  return onnxInteger(node, builder, "group", 1);
}
