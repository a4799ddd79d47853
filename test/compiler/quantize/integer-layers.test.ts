import { describe, expect, it } from "vitest";
import { evaluateExact, toModelTypes } from "../../../api/answers.ts";
import { inputElements } from "../../../api/compile.ts";
import { executeFunctional } from "../../../api/execution.ts";
import { type Compiled, compile } from "../../../compiler/compile.ts";
import { energiesOf, pooledSqnrDb } from "../../../compiler/quantize/accuracy.ts";
import { evaluate } from "../../../ir/evaluate.ts";
import type { Graph } from "../../../ir/graph.ts";
import { parseGraph } from "../../../ir/graph-text.ts";
import { tensorNumbers, tensorOf } from "../../../ir/ops/values.ts";
import { f32Tensor, type Tensor } from "../../../ir/tensor.ts";
import { elementCount, formatType, isFloat, tensorType } from "../../../ir/type.ts";
import { loadChip } from "../../../targets/load.ts";
import { load, model, node, numbers, value } from "../onnx/written-models.ts";

type Frame = ReadonlyMap<string, Tensor>;

const chip = loadChip("mini-4x4");

/** Numbers without a pattern that a quantization would hide; integers for integer inputs. */
function frameOf(graph: Graph): Frame {
  return new Map(
    graph.inputs.map(({ name, type }) => [
      name,
      tensorOf(
        type,
        Float64Array.from({ length: elementCount(type) }, (_, index) =>
          isFloat(type.element) ? Math.sin(index * 1.7 + 0.3) * 2 : (index * 37 + 11) % 120,
        ),
      ),
    ]),
  );
}

interface Ran {
  readonly compiled: Compiled;
  /** The first output in f32 and by the chip, as the model declares it. */
  readonly wanted: ArrayLike<number>;
  readonly found: ArrayLike<number>;
}

/** Compiles a graph without ranges, unless it needs them, and runs it on the chip, which must answer exactly. */
function run(text: string, calibrated = false): Ran {
  return runGraph(parseGraph(text), calibrated);
}

function runGraph(graph: Graph, calibrated: boolean): Ran {
  const frame = frameOf(graph);
  const compiled = compile(graph, chip, { precision: "w8a8", calibrationFrames: calibrated ? [frame] : [] });
  const [exact] = evaluateExact(compiled.chipGraph, frame, inputElements(graph)) as [Tensor];
  const [answer] = executeFunctional(compiled.program, compiled.sidecar as Uint8Array, chip).run(frame) as [Tensor];
  expect(answer.data).toEqual(exact.data);
  const wanted = evaluate(graph, frame).get(graph.outputs[0] as string) as Tensor;
  const [found] = toModelTypes([answer], [wanted.type.element]) as [Tensor];
  return { compiled, wanted: tensorNumbers(wanted), found: tensorNumbers(found) };
}

const ops = ({ compiled }: Ran): string[] => compiled.chipGraph.nodes.map(({ op }) => op);

function expectNear({ wanted, found }: Ran, step: number): void {
  const errors = Array.from(wanted, (value, index) => Math.abs(value - (found[index] as number)));
  expect(Math.max(...errors)).toBeLessThanOrEqual(step);
}

const weights = "values=[3,-4,5,-60,7,8,100,-2,1,0,33,-7]";

describe("stated layers", () => {
  it("multiply stored integers and requantize their sums, the input being stored by the host", () => {
    const stated = `
graph @g(%x: f32[2,4]) {
  %w = const() {${weights}} : i8<axis=1, scale=[0.01,0.02,0.03], zero=0>[4,3]
  %b = const() {values=[100,-50,7]} : i32<axis=0, scale=[0.0002,0.0004,0.0006], zero=0>[3]
  %q = quantize(%x) {element="i8", scales=[0.02], zeros=[5], axis=-1} : i8<scale=0.02, zero=5>[2,4]
  %a = dequantize(%q) {element="f32"} : f32[2,4]
  %v = dequantize(%w) {element="f32"} : f32[4,3]
  %c = dequantize(%b) {element="f32"} : f32[3]
  %m = matmul(%a, %v, %c) : f32[2,3]
  %r = quantize(%m) {element="i8", scales=[0.05], zeros=[-3], axis=-1} : i8<scale=0.05, zero=-3>[2,3]
  %y = dequantize(%r) {element="f32"} : f32[2,3]
  return %y
}`;
    const ran = run(stated);
    expect(ops(ran)).toEqual(["matmul", "requantize", "dequantize"]);
    expect(run(stated, true).compiled.calibration).toBeNull();
    expect(formatType(ran.compiled.chipGraph.inputs[0]?.type ?? expect.fail())).toBe("i8<scale=0.02, zero=5>[2,4]");
    expectNear(ran, 0.0501);
  });

  it("store unsigned activations as i8 and carry them through pooling, relu and movement", () => {
    const ran = run(
      `
graph @g(%x: f32[1,1,6,6]) {
  %w = const() {values=[1,2,3,4,5,6,7,8]} : u8<scale=0.1, zero=0>[2,1,2,2]
  %q = quantize(%x) {element="u8", scales=[0.02], zeros=[100], axis=-1} : u8<scale=0.02, zero=100>[1,1,6,6]
  %a = dequantize(%q) {element="f32"} : f32[1,1,6,6]
  %v = dequantize(%w) {element="f32"} : f32[2,1,2,2]
  %m = conv(%a, %v, _) {dilations=[1,1], group=1, pads=[1,1,0,0], strides=[1,1]} : f32[1,2,6,6]
  %s = relu(%m) : f32[1,2,6,6]
  %p = max_pool(%s) {kernel=[2,2], strides=[2,2], pads=[0,0,0,0], dilations=[1,1], ceil=false} : f32[1,2,3,3]
  %t = transpose(%p) {permutation=[0,2,3,1]} : f32[1,3,3,2]
  %r = quantize(%t) {element="u8", scales=[0.5], zeros=[0], axis=-1} : u8<scale=0.5, zero=0>[1,3,3,2]
  %y = dequantize(%r) {element="f32"} : f32[1,3,3,2]
  return %y
}`,
    );
    expect(ops(ran)).toEqual(["conv", "requantize", "max_pool", "transpose", "dequantize"]);
    const elements = new Set(ran.compiled.chipGraph.nodes.map(({ type }) => type.element));
    expect([...elements]).toEqual(["i32", "i8", "f16"]);
    expectNear(ran, 0.501);
  });

  it("take zero points of weights away, beyond i8 by sums of activations", () => {
    const text = (zero: number) => `
graph @g(%x: f32[2,4]) {
  %w = const() {values=[0,255,5,60,7,8,100,2,1,0,33,7]} : u8<scale=0.01, zero=${zero}>[4,3]
  %q = quantize(%x) {element="u8", scales=[0.02], zeros=[100], axis=-1} : u8<scale=0.02, zero=100>[2,4]
  %a = dequantize(%q) {element="f32"} : f32[2,4]
  %v = dequantize(%w) {element="f32"} : f32[4,3]
  %m = matmul(%a, %v, _) : f32[2,3]
  %y = quantize(%m) {element="u8", scales=[0.05], zeros=[90], axis=-1} : u8<scale=0.05, zero=90>[2,3]
  return %y
}`;
    const shifted = run(text(128));
    expect(ops(shifted)).toEqual(["matmul", "requantize"]);
    expect(shifted.compiled.chipGraph.nodes[1]?.type.element).toBe("i8");
    expectNear(shifted, 1);
    const summed = run(text(20));
    expect(ops(summed).filter((op) => op === "matmul").length).toBe(2);
    expectNear(summed, 1);
  });

  it("take what is added to their channels as bias", () => {
    const ran = run(`
graph @g(%x: f32[1,1,3,3]) {
  %w = const() {values=[1,2,3,4,5,6,7,8]} : i8<scale=0.1, zero=0>[2,1,2,2]
  %b = const() {values=[500,-300]} : i32<scale=0.002, zero=0>[1,2,1,1]
  %q = quantize(%x) {element="i8", scales=[0.02], zeros=[-9], axis=-1} : i8<scale=0.02, zero=-9>[1,1,3,3]
  %a = dequantize(%q) {element="f32"} : f32[1,1,3,3]
  %v = dequantize(%w) {element="f32"} : f32[2,1,2,2]
  %c = dequantize(%b) {element="f32"} : f32[1,2,1,1]
  %m = conv(%a, %v, _) {dilations=[1,1], group=1, pads=[0,0,1,1], strides=[1,1]} : f32[1,2,3,3]
  %s = add(%c, %m) : f32[1,2,3,3]
  %y = quantize(%s) {element="i8", scales=[0.1], zeros=[0], axis=-1} : i8<scale=0.1, zero=0>[1,2,3,3]
  return %y
}`);
    expect(ops(ran)).toEqual(["conv", "requantize"]);
    expectNear(ran, 1);
  });

  it("multiply two activations with zero points", () => {
    const ran = run(`
graph @g(%a: f32[2,4], %b: f32[4,3]) {
  %qa = quantize(%a) {element="i8", scales=[0.02], zeros=[5], axis=-1} : i8<scale=0.02, zero=5>[2,4]
  %qb = quantize(%b) {element="i8", scales=[0.02], zeros=[-7], axis=-1} : i8<scale=0.02, zero=-7>[4,3]
  %ra = dequantize(%qa) {element="f32"} : f32[2,4]
  %rb = dequantize(%qb) {element="f32"} : f32[4,3]
  %m = matmul(%ra, %rb, _) : f32[2,3]
  return %m
}`);
    expectNear(ran, 0.005);
    expect(
      ran.compiled.chipGraph.nodes.filter(({ op, type }) => op === "matmul" && type.element === "i32").length,
    ).toBe(3);
  });
});

describe("what a model leaves open", () => {
  it("weights in stored integers keep their scales under activations of ours", () => {
    const ran = run(
      `
graph @g(%x: f32[2,4]) {
  %w = const() {${weights}} : i8<axis=1, scale=[0.01,0.02,0.03], zero=[1,2,3]>[4,3]
  %v = dequantize(%w) {element="f32"} : f32[4,3]
  %y = matmul(%x, %v, _) : f32[2,3]
  return %y
}`,
      true,
    );
    expect(ops(ran)).toEqual(["matmul", "dequantize"]);
    const stored = ran.compiled.chipGraph.constants.find(({ type }) => type.element === "i8");
    expect(stored?.type.quantization?.scales).toEqual([0.01, 0.02, 0.03]);
    expect(Array.from(stored?.data as Int8Array)).toEqual([2, -6, 2, -61, 5, 5, 99, -4, -2, -1, 31, -10]);
    expectNear(ran, 0.05);
  });

  it("weights whose scales stand on another axis become floats", () => {
    const ran = run(
      `
graph @g(%x: f32[2,4]) {
  %w = const() {${weights}} : i8<axis=0, scale=[0.01,0.02,0.03,0.04], zero=0>[4,3]
  %v = dequantize(%w) {element="f32"} : f32[4,3]
  %y = matmul(%x, %v, _) : f32[2,3]
  return %y
}`,
      true,
    );
    expect(ops(ran)).toEqual(["matmul", "dequantize"]);
    expectNear(ran, 0.1);
  });

  it("zero points that differ along an axis are converted run by run", () => {
    const ran = run(`
graph @g(%x: f32[2,4]) {
  %q = quantize(%x) {element="u8", scales=[0.02,0.03,0.04,0.05], zeros=[100,100,90,0], axis=1} : u8<axis=1, scale=[0.02,0.03,0.04,0.05], zero=[100,100,90,0]>[2,4]
  %y = dequantize(%q) {element="f32"} : f32[2,4]
  return %y
}`);
    expect(ops(ran).filter((op) => op === "quantize").length).toBe(3);
    expectNear(ran, 0.051);
  });

  it("sums that run-time scales multiply stay within f16", () => {
    const ran = run(`
graph @g(%q: u8[1,64], %s: f32[]) {
  %w = const() {splat=127} : i8[64,2]
  %k = const() {values=[0.0001]} : f32[]
  %m = matmul(%q, %w, _) : i32[1,2]
  %f = cast(%m) {element="f32"} : f32[1,2]
  %t = mul(%s, %k) : f32[]
  %y = mul(%f, %t) : f32[1,2]
  return %y
}`);
    expect(Math.abs((ran.found[0] as number) / (ran.wanted[0] as number) - 1)).toBeLessThan(0.005);
  });
});

describe("imported models", () => {
  const signalOverErrorDb = ({ wanted, found }: Ran): number =>
    pooledSqnrDb([energiesOf(Float64Array.from(wanted), Float64Array.from(found))]);

  it("MatMulNBits keeps the scale of each block and column", () => {
    const [depth, columns, block] = [70, 8, 32];
    const bytes = Float64Array.from({ length: columns * 3 * (block / 2) }, (_, index) => (index * 7919) % 256);
    const multiply = { ...node("MatMulNBits", "x w s", "y", { K: depth, N: columns, bits: 4, block_size: block }) };
    const { graph } = load(
      model([{ ...multiply, domain: "com.microsoft" }], {
        inputs: [value("x", 5, depth)],
        outputs: [value("y", 5, columns)],
        initializers: {
          w: tensorOf(tensorType("u8", [columns, 3, block / 2]), bytes),
          s: f32Tensor(
            [columns * 3],
            numbers(columns * 3, (index) => 0.01 * (1 + (index % 7))),
          ),
        },
      }),
    );
    const ran = runGraph(graph, true);
    expect(signalOverErrorDb(ran)).toBeGreaterThan(35);
    const stored = ran.compiled.chipGraph.constants.find(({ type }) => type.element === "i4");
    expect(stored?.type.shape).toEqual([3 * columns, block, 1]);
    expect(stored?.type.quantization?.scales.slice(0, 2)).toEqual(
      [0, 3].map((index) => Math.fround(0.01 * (1 + index))),
    );
  });

  it("dynamic quantization runs with zero points of run time and asymmetric weights", () => {
    const stored = Float64Array.from({ length: 64 * 8 }, (_, index) => (index * 7919) % 256);
    const { graph } = load(
      model(
        [
          node("DynamicQuantizeLinear", "x", "q qs qz"),
          node("MatMulInteger", "q w qz wz", "sums"),
          node("Cast", "sums", "real", { to: 1 }),
          node("Mul", "qs ws", "scale"),
          node("Mul", "real scale", "y"),
        ],
        {
          inputs: [value("x", 4, 64)],
          outputs: [value("y", 4, 8)],
          initializers: {
            w: tensorOf(tensorType("u8", [64, 8]), stored),
            wz: tensorOf(tensorType("u8", []), [120]),
            ws: f32Tensor([], [0.004]),
          },
        },
      ),
    );
    expect(signalOverErrorDb(runGraph(graph, false))).toBeGreaterThan(40);
  });

  it("QLinearConv of u8 gives u8 again, and its real numbers where they are wanted", () => {
    const scalar = (element: "f32" | "u8", number: number) => tensorOf(tensorType(element, []), [number]);
    const { graph } = load(
      model(
        [
          node("QLinearConv", "x xs xz w ws wz ys yz b", "q", { pads: [1, 1, 1, 1] }),
          node("DequantizeLinear", "q ys yz", "y"),
        ],
        {
          inputs: [{ name: "x", element: "u8", shape: [1, 2, 4, 4] }],
          outputs: [value("y", 1, 3, 4, 4)],
          initializers: {
            xs: scalar("f32", 0.02),
            xz: scalar("u8", 60),
            w: tensorOf(
              tensorType("u8", [3, 2, 3, 3]),
              numbers(54, (index) => 90 + ((index * 31) % 77)),
            ),
            ws: f32Tensor([3], [0.01, 0.02, 0.005]),
            wz: tensorOf(tensorType("u8", [3]), [128, 120, 130]),
            ys: scalar("f32", 0.05),
            yz: scalar("u8", 128),
            b: tensorOf(tensorType("i32", [3]), [100, -200, 300]),
          },
        },
      ),
    );
    const ran = runGraph(graph, false);
    expect(ops(ran)).toEqual(["conv", "requantize", "reinterpret", "dequantize"]);
    expect(formatType(ran.compiled.chipGraph.inputs[0]?.type ?? expect.fail())).toBe("i8<scale=1, zero=-68>[1,2,4,4]");
    expectNear(ran, 0.0501);
  });
});
