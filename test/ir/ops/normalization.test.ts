import { describe, expect, it } from "vitest";
import { makeRandom } from "../../../base/random.ts";
import { inferNode, operators } from "../../../ir/ops/index.ts";
import { tensorNumbers } from "../../../ir/ops/values.ts";
import { tensorType } from "../../../ir/type.ts";
import { apply, expectClose, numbersOf, tensor } from "./checks.ts";
import { EagerBuilder } from "./eager-builder.ts";

const composites = [...operators.values()].filter((operator) => operator.decompose !== undefined);

/** Rewrites a node, and its parts again, until only operators that need no rewriting are left. */
function fullyDecomposed(builder: EagerBuilder, value: string): string[] {
  const left: string[] = [];
  const visit = (name: string): void => {
    const node = builder.nodes.get(name);
    if (node === undefined) return;
    left.push(node.op);
    for (const operand of node.operands) if (operand !== null) visit(operand);
  };
  visit(value);
  return left;
}

describe.each(composites)("decomposing $name", (operator) => {
  it("gives the values of the operator, within f32 rounding", () => {
    for (let seed = 0; seed < 5; seed += 1) {
      for (const sample of operator.samples(makeRandom(seed))) {
        if (sample.operands[0]?.type.element !== "f32") continue;
        const names = sample.operands.map((operand, index) => (operand === null ? null : `x${index}`));
        const builder = new EagerBuilder(
          Object.fromEntries(
            sample.operands.flatMap((operand, index) => (operand === null ? [] : [[`x${index}`, operand] as const])),
          ),
        );
        const types = sample.operands.map((operand) => operand?.type ?? null);
        const { type, attributes } = inferNode(operator.name, types, sample.attributes);
        const value = operator.decompose?.({ operands: names, attributes, type }, builder) ?? "";
        const whole = operator.evaluate({ operands: sample.operands, attributes, type });
        expect(builder.type(value)).toEqual(type);
        expectClose(tensorNumbers(builder.value(value)), tensorNumbers(whole), 2e-5, 2e-6);
        expect(fullyDecomposed(builder, value)).not.toContain(operator.name);
      }
    }
  });
});

describe("power", () => {
  const parts = (exponent: number): string[] => {
    const builder = new EagerBuilder({ x: tensor("f32", [1], [2]) });
    const type = builder.type("x");
    operators.get("power")?.decompose?.({ operands: ["x"], attributes: { exponent }, type }, builder);
    return [...builder.nodes.values()].map((node) => node.op);
  };

  it("is written with products where the exponent is small and whole, as a root or a reciprocal where it is one, else with pow", () => {
    expect(parts(1)).toEqual([]);
    expect(parts(2)).toEqual(["mul"]);
    expect(parts(3)).toEqual(["mul", "mul"]);
    expect(parts(4)).toEqual(["mul", "mul"]);
    expect(parts(0.5)).toEqual(["sqrt"]);
    expect(parts(-1)).toEqual(["reciprocal"]);
    for (const exponent of [0.75, -0.5, 0, 0.3, -2, 5, 32]) expect(parts(exponent), `${exponent}`).toEqual(["pow"]);
  });
});

describe("local response normalization", () => {
  it("slides windows over channels, and multiplies by a power", () => {
    const builder = new EagerBuilder({ x: tensor("f32", [1, 3, 1, 2], [1, 2, 3, 4, 5, 6]) });
    const type = builder.type("x");
    const attributes = { size: 3, alpha: 3, beta: 0.75, bias: 1 };
    const value = operators.get("local_response_norm")?.decompose?.({ operands: ["x"], attributes, type }, builder);
    expect([...builder.nodes].map(([name, { op }]) => `${op} ${builder.type(name).shape}`)).toEqual([
      "channel_mean_of_squares 1,3,1,2",
      "mul 1,3,1,2",
      "add 1,3,1,2",
      "log 1,3,1,2",
      "mul 1,3,1,2",
      "exp 1,3,1,2",
      "mul 1,3,1,2",
    ]);
    // The first channel's neighbours: 1 + (1² + 3²) and 1 + (2² + 4²).
    const numbers = [...tensorNumbers(builder.value(value ?? ""))].slice(0, 2);
    expectClose(numbers, [1 / 11 ** 0.75, 2 / 21 ** 0.75], 1e-6);
  });
});

describe("softmax", () => {
  it("divides powers by their sum along the axis, without overflow", () => {
    const x = tensor("f64", [2, 2], [1000, 1000 + Math.log(3), -5, -5]);
    expectClose(numbersOf("softmax", [x], { axis: 1 }), [0.25, 0.75, 0.5, 0.5], 1e-12);
    expectClose(
      numbersOf("softmax", [tensor("f64", [2, 2], [0, 0, Math.log(3), 0])], { axis: 0 }),
      [0.25, 0.5, 0.75, 0.5],
      1e-12,
    );
    expectClose(numbersOf("log_softmax", [x]), [Math.log(0.25), Math.log(0.75), Math.log(0.5), Math.log(0.5)], 1e-12);
  });

  it("refuses an axis that does not exist, and integers", () => {
    expect(() => inferNode("softmax", [tensorType("f32", [2])], { axis: 1 })).toThrow(/Axis 1/);
    expect(() => inferNode("log_softmax", [tensorType("f32", [2])], { axis: -2 })).toThrow(/Axis -2/);
    expect(() => inferNode("softmax", [tensorType("i32", [2])], {})).toThrow(/expected a float/);
  });
});

describe("masked_softmax", () => {
  it("gives zeros for a line that is masked throughout, also in f16 parts", () => {
    const hidden = Number.NEGATIVE_INFINITY;
    const numbers = [hidden, hidden, hidden, hidden, 0, 0, hidden, -60000, hidden];
    const wanted = [0, 0, 0, 0, 0.5, 0.5, 0, 1, 0];
    expect(numbersOf("masked_softmax", [tensor("f16", [3, 3], numbers)])).toEqual(wanted);
    const builder = new EagerBuilder({ x: tensor("f16", [3, 3], numbers) });
    const node = { operands: ["x"], attributes: { axis: 1 }, type: builder.type("x") };
    const value = operators.get("masked_softmax")?.decompose?.(node, builder) ?? "";
    expect(Array.from(tensorNumbers(builder.value(value)))).toEqual(wanted);
  });
});

describe("lp_norm", () => {
  it("divides by the sum of magnitudes or the root of the sum of squares; zeros stay", () => {
    const x = tensor("f64", [2, 2], [3, -4, 0, 0]);
    expectClose(numbersOf("lp_norm", [x], { order: 1 }), [3 / 7, -4 / 7, 0, 0], 1e-12);
    expectClose(numbersOf("lp_norm", [x]), [0.6, -0.8, 0, 0], 1e-12);
    expect(numbersOf("lp_norm", [x], { axis: 0 })).toEqual([1, -1, 0, 0]);
    expect(() => inferNode("lp_norm", [x.type], { order: 3 })).toThrow(/B202.*order 3/);
  });
});

describe("standardize", () => {
  it("takes mean and deviation over the named axes", () => {
    const x = tensor("f64", [2, 1, 2], [1, 5, 3, 5]);
    expectClose(numbersOf("standardize", [x], { axes: [0] }), [-1, 0, 1, 0], 1e-8);
    expectClose(numbersOf("standardize", [x], { axes: [-1] }), [-1, 1, -1, 1], 1e-8);
  });
});

describe("rms_norm", () => {
  it("divides by the root of the mean square over the axes from `axis` on", () => {
    const x = tensor("f64", [1, 2, 2], [1, 7, 1, 7]);
    expectClose(numbersOf("rms_norm", [x, tensor("f64", [2], [1, 10])], { epsilon: 0 }), [0.2, 14, 0.2, 14], 1e-12);
    const scaled = numbersOf("rms_norm", [x, tensor("f64", [1], [2])], { axis: 1, epsilon: 11 });
    expectClose(
      scaled,
      [1, 7, 1, 7].map((value) => value / 3),
      1e-12,
    );
  });
});

describe("layer_norm", () => {
  it("keeps lines of one number finite on the chip, where epsilon is smaller than any f16", () => {
    const builder = new EagerBuilder({ x: tensor("f16", [1, 3], [2, 2, 2]), ones: tensor("f16", [3], [1, 1, 1]) });
    const node = { operands: ["x", "ones", null], attributes: { axis: 1, epsilon: 1e-12 }, type: builder.type("x") };
    const value = operators.get("layer_norm")?.decompose?.(node, builder) ?? "";
    expect(Array.from(tensorNumbers(builder.value(value)))).toEqual([0, 0, 0]);
  });

  it("standardizes the axes from `axis` on, then scales and shifts", () => {
    const x = tensor("f64", [1, 2, 2], [1, 3, 5, 7]);
    const ones = tensor("f64", [2], [1, 1]);
    expectClose(numbersOf("layer_norm", [x, ones, null], { epsilon: 0 }), [-1, 1, -1, 1], 1e-12);
    expectClose(
      numbersOf("layer_norm", [x, tensor("f64", [2], [2, 3]), tensor("f64", [2], [10, 20])], { epsilon: 0 }),
      [8, 23, 8, 23],
      1e-12,
    );
    const whole = [-3, -1, 1, 3].map((value) => value / Math.sqrt(5 + 4));
    expectClose(numbersOf("layer_norm", [x, ones, null], { axis: 1, epsilon: 4 }), whole, 1e-12);
  });

  it("refuses scales of another type or shape", () => {
    const x = tensorType("f32", [2, 3]);
    expect(() => inferNode("layer_norm", [x, tensorType("f32", [2]), null], {})).toThrow(/do not broadcast/);
    expect(() => inferNode("layer_norm", [x, tensorType("f16", [3]), null], {})).toThrow(/expected f32/);
    expect(() => inferNode("layer_norm", [x, tensorType("f32", [4, 2, 3]), null], {})).toThrow(
      /broadcasts to its shape/,
    );
  });
});

describe("batch_norm", () => {
  it("normalizes each channel by the given mean and variance", () => {
    const x = tensor("f64", [1, 2, 2], [1, 2, 3, 4]);
    const list = (...numbers: number[]) => tensor("f64", [2], numbers);
    expect(numbersOf("batch_norm", [x, list(2, 1), list(10, 20), list(1, 3), list(3, 0)], { epsilon: 1 })).toEqual([
      10, 11, 20, 21,
    ]);
  });

  it("refuses parameters that are not one number a channel", () => {
    const x = tensorType("f32", [1, 2, 2]);
    const two = tensorType("f32", [2]);
    expect(() => inferNode("batch_norm", [x, two, two, two, tensorType("f32", [3])], {})).toThrow(
      /got f32\[3\], expected f32\[2\]/,
    );
    expect(() => inferNode("batch_norm", [tensorType("f32", [2]), two, two, two, two], {})).toThrow(
      /expected f32\[axis 1\]/,
    );
  });
});

describe("local_response_norm", () => {
  it("divides by the squares of neighbouring channels, fewer before than after", () => {
    const x = tensor("f64", [1, 3, 1], [1, 2, 3]);
    const attributes = { size: 2, alpha: 2, beta: 1, bias: 1 };
    expectClose(numbersOf("local_response_norm", [x], attributes), [1 / 6, 2 / 14, 3 / 10], 1e-12);
  });

  it("refuses a size below 1 and values without channels", () => {
    expect(() => inferNode("local_response_norm", [tensorType("f32", [1, 2])], { size: 0 })).toThrow(/at least 1/);
    expect(() => inferNode("local_response_norm", [tensorType("f32", [2])], { size: 1 })).toThrow(/\[N,C,...\]/);
  });

  it("is exact for one channel", () => {
    expect(
      apply("local_response_norm", [tensor("f32", [1, 1], [2])], { size: 1, alpha: 3, beta: 0.5, bias: 4 }).data,
    ).toEqual(Float32Array.of(0.5));
  });
});
