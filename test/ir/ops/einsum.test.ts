import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { at, product } from "../../../base/math.ts";
import { makeRandom } from "../../../base/random.ts";
import { sampleFloats } from "../../../ir/ops/samples.ts";
import { tensorNumbers } from "../../../ir/ops/values.ts";
import type { Tensor } from "../../../ir/tensor.ts";
import { expectClose, tensor } from "./checks.ts";
import { addedOperators, outputNumbers, outputTensor, translate } from "./eager-builder.ts";

const einsum = (equation: string, ...inputs: readonly Tensor[]) =>
  translate({ operator: "Einsum", inputs, attributes: { equation } });

const ramp = (...shape: readonly number[]): Tensor =>
  tensor(
    "f32",
    shape,
    Array.from({ length: product(shape) }, (_, index) => index + 1),
  );

/** Σ over all labels of the product of the operands' elements. */
function definition(terms: readonly string[], result: string, operands: readonly Tensor[]): number[] {
  const labels = [...new Set([...result, ...terms.join("")])];
  const sizes = labels.map((label) =>
    Math.max(
      ...terms.flatMap((term, index) =>
        [...term].map((each, axis) => (each === label ? at(at(operands, index).type.shape, axis) : 1)),
      ),
    ),
  );
  const results = new Float64Array(product(sizes.slice(0, result.length)));
  const inner = product(sizes.slice(result.length));
  for (let point = 0; point < product(sizes); point += 1) {
    const index = new Map<string, number>();
    let rest = point;
    for (let label = labels.length - 1; label >= 0; label -= 1) {
      index.set(at(labels, label), rest % at(sizes, label));
      rest = Math.floor(rest / at(sizes, label));
    }
    const factor = terms.reduce((value, term, operand) => {
      const { type } = at(operands, operand);
      const place = [...term].reduce(
        (offset, label, axis) =>
          offset * at(type.shape, axis) + Math.min(index.get(label) ?? 0, at(type.shape, axis) - 1),
        0,
      );
      return value * (tensorNumbers(at(operands, operand))[place] as number);
    }, 1);
    const target = Math.floor(point / inner);
    results[target] = (results[target] as number) + factor;
  }
  return Array.from(results);
}

describe("Einsum", () => {
  it("equals its definition for any equation", () => {
    const term = fc.string({ unit: fc.constantFrom("a", "b", "c", "d"), maxLength: 3 });
    fc.assert(
      fc.property(
        fc.array(term, { minLength: 1, maxLength: 3 }),
        fc.array(fc.constantFrom("a", "b", "c", "d"), { maxLength: 4 }),
        fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 4, maxLength: 4 }),
        fc.integer({ min: 0, max: 2 }),
        fc.integer(),
        (terms, wanted, sizes, broadcast, seed) => {
          const all = terms.join("");
          const result = [...new Set(wanted)].filter((label) => all.includes(label)).join("");
          const random = makeRandom(seed);
          const operands = terms.map((letters, operand) => {
            const isSmall = operand === broadcast && terms.length > 1 && new Set(letters).size === letters.length;
            return sampleFloats(
              random,
              [...letters].map((label) => (isSmall && label === "b" ? 1 : at(sizes, "abcd".indexOf(label)))),
            );
          });
          const found = einsum(`${terms.join(",")}->${result}`, ...operands);
          expectClose(outputNumbers(found), definition(terms, result, operands), 1e-4, 1e-4);
        },
      ),
      { numRuns: 300 },
    );
  });

  it("sorts the result of an implicit equation, labels that occur once, after the ellipsis", () => {
    expect(outputTensor(einsum("ba", ramp(2, 3))).type.shape).toEqual([3, 2]);
    expect(outputTensor(einsum("bA,b", ramp(2, 3), ramp(2))).type.shape).toEqual([3]);
    expect(outputTensor(einsum("b...a", ramp(2, 4, 5, 3))).type.shape).toEqual([4, 5, 3, 2]);
    expect(outputNumbers(einsum("ii", ramp(2, 2)))).toEqual([5]);
  });

  it("broadcasts ellipses of different widths from the last axis", () => {
    const found = einsum("...i, j...i -> ...j", ramp(2, 3, 4), ramp(5, 3, 4));
    expect(outputTensor(found).type.shape).toEqual([2, 3, 5]);
    expect(outputNumbers(einsum("...->", ramp(2, 2)))).toEqual([10]);
    expect(outputNumbers(einsum("...,...->...", ramp(2), tensor("f32", [], [3])))).toEqual([3, 6]);
  });

  it("makes matrix products of what it sums over, in floats; of integers products and sums", () => {
    expect(addedOperators(einsum("bij,bjk->bik", ramp(2, 3, 4), ramp(2, 4, 5)))).toContain("matmul");
    expect(addedOperators(einsum("i,j->ij", ramp(2), ramp(3)))).not.toContain("matmul");
    const whole = tensor("i32", [2], [3, 4]);
    const sums = einsum("i,i->", whole, whole);
    expect(outputNumbers(sums)).toEqual([25]);
    expect(addedOperators(sums)).not.toContain("matmul");
  });

  it("refuses equations that are malformed or do not fit", () => {
    const attempt = (equation: string) => () => einsum(equation, ramp(2, 3));
    expect(attempt("ij->ij->i")).toThrow(/B111.*malformed/);
    expect(attempt("i1->i")).toThrow(/B111.*malformed/);
    expect(attempt("ij->i.")).toThrow(/B111.*malformed/);
    expect(attempt("ij,k")).toThrow(/B110.*2 terms for 1 inputs/);
    expect(attempt("i")).toThrow(/B110.*rank 2/);
    expect(attempt("ij->k")).toThrow(/B111.*names "k"/);
    expect(attempt("ij->ii")).toThrow(/B111.*names "i"/);
    expect(attempt("ii")).toThrow(/B110.*"i" has sizes 2 and 3/);
  });
});
