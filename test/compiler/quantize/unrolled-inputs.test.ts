import { describe, expect, it } from "vitest";
import { makeRandom } from "../../../base/random.ts";
import { sampleRows } from "../../../compiler/quantize/input-samples.ts";
import { unrolledInputs } from "../../../compiler/quantize/unrolled-inputs.ts";
import { inferType, operatorOf } from "../../../ir/ops/index.ts";
import { tensorNumbers } from "../../../ir/ops/values.ts";
import type { Tensor } from "../../../ir/tensor.ts";

describe("what a contraction reads, as matrices", () => {
  it.each(["matmul", "conv"])("gives the results of %s when it is multiplied by the weights", (op) => {
    const operator = operatorOf(op);
    let compared = 0;
    for (const { operands, attributes } of operator.samples(makeRandom(3))) {
      const [x, w] = operands as readonly [Tensor, Tensor];
      if (x.type.element !== "f32" || (op === "matmul" && w.type.shape.length > 2)) continue;
      const type = inferType(op, [x.type, w.type, null], attributes);
      const node = { name: "y", op, operands: ["x", "w", null], attributes, type, origin: [], layer: null };
      const expected = tensorNumbers(operator.evaluate({ operands: [x, w, null], attributes, type }));
      const inputs = unrolledInputs(node, x, w.type);
      const weights = tensorNumbers(w);
      const rows = sampleRows([inputs], Number.POSITIVE_INFINITY);
      const found: number[] = [];
      rows.forEach(({ numbers, rowCount, depth }, group) => {
        for (let row = 0; row < rowCount; row += 1)
          for (let column = 0; column < inputs.columns; column += 1) {
            let total = 0;
            for (let k = 0; k < depth; k += 1)
              total += (numbers[row * depth + k] as number) * (weights[inputs.index(group, k, column)] as number);
            found.push(total);
          }
      });
      const sorted = (values: ArrayLike<number>): number[] => Array.from(values).sort((left, right) => left - right);
      expect(sorted(found)).toEqual(sorted(expected).map((each) => expect.closeTo(each, 4)));
      compared += 1;
    }
    expect(compared).toBeGreaterThan(1);
  });
});
