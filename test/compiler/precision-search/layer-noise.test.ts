import { describe, expect, it } from "vitest";
import { makeRandom } from "../../../base/random.ts";
import { FrameValues } from "../../../compiler/precision-search/frame-values.ts";
import { measureLayerNoise, noiseAt } from "../../../compiler/precision-search/layer-noise.ts";
import { planOf, searchedLayers } from "../../../compiler/precision-search/searched-layer.ts";
import { calibrate } from "../../../compiler/quantize/calibrate.ts";
import { parsePrecision, parsePrecisionFile, printPrecisionFile } from "../../../compiler/quantize/precision.ts";
import { evaluate } from "../../../ir/evaluate.ts";
import { parseGraph } from "../../../ir/graph-text.ts";
import { makeWasmContractor } from "../../../ir/ops/contraction-kernels.ts";
import { f32Tensor, type Tensor } from "../../../ir/tensor.ts";

const contractor = makeWasmContractor();
const rowOf = (...numbers: number[]): Map<string, Tensor> => new Map([["x", f32Tensor([1, numbers.length], numbers)]]);

function randomFrames(count: number, seed: number, width = 16): Map<string, Tensor>[] {
  const random = makeRandom(seed);
  return Array.from({ length: count }, () => rowOf(...Array.from({ length: width }, () => random.normal())));
}

/** A constant of seeded normal numbers, as graph text. */
function constantText(name: string, shape: readonly [number, number], seed: number): string {
  const random = makeRandom(seed);
  const numbers = Array.from({ length: shape[0] * shape[1] }, () => random.normal());
  return `%${name} = const() {values=[${numbers.join(",")}]} : f32[${shape.join(",")}]`;
}

const chain = parseGraph(`graph @chain(%x: f32[1,16]) {
  ${constantText("a", [16, 16], 1)}
  ${constantText("b", [16, 16], 2)}
  %p = matmul(%x, %a, _) : f32[1,16]
  %r = relu(%p) : f32[1,16]
  %q = matmul(%r, %b, _) : f32[1,16]
  %s = add(%q, %x) : f32[1,16]
  return %s
}`);

describe("measureLayerNoise", () => {
  it("gives the noise of hand-made rounding", () => {
    // Weights 7 and 2.4 of one channel at 4 bits: of the scales tried, s = 1 + ε fits [7, 2] best: s = (7·7 + 2.4·2) ÷ 53.
    const graph = parseGraph(`graph @g(%x: f32[1,2]) {
  %w = const() {values=[7,2.4]} : f32[2,1]
  %y = matmul(%x, %w, _) : f32[1,1]
  return %y
}`);
    const frames = [rowOf(1, 0), rowOf(0, 1), rowOf(-1, 0), rowOf(0, -1)];
    const [noise] = measureLayerNoise(graph, searchedLayers(graph), {
      calibration: calibrate(graph, frames, "min-max"),
      frames,
      wideInputs: [],
      outputs: [0],
      followed: "all",
      contractor,
    });
    const scale = (7 * 7 + 2.4 * 2) / 53;
    const error = (7 - 7 * scale) ** 2 + (2.4 - 2 * scale) ** 2;
    expect(noise?.weights.get(4)).toBeCloseTo(error / (7 * 7 + 2.4 * 2.4), 6);
    // Two bits over −1 to 1 have steps of 2/3 and hold −4/3, −2/3, 0 and 2/3, so −1 and 1 both become a third less. Of the errors
    // −7/3 and −2.4/3 the mean is corrected; (7 − 2.4)/6 remains either way.
    expect(noise?.activations.get(2)).toBeCloseTo(((7 - 2.4) / 6) ** 2 / ((7 * 7 + 2.4 * 2.4) / 2), 6);
  });

  it("falls with every bit, and adds up to what quantizing both operands gives", () => {
    const frames = randomFrames(12, 3);
    const layers = searchedLayers(chain);
    const noise = measureLayerNoise(chain, layers, {
      calibration: calibrate(chain, frames.slice(0, 8), "min-max"),
      frames: frames.slice(8),
      wideInputs: [],
      outputs: [0],
      followed: "all",
      contractor,
    });
    expect(noise).toHaveLength(2);
    for (const each of noise) {
      for (const operand of [each.weights, each.activations]) {
        const [eight = 0, four = 0, two = 0] = [8, 4, 2].map((bits) => operand.get(bits));
        expect(eight).toBeGreaterThan(0);
        expect(four).toBeGreaterThan(20 * eight);
        expect(two).toBeGreaterThan(2 * four);
      }
      const { rule } = parsePrecision("w4a8");
      expect(noiseAt(each, rule)).toBe((each.weights.get(4) ?? 0) + (each.activations.get(8) ?? 0));
    }
  });

  it("comes near to following all widths when it follows one", () => {
    const frames = randomFrames(24, 5);
    const layers = searchedLayers(chain);
    const [all, one] = (["all", "one"] as const).map((followed) =>
      measureLayerNoise(chain, layers, {
        calibration: calibrate(chain, frames.slice(0, 16), "min-max"),
        frames: frames.slice(16),
        wideInputs: [],
        outputs: [0],
        followed,
        contractor,
      }),
    );
    all?.forEach((noise, layer) => {
      for (const operand of ["weights", "activations"] as const) {
        expect(one?.[layer]?.[operand].get(4)).toBe(noise[operand].get(4));
        for (const bits of [8, 2]) {
          const ratio = (one?.[layer]?.[operand].get(bits) ?? 0) / (noise[operand].get(bits) ?? 0);
          expect(Math.abs(10 * Math.log10(ratio))).toBeLessThan(3);
        }
      }
    });
  });
});

describe("FrameValues", () => {
  it("gives what evaluating the whole changed graph gives", () => {
    const [frame] = randomFrames(1, 9);
    if (frame === undefined) throw new Error("no frame");
    const values = new FrameValues(chain, frame, contractor);
    expect(values.outputsWith(new Map())).toEqual([values.valueOf("s")]);
    const doubled = (tensor: Tensor): Tensor =>
      f32Tensor(
        tensor.type.shape,
        Float32Array.from(tensor.data as Float32Array, (number) => 2 * number),
      );
    const changed = values.outputsWith(new Map([["r", () => doubled(values.valueOf("r"))]]));
    // r stands before q alone: s = 2·q + x.
    const { data: q } = values.valueOf("q");
    const x = frame.get("x")?.data as Float32Array;
    expect(Array.from(changed[0]?.data as Float32Array)).toEqual(
      Array.from(q as Float32Array, (number, index) => Math.fround(Math.fround(2 * number) + (x[index] as number))),
    );
    expect(evaluate(chain, frame, { contractor }).get("s")).toEqual(values.valueOf("s"));
  });
});

describe("searchedLayers", () => {
  it("takes contractions that share weights, or an ONNX node, for one layer", () => {
    const graph = parseGraph(`graph @g(%x: f32[2,4]) {
  ${constantText("a", [4, 4], 1)}
  ${constantText("b", [4, 4], 2)}
  %p = matmul(%x, %a, _) : f32[2,4]
  %q = matmul(%p, %b, _) : f32[2,4]
  %r = matmul(%q, %a, _) : f32[2,4]
  %u = transpose(%q) {permutation=[1,0]} : f32[4,2]
  %t = matmul(%r, %u, _) : f32[2,2]
  return %t
}`);
    const layers = searchedLayers(graph);
    expect(layers.map(({ contractions }) => contractions.map(({ node }) => node.name))).toEqual([
      ["p", "r"],
      ["q"],
      ["t"],
    ]);
    expect(layers.map(({ macCount }) => macCount)).toEqual([2 * 2 * 4 * 4, 2 * 4 * 4, 2 * 4 * 2]);
    // A product of two activations has no weights of its own.
    expect(layers[2]?.precisions.every(({ weightBits, activationBits }) => weightBits === activationBits)).toBe(true);
    expect(layers[0]?.precisions).toHaveLength(9);
  });

  it("names plans by the rule of most layers, and prints them as files that read back as the same plan", () => {
    const layers = searchedLayers(chain);
    const [wide, narrow] = [parsePrecision("w8a8").rule, parsePrecision("w4a4").rule];
    expect(planOf(layers, [narrow, narrow])).toEqual({ name: "w4a4", rule: narrow, layers: new Map() });
    const mixed = planOf(layers, [wide, narrow]);
    expect(mixed).toEqual({ name: "1 w8a8 1 w4a4", rule: wide, layers: new Map([["q", narrow]]) });
    const read = parsePrecisionFile(printPrecisionFile(mixed, ["found by search", "second: line"]), "plan.yaml");
    expect(read).toEqual({ ...mixed, name: "plan.yaml" });
    const odd = {
      ...mixed,
      layers: new Map([
        ["12", narrow],
        ["a: b # c", wide],
        ["/x;y", narrow],
      ]),
    };
    expect(parsePrecisionFile(printPrecisionFile(odd), "f.yaml").layers).toEqual(odd.layers);
  });
});
