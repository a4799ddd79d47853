import { describe, expect, it } from "vitest";
import { activationRole, isActivationPipeline, lanesPerElement, vectorFunctions } from "../../ir/vector-function.ts";

describe("lanes of an element", () => {
  it("are as many as the widest of operands and result needs, of 16 bits each", () => {
    expect(lanesPerElement("add", ["f16", "f16", "f16"])).toBe(1);
    expect(lanesPerElement("add", ["i4", "i4", "i4"])).toBe(1);
    expect(lanesPerElement("multiply", ["i32", "i32", "i32"])).toBe(2);
    expect(lanesPerElement("less", ["i64", "i64", "bool"])).toBe(4);
    expect(lanesPerElement("convert", ["u8", "i64"])).toBe(4);
    expect(lanesPerElement("fill", ["u32"])).toBe(2);
  });

  it("are one for the conversions by a scale, which are priced for i32 sums", () => {
    expect(lanesPerElement("requantize", ["i32", "scale", "i8"])).toBe(1);
    expect(lanesPerElement("dequantize", ["i32", "scale", "f16"])).toBe(1);
  });
});

describe("the mean of squares", () => {
  it("is priced as the product that its lanes take, the mean as an addition", () => {
    expect(vectorFunctions.mean_of_squares.cost).toBe("multiply");
    expect(vectorFunctions.mean.cost).toBe("add");
  });
});

describe("the activation unit", () => {
  it("does functions of one operand, by comparison, product or table, and conversions", () => {
    expect(["relu", "leaky_relu", "tanh"].map((name) => activationRole(name as "relu"))).toEqual(
      Array(3).fill("activation"),
    );
    expect(["quantize", "convert"].map((name) => activationRole(name as "convert"))).toEqual(
      Array(2).fill("conversion"),
    );
    const others = ["add", "fill", "requantize", "dequantize", "divide", "sum"] as const;
    expect(others.map(activationRole)).toEqual(others.map(() => null));
    for (const name of Object.keys(vectorFunctions) as (keyof typeof vectorFunctions)[]) {
      if (activationRole(name) === "activation") expect(vectorFunctions[name].sources, name).toBe(1);
    }
  });

  it("does at most one of them and one conversion behind it in a pass", () => {
    const pipelines = [[], ["relu"], ["quantize"], ["relu", "convert"]] as const;
    expect(pipelines.map(isActivationPipeline)).toEqual([true, true, true, true]);
    const others = [
      ["add"],
      ["relu", "tanh"],
      ["convert", "relu"],
      ["convert", "convert"],
      ["relu", "convert", "quantize"],
    ] as const;
    expect(others.map(isActivationPipeline)).toEqual(others.map(() => false));
  });
});
