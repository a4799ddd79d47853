import type { TableFunction } from "../../kernels/kernels.ts";

/** Fraction bits of the fixed-point numbers here. */
const bits = 320n;
const one = 1n << bits;

/** A finite number as fixed point, exactly; its lowest bit must not lie below 2^−320. */
export function toFixed(value: number): bigint {
  let [mantissa, exponent] = [value, 0n];
  while (!Number.isInteger(mantissa)) {
    mantissa *= 2;
    exponent -= 1n;
  }
  return BigInt(mantissa) << (bits + exponent);
}

const multiply = (a: bigint, b: bigint): bigint => (a * b) >> bits;
const divide = (a: bigint, b: bigint): bigint => (a << bits) / b;

/** e^x: the Taylor series of x/2^k, squared k times. */
function exponential(x: bigint): bigint {
  const halvings = 24n;
  const small = x >> halvings;
  let [term, total] = [one, one];
  for (let n = 1n; term !== 0n && term !== -1n; n += 1n) {
    term = multiply(term, small) / n;
    total += term;
  }
  for (let k = 0n; k < halvings; k += 1n) total = multiply(total, total);
  return total;
}

/** ln x by Newton's method on e^y = x, from the f64 logarithm: y + 2·(x − e^y)/(x + e^y) triples the digits. */
function logarithm(x: bigint, start: number): bigint {
  let y = toFixed(start);
  for (let round = 0; round < 3; round += 1) {
    const power = exponential(y);
    y += divide(2n * (x - power), x + power);
  }
  return y;
}

/** √x of a fixed-point number, by Newton's method on integers. */
function root(x: bigint): bigint {
  const square = x << bits;
  let guess = 1n << BigInt((square.toString(2).length + 1) >> 1);
  for (;;) {
    const next = (guess + square / guess) >> 1n;
    if (next >= guess) return guess;
    guess = next;
  }
}

/** π by Machin's formula, 16·atan(1/5) − 4·atan(1/239). */
function pi(): bigint {
  const arc = (inverse: bigint): bigint => {
    let [power, total] = [one / inverse, 0n];
    for (let n = 1n; power !== 0n; n += 2n) {
      total += (n % 4n === 1n ? power : -power) / n;
      power /= inverse * inverse;
    }
    return total;
  };
  return 16n * arc(5n) - 4n * arc(239n);
}

/** erf x by its Taylor series 2/√π·Σ (−1)^n·x^(2n+1)/(n!·(2n+1)). */
function errorFunction(x: bigint): bigint {
  const square = multiply(x, x);
  let [power, total] = [x, x];
  for (let n = 1n; power !== 0n && power !== -1n; n += 1n) {
    power = -multiply(power, square) / n;
    total += power / (2n * n + 1n);
  }
  return divide(2n * total, root(pi()));
}

/** sin x (start = x, first = 2) or cos x (start = 1, first = 1) by their Taylor series. */
function circular(x: bigint, start: bigint, first: bigint): bigint {
  const square = multiply(x, x);
  let [term, total] = [start, start];
  for (let n = first; term !== 0n && term !== -1n; n += 2n) {
    term = -multiply(term, square) / (n * (n + 1n));
    total += term;
  }
  return total;
}

const sine = (x: bigint): bigint => circular(x, x, 2n);
const cosine = (x: bigint): bigint => circular(x, one, 1n);

/** atan x: halved eight times by atan x = 2·atan(x/(1 + √(1 + x²))), then its Taylor series. */
function arcTangent(x: bigint): bigint {
  let small = x;
  for (let halving = 0; halving < 8; halving += 1) small = divide(small, one + root(one + multiply(small, small)));
  const square = multiply(small, small);
  let [power, total] = [small, 0n];
  for (let n = 1n; power !== 0n && power !== -1n; n += 2n) {
    total += power / n;
    power = -multiply(power, square);
  }
  return total << 8n;
}

/** asin x = 2·atan(x/(1 + √(1 − x²))). */
function arcSine(x: bigint): bigint {
  return 2n * arcTangent(divide(x, one + root(one - multiply(x, x))));
}

/** A table function of a finite f16 in fixed point, to far more digits than f64 has, where it is finite; |x| at most 20 but for root, reciprocal, log and whole numbers. */
export function preciseFunction(name: TableFunction, x: number): bigint {
  const fixed = toFixed(x);
  switch (name) {
    case "square_root":
      return root(fixed);
    case "reciprocal":
      return divide(one, fixed);
    case "exp":
      return exponential(fixed);
    case "exp_minus_one":
      return exponential(fixed) - one;
    case "sin":
      return sine(fixed);
    case "cos":
      return cosine(fixed);
    case "tan":
      return divide(sine(fixed), cosine(fixed));
    case "asin":
      return arcSine(fixed);
    case "acos":
      return pi() / 2n - arcSine(fixed);
    case "atan":
      return arcTangent(fixed);
    case "sinh":
      return (exponential(fixed) - exponential(-fixed)) / 2n;
    case "cosh":
      return (exponential(fixed) + exponential(-fixed)) / 2n;
    case "asinh": {
      const size = fixed < 0n ? -fixed : fixed;
      const result = logarithm(size + root(multiply(size, size) + one), Math.asinh(Math.abs(x)));
      return x < 0 ? -result : result;
    }
    case "acosh":
      return logarithm(fixed + root(multiply(fixed, fixed) - one), Math.acosh(x));
    case "atanh":
      return logarithm(divide(one + fixed, one - fixed), 2 * Math.atanh(x)) / 2n;
    case "floor":
    case "ceil":
    case "round": {
      const below = (fixed >> bits) << bits;
      const rest = fixed - below;
      const odd = ((fixed >> bits) & 1n) === 1n;
      const up = name === "ceil" ? rest > 0n : name === "round" && (2n * rest > one || (2n * rest === one && odd));
      return up ? below + one : below;
    }
    case "log":
      return logarithm(fixed, Math.log(x));
    case "erf":
      return errorFunction(fixed);
    case "sigmoid":
      return divide(one, one + exponential(-fixed));
    case "tanh": {
      const power = exponential(2n * fixed);
      return divide(power - one, power + one);
    }
    case "gelu":
      return multiply(fixed, one + errorFunction(divide(fixed, root(2n * one)))) / 2n;
    case "gelu_tanh": {
      const cubic = fixed + (multiply(fixed, multiply(fixed, fixed)) * 44715n) / 1000000n;
      const power = exponential(multiply(-2n * root(divide(2n * one, pi())), cubic));
      return divide(fixed, one + power);
    }
    case "softplus": {
      const power = exponential(fixed);
      return logarithm(one + power, x > 0 ? x + Math.log1p(Math.exp(-x)) : Math.log1p(Math.exp(x)));
    }
  }
}
