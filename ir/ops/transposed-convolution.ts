import { at, ceilDivide, greatestCommonDivisor, roundUp } from "../../base/math.ts";
import type { GraphBuilder, OnnxForm, OnnxNode } from "../operator.ts";
import { indexList } from "./movement-declaration.ts";
import { compositeForm, onnxInput, onnxIntegers, onnxOptional, onnxText } from "./onnx-node.ts";
import { onnxGroup } from "./window.ts";

/** The geometry of a transposed convolution along one spatial axis: y[i·stride + k·dilation − begin] += x[i]·w[k]. */
interface TransposedAxis {
  readonly input: number;
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  readonly begin: number;
  readonly output: number;
}

/** The ordinary convolution that gives the results o = j·stride + phase of one axis, 0 ≤ j < positions. */
interface PhaseAxis {
  /** The taps of the kernel that meet these results: firstTap + t·tapStep, t < taps; none when taps is 0. */
  readonly taps: number;
  readonly firstTap: number;
  readonly tapStep: number;
  readonly dilation: number;
  /** Padding of the input; negative numbers crop it. */
  readonly begin: number;
  readonly end: number;
}

/**
 * The convolution of one phase of an axis. Result o = j·s + phase meets tap k where k·d ≡ phase + begin (mod s), at input
 * j + (phase + begin − k·d)/s. Those taps are s/gcd(s,d) apart and their inputs d/gcd(s,d).
 */
function phaseOf(axis: TransposedAxis, phase: number): PhaseAxis {
  const { stride, dilation, kernel, input, output } = axis;
  const common = greatestCommonDivisor(stride, dilation);
  const tapStep = stride / common;
  const remainder = (tap: number): number => phase + axis.begin - tap * dilation;
  const firstTap = indexList(Math.min(tapStep, kernel)).find((tap) => remainder(tap) % stride === 0);
  const step = dilation / common;
  if (firstTap === undefined) return { taps: 0, firstTap: 0, tapStep, dilation: step, begin: 0, end: 0 };
  const taps = ceilDivide(kernel - firstTap, tapStep);
  const offset = remainder(firstTap) / stride;
  return {
    taps,
    firstTap,
    tapStep,
    dilation: step,
    begin: (taps - 1) * step - offset,
    end: ceilDivide(output, stride) - 1 + offset - (input - 1),
  };
}

/** The axes of a ConvTranspose node with pads and output sizes resolved as ONNX does. */
function transposedAxes(
  node: OnnxNode,
  builder: GraphBuilder,
  spatial: readonly number[],
  kernel: readonly number[],
): TransposedAxis[] {
  const rank = spatial.length;
  const list = (name: string, count: number, fallback: number): readonly number[] => {
    const given = onnxIntegers(node, builder, name) ?? new Array<number>(count).fill(fallback);
    if (given.length === count) return given;
    return builder.refuse("B111", `Attribute "${name}" is [${given.join(",")}], expected ${count} integers.`);
  };
  const [strides, dilations] = [list("strides", rank, 1), list("dilations", rank, 1)];
  const [pads, extra] = [list("pads", 2 * rank, 0), list("output_padding", rank, 0)];
  if ([...strides, ...dilations].some((each) => each < 1))
    builder.refuse("B111", `Strides [${strides.join(",")}] and dilations [${dilations.join(",")}] must be positive.`);
  const mode = onnxText(node, builder, "auto_pad", "NOTSET");
  const same = mode === "SAME_UPPER" || mode === "SAME_LOWER";
  if (!same && mode !== "NOTSET" && mode !== "VALID")
    builder.refuse("B111", `Attribute "auto_pad" is "${mode}", expected NOTSET, VALID, SAME_UPPER or SAME_LOWER.`);
  const wanted = onnxIntegers(node, builder, "output_shape")?.slice(-rank) ?? null;
  return spatial.map((input, axis) => {
    const [stride, dilation, size] = [at(strides, axis), at(dilations, axis), at(kernel, axis)];
    const geometry = { input, kernel: size, stride, dilation };
    const full = stride * (input - 1) + at(extra, axis) + dilation * (size - 1) + 1;
    const output = wanted !== null ? at(wanted, axis) : same ? input * stride : null;
    if (output !== null) {
      const total = Math.max(0, full - output);
      const half = Math.floor(total / 2);
      return { ...geometry, begin: mode === "SAME_UPPER" ? half : total - half, output };
    }
    const [begin, end] = mode === "VALID" ? [0, 0] : [at(pads, axis), at(pads, axis + rank)];
    return { ...geometry, begin, output: full - begin - end };
  });
}

/** Every choice of one phase an axis, the last axis fastest. */
function phaseChoices(axes: readonly TransposedAxis[]): PhaseAxis[][] {
  return axes.reduce<PhaseAxis[][]>(
    (choices, axis) => {
      const phases = indexList(axis.stride).map((phase) => phaseOf(axis, phase));
      return choices.flatMap((choice) => phases.map((phase) => [...choice, phase]));
    },
    [[]],
  );
}

/** Weights [C,O/group,kernel...] of a transposed convolution as those of a convolution, [O,C/group,kernel...], not flipped. */
function exchangeChannels(weights: string, group: number, builder: GraphBuilder): string {
  const [inputs = 0, outputs = 0, ...kernel] = builder.type(weights).shape;
  const grouped = builder.add("reshape", [weights], { shape: [group, inputs / group, outputs, ...kernel] });
  const permutation = [0, 2, 1, ...kernel.map((_, axis) => axis + 3)];
  const exchanged = builder.add("transpose", [grouped], { permutation });
  return builder.add("reshape", [exchanged], { shape: [group * outputs, inputs / group, ...kernel] });
}

/** The taps of one choice of phases, last first. */
function phaseWeights(weights: string, phases: readonly PhaseAxis[], builder: GraphBuilder): string {
  return builder.add("slice", [weights], {
    starts: phases.map(({ firstTap, tapStep, taps }) => firstTap + (taps - 1) * tapStep),
    ends: phases.map(({ firstTap, tapStep }, axis) => {
      const before = firstTap - tapStep;
      return before < 0 ? -at(builder.type(weights).shape, axis + 2) - 1 : before;
    }),
    axes: phases.map((_, axis) => axis + 2),
    steps: phases.map(({ tapStep }) => -tapStep),
  });
}

function convolvePhases(
  x: string,
  weights: string,
  bias: string | null,
  phases: readonly PhaseAxis[],
  group: number,
  builder: GraphBuilder,
  name?: string,
): string {
  const crops = [
    ...[0, 0, ...phases.map(({ begin }) => Math.min(0, begin))],
    ...[0, 0, ...phases.map(({ end }) => Math.min(0, end))],
  ];
  const cropped = crops.every((crop) => crop === 0) ? x : builder.add("pad", [x], { pads: crops });
  const attributes = {
    strides: phases.map(() => 1),
    dilations: phases.map(({ dilation }) => dilation),
    pads: [...phases.map(({ begin }) => Math.max(0, begin)), ...phases.map(({ end }) => Math.max(0, end))],
    group,
  };
  return builder.add("conv", [cropped, weights, bias], attributes, ...(name === undefined ? [] : [name]));
}

/** What results that no tap meets are: the bias. */
function withoutTaps(shape: readonly number[], like: string, bias: string | null, builder: GraphBuilder): string {
  const zeros = builder.add("fill", [], { shape, value: 0, element: builder.type(like).element });
  if (bias === null) return zeros;
  const aligned = builder.add("reshape", [bias], { shape: [at(shape, 1), ...shape.slice(2).map(() => 1)] });
  return builder.add("add", [zeros, aligned]);
}

/** Weights or biases [group·O,...] of each phase as those of one convolution whose channels are [group, phase, O]. */
function mergeChannels(parts: readonly string[], group: number, builder: GraphBuilder): string {
  const [channels = 0, ...rest] = builder.type(at(parts, 0)).shape;
  const split = parts.map((part) => builder.add("reshape", [part], { shape: [group, 1, channels / group, ...rest] }));
  return builder.add("reshape", [builder.add("concat", split, { axis: 1 })], {
    shape: [channels * parts.length, ...rest],
  });
}

/** A transposed convolution whose weights are those of a convolution, not flipped. */
interface TransposedConvolution {
  readonly x: string;
  readonly weights: string;
  readonly bias: string | null;
  readonly group: number;
  readonly batch: number;
  readonly outputs: number;
  readonly axes: readonly TransposedAxis[];
}

/** Phases that differ become a convolution each, up to this many. */
const maximumConvolutions = 16;

/**
 * The same with its kernel extended by zeros to a multiple of the strides and nothing cropped at its start: its phases are
 * all alike. What `begin` crops comes first in its result.
 */
function alignPhases(convolution: TransposedConvolution, builder: GraphBuilder): TransposedConvolution {
  const axes = convolution.axes.map((axis) => ({
    ...axis,
    kernel: roundUp(axis.kernel, axis.stride),
    begin: 0,
    output: axis.output + axis.begin,
  }));
  const none = axes.map(() => 0);
  const pads = [0, 0, ...none, 0, 0, ...axes.map(({ kernel }, axis) => kernel - at(convolution.axes, axis).kernel)];
  return { ...convolution, axes, weights: builder.add("pad", [convolution.weights], { pads }) };
}

/** Whether every tap of the phases meets elements of the input. */
function meetsInput(phases: readonly PhaseAxis[], axes: readonly TransposedAxis[]): boolean {
  return phases.every(
    ({ taps, begin, end }, axis) => taps > 0 && at(axes, axis).input + Math.min(0, begin) + Math.min(0, end) > 0,
  );
}

function haveOneGeometry(choices: readonly (readonly PhaseAxis[])[]): boolean {
  const first = at(choices, 0);
  return choices.every((phases) =>
    phases.every(({ taps, begin, end }, axis) => {
      const other = at(first, axis);
      return taps === other.taps && begin === other.begin && end === other.end;
    }),
  );
}

/** All results up to whole multiples of the strides, [N,O,spatial...]. */
function writePhases(convolution: TransposedConvolution, builder: GraphBuilder): string {
  const { x, weights, bias, group, batch, outputs, axes } = convolution;
  const choices = phaseChoices(axes);
  const first = at(choices, 0);
  const positions = axes.map(({ output, stride }) => ceilDivide(output, stride));
  const strides = axes.map(({ stride }) => stride);
  const shape = [batch, outputs, ...positions.map((count, axis) => count * at(strides, axis))];
  if (meetsInput(first, axes) && haveOneGeometry(choices)) {
    const parts = choices.map((phases) => phaseWeights(weights, phases, builder));
    const merged = mergeChannels(parts, group, builder);
    const biases = bias === null ? null : choices.map(() => bias);
    const channels = biases === null ? null : mergeChannels(biases, group, builder);
    const stacked = convolvePhases(x, merged, channels, first, group, builder);
    const mixed = interleave(stacked, batch * group, outputs / group, strides, positions, builder);
    return builder.add("reshape", [mixed], { shape });
  }
  const parts = choices.map((phases) => {
    const part = meetsInput(phases, axes)
      ? convolvePhases(x, phaseWeights(weights, phases, builder), bias, phases, group, builder)
      : withoutTaps([batch, outputs, ...positions], x, bias, builder);
    return builder.add("reshape", [part], { shape: [batch, 1, outputs, ...positions] });
  });
  const mixed = interleave(builder.add("concat", parts, { axis: 1 }), batch, outputs, strides, positions, builder);
  return builder.add("reshape", [mixed], { shape });
}

/**
 * ConvTranspose as ordinary convolutions by sub-pixel phases (Shi et al., "Is the deconvolution layer the same as a
 * convolutional layer?", 2016): the results at each remainder of the strides are a convolution with every stride-th tap, flipped.
 * No product with a zero that the strides put in is made. Phases of one geometry become one convolution; so do very many, at
 * the price of the products with zeros that make them alike.
 */
export const convTransposeForm: OnnxForm = compositeForm("ConvTranspose", 1, (node, builder, name) => {
  const [x, w, bias] = [onnxInput(node, builder, 0), onnxInput(node, builder, 1), onnxOptional(node, 2)];
  const group = onnxGroup(node, builder);
  const [batch = 0, channels = 0, ...spatial] = builder.type(x).shape;
  const [inputs = 0, groupOutputs = 0, ...kernel] = builder.type(w).shape;
  if (spatial.length === 0 || kernel.length !== spatial.length || inputs !== channels || channels % group !== 0) {
    builder.refuse(
      "B110",
      `ConvTranspose cannot contract [${builder.type(x).shape.join(",")}] with [${builder.type(w).shape.join(",")}] in ${group} groups; expected [N,C,spatial...] and [C,O/group,kernel...].`,
    );
  }
  const axes = transposedAxes(node, builder, spatial, kernel);
  if (axes.some(({ output }) => output < 1))
    builder.refuse("B110", `The result would have sizes [${axes.map(({ output }) => output).join(",")}].`);
  const weights = exchangeChannels(w, group, builder);
  const convolution = { x, weights, bias, group, batch, outputs: groupOutputs * group, axes };
  const choices = phaseChoices(axes);
  const first = at(choices, 0);
  if (choices.length === 1 && meetsInput(first, axes))
    return convolvePhases(x, phaseWeights(weights, first, builder), bias, first, group, builder, name);
  const aligns =
    choices.length > maximumConvolutions && !haveOneGeometry(choices) && axes.every(({ dilation }) => dilation === 1);
  const whole = writePhases(aligns ? alignPhases(convolution, builder) : convolution, builder);
  const starts = axes.map(({ begin }) => (aligns ? begin : 0));
  const ends = axes.map(({ output }, axis) => at(starts, axis) + output);
  const steps = axes.map(() => 1);
  return builder.add("slice", [whole], { starts, ends, axes: axes.map((_, axis) => axis + 2), steps }, name);
});

/** Values [images, phases, channels, positions...] as [images, channels, position, phase, position, phase, ...]. */
function interleave(
  stacked: string,
  images: number,
  channels: number,
  strides: readonly number[],
  positions: readonly number[],
  builder: GraphBuilder,
): string {
  const rank = strides.length;
  const split = builder.add("reshape", [stacked], { shape: [images, ...strides, channels, ...positions] });
  const permutation = [0, rank + 1, ...strides.flatMap((_, axis) => [rank + 2 + axis, axis + 1])];
  return builder.add("transpose", [split], { permutation });
}
