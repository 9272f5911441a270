/**
 * The error function to f64's precision, 2 / sqrt(pi) times the integral of e^(-t²) from 0 to x: JavaScript has none. Below 3 its
 * Taylor series in the form that has positive terms only, which loses nothing to cancellation; above, the continued fraction of erfc.
 * Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.6 and 7.1.14.
 */
export function erf(x: number): number {
  const z = Math.abs(x);
  if (!(z < 6)) return Number.isNaN(x) ? x : Math.sign(x); // 1 - erf(6) is below half an ulp of 1
  return Math.sign(x) * (z < 3 ? series(z) : 1 - complement(z));
}

/** 2 / sqrt(pi) * e^(-z²) * sum over n of 2^n z^(2n+1) / (1 * 3 * … * (2n+1)). */
function series(z: number): number {
  let term = z;
  let sum = z;
  for (let n = 1; term > sum * Number.EPSILON; n++) {
    term *= (2 * z * z) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-z * z) * sum;
}

/** e^(-z²) / sqrt(pi) / (z + (1/2) / (z + (2/2) / (z + (3/2) / …))), from 60 terms inwards: from 3 on that is exact. */
function complement(z: number): number {
  let tail = z;
  for (let n = 60; n > 0; n--) tail = z + n / 2 / tail;
  return Math.exp(-z * z) / Math.sqrt(Math.PI) / tail;
}
