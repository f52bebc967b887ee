/** The law of Kolmogorov's statistic: how far an empirical distribution function strays from the true one. */

import { integer, real } from "./check.ts"
import { logBinomial } from "./special/gamma.ts"

/**
 * P(D_n >= d) for the largest distance D_n between the distribution function of n draws and the true continuous one.
 *
 * Twice Smirnov's one-sided tail where that is exact to 4e-11 (n d^2 > 4, or d >= 1/2), else one minus the matrix
 * power of Marsaglia, Tsang and Wang 2003 up to n = 1000, and the expansion of Pelz and Good 1976 beyond (error below
 * 1e-7 there). Source: Simard and L'Ecuyer 2011, "Computing the two-sided Kolmogorov-Smirnov distribution".
 *
 * @throws RangeError unless n is an integer above 0 and d a number.
 */
export function kolmogorovSf(n: number, d: number): number {
  integer("kolmogorovSf", "n", n, 1)
  real("kolmogorovSf", "d", d)
  if (d <= 0.5 / n) return 1
  if (d >= 1) return 0
  if (n * d * d > 4 || d >= 0.5) return Math.min(1, 2 * smirnovSf(n, d))
  return Math.min(1, Math.max(0, 1 - (n <= 1000 ? matrixCdf(n, d) : pelzGood(n, Math.sqrt(n) * d))))
}

/**
 * P(D+_n >= d) for the largest excess of the empirical over the true distribution function:
 * d sum_(j <= n (1 - d)) C(n, j) (d + j/n)^(j-1) (1 - d - j/n)^(n-j).
 *
 * @throws RangeError unless n is an integer above 0 and d a number.
 */
export function smirnovSf(n: number, d: number): number {
  integer("smirnovSf", "n", n, 1)
  real("smirnovSf", "d", d)
  if (d <= 0) return 1
  if (d >= 1) return 0
  let sum = 0
  for (let j = 0; j <= Math.floor(n * (1 - d)); j++) {
    const rest = 1 - d - j / n
    if (rest <= 0) continue
    sum += Math.exp(logBinomial(n, j) + (j - 1) * Math.log(d + j / n) + (n - j) * Math.log(rest))
  }
  return Math.min(1, d * sum)
}

/** P(K > z) for the limit K of sqrt(n) D_n: 2 sum (-1)^(k-1) e^(-2 k^2 z^2). @throws RangeError on NaN. */
export function kolmogorovLimitSf(z: number): number {
  real("kolmogorovLimitSf", "z", z)
  if (z <= 0) return 1
  if (z < 1) return 1 - limitCdf(z)
  let sum = 0
  for (let k = 1; k < 10; k++) sum += (k % 2 === 1 ? 2 : -2) * Math.exp(-2 * k * k * z * z)
  return sum
}

/** P(K <= z) by the theta series that converges for small z. */
function limitCdf(z: number): number {
  let sum = 0
  for (let k = 1; k < 20; k++) sum += Math.exp((-((2 * k - 1) ** 2) * Math.PI ** 2) / (8 * z * z))
  return (Math.sqrt(2 * Math.PI) / z) * sum
}

/** P(D_n < d) as n! / n^n times an entry of the n-th power of a matrix with known entries. */
function matrixCdf(n: number, d: number): number {
  const k = Math.ceil(n * d)
  const m = 2 * k - 1
  const h = k - n * d
  const a = new Float64Array(m * m)
  for (let i = 0; i < m; i++) for (let j = 0; j < m; j++) a[i * m + j] = i - j + 1 < 0 ? 0 : 1
  for (let i = 0; i < m; i++) {
    a[i * m] -= h ** (i + 1)
    a[(m - 1) * m + i] -= h ** (m - i)
  }
  a[(m - 1) * m] += 2 * h - 1 > 0 ? (2 * h - 1) ** m : 0
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < m; j++) for (let g = 1; g <= i - j + 1; g++) a[i * m + j] /= g
  }
  // powers carry a decimal exponent beside them, so that none overflows
  let result: Float64Array | undefined
  let exponent = 0
  let base: Float64Array = a
  let baseExponent = 0
  for (let left = n; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) {
      result = result === undefined ? base : product(result, base, m)
      exponent += baseExponent
      exponent += rescale(result, m)
    }
    if (left > 1) {
      base = product(base, base, m)
      baseExponent *= 2
      baseExponent += rescale(base, m)
    }
  }
  let value = (result as Float64Array)[(k - 1) * m + k - 1]
  for (let i = 1; i <= n; i++) {
    value *= i / n
    if (value < 1e-140) {
      value *= 1e140
      exponent -= 140
    }
  }
  return value * 10 ** exponent
}

function product(a: Float64Array, b: Float64Array, m: number): Float64Array<ArrayBuffer> {
  const out = new Float64Array(m * m)
  for (let i = 0; i < m; i++) {
    for (let l = 0; l < m; l++) {
      const v = a[i * m + l]
      if (v !== 0) for (let j = 0; j < m; j++) out[i * m + j] += v * b[l * m + j]
    }
  }
  return out
}

function rescale(a: Float64Array, m: number): number {
  if (a[Math.floor(m / 2) * (m + 1)] < 1e140) return 0
  for (let i = 0; i < a.length; i++) a[i] *= 1e-140
  return 140
}

/** P(sqrt(n) D_n <= z) to the order n^(-3/2). */
function pelzGood(n: number, z: number): number {
  const z2 = z * z
  const z4 = z2 * z2
  const z6 = z4 * z2
  let k1 = 0
  let k2 = 0
  let k3 = 0
  for (let k = 0; k < 30; k++) {
    const u = (Math.PI * (k + 0.5)) ** 2
    const e = 2 * Math.exp(-u / (2 * z2))
    k1 += (u - z2) * e
    k2 += (6 * z6 + 2 * z4 + (2 * z4 - 5 * z2) * u + (1 - 2 * z2) * u * u) * e
    k3 +=
      ((5 - 30 * z2) * u ** 3 + (-60 * z2 + 212 * z4) * u * u + (135 * z4 - 96 * z6) * u - (30 * z6 + 90 * z4 * z4)) * e
  }
  let second = 0
  let third = 0
  for (let k = 1; k < 30; k++) {
    const u = (Math.PI * k) ** 2
    const e = 2 * Math.exp(-u / (2 * z2))
    second += u * e
    third += (3 * z2 * u - u * u) * e
  }
  const root = Math.sqrt(Math.PI / 2)
  const terms = [
    limitCdf(z),
    (root * k1) / (6 * z4),
    root * (k2 / (72 * z6 * z) - second / (36 * z2 * z)),
    root * (k3 / (6480 * z6 * z4) + third / (108 * z6)),
  ]
  return terms.reduce((sum, term, i) => sum + term / n ** (i / 2), 0)
}
