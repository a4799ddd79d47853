import { describe, expect, it } from "vitest";
import { makeRandom } from "../../base/random.ts";
import { writeModel } from "../../compiler/onnx/write-model.ts";
import { evaluate } from "../../ir/evaluate.ts";
import { f32Tensor } from "../../ir/tensor.ts";
import { loadChip } from "../../targets/load.ts";
import { load, node, value } from "../compiler/onnx/written-models.ts";
import { build, bytesOf, difference, preparedCase, randomSteps, runFunctional } from "./random-case.ts";

const mini = loadChip("mini-4x4");
const random = makeRandom(3);
const weights = (...shape: number[]) =>
  f32Tensor(
    shape,
    Array.from({ length: shape.reduce((left, right) => left * right) }, () => random.normal()),
  );

/** Branches of a convolution that are joined and padded, a window over what is joined, and a branch that is read twice. */
const written = {
  name: "branches",
  opset: 17,
  inputs: [value("x", 2, 4, 8, 8)],
  outputs: [value("y", 2, 3, 8, 8), value("z", 2, 3, 8, 8)],
  initializers: {
    w: weights(8, 4, 1, 1),
    left: weights(5, 8, 1, 1),
    right: weights(6, 8, 3, 3),
    twice: weights(3, 8, 1, 1),
    beside: weights(3, 3, 1, 1),
    last: weights(3, 14, 3, 3),
  },
  nodes: [
    node("Conv", "x w", "stem"),
    node("Conv", "stem left", "a"),
    node("Conv", "stem right", "b", { pads: [1, 1, 1, 1] }),
    node("Conv", "stem twice", "c"),
    node("Conv", "c beside", "z"),
    node("Concat", "a b c", "joined", { axis: 1 }),
    node("Conv", "joined last", "y", { pads: [1, 1, 1, 1] }),
  ],
};

describe("the parts of a concatenation", () => {
  const each = preparedCase(makeRandom(4), load(writeModel(written)).graph, new Set(), "w8a8");
  const expected = bytesOf(evaluate(each.prepared.chipGraph, each.inputs));

  it("are made in its buffer where nothing else reads them, and copied otherwise", () => {
    const built = build(each, mini, null);
    const join = built?.plan.steps.find(({ layer }) => layer.movement !== null);
    const value = join?.layer.writes[0]?.value;
    const homes = join?.reads.map(({ read }) => built?.plan.homes.get(read.value)?.buffer);
    expect(homes?.map((home) => home === value)).toEqual([true, true, false]);
    expect(join?.reads.map(({ mode }) => mode)).toEqual(["in-place", "in-place", "pieces"]);
    // The buffer is held from the first part on, with the margin that the last convolution needs.
    const buffer = built?.mapping.buffers.find(({ name }) => name === value);
    const first = built?.plan.steps.findIndex(({ writes }) => writes.some((write) => write.buffer === value));
    expect(buffer?.firstStep).toBe(first);
    if (built !== null) {
      expect(difference(expected, runFunctional(built, each.inputs, mini, { kernels: "wasm", checked: true }))).toBe(
        "",
      );
    }
  });

  it("give the same answer under any mapping", () => {
    let count = 0;
    for (let seed = 0; seed < 12; seed += 1) {
      const built = build(each, mini, randomSteps(makeRandom(seed), each.network, mini));
      if (built === null) continue;
      count += 1;
      const found = runFunctional(built, each.inputs, mini, { kernels: "wasm", checked: true });
      expect(difference(expected, found), `${seed}`).toBe("");
    }
    expect(count).toBeGreaterThan(6);
  });

  it("lie at places of their own on every core", () => {
    const rows = ["a", "b", "c"] as const;
    const products = {
      name: "products",
      opset: 17,
      inputs: [value("xa", 1, 8), value("xb", 2, 8), value("xc", 1, 8)],
      outputs: [value("joined", 4, 8)],
      initializers: { wa: weights(8, 8), wb: weights(8, 8), wc: weights(8, 8) },
      nodes: [
        ...rows.map((name) => node("MatMul", `x${name} w${name}`, name)),
        node("Concat", rows.join(" "), "joined", { axis: 0 }),
      ],
    };
    const straddling = preparedCase(makeRandom(4), load(writeModel(products)).graph, new Set(), "w8a8");
    // Rows 0 and 1 of the result stand on one core, 2 and 3 on another: b has its rows second there and first here.
    const halves: Partial<Record<string, string>> = { MatMul_1: "m", Concat_3: "d0" };
    const steps = (build(straddling, mini, null)?.mapping.steps ?? []).flatMap((step) => {
      const dimension = halves[step.name];
      const { corner: _, beside: __, ...rest } = step;
      return dimension === undefined ? [] : [{ ...rest, split: { rows: [{ dimension, parts: 2 }], columns: [] } }];
    });
    expect(steps.map(({ name }) => name)).toEqual(["MatMul_1", "Concat_3"]);
    const built = build(straddling, mini, steps);
    const made = built?.plan.steps.find(({ step }) => step.name === "MatMul_1")?.writes[0];
    const joined = built?.plan.steps.find(({ step }) => step.name === "Concat_3")?.writes[0];
    expect(made?.buffer).toBe(joined?.buffer);
    expect(made?.spread.boxes.filter((box) => box !== null)).toHaveLength(2);
    if (built === null) return;
    const found = runFunctional(built, straddling.inputs, mini, { kernels: "wasm", checked: true });
    expect(difference(bytesOf(evaluate(straddling.prepared.chipGraph, straddling.inputs)), found)).toBe("");
  });
});
