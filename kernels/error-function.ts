const twoOverRootPi = 1.1283791670955126;
const oneOverRootPi = 0.5641895835477563;

/** The error function, to about 1e-15: the series 2/√π·e^(−x²)·Σ 2ⁿx^(2n+1)/(2n+1)!! below 2.5, 1 − erfc beyond. */
export function erf(x: number): number {
  const magnitude = Math.abs(x);
  if (magnitude >= 2.5) return x > 0 ? 1 - complementTail(magnitude) : complementTail(magnitude) - 1;
  const square = x * x;
  let term = x;
  let total = x;
  for (let odd = 3; Math.abs(term) > Math.abs(total) * 1e-17; odd += 2) {
    term *= (2 * square) / odd;
    total += term;
  }
  return twoOverRootPi * Math.exp(-square) * total;
}

/** The complementary error function 1 − erf(x), to a relative 1e-14 (1e-13 beyond 10), also where it is small. */
export function erfc(x: number): number {
  return x >= 1 ? complementTail(x) : 1 - erf(x);
}

/** erfc(x) for x ≥ 1 by its continued fraction e^(−x²)/√π · 1/(x + (1/2)/(x + 1/(x + (3/2)/(x + ...)))), from the inside. */
function complementTail(x: number): number {
  if (x > 28) return 0;
  let denominator = x;
  for (let half = Math.ceil(200 / (x * x)) + 10; half >= 1; half -= 1) denominator = x + half / 2 / denominator;
  return (oneOverRootPi * Math.exp(-x * x)) / denominator;
}
