import type { OnnxNode } from "../../ir/operator.ts";
import { onnxInput, onnxInteger, onnxIntegers, onnxOptional } from "../../ir/ops/onnx-node.ts";
import { tensorNumbers } from "../../ir/ops/values.ts";
import { formatType, sameType, type TensorType } from "../../ir/type.ts";
import { declaredSizes } from "./dimensions.ts";
import { alreadyCollected, bindAll, type Expander, noSteps, stack } from "./expander.ts";
import type { GraphStructure } from "./graph-structure.ts";
import type { ImportBuilder } from "./import-builder.ts";

/** A part of a value along an axis, without that axis. */
function takeStep(builder: ImportBuilder, value: string, axis: number, index: number): string {
  const { shape } = builder.type(value);
  const part = builder.add("slice", [value], { starts: [index], ends: [index + 1], axes: [axis], steps: [1] });
  return builder.add("reshape", [part], { shape: shape.filter((_, each) => each !== axis) });
}

/** How a Scan walks: which inputs and outputs, along which axes, from which end. */
interface ScanPlan {
  readonly body: GraphStructure;
  readonly stateCount: number;
  readonly inputAxes: readonly number[];
  readonly inputReversed: readonly boolean[];
  readonly outputAxes: readonly number[];
  readonly outputReversed: readonly boolean[];
}

function scanPlan(
  node: OnnxNode,
  expander: Expander,
  firstInput: number,
  versions: { readonly axes: boolean },
): ScanPlan {
  const { builder } = expander;
  const body = expander.graph("body");
  const scanCount = onnxInteger(node, builder, "num_scan_inputs");
  const inputCount = node.inputs.length - firstInput;
  const stateCount = inputCount - scanCount;
  const outputCount = body.outputs.length - stateCount;
  if (scanCount < 1 || stateCount < 0 || outputCount < 0 || body.declaredInputs.length !== inputCount) {
    builder.refuse(
      "B110",
      `Scan has ${inputCount} inputs of which ${scanCount} are scanned; its body has ${body.declaredInputs.length} inputs and ${body.outputs.length} outputs.`,
    );
  }
  const list = (name: string, length: number): readonly number[] => {
    const values = onnxIntegers(node, builder, name) ?? new Array<number>(length).fill(0);
    if (values.length !== length)
      builder.refuse("B111", `Attribute "${name}" has ${values.length} entries; expected ${length}.`);
    return values;
  };
  const reversed = (name: string, length: number): boolean[] =>
    list(name, length).map((value) => {
      if (value !== 0 && value !== 1) builder.refuse("B111", `Attribute "${name}" holds ${value}; expected 0 or 1.`);
      return value === 1;
    });
  const axes = versions.axes;
  const zeros = (length: number): number[] => new Array<number>(length).fill(0);
  return {
    body,
    stateCount,
    inputAxes: axes ? list("scan_input_axes", scanCount) : zeros(scanCount),
    inputReversed: reversed(axes ? "scan_input_directions" : "directions", scanCount),
    outputAxes: axes ? list("scan_output_axes", outputCount) : zeros(outputCount),
    outputReversed: axes ? reversed("scan_output_directions", outputCount) : zeros(outputCount).map(() => false),
  };
}

function axisWithin(builder: ImportBuilder, axis: number, rank: number): number {
  if (axis < -rank || axis >= rank) builder.refuse("B111", `Axis ${axis} does not exist in a value of ${rank} axes.`);
  return axis < 0 ? axis + rank : axis;
}

/** The steps of one sequence: final states, and what each scan output got in each step. */
function runScan(
  node: OnnxNode,
  expander: Expander,
  plan: ScanPlan,
  states: readonly string[],
  sequences: readonly string[],
  stepCount: number,
  path: string,
): { readonly states: readonly string[]; readonly steps: readonly (readonly string[])[] } {
  const { builder } = expander;
  const steps: string[][] = plan.outputAxes.map(() => []);
  let current = states;
  for (let step = 0; step < stepCount; step += 1) {
    const parts = sequences.map((value, index) => {
      const axis = axisWithin(builder, plan.inputAxes[index] as number, builder.type(value).shape.length);
      return takeStep(builder, value, axis, plan.inputReversed[index] === true ? stepCount - 1 - step : step);
    });
    const values = expander.inline(plan.body, [...current, ...parts], `${path}${step}`);
    if (values === null) throw alreadyCollected();
    values.slice(0, plan.stateCount).forEach((value, index) => {
      const [before, after] = [builder.type(current[index] as string), builder.type(value)];
      if (!sameType(before, after)) {
        builder.refuse(
          "B110",
          `State ${index} of ${node.operator} is ${formatType(before)} and becomes ${formatType(after)}.`,
        );
      }
    });
    current = values.slice(0, plan.stateCount);
    values.slice(plan.stateCount).forEach((value, index) => {
      if (plan.outputReversed[index] === true) steps[index]?.unshift(value);
      else steps[index]?.push(value);
    });
  }
  return { states: current, steps };
}

function sequenceLength(builder: ImportBuilder, sequences: readonly string[], axes: readonly number[]): number {
  const lengths = sequences.map((value, index) => {
    const { shape } = builder.type(value);
    return shape[axisWithin(builder, axes[index] as number, shape.length)] as number;
  });
  if (lengths.some((length) => length !== lengths[0]))
    builder.refuse("B110", `The scanned inputs have ${lengths.join(", ")} steps; expected as many each.`);
  return lengths[0] as number;
}

/** Scan since opset 9: every step, in the directions and along the axes that the node says. */
export function translateScan(node: OnnxNode, expander: Expander): void {
  const { builder } = expander;
  const plan = scanPlan(node, expander, 0, { axes: true });
  const values = node.inputs.map((_, index) => onnxInput(node, builder, index));
  const sequences = values.slice(plan.stateCount);
  const stepCount = sequenceLength(builder, sequences, plan.inputAxes);
  const { states, steps } = runScan(node, expander, plan, values.slice(0, plan.stateCount), sequences, stepCount, "");
  expander.record({ kind: "unrolled", stepCount });
  const results = steps.map((parts, index) => {
    const output = node.outputs[plan.stateCount + index];
    if ((output ?? "") === "") return "";
    const axis = plan.outputAxes[index] as number;
    const [first] = parts;
    if (first === undefined) {
      const sizes = declaredSizes(plan.body.outputs[plan.stateCount + index] ?? {}) ?? [];
      return noSteps(node, expander, plan.body, plan.stateCount + index, axisWithin(builder, axis, sizes.length + 1));
    }
    return stack(builder, parts, axisWithin(builder, axis, builder.type(first).shape.length + 1), output);
  });
  bindAll(node, expander, [...states, ...results]);
}

/** Scan of opset 8: each sequence of the batch by itself, up to its length; outputs beyond the length are zeros. */
export function translateBatchScan(node: OnnxNode, expander: Expander): void {
  const { builder } = expander;
  const plan = scanPlan(node, expander, 1, { axes: false });
  const values = node.inputs.slice(1).map((_, index) => onnxInput(node, builder, index + 1));
  const types = values.map((value) => builder.type(value));
  const batchCount = types[0]?.shape[0] ?? 0;
  if (batchCount === 0 || types.some(({ shape }) => shape[0] !== batchCount))
    builder.refuse(
      "B110",
      `The inputs of Scan are ${types.map(formatType).join(", ")}; expected one batch of at least 1 first.`,
    );
  const sequences = values.slice(plan.stateCount);
  const longest = sequenceLength(
    builder,
    sequences,
    sequences.map(() => 1),
  );
  const lengths = sequenceLengths(node, expander, batchCount, longest);
  const runs = lengths.map((length, batch) => {
    const own = values.map((value) => takeStep(builder, value, 0, batch));
    const [states, rest] = [own.slice(0, plan.stateCount), own.slice(plan.stateCount)];
    return runScan(node, expander, plan, states, rest, length, `${batch}.`);
  });
  expander.record({ kind: "unrolled", stepCount: Math.max(...lengths) });
  const states = Array.from({ length: plan.stateCount }, (_, index) =>
    stack(
      builder,
      runs.map((run) => run.states[index] as string),
      0,
      node.outputs[index],
    ),
  );
  const results = plan.outputAxes.map((_, index) => {
    const output = node.outputs[plan.stateCount + index];
    if ((output ?? "") === "") return "";
    const first = runs.flatMap((run) => run.steps[index] ?? [])[0];
    if (first === undefined)
      return builder.refuse("B112", "Scan makes no step; the shape of its outputs is not known.");
    const padding = zerosLike(builder, builder.type(first));
    const rows = runs.map((run) => {
      const parts = run.steps[index] ?? [];
      return stack(builder, [...parts, ...new Array<string>(longest - parts.length).fill(padding)], 0, undefined);
    });
    return stack(builder, rows, 0, output);
  });
  bindAll(node, expander, [...states, ...results]);
}

function zerosLike(builder: ImportBuilder, type: TensorType): string {
  return builder.add("fill", [], { element: type.element, shape: [...type.shape], value: 0 });
}

function sequenceLengths(node: OnnxNode, { builder }: Expander, batchCount: number, longest: number): number[] {
  const given = onnxOptional(node, 0);
  if (given === null) return new Array<number>(batchCount).fill(longest);
  const tensor = builder.constant(given);
  if (tensor === null)
    return builder.refuse("B112", `The sequence lengths "${given}" of Scan must be known at compile time.`);
  const lengths = Array.from(tensorNumbers(tensor));
  if (lengths.length !== batchCount || lengths.some((length) => length < 0 || length > longest)) {
    builder.refuse(
      "B110",
      `The sequence lengths are ${lengths.slice(0, 8).join(", ")}; expected ${batchCount} from 0 to ${longest}.`,
    );
  }
  return lengths;
}
