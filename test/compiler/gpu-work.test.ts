import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { sum } from "../../base/math.ts";
import { gpuWork } from "../../compiler/gpu-work.ts";
import { importOnnx } from "../../compiler/onnx/importer.ts";
import { parseGraph } from "../../ir/graph-text.ts";
import { simulateGpu } from "../../runtime-sim/gpu/simulate.ts";
import type { GpuKernel } from "../../targets/gpu-work.ts";
import { loadGpu } from "../../targets/load.ts";
import { resnet50Work } from "../runtime-sim/gpu/resnet50.ts";
import { describeShared } from "../shared.ts";

/** The kernels of a graph in `.bir` text: the lines between its head and its `return`. */
function kernelsOf(inputs: string, body: string, outputs: string): readonly GpuKernel[] {
  return gpuWork(parseGraph(`graph @g(${inputs}) {\n${body}\n  return ${outputs}\n}\n`)).kernels;
}

const names = (kernels: readonly GpuKernel[]): string[] => kernels.map(({ origin }) => origin.join("+"));

describe("the GPU work of a graph", () => {
  it("counts a convolution as a product, with rows over batch and positions and groups apart", () => {
    const conv = "group=2, kernel=[3,3], strides=[1,1], dilations=[1,1], pads=[1,1,1,1]";
    const body = `  %w = const() {absent} : f32[8,2,3,3]
  %y = conv(%x, %w, _) {${conv}} : f32[2,8,5,6]`;
    const kernels = kernelsOf("%x: f32[2,4,5,6]", body, "%y");
    expect(kernels).toEqual([
      {
        name: "y",
        origin: ["y"],
        kind: "matrix",
        macCount: 2 * 8 * 30 * 18,
        elementOperations: 0,
        readElements: 240,
        writeElements: 480,
        weightElements: 144,
        m: 60,
        n: 4,
        k: 18,
        groups: 2,
        batchedBy: "m",
      },
    ]);
  });

  it("takes the factor that is constant as the weight, on either side", () => {
    const left = kernelsOf(
      "%x: f32[5,7]",
      "  %w = const() {absent} : f32[3,5]\n  %y = matmul(%w, %x) : f32[3,7]",
      "%y",
    );
    expect(left[0]).toMatchObject({
      m: 7,
      n: 3,
      k: 5,
      groups: 1,
      batchedBy: "m",
      weightElements: 15,
      readElements: 35,
    });
    const right = kernelsOf(
      "%x: f32[7,5]",
      "  %w = const() {absent} : f32[5,3]\n  %y = matmul(%x, %w) : f32[7,3]",
      "%y",
    );
    expect(right[0]).toMatchObject({
      m: 7,
      n: 3,
      k: 5,
      groups: 1,
      batchedBy: "m",
      weightElements: 15,
      readElements: 35,
    });
  });

  it("makes groups of the batch of a product of two activations", () => {
    const kernels = kernelsOf("%q: f32[2,4,3,8], %k: f32[2,4,8,5]", "  %s = matmul(%q, %k) : f32[2,4,3,5]", "%s");
    expect(kernels[0]).toMatchObject({
      m: 3,
      n: 5,
      k: 8,
      groups: 8,
      batchedBy: "groups",
      weightElements: 0,
      macCount: 960,
    });
  });

  it("ends a contraction with the element-wise nodes that follow, residual and branches of the same value included", () => {
    const body = `  %w = const() {absent} : f32[4,4]
  %b = const() {absent} : f32[4]
  %p = matmul(%x, %w) : f32[3,4]
  %a = add(%p, %b) : f32[3,4]
  %s = sigmoid(%a) : f32[3,4]
  %m = mul(%a, %s) : f32[3,4]
  %r = add(%m, %x) : f32[3,4]`;
    const kernels = kernelsOf("%x: f32[3,4]", body, "%r");
    expect(names(kernels)).toEqual(["p+a+s+m+r"]);
    expect(kernels[0]).toMatchObject({
      readElements: 12,
      writeElements: 12,
      weightElements: 20,
      elementOperations: 48,
    });
  });

  it("joins an addition to the later of two contractions, and writes what others read", () => {
    const body = `  %w = const() {absent} : f32[4,4]
  %p = matmul(%x, %w) : f32[3,4]
  %u = relu(%p) : f32[3,4]
  %q = matmul(%u, %w) : f32[3,4]
  %r = add(%q, %u) : f32[3,4]`;
    const kernels = kernelsOf("%x: f32[3,4]", body, "%r");
    expect(names(kernels)).toEqual(["p+u", "q+r"]);
    expect(kernels.map(({ readElements, writeElements }) => [readElements, writeElements])).toEqual([
      [12, 12],
      [12, 12],
    ]);
    const both = kernelsOf("%x: f32[3,4]", body, "%r, %p");
    expect(both[0]?.writeElements).toBe(24);
  });

  it("starts a kernel where an element-wise node waits for a later one, and where the result grows", () => {
    const body = `  %w = const() {absent} : f32[4,4]
  %p = matmul(%x, %w) : f32[3,4]
  %m = reduce_mean(%p) {axes=[1], keepdims=true} : f32[3,1]
  %c = sub(%p, %m) : f32[3,4]
  %e = exp(%c) : f32[3,4]`;
    const kernels = kernelsOf("%x: f32[3,4]", body, "%e");
    expect(names(kernels)).toEqual(["p", "m", "c+e"]);
    expect(kernels.map(({ elementOperations }) => elementOperations)).toEqual([0, 12, 24]);
  });

  it("runs a composite over rows as one kernel with the operations of its parts", () => {
    const kernels = kernelsOf("%x: f32[3,4]", "  %y = softmax(%x) {axis=1} : f32[3,4]", "%y");
    // Maximum 12, difference 12, exponential 12, sum 12, quotient 12.
    expect(kernels).toMatchObject([
      { kind: "vector", elementOperations: 60, readElements: 12, writeElements: 12, macCount: 0 },
    ]);
  });

  it("has nothing to do for views, and for what depends on constants alone", () => {
    const body = `  %w = const() {absent} : f32[4,3]
  %t = transpose(%w) {permutation=[1,0]} : f32[3,4]
  %f = reshape(%x) {shape=[2,3]} : f32[2,3]
  %y = matmul(%f, %t) : f32[2,4]
  %z = reshape(%y) {shape=[8]} : f32[8]
  %r = relu(%z) : f32[8]`;
    const kernels = kernelsOf("%x: f32[6]", body, "%r");
    expect(names(kernels)).toEqual(["y+r"]);
    expect(kernels[0]).toMatchObject({ weightElements: 12, readElements: 6 });
  });

  it("gives contractions transposed operands for nothing, and copies them for others", () => {
    const body = (reader: string) => `  %w = const() {absent} : f32[4,4]
  %t = transpose(%x) {permutation=[1,0]} : f32[3,4]
  %y = ${reader} : f32[3,4]`;
    expect(names(kernelsOf("%x: f32[4,3]", body("matmul(%t, %w)"), "%y"))).toEqual(["y"]);
    expect(names(kernelsOf("%x: f32[4,3]", body("relu(%t)"), "%y"))).toEqual(["t", "y"]);
    expect(names(kernelsOf("%x: f32[4,3]", body("matmul(%t, %w)"), "%y, %t"))).toEqual(["t", "y"]);
  });

  it("counts for a copy what it reads and writes", () => {
    const body = "  %s = slice(%x) {starts=[1], ends=[3], axes=[0], steps=[1]} : f32[2,4]";
    const kernels = kernelsOf("%x: f32[5,4]", body, "%s");
    expect(kernels).toMatchObject([{ kind: "movement", readElements: 8, writeElements: 8, elementOperations: 0 }]);
  });

  it("counts the elements that cross the host link", () => {
    const work = gpuWork(
      parseGraph("graph @g(%x: f32[2,3], %y: f32[1]) {\n  %z = add(%x, %y) : f32[2,3]\n  return %z, %x\n}\n"),
    );
    expect(work).toMatchObject({ name: "g", inputElements: 7, outputElements: 12 });
  });
});

describeShared("the GPU work of the shared ResNet-50", (folder) => {
  const work = gpuWork(importOnnx({ path: join(folder, "models/light-resnet50/model.onnx") }).graph);
  const byHand = resnet50Work();
  const counts = (kernels: readonly GpuKernel[]) =>
    kernels
      .filter(({ kind }) => kind === "matrix")
      .map(({ m, n, k, macCount, readElements, writeElements }) =>
        [m, n, k, macCount, readElements, writeElements].join(" "),
      )
      .sort();

  it("has the contractions of the network as written down by hand, with the same elements read and written", () => {
    expect(counts(work.kernels)).toEqual(counts(byHand.kernels));
    expect(sum(work.kernels.map(({ macCount }) => macCount))).toBe(4_089_184_256);
    expect(work.kernels).toHaveLength(byHand.kernels.length + 1); // The file ends in a softmax.
  });

  it("takes the time of the list by hand, within 3 %", () => {
    for (const name of ["v100", "h100"]) {
      const run = (each: typeof work) =>
        simulateGpu(each, loadGpu(name), { batchCount: 64, precision: "int8" }).latencySeconds;
      expect(Math.abs(run(work) / run(byHand) - 1)).toBeLessThan(0.03);
    }
  });
});
