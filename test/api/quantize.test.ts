import { describe, expect, it } from "vitest";
import { importModel, parseQuantizer, quantizeAndMeasure, writeQuantized } from "../../api.ts";
import { printQuantization } from "../../report/quantize.ts";
import { quantizeResultSchema } from "../../report/quantize-schema.ts";
import { bytesOf, convolution } from "../cli/models.ts";

const model = importModel({ bytes: bytesOf(convolution()), name: "m" });

describe("quantizing a model", () => {
  const { result, prepared } = quantizeAndMeasure({
    model,
    quantizer: parseQuantizer("normalize,compensate,correct-biases"),
    explain: true,
  });

  it("gives a result that keeps its schema, with what each step adds", () => {
    expect(quantizeResultSchema.parse(result)).toEqual(result);
    expect(result.steps.map(({ quantizer }) => quantizer)).toEqual([
      "nearest",
      "normalize,nearest",
      "normalize,nearest,correct-biases",
      "normalize,compensate,correct-biases",
    ]);
    expect(result.steps.at(-1)?.sqnrDb).toBe(result.accuracy.sqnrDb);
    expect(result.accuracy.sqnrDb).toBeGreaterThan(25);
  });

  it("says of each contraction its work, bytes and range", () => {
    const macs = Object.values(result.accuracy.macCountByPrecision).reduce((sum, each) => sum + each, 0);
    expect(result.layers.reduce((sum, { macCount }) => sum + macCount, 0)).toBe(macs);
    for (const { activation, precision, weightBytesSaved, sqnrDb } of result.layers) {
      expect(precision).toBe("w8a8");
      expect(weightBytesSaved).toBe(0);
      expect((activation.high - activation.low) / activation.scale).toBeCloseTo(255, 6);
      expect(activation.clippedShare).toBeGreaterThanOrEqual(0);
      expect(activation.clippedShare).toBeLessThan(0.1);
      if (sqnrDb !== null) expect(sqnrDb).toBeGreaterThan(20);
    }
  });

  it("prints the layers when asked for", () => {
    expect(printQuantization(result)).not.toContain("clipped");
    const text = printQuantization(result, { explain: true });
    expect(text).toMatch(/quantizer {3}normalize,compensate,correct-biases/);
    expect(text).toMatch(/layer +bits +MACs +weights +saved +range +clipped +rounding +SQNR/);
  });

  it("writes a model that can be imported", () => {
    const back = importModel({ bytes: writeQuantized(prepared), name: "back" });
    expect(back.graph.inputs.map(({ type }) => type.shape)).toEqual(model.graph.inputs.map(({ type }) => type.shape));
  });
});
