import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { at } from "../../../base/math.ts";
import { makeRandom } from "../../../base/random.ts";
import type { AttributeValue } from "../../../ir/graph.ts";
import { sampleFloats } from "../../../ir/ops/samples.ts";
import { tensorNumbers } from "../../../ir/ops/values.ts";
import { i64Tensor, type Tensor } from "../../../ir/tensor.ts";
import { expectClose, tensor } from "./checks.ts";
import { addedOperators, outputNumbers, outputTensor, translate } from "./eager-builder.ts";

type Kind = "RNN" | "GRU" | "LSTM";

/** A layer to be computed: X [T,B,I], W [D,G·H,I], R [D,G·H,H], B [D,2·G·H], states [D,B,H], P [D,3·H]. */
interface Layer {
  readonly kind: Kind;
  readonly sizes: { readonly steps: number; readonly batch: number; readonly inputs: number; readonly hidden: number };
  readonly reversed: readonly boolean[];
  readonly x: Tensor;
  readonly w: Tensor;
  readonly r: Tensor;
  readonly b: Tensor | null;
  readonly lengths: readonly number[] | null;
  readonly hidden: Tensor | null;
  readonly memory: Tensor | null;
  readonly peepholes: Tensor | null;
  readonly clip: number;
  readonly resetsAfter: boolean;
  readonly couplesForget: boolean;
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** The layer by the equations of the ONNX operators, number by number. */
function expected(layer: Layer): { y: number[]; hidden: number[]; memory: number[] } {
  const { steps, batch, inputs, hidden: size } = layer.sizes;
  const count = { RNN: 1, GRU: 3, LSTM: 4 }[layer.kind];
  const [x, w, r] = [layer.x, layer.w, layer.r].map((value) => tensorNumbers(value)) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  const b = layer.b === null ? null : tensorNumbers(layer.b);
  const p = layer.peepholes === null ? null : tensorNumbers(layer.peepholes);
  const bound = (value: number): number =>
    layer.clip === 0 ? value : Math.min(layer.clip, Math.max(-layer.clip, value));
  const gate = (value: number): number => sigmoid(bound(value));
  const squash = (value: number): number => Math.tanh(bound(value));
  const directions = layer.reversed.length;
  const y = new Array<number>(steps * directions * batch * size).fill(0);
  const [lastHidden, lastMemory]: [number[], number[]] = [[], []];
  layer.reversed.forEach((reverse, d) => {
    for (let item = 0; item < batch; item += 1) {
      const start = (d * batch + item) * size;
      const from = (state: Tensor | null): number[] =>
        state === null ? new Array<number>(size).fill(0) : Array.from(tensorNumbers(state)).slice(start, start + size);
      let [h, c] = [from(layer.hidden), from(layer.memory)];
      const length = layer.lengths?.[item] ?? steps;
      for (let step = 0; step < length; step += 1) {
        const time = reverse ? length - 1 - step : step;
        const fromInput = (row: number): number => {
          let sum = b === null ? 0 : at(Array.from(b), d * 2 * count * size + row);
          for (let i = 0; i < inputs; i += 1) {
            sum +=
              (w[(d * count * size + row) * inputs + i] as number) * (x[(time * batch + item) * inputs + i] as number);
          }
          return sum;
        };
        const fromState = (row: number, state: readonly number[]): number => {
          let sum = b === null ? 0 : at(Array.from(b), (d * 2 + 1) * count * size + row);
          for (let j = 0; j < size; j += 1) sum += (r[(d * count * size + row) * size + j] as number) * at(state, j);
          return sum;
        };
        const of = (index: number, j: number, state = h): number =>
          fromInput(index * size + j) + fromState(index * size + j, state);
        const units = Array.from({ length: size }, (_, j) => j);
        const peep = (index: number, j: number): number =>
          p === null ? 0 : at(Array.from(p), d * 3 * size + index * size + j);
        if (layer.kind === "RNN") h = units.map((j) => squash(of(0, j)));
        else if (layer.kind === "GRU") {
          const z = units.map((j) => gate(of(0, j)));
          const reset = units.map((j) => gate(of(1, j)));
          const resetState = h.map((value, j) => value * at(reset, j));
          const before = h;
          h = units.map((j) => {
            const row = 2 * size + j;
            const inner = layer.resetsAfter
              ? fromInput(row) + at(reset, j) * fromState(row, before)
              : of(2, j, resetState);
            return (1 - at(z, j)) * squash(inner) + at(z, j) * at(before, j);
          });
        } else {
          const old = c;
          const open = units.map((j) => gate(of(0, j) + peep(0, j) * at(old, j)));
          const forget = units.map((j) =>
            layer.couplesForget ? 1 - at(open, j) : gate(of(2, j) + peep(2, j) * at(old, j)),
          );
          c = units.map((j) => at(forget, j) * at(old, j) + at(open, j) * squash(of(3, j)));
          const next = c;
          h = units.map((j) => gate(of(1, j) + peep(1, j) * at(next, j)) * squash(at(next, j)));
        }
        h.forEach((value, j) => {
          y[((time * directions + d) * batch + item) * size + j] = value;
        });
      }
      lastHidden.push(...h);
      lastMemory.push(...c);
    }
  });
  return { y, hidden: lastHidden, memory: lastMemory };
}

/** The first two axes exchanged, or the last axis order of layout 1. */
function permuted(value: Tensor, permutation: readonly number[]): Tensor {
  const { shape } = value.type;
  const numbers = tensorNumbers(value);
  const sizes = permutation.map((axis) => at(shape, axis));
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1));
  const result = Array.from({ length: numbers.length }, (_, index) => {
    let [rest, offset] = [index, 0];
    for (let axis = sizes.length - 1; axis >= 0; axis -= 1) {
      offset += (rest % at(sizes, axis)) * at(strides, at(permutation, axis));
      rest = Math.floor(rest / at(sizes, axis));
    }
    return numbers[offset] as number;
  });
  return tensor("f32", sizes, result);
}

const layers = fc
  .record({
    kind: fc.constantFrom<Kind>("RNN", "GRU", "LSTM"),
    sizes: fc.record({
      steps: fc.integer({ min: 1, max: 4 }),
      batch: fc.integer({ min: 1, max: 3 }),
      inputs: fc.integer({ min: 1, max: 3 }),
      hidden: fc.integer({ min: 1, max: 4 }),
    }),
    direction: fc.constantFrom("forward", "reverse", "bidirectional"),
    layout: fc.constantFrom(0, 1),
    seed: fc.integer({ min: 0, max: 2 ** 31 }),
    has: fc.record({
      bias: fc.boolean(),
      lengths: fc.boolean(),
      states: fc.boolean(),
      peepholes: fc.boolean(),
      knownWeights: fc.boolean(),
    }),
    clip: fc.constantFrom(0, 0.5),
    resetsAfter: fc.boolean(),
    couplesForget: fc.boolean(),
  })
  .map((choice) => {
    const { kind, sizes, has, resetsAfter, couplesForget, clip, layout, direction } = choice;
    const random = makeRandom(choice.seed);
    const reversed = { forward: [false], reverse: [true], bidirectional: [false, true] }[direction] ?? [];
    const [d, g] = [reversed.length, { RNN: 1, GRU: 3, LSTM: 4 }[kind]];
    const { steps, batch, inputs, hidden } = sizes;
    const floats = (...shape: number[]): Tensor => sampleFloats(random, shape, -1.5, 1.5);
    const optional = (given: boolean, ...shape: number[]): Tensor | null => (given ? floats(...shape) : null);
    const layer: Layer = {
      kind,
      sizes,
      reversed,
      x: floats(steps, batch, inputs),
      w: floats(d, g * hidden, inputs),
      r: floats(d, g * hidden, hidden),
      b: optional(has.bias, d, 2 * g * hidden),
      lengths: has.lengths ? Array.from({ length: batch }, () => random.integer(0, steps)) : null,
      hidden: optional(has.states, d, batch, hidden),
      memory: optional(has.states && kind === "LSTM", d, batch, hidden),
      peepholes: optional(has.peepholes && kind === "LSTM", d, 3 * hidden),
      clip,
      resetsAfter: resetsAfter && kind === "GRU",
      couplesForget: couplesForget && kind === "LSTM",
    };
    return { layer, layout, direction, knownWeights: has.knownWeights };
  });

describe("LSTM, GRU and RNN", () => {
  it("give what the equations of their definitions give, in every form", () => {
    fc.assert(
      fc.property(layers, ({ layer, layout, direction, knownWeights }) => {
        const wanted = expected(layer);
        const first = (value: Tensor | null): Tensor | null =>
          value === null || layout === 0 ? value : permuted(value, [1, 0, 2]);
        const attributes: Record<string, AttributeValue> = { direction, layout, hidden_size: layer.sizes.hidden };
        if (layer.clip !== 0) attributes.clip = layer.clip;
        if (layer.resetsAfter) attributes.linear_before_reset = 1;
        if (layer.couplesForget) attributes.input_forget = 1;
        const lengths = layer.lengths === null ? null : i64Tensor([layer.sizes.batch], layer.lengths);
        const states = [first(layer.hidden), first(layer.memory), layer.peepholes];
        const builder = translate({
          operator: layer.kind,
          inputs: [first(layer.x), layer.w, layer.r, layer.b, lengths, ...states],
          known: knownWeights ? [1, 2, 3, 4] : [4],
          attributes,
          outputs: ["y", "h", ...(layer.kind === "LSTM" ? ["c"] : [])],
        });
        const { steps, batch, hidden } = layer.sizes;
        const d = layer.reversed.length;
        const whole = tensor("f32", [steps, d, batch, hidden], wanted.y);
        const last = (numbers: readonly number[]): Tensor => tensor("f32", [d, batch, hidden], numbers);
        const compare = (output: string, value: Tensor, permutation: readonly number[]): void => {
          const target = layout === 0 ? value : permuted(value, permutation);
          expect(outputTensor(builder, output).type.shape).toEqual(target.type.shape);
          expectClose(outputNumbers(builder, output), Array.from(tensorNumbers(target)), 1e-4, 1e-5);
        };
        compare("y", whole, [2, 0, 1, 3]);
        compare("h", last(wanted.hidden), [1, 0, 2]);
        if (layer.kind === "LSTM") compare("c", last(wanted.memory), [1, 0, 2]);
      }),
    );
  });

  const one = (value: number, ...shape: number[]): Tensor =>
    tensor("f32", shape, new Array<number>(shape.reduce((a, b) => a * b, 1)).fill(value));

  /** One step of an RNN of one unit on x = 2, with weight 1: the activation function itself. */
  const activated = (name: string, x: number, more: Record<string, AttributeValue> = {}): number => {
    const inputs = [one(x, 1, 1, 1), one(1, 1, 1, 1), one(1, 1, 1, 1)];
    return at(outputNumbers(translate({ operator: "RNN", inputs, attributes: { activations: [name], ...more } })), 0);
  };

  it.each([
    ["Relu", -2, {}, 0],
    ["Tanh", 2, {}, Math.tanh(2)],
    ["sigmoid", 2, {}, sigmoid(2)],
    ["Softplus", 2, {}, Math.log(1 + Math.exp(2))],
    ["Softsign", 3, {}, 0.75],
    ["Affine", 2, { activation_alpha: [3], activation_beta: [0.5] }, 6.5],
    ["LeakyRelu", -2, {}, -0.02],
    ["LeakyRelu", -2, { activation_alpha: [0.25] }, -0.5],
    ["ThresholdedRelu", 1.5, {}, 1.5],
    ["ThresholdedRelu", 1.5, { activation_alpha: [2] }, 0],
    ["ScaledTanh", 2, { activation_alpha: [2], activation_beta: [0.5] }, 2 * Math.tanh(1)],
    ["HardSigmoid", 1, {}, 0.7],
    ["Elu", -1, {}, Math.exp(-1) - 1],
    ["Elu", -1, { activation_alpha: [2] }, 2 * (Math.exp(-1) - 1)],
  ] as const)("know the activation %s of %d", (name, x, more, wanted) => {
    expectClose([activated(name, x, more)], [wanted], 1e-6);
  });

  it("hand the numbers of activation_alpha to the functions that take them, direction after direction", () => {
    const both = translate({
      operator: "RNN",
      inputs: [one(-1, 1, 1, 1), one(1, 2, 1, 1), one(1, 2, 1, 1)],
      attributes: {
        direction: "bidirectional",
        activations: ["LeakyRelu", "LeakyRelu"],
        activation_alpha: [0.5, 0.25],
      },
    });
    expect(outputNumbers(both)).toEqual([-0.5, -0.25]);
  });

  it("multiply all inputs at once, and no state of zeros", () => {
    const inputs = [one(1, 3, 2, 2), one(1, 1, 4, 2), one(1, 1, 4, 1), null, null, one(0, 1, 2, 1)];
    const known = translate({ operator: "LSTM", inputs, known: [1, 2, 5] });
    expect(addedOperators(known).filter((op) => op === "matmul")).toHaveLength(3);
    expect(addedOperators(translate({ operator: "LSTM", inputs })).filter((op) => op === "matmul")).toHaveLength(4);
  });

  it("refuse what does not fit", () => {
    const inputs = [one(1, 2, 1, 3), one(1, 1, 4, 3), one(1, 1, 4, 1)];
    const lstm = (attributes: Record<string, AttributeValue>, given: readonly (Tensor | null)[] = inputs) =>
      translate({ operator: "LSTM", inputs: given, attributes, known: [4] });
    expect(() => lstm({ direction: "sideways" })).toThrow(/B111.*"sideways"/);
    expect(() => lstm({ activations: ["Tanh"] })).toThrow(/B111.*needs 3 activations/);
    expect(() => lstm({ activations: ["Tanh", "Swish", "Tanh"] })).toThrow(/B111.*"Swish"/);
    expect(() => lstm({ activation_alpha: 1 })).toThrow(/B111.*"activation_alpha"/);
    expect(() => lstm({ clip: -1 })).toThrow(/B111.*"clip"/);
    expect(() => lstm({ direction: "bidirectional" })).toThrow(/B110.*W of LSTM is \[1,4,3\], expected \[2,4,3\]/);
    expect(() => lstm({}, [one(1, 2, 3), ...inputs.slice(1)])).toThrow(/B110.*three axes/);
    expect(() => lstm({}, [...inputs, null, i64Tensor([1], [3])])).toThrow(/B110.*from 0 to 2/);
    expect(() => lstm({}, [...inputs, null, null, one(1, 1, 1, 2)])).toThrow(
      /B110.*initial_h of LSTM is \[1,1,2\], expected \[1,1,1\]/,
    );
    expect(() => lstm({}, [...inputs, null, null, null, one(1, 1, 1, 2)])).toThrow(/B110.*initial_c/);
    expect(() => lstm({}, [...inputs, null, null, null, null, one(1, 1, 4)])).toThrow(/B110.*P of LSTM/);
    expect(() => lstm({}, [one(1, 8193, 1, 3), ...inputs.slice(1)])).toThrow(/B104.*8193 steps/);
    const unknown = { operator: "LSTM", inputs: [...inputs, null, i64Tensor([1], [1])] };
    expect(() => translate(unknown)).toThrow(/B112/);
  });
});
