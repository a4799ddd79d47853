import { beforeAll, describe, expect, it } from "vitest";
import { at, sum } from "../../base/math.ts";
import { makeRandom } from "../../base/random.ts";
import { type WrittenModel, writeModel } from "../../compiler/onnx/write-model.ts";
import { macCountByPrecision } from "../../compiler/quantize/mac-count.ts";
import { precisionRules } from "../../compiler/quantize/precision.ts";
import { evaluate } from "../../ir/evaluate.ts";
import { f32Tensor, type Tensor } from "../../ir/tensor.ts";
import { metricsOf } from "../../runtime-sim/metrics.ts";
import { simulateBoth } from "../../runtime-sim/timing/simulate.ts";
import { loadChip } from "../../targets/load.ts";
import { load, node, value } from "../compiler/onnx/written-models.ts";
import { type Built, build, bytesOf, difference, preparedCase, type RandomCase, runFunctional } from "./random-case.ts";

const mini = loadChip("mini-4x4");

function weights(...shape: number[]): Tensor {
  const random = makeRandom(shape.reduce((hash, size) => 31 * hash + size, 7));
  const count = shape.reduce((product, size) => product * size, 1);
  return f32Tensor(
    shape,
    Array.from({ length: count }, () => random.normal()),
  );
}

function modelOf(name: string, parts: Omit<WrittenModel, "name" | "opset">): WrittenModel {
  return { name, opset: 17, ...parts };
}

/** One model for each kind of contraction; odd sizes, so that elements of less than a byte do not fill the last one. */
const models: readonly WrittenModel[] = [
  modelOf("matmul", {
    inputs: [value("x", 3, 7)],
    outputs: [value("y", 3, 5)],
    initializers: { w: weights(7, 9), v: weights(9, 5), b: weights(9) },
    nodes: [node("MatMul", "x w", "m"), node("Add", "m b", "a"), node("Relu", "a", "r"), node("MatMul", "r v", "y")],
  }),
  modelOf("batched matmul", {
    inputs: [value("x", 3, 5, 7)],
    outputs: [value("y", 3, 5, 5)],
    initializers: { w: weights(3, 7, 7) },
    nodes: [node("MatMul", "x w", "a"), node("Transpose", "a", "t", { perm: [0, 2, 1] }), node("MatMul", "a t", "y")],
  }),
  modelOf("conv", {
    inputs: [value("x", 1, 3, 7, 5)],
    outputs: [value("y", 1, 3, 5, 3)],
    initializers: { w: weights(5, 3, 3, 3), b: weights(5), v: weights(3, 5, 3, 3) },
    nodes: [node("Conv", "x w b", "a", { pads: [1, 1, 1, 1] }), node("Relu", "a", "r"), node("Conv", "r v", "y", {})],
  }),
  modelOf("grouped conv", {
    inputs: [value("x", 1, 6, 5, 5)],
    outputs: [value("y", 1, 9, 3, 3)],
    initializers: { w: weights(9, 2, 3, 3) },
    nodes: [node("Conv", "x w", "y", { group: 3 })],
  }),
  modelOf("depthwise conv", {
    inputs: [value("x", 1, 5, 7, 7)],
    outputs: [value("y", 1, 5, 4, 4)],
    initializers: { w: weights(5, 1, 3, 3) },
    nodes: [node("Conv", "x w", "y", { group: 5, strides: [2, 2], pads: [1, 1, 1, 1] })],
  }),
];

function caseOf(model: WrittenModel, precision: string): RandomCase {
  return preparedCase(makeRandom(11), load(writeModel(model)).graph, new Set(), precision);
}

function builtFor(each: RandomCase): Built {
  const built = build(each, mini, null);
  if (built === null) throw new Error("a small model does not fit");
  return built;
}

describe.each(models.map((model) => [model.name, model] as const))("a %s", (_, model) => {
  it.each(precisionRules)("at %s answers as the exact evaluation does, bit for bit, at that precision", (precision) => {
    const each = caseOf(model, precision);
    const { chipGraph } = each.prepared;
    expect(Object.keys(macCountByPrecision(chipGraph))).toEqual(
      // Both operands of a product of two activations have the activations' bits.
      model.name === "batched matmul"
        ? [...new Set([`w${precision[3]}a${precision[3]}`, precision])].sort()
        : [precision],
    );
    const built = builtFor(each);
    // As they are, and far beyond what calibration has seen: stored numbers at both ends of their range.
    for (const factor of [1, 1000, -1000]) {
      const inputs = new Map([...each.inputs].map(([name, tensor]) => [name, scaled(tensor, factor)]));
      const expected = bytesOf(evaluate(chipGraph, inputs));
      for (const kernels of ["wasm", "plain"] as const) {
        const found = runFunctional(built, inputs, mini, { kernels, checked: true });
        expect(difference(expected, found), `${kernels}, ${factor} ×`).toBe("");
      }
    }
  });
});

/** Stored numbers as they would be for a factor of the real ones, cut to what their type holds. */
function scaled(tensor: Tensor, factor: number): Tensor {
  if (factor === 1 || !(tensor.data instanceof Int8Array)) return tensor;
  const { element } = tensor.type;
  const bits = Number(element.slice(1));
  const [low, high] = [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1];
  return { ...tensor, data: tensor.data.map((number) => Math.max(low, Math.min(high, number * factor))) };
}

describe("fewer bits", () => {
  const rules = ["w8a8", "w4a8", "w2a8", "w4a4", "w2a2"] as const;
  const figures = new Map<string, { sidecarBytes: number; weightBytes: number; macPj: number; matrixCycles: number }>();

  beforeAll(() => {
    for (const rule of rules) {
      const built = builtFor(caseOf(wideModel(), rule));
      const weightBuffers = built.mapping.buffers.filter(({ role }) => role === "weights");
      const metrics = metricsOf(simulateBoth(built.program, mini), built.program, mini);
      figures.set(rule, {
        sidecarBytes: built.sidecar.length,
        weightBytes: sum(weightBuffers.map(({ bytes }) => bytes)),
        macPj: metrics.onDevice.energy.byComponentJoules.matrix,
        matrixCycles: metrics.onDevice.utilizationFraction * metrics.onDevice.intervalCycles,
      });
    }
  });

  const of = (rule: string, figure: "weightBytes" | "macPj" | "matrixCycles"): number =>
    at(
      [...figures].filter(([name]) => name === rule).map(([, found]) => found[figure]),
      0,
    );

  it("take half and a quarter of the memory for weights", () => {
    expect(of("w4a8", "weightBytes")).toBe(of("w8a8", "weightBytes") / 2);
    expect(of("w2a8", "weightBytes")).toBe(of("w8a8", "weightBytes") / 4);
  });

  it("take the matrix unit's cycles and energy of the wider operand", () => {
    const { int8, int4, int2 } = Object.fromEntries(
      ["int8", "int4", "int2"].map((name) => [name, mini.provenance.get(`energy.mac.${name}`)?.value ?? Number.NaN]),
    ) as Record<"int8" | "int4" | "int2", number>;
    expect(of("w4a8", "macPj")).toBe(of("w8a8", "macPj"));
    expect(of("w4a4", "macPj") / of("w8a8", "macPj")).toBeCloseTo(int4 / int8, 12);
    expect(of("w2a2", "macPj") / of("w8a8", "macPj")).toBeCloseTo(int2 / int8, 12);
    expect(of("w4a4", "matrixCycles") / of("w8a8", "matrixCycles")).toBeCloseTo(1 / 2, 12);
    expect(of("w2a2", "matrixCycles") / of("w8a8", "matrixCycles")).toBeCloseTo(1 / 4, 12);
  });
});

function wideModel(): WrittenModel {
  return modelOf("wide", {
    inputs: [value("x", 16, 64)],
    outputs: [value("y", 16, 64)],
    initializers: { w: weights(64, 64) },
    nodes: [node("MatMul", "x w", "y")],
  });
}
