import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { erf, erfc } from "../../kernels/error-function.ts";
import { f16BitsFromF64, f64FromF16Bits } from "../../kernels/float16.ts";
import type { TableFunction } from "../../kernels/kernels.ts";
import { tableFunctions } from "../../kernels/table-names.ts";
import { evaluateFunction, evaluationError, functionTable } from "../../kernels/tables.ts";
import { preciseFunction, toFixed } from "./precise.ts";

const checksums: Readonly<Record<TableFunction, string>> = {
  square_root: "72fc6043a8d21ea9",
  reciprocal: "5fd7378a5f838960",
  exp: "608c213c696b69ed",
  exp_minus_one: "326c848cd664bc0a",
  log: "322c994520bd9cc2",
  erf: "9bdc79d64641a2d7",
  sigmoid: "a1c114a164cf529d",
  tanh: "fe29dbdff0de41fb",
  gelu: "6e527d1f66e760d1",
  gelu_tanh: "b960970d1fcb8595",
  softplus: "21d17512052c1514",
  sin: "64be3022e5c203f4",
  cos: "04631c5d39cd6ac2",
  tan: "c4654d273a4231fb",
  asin: "49a513630effaa17",
  acos: "d89ac7a370c9783f",
  atan: "12289ac89a0598a8",
  sinh: "0b49d6b9ed913d29",
  cosh: "92bf274743432f9d",
  asinh: "035dd33a7f26d523",
  acosh: "7c71b8f3946087e4",
  atanh: "74767fa2748e52ce",
  floor: "c56721e9d04497e3",
  ceil: "906e11b0b437ee2b",
  round: "2649e804de4be805",
};

/** How far, relative to the value, the nearest tie between two f16 lies; infinite for values that no tie is near. */
function tieDistance(value: number): number {
  const magnitude = Math.abs(value);
  if (!(magnitude > 0 && magnitude < 65536)) return Number.POSITIVE_INFINITY;
  const bits = f16BitsFromF64(magnitude);
  const above = bits >= 0x7bff ? 65520 : (f64FromF16Bits(bits) + f64FromF16Bits(bits + 1)) / 2;
  const below = bits === 0 ? 0 : bits === 0x7c00 ? 65520 : (f64FromF16Bits(bits) + f64FromF16Bits(bits - 1)) / 2;
  return Math.min(Math.abs(above - magnitude), Math.abs(magnitude - below)) / magnitude;
}

/** The finite f16 on which the precise functions are evaluated. */
function isWithin(name: TableFunction, x: number): boolean {
  if (name === "square_root" || name === "log") return x > 0;
  if (name === "reciprocal") return x !== 0;
  if (name === "acosh") return x > 1 && x < 200;
  if (name === "asin" || name === "acos") return Math.abs(x) <= 1 && x !== 0;
  if (name === "atanh") return Math.abs(x) < 1 && x !== 0;
  return Math.abs(x) <= 20 && x !== 0;
}

const inputs = Array.from({ length: 65536 }, (_, bits) => f64FromF16Bits(bits)).filter(Number.isFinite);

describe.each(tableFunctions)("the table of %s", (name) => {
  it("has no entry so near a tie that f64 could round it wrongly", () => {
    const near = inputs.filter((x) => tieDistance(evaluateFunction(name, x)) <= 4 * evaluationError);
    expect(near).toEqual([]);
  });

  it("is made from values whose error is as small as stated, near ties and elsewhere", () => {
    const candidates = inputs.filter((x) => isWithin(name, x));
    const byDistance = candidates
      .map((x) => ({ x, distance: tieDistance(evaluateFunction(name, x)) }))
      .sort((left, right) => left.distance - right.distance);
    const nearest = byDistance.slice(0, 30).map(({ x }) => x);
    const spread = candidates.filter((_, index) => index % 211 === 0);
    const wrong = [...nearest, ...spread].filter((x) => {
      const exact = preciseFunction(name, x);
      const found = evaluateFunction(name, x);
      // What rounds to zero by far need not be accurate.
      if (Math.abs(found) < 2 ** -30) return (exact < 0n ? -exact : exact) >> 292n !== 0n;
      const error = toFixed(found) - exact;
      const bound = (exact < 0n ? -exact : exact) >> 44n;
      return (error < 0n ? -error : error) > bound;
    });
    expect(wrong).toEqual([]);
  });

  it("has its pinned checksum", () => {
    expect(createHash("sha256").update(functionTable(name)).digest("hex").slice(0, 16)).toBe(checksums[name]);
  });
});

describe("special operands", () => {
  const [infinity, nan] = [0x7c00, 0x7e00];
  it.each([
    ["square_root", [0, 0x8000, nan, infinity, nan]],
    ["reciprocal", [infinity, 0xfc00, nan, 0, 0x8000]],
    ["exp", [0x3c00, 0x3c00, nan, infinity, 0]],
    ["log", [0xfc00, 0xfc00, nan, infinity, nan]],
    ["erf", [0, 0x8000, nan, 0x3c00, 0xbc00]],
    ["sigmoid", [0x3800, 0x3800, nan, 0x3c00, 0]],
    ["tanh", [0, 0x8000, nan, 0x3c00, 0xbc00]],
    ["gelu", [0, 0x8000, nan, infinity, 0x8000]],
    ["gelu_tanh", [0, 0x8000, nan, infinity, 0x8000]],
    ["exp_minus_one", [0, 0x8000, nan, infinity, 0xbc00]],
    ["sin", [0, 0x8000, nan, nan, nan]],
    ["cos", [0x3c00, 0x3c00, nan, nan, nan]],
    ["atan", [0, 0x8000, nan, f16BitsFromF64(Math.PI / 2), f16BitsFromF64(-Math.PI / 2)]],
    ["acosh", [nan, nan, nan, infinity, nan]],
    ["cosh", [0x3c00, 0x3c00, nan, infinity, infinity]],
    ["floor", [0, 0x8000, nan, infinity, 0xfc00]],
    ["round", [0, 0x8000, nan, infinity, 0xfc00]],
    ["softplus", [f16BitsFromF64(Math.LN2), f16BitsFromF64(Math.LN2), nan, infinity, 0]],
  ] as const)("+0, −0, NaN, +∞, −∞ of %s", (name, expected) => {
    const table = functionTable(name);
    expect([0, 0x8000, 0x7c01, infinity, 0xfc00].map((bits) => table[bits])).toEqual([...expected]);
  });
});

describe("whole numbers", () => {
  it.each([
    ["floor", [-3, -3, -1, 0, 2, 2]],
    ["ceil", [-2, -2, -0, 1, 3, 3]],
    ["round", [-2, -2, -0, 0, 2, 2]],
  ] as const)("%s of −2.5, −2.25, −0.5, 0.5, 2.5 and 2.25", (name, expected) => {
    const table = functionTable(name);
    const found = [-2.5, -2.25, -0.5, 0.5, 2.5, 2.25].map((x) => f64FromF16Bits(table[f16BitsFromF64(x)] ?? 0));
    expect(found).toEqual([...expected]);
  });

  it("has acosh 1 = 0", () => {
    expect(functionTable("acosh")[0x3c00]).toBe(0);
  });
});

describe("the error function", () => {
  it("agrees with published digits to 1e-15", () => {
    expect(Math.abs(erf(0.5) - 0.5204998778130465)).toBeLessThan(1e-15);
    expect(Math.abs(erf(1) - 0.8427007929497149)).toBeLessThan(1e-15);
    expect(Math.abs(erf(2) - 0.9953222650189527)).toBeLessThan(1e-15);
    expect(Math.abs(erf(3) - 0.9999779095030014)).toBeLessThan(1e-15);
    expect(erf(-3)).toBe(-erf(3));
    expect(erf(40)).toBe(1);
    expect(erf(Number.NEGATIVE_INFINITY)).toBe(-1);
    expect(erf(Number.NaN)).toBeNaN();
  });

  it("has a complement that is accurate where it is small", () => {
    expect(Math.abs(erfc(3) / 2.209049699858544e-5 - 1)).toBeLessThan(1e-14);
    expect(Math.abs(erfc(5) / 1.5374597944280349e-12 - 1)).toBeLessThan(1e-14);
    expect(Math.abs(erfc(1) / 0.15729920705028513 - 1)).toBeLessThan(1e-14);
    expect(erfc(-1)).toBe(1 + erf(1));
    expect(erfc(30)).toBe(0);
  });
});
