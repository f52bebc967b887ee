/** The regularised incomplete gamma functions P(a, x) and Q(a, x) = 1 - P, and their inverse. */

import { erfcx, normalQuantile } from "./erf.ts"
import { lgamma, lgamma1p, logPoissonTerm, stirlingError } from "./gamma.ts"
import { log1pmx } from "./logs.ts"
import { solveTail } from "./solve.ts"
import { allAbove, allBelow, mirrored, type Tails, tailsFromLogLower, tailsFromShares } from "./tails.ts"

/**
 * Both tails of the gamma law of shape a > 0 and scale 1 at x >= 0.
 *
 * Kummer's series below the mean, Legendre's continued fraction above, for large a near the mean Temme's uniform
 * expansion, and for small a and x a form of Q that does not subtract from 1.
 * Sources: Gil, Segura, Temme 2012, "Efficient and accurate algorithms for the computation and inversion of the
 * incomplete gamma function ratios"; DLMF 8.7, 8.9, 8.12.
 *
 * @throws RangeError outside a > 0, x >= 0.
 */
export function gammaTails(a: number, x: number): Tails {
  if (!(a > 0 && a < Infinity)) throw new RangeError(`gammaTails: a is ${a}, expected a finite number above 0`)
  if (!(x >= 0)) throw new RangeError(`gammaTails: x is ${x}, expected a number of at least 0`)
  if (x === 0) return allAbove
  if (x === Infinity) return allBelow
  if (a >= 20) {
    const mu = (x - a) / a
    if (mu > -0.6 && mu < 1.2) return uniform(a, mu)
  }
  if (x < 1.1 && a < 1.1) return small(a, x)
  const front = logPoissonTerm(a, x)
  if (x < a + 1) return tailsFromLogLower(front + Math.log(kummer(a, x)))
  return mirrored(tailsFromLogLower(front + Math.log(a / x) + Math.log(legendre(a, x))))
}

/** sum of x^n / ((a + 1) ... (a + n)): P without its front factor x^a e^-x / Gamma(a + 1). */
function kummer(a: number, x: number): number {
  let sum = 1
  let term = 1
  for (let n = 1; term > sum * 1e-17; n++) {
    term *= x / (a + n)
    sum += term
  }
  return sum
}

/** x Gamma(a, x) e^x / x^a by the continued fraction x / (x + 1 - a - 1 (1-a) / (x + 3 - a - ...)), Lentz's way. */
function legendre(a: number, x: number): number {
  let b = x + 1 - a
  let c = Infinity
  let d = 1 / b
  let h = d
  for (let n = 1; n < 10_000; n++) {
    const an = -n * (n - a)
    b += 2
    d = 1 / (an * d + b)
    c = b + an / c
    const delta = c * d
    h *= delta
    if (Math.abs(delta - 1) < 1e-16) return x * h
  }
  throw new RangeError(`gammaTails: the fraction for a ${a}, x ${x} did not settle`)
}

/** Small a and x: P = G (1 + a S) with G = x^a / Gamma(a + 1), and Q = -(G - 1) - G a S. */
function small(a: number, x: number): Tails {
  const logG = a * Math.log(x) - lgamma1p(a)
  let sum = 0
  let term = 1
  for (let n = 1; n < 60; n++) {
    term *= -x / n
    const part = term / (a + n)
    sum += part
    if (Math.abs(part) < 1e-18) break
  }
  const logLower = logG + Math.log1p(a * sum)
  return {
    ...tailsFromShares(Math.exp(logLower), Math.max(0, -Math.expm1(logG) - Math.exp(logG) * a * sum)),
    logLower,
  }
}

/**
 * Coefficients f_n of eta / (lambda - 1) in powers of eta, where eta^2 / 2 = lambda - 1 - log lambda: lambda - 1 is
 * the series with alpha_1 = 1, alpha_n = (alpha_(n-1) - sum_(j=2..n-1) j alpha_j alpha_(n-j+1)) / (n + 1).
 */
const temme: readonly number[] = (() => {
  const count = 34
  const alpha = [0, 1]
  for (let n = 2; n <= count + 1; n++) {
    let sum = alpha[n - 1]
    for (let j = 2; j < n; j++) sum -= j * alpha[j] * alpha[n - j + 1]
    alpha.push(sum / (n + 1))
  }
  const f: number[] = [1]
  for (let n = 1; n <= count; n++) {
    let sum = 0
    for (let j = 0; j < n; j++) sum -= f[j] * alpha[n - j + 1]
    f.push(sum)
  }
  return f
})()

/**
 * Temme's expansion, uniform in x = a (1 + mu): Q = e^(-a eta^2/2) (erfcx(eta sqrt(a/2)) / 2 + S(eta) / sqrt(2 pi a)).
 * S obeys eta S - S'/a = f(eta) / Gamma*(a) - 1, so that its coefficients follow from those of f backwards.
 */
function uniform(a: number, mu: number): Tails {
  const half = -log1pmx(mu)
  const eta = Math.sign(mu) * Math.sqrt(2 * half)
  const gammaStar = Math.exp(stirlingError(a))
  let above = 0
  let at = 0
  let sum = 0
  for (let n = temme.length - 1; n >= 1; n--) {
    // s_(n-1) = f_n / Gamma* + (n + 1) s_(n+1) / a
    const s: number = temme[n] / gammaStar + ((n + 1) * above) / a
    above = at
    at = s
    sum = sum * eta + s
  }
  const spread = Math.abs(eta) * Math.sqrt(a / 2)
  const rest = sum / Math.sqrt(2 * Math.PI * a)
  const log = -a * half + Math.log(0.5 * erfcx(spread) + (mu >= 0 ? rest : -rest))
  return mu >= 0 ? mirrored(tailsFromLogLower(log)) : tailsFromLogLower(log)
}

/** P(a, x) = int_0^x t^(a-1) e^-t dt / Gamma(a). @throws RangeError outside a > 0, x >= 0. */
export function incompleteGammaP(a: number, x: number): number {
  return gammaTails(a, x).lower
}

/** Q(a, x) = 1 - P(a, x), with its own relative accuracy. @throws RangeError outside a > 0, x >= 0. */
export function incompleteGammaQ(a: number, x: number): number {
  return gammaTails(a, x).upper
}

/**
 * The x with P(a, x) = p, where `q` = 1 - p is what is trusted when it is the smaller one.
 *
 * @throws RangeError outside a > 0, 0 <= p <= 1.
 */
export function inverseIncompleteGamma(a: number, p: number, q: number = 1 - p): number {
  if (!(a > 0 && a < Infinity))
    throw new RangeError(`inverseIncompleteGamma: a is ${a}, expected a finite number above 0`)
  if (!(p >= 0 && p <= 1 && q >= 0 && q <= 1)) {
    throw new RangeError(`inverseIncompleteGamma: got p ${p}, q ${q}, expected numbers from 0 to 1`)
  }
  if (p === 0) return 0
  if (q === 0) return Infinity
  // x^a / Gamma(a + 1) bounds P from above, so this start lies left of the answer; Wilson and Hilferty's for larger a
  const power = Math.exp((Math.log(p) + lgamma1p(a)) / a)
  const z = p < q ? normalQuantile(p) : -normalQuantile(q)
  const cube = 1 - 1 / (9 * a) + z / (3 * Math.sqrt(a))
  let start = a > 1 && cube > 0.3 ? a * cube ** 3 : power
  if (start > a + 3 && a < 1) start = Math.max(a, -Math.log(q) - lgamma(a))
  if (start === 0) return 0
  return solveTail({
    tails: (x) => gammaTails(a, x),
    logProb: (x) => Math.log(a / x) + logPoissonTerm(a, x),
    p,
    q,
    start,
    axis: "positive",
  })
}
