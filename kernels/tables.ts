import { erf, erfc } from "./error-function.ts";
import { roundToEven } from "./fixed-point.ts";
import { f16BitsFromF64, f64FromF16Bits } from "./float16.ts";
import type { TableFunction } from "./kernels.ts";
import { tableFunctions } from "./table-names.ts";

/** The relative error that `evaluateFunction` stays below on f16 operands, for results that do not round to zero by far. */
export const evaluationError = 2 ** -44;

const rootOfTwoOverPi = Math.sqrt(2 / Math.PI);

/** A table function in f64. Limits are taken at infinities; results that vanish keep the sign of the side they come from. */
export function evaluateFunction(name: TableFunction, x: number): number {
  switch (name) {
    case "square_root":
      return Math.sqrt(x);
    case "reciprocal":
      return 1 / x;
    case "exp":
      return Math.exp(x);
    case "exp_minus_one":
      return Math.expm1(x);
    case "log":
      return Math.log(x);
    case "sin":
      return Math.sin(x);
    case "cos":
      return Math.cos(x);
    case "tan":
      return Math.tan(x);
    case "asin":
      return Math.asin(x);
    case "acos":
      return Math.acos(x);
    case "atan":
      return Math.atan(x);
    case "sinh":
      return Math.sinh(x);
    case "cosh":
      return Math.cosh(x);
    case "asinh":
      return Math.asinh(x);
    case "acosh":
      return Math.acosh(x);
    case "atanh":
      return Math.atanh(x);
    case "floor":
      return Math.floor(x);
    case "ceil":
      return Math.ceil(x);
    case "round":
      return Object.is(x, -0) || (x < 0 && x >= -0.5) ? -0 : roundToEven(x);
    case "erf":
      return erf(x);
    case "sigmoid":
      return x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x));
    case "tanh":
      return Math.tanh(x);
    case "gelu":
      if (x === Number.NEGATIVE_INFINITY) return -0;
      return 0.5 * x * (x < -1.5 ? erfc(-x * Math.SQRT1_2) : 1 + erf(x * Math.SQRT1_2));
    case "gelu_tanh": {
      if (x === Number.NEGATIVE_INFINITY) return -0;
      // (1 + tanh u)/2 = 1/(1 + e^(−2u)), without the cancellation for negative u.
      const doubled = 2 * rootOfTwoOverPi * (x + 0.044715 * x * x * x);
      return x / (1 + Math.exp(-doubled));
    }
    case "softplus":
      return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
  }
}

/** The table of a function: entry i is the function of the f16 with bits i, correctly rounded to f16. Shape [65536]. */
export function functionTable(name: TableFunction): Uint16Array {
  return Uint16Array.from({ length: 65536 }, (_, bits) => f16BitsFromF64(evaluateFunction(name, f64FromF16Bits(bits))));
}

/** Whether a function of the vector unit is one of the tables. */
export function isTableFunction(name: string): name is TableFunction {
  return (tableFunctions as readonly string[]).includes(name);
}
