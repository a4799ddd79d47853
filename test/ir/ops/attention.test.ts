import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { makeRandom } from "../../../base/random.ts";
import type { AttributeValue } from "../../../ir/graph.ts";
import { sampleFloats } from "../../../ir/ops/samples.ts";
import { tensorNumbers } from "../../../ir/ops/values.ts";
import { i64Tensor, type Tensor } from "../../../ir/tensor.ts";
import { expectClose, tensor } from "./checks.ts";
import { addedOperators, outputNumbers, outputTensor, translate } from "./eager-builder.ts";

interface Sizes {
  readonly batch: number;
  readonly heads: number;
  readonly groups: number;
  readonly queries: number;
  readonly keys: number;
  readonly past: number;
  readonly depth: number;
  readonly width: number;
}

/** The scores, weights and results of attention by its definition; `bias` is what is added to a score. */
function expected(
  sizes: Sizes,
  values: { readonly q: Tensor; readonly k: Tensor; readonly v: Tensor },
  scale: number,
  softcap: number,
  bias: (batch: number, head: number, query: number, key: number) => number,
): { scores: number[]; capped: number[]; biased: number[]; weights: number[]; result: number[] } {
  const { batch, heads, groups, queries, depth, width } = sizes;
  const keys = sizes.past + sizes.keys;
  const [q, k, v] = [values.q, values.k, values.v].map((value) => tensorNumbers(value)) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  const stages = { scores: [], capped: [], biased: [], weights: [], result: [] } as Record<string, number[]>;
  for (let b = 0; b < batch; b += 1) {
    for (let h = 0; h < heads; h += 1) {
      const group = b * groups + Math.floor(h / (heads / groups));
      for (let i = 0; i < queries; i += 1) {
        const scores = Array.from({ length: keys }, (_, j) => {
          let sum = 0;
          for (let d = 0; d < depth; d += 1) {
            sum +=
              (q[((b * heads + h) * queries + i) * depth + d] as number) *
              (k[(group * keys + j) * depth + d] as number);
          }
          return sum * scale;
        });
        const capped = scores.map((score) => (softcap === 0 ? score : softcap * Math.tanh(score / softcap)));
        const biased = capped.map((score, j) => score + bias(b, h, i, j));
        const greatest = Math.max(...biased);
        const powers = biased.map((score) => (greatest === -Infinity ? 0 : Math.exp(score - greatest)));
        const total = powers.reduce((sum, power) => sum + power, 0);
        const weights = powers.map((power) => (total === 0 ? 0 : power / total));
        stages.scores?.push(...scores);
        stages.capped?.push(...capped);
        stages.biased?.push(...biased);
        stages.weights?.push(...weights);
        for (let e = 0; e < width; e += 1) {
          stages.result?.push(
            weights.reduce((sum, weight, j) => sum + weight * (v[(group * keys + j) * width + e] as number), 0),
          );
        }
      }
    }
  }
  return stages as ReturnType<typeof expected>;
}

/** A value [B,H,S,D] as [B,S,H·D]. */
function joined(value: Tensor): Tensor {
  const [batch, heads, length, width] = value.type.shape as [number, number, number, number];
  const numbers = tensorNumbers(value);
  const result: number[] = [];
  for (let b = 0; b < batch; b += 1) {
    for (let s = 0; s < length; s += 1) {
      for (let h = 0; h < heads; h += 1) {
        for (let d = 0; d < width; d += 1) result.push(numbers[((b * heads + h) * length + s) * width + d] as number);
      }
    }
  }
  return tensor("f32", [batch, length, heads * width], result);
}

/** Positions [from, to) of axis 2 of a value of four axes. */
function positions(value: Tensor, from: number, to: number): Tensor {
  const [batch, heads, length, width] = value.type.shape as [number, number, number, number];
  const numbers = tensorNumbers(value);
  const result = Array.from({ length: batch * heads }, (_, row) =>
    Array.from(numbers.slice((row * length + from) * width, (row * length + to) * width)),
  );
  return tensor("f32", [batch, heads, to - from, width], result.flat());
}

const cases = fc.record({
  batch: fc.integer({ min: 1, max: 2 }),
  groups: fc.integer({ min: 1, max: 2 }),
  share: fc.integer({ min: 1, max: 3 }),
  queries: fc.integer({ min: 1, max: 4 }),
  keys: fc.integer({ min: 1, max: 4 }),
  past: fc.integer({ min: 0, max: 2 }),
  depth: fc.integer({ min: 1, max: 3 }),
  width: fc.integer({ min: 1, max: 3 }),
  seed: fc.integer({ min: 0, max: 2 ** 31 }),
  mask: fc.constantFrom("none", "bool", "float", "short"),
  maskRank: fc.integer({ min: 2, max: 4 }),
  causal: fc.boolean(),
  valid: fc.boolean(),
  threeAxes: fc.boolean(),
  softcap: fc.constantFrom(0, 0.75),
  scale: fc.constantFrom(null, 0.5),
  mode: fc.integer({ min: 0, max: 3 }),
});

describe("Attention", () => {
  it("gives scores, weights and results of its definition, in every form", () => {
    fc.assert(
      fc.property(cases, (choice) => {
        const { batch, groups, queries, depth, width, mask, causal, softcap, mode } = choice;
        const random = makeRandom(choice.seed);
        const past = choice.valid ? 0 : choice.past;
        const sizes: Sizes = { ...choice, past, heads: groups * choice.share };
        const total = past + sizes.keys;
        const q = sampleFloats(random, [batch, sizes.heads, queries, depth], -2, 2);
        const k = sampleFloats(random, [batch, groups, total, depth], -2, 2);
        const v = sampleFloats(random, [batch, groups, total, width], -2, 2);
        const maskLength = mask === "short" ? Math.max(1, total - 1) : total;
        const lead = [batch, sizes.heads].slice(4 - choice.maskRank);
        const maskShape = [...lead, queries, maskLength];
        const added = Array.from({ length: maskShape.reduce((product, size) => product * size, 1) }, () =>
          random.uniform() < 0.3 ? Number.NEGATIVE_INFINITY : mask === "bool" ? 0 : random.uniform(),
        );
        const maskTensor =
          mask === "none"
            ? null
            : mask === "bool"
              ? tensor(
                  "bool",
                  maskShape,
                  added.map((each) => (each === 0 ? 1 : 0)),
                )
              : tensor("f32", maskShape, added);
        const counts = choice.valid ? Array.from({ length: batch }, () => random.integer(1, total)) : null;
        const maskAt = (b: number, h: number, i: number, j: number): number => {
          if (maskTensor === null) return 0;
          const row = [0, h, b * sizes.heads + h][lead.length] ?? 0;
          return j < maskLength ? (added[(row * queries + i) * maskLength + j] ?? 0) : Number.NEGATIVE_INFINITY;
        };
        const bias = (b: number, h: number, i: number, j: number): number => {
          const count = counts?.[b] ?? total;
          const before = counts === null ? past : count - queries;
          const hidden = (causal && j - i > before) || j >= count;
          return maskAt(b, h, i, j) + (hidden ? Number.NEGATIVE_INFINITY : 0);
        };
        const wanted = expected(sizes, { q, k, v }, choice.scale ?? 1 / Math.sqrt(depth), softcap, bias);
        const attributes: Record<string, AttributeValue> = { softcap, qk_matmul_output_mode: mode };
        if (causal) attributes.is_causal = 1;
        if (choice.scale !== null) attributes.scale = choice.scale;
        if (choice.threeAxes) Object.assign(attributes, { q_num_heads: sizes.heads, kv_num_heads: groups });
        const given = (value: Tensor): Tensor => (choice.threeAxes ? joined(value) : value);
        const builder = translate({
          operator: "Attention",
          opset: 24,
          inputs: [
            given(q),
            given(positions(k, past, total)),
            given(positions(v, past, total)),
            maskTensor,
            past === 0 ? null : positions(k, 0, past),
            past === 0 ? null : positions(v, 0, past),
            counts === null ? null : i64Tensor([batch], counts),
          ],
          attributes,
          outputs: ["y", "key", "value", "scores"],
        });
        const result = tensor("f32", [batch, sizes.heads, queries, width], wanted.result);
        expect(outputTensor(builder).type.shape).toEqual(given(result).type.shape);
        expectClose(outputNumbers(builder), Array.from(tensorNumbers(given(result))), 1e-4, 1e-5);
        expect(outputTensor(builder, "key")).toEqual(k);
        expect(outputTensor(builder, "value")).toEqual(v);
        const stage = [wanted.scores, wanted.capped, wanted.biased, wanted.weights][mode] ?? [];
        expectClose(outputNumbers(builder, "scores"), stage, 1e-4, 1e-5);
      }),
    );
  });

  const four = (...shape: number[]): Tensor => sampleFloats(makeRandom(1), shape);

  it("does not repeat keys and values that heads share, and rounds softmax only to narrower types", () => {
    const inputs = [four(1, 4, 2, 3), four(1, 2, 5, 3), four(1, 2, 5, 3)];
    const at = (precision: number): string[] =>
      addedOperators(
        translate({ operator: "Attention", opset: 23, inputs, attributes: { softmax_precision: precision } }),
      );
    expect(at(1)).not.toContain("expand");
    expect(at(1)).not.toContain("cast");
    expect(at(11)).toEqual(at(1));
    expect(at(10).filter((op) => op === "cast")).toHaveLength(2);
    expect(() => at(7)).toThrow(/B111.*softmax_precision is 7/);
  });

  it("refuses heads that do not divide, and modes that do not exist", () => {
    const attention = (q: Tensor, kv: Tensor, attributes: Record<string, AttributeValue> = {}) =>
      translate({ operator: "Attention", opset: 23, inputs: [q, kv, kv], attributes, outputs: ["y", "", "", "s"] });
    expect(() => attention(four(1, 3, 2, 3), four(1, 2, 5, 3))).toThrow(/B110.*3 query heads cannot share 2 key heads/);
    expect(() => attention(four(1, 2, 6), four(1, 2, 6))).toThrow(/B110.*q_num_heads/);
    expect(() => attention(four(1, 1, 2, 3), four(1, 1, 5, 3), { qk_matmul_output_mode: 4 })).toThrow(/B111.*is 4/);
    const integers = tensor("i32", [1, 1, 1, 1], [1]);
    expect(() => attention(integers, integers)).toThrow(/B110.*takes floats/);
  });
});
