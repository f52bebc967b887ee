import { expect, test } from "vitest"
import { Generator } from "../../engine/random.ts"
import { chiSquaredTest } from "../count-test.ts"
import { mean, variance } from "../descriptive.ts"
import { expectation } from "../expectation.ts"
import { ksTest } from "../ks-test.ts"
import type { Continuous, Discrete, Generating, Spread } from "../law.ts"
import { monteCarlo } from "../monte-carlo.ts"
import { integrate } from "../quadrature.ts"
import { affine } from "./affine.ts"
import { bernoulli } from "./bernoulli.ts"
import { beta } from "./beta.ts"
import { binomial, drawBinomial } from "./binomial.ts"
import { categorical } from "./categorical.ts"
import { cauchy } from "./cauchy.ts"
import { chiSquared } from "./chi-squared.ts"
import { empirical } from "./empirical.ts"
import { exponential } from "./exponential.ts"
import { gamma } from "./gamma.ts"
import { laplace } from "./laplace.ts"
import { levy } from "./levy.ts"
import { mixture } from "./mixture.ts"
import { normal } from "./normal.ts"
import { drawPoisson, poisson } from "./poisson.ts"
import { studentT } from "./student-t.ts"
import { uniform } from "./uniform.ts"

const generating: ((Continuous | Discrete) & Generating & Spread)[] = [
  bernoulli({ p: 0.3 }),
  binomial({ trials: 7, p: 0.4 }),
  poisson({ rate: 2.5 }),
  empirical({ values: [-1, 0.5, 2], probs: [0.3, 0.3, 0.4] }),
  normal({ mean: 1, std: 0.7 }),
  uniform({ low: -1, high: 2 }),
  exponential({ rate: 2 }),
  laplace({ loc: 0.5, scale: 0.8 }),
  gamma({ shape: 2, scale: 0.5 }),
  chiSquared({ df: 3 }),
  beta({ alpha: 2, beta: 3 }),
  mixture({ components: [normal(), normal({ mean: 2 })], weights: [0.5, 0.5] }),
  affine(gamma({ shape: 3, scale: 0.2 }), { scale: -1.5, shift: 1 }),
]

test("moment generating functions are E e^(t X): (1 - scale t)^-shape for the gamma law, powers and products for sums [D14]", () => {
  for (const law of generating) {
    for (const t of [-0.9, -0.2, 0, 0.3]) {
      const direct = expectation(law, (x) => Math.exp(t * x))
      expect(Math.abs(law.mgf(t) / direct - 1), `${law.name} at ${t}`).toBeLessThan(1e-9)
    }
    // the derivatives at 0 are the moments
    const h = 1e-3
    expect((law.mgf(h) - law.mgf(-h)) / (2 * h)).toBeCloseTo(law.mean, 4)
    expect((law.mgf(h) - 2 * law.mgf(0) + law.mgf(-h)) / h ** 2).toBeCloseTo(law.variance + law.mean ** 2, 3)
  }
  const law = gamma({ shape: 2, scale: 0.5 })
  expect(law.mgf(0.3)).toBeCloseTo(1.384083, 6)
  const estimate = monteCarlo((g) => Math.exp(0.3 * law.sample(1, g)[0]), { count: 50_000, source: 1 })
  expect(Math.abs(estimate.mean - law.mgf(0.3))).toBeLessThan(4.5 * estimate.error)
  // the printed (1 / (a - b t))^a at a = 2, b = .5
  expect((1 / (2 - 0.5 * 0.3)) ** 2).toBeCloseTo(0.2922, 4)
  expect(gamma({ shape: 2, rate: 2 }).mgf(0.3)).toBeCloseTo((2 / (2 - 0.3)) ** 2, 13)
  expect(law.mgf(2)).toBe(Infinity)
  expect(binomial({ trials: 9, p: 0.3 }).mgf(0.7)).toBeCloseTo(bernoulli({ p: 0.3 }).mgf(0.7) ** 9, 12)
  // M of a sum is the product of the M(a_i t): Poisson, normal and gamma laws are closed under sums
  const t = 0.4
  expect(poisson({ rate: 2 }).mgf(t) * poisson({ rate: 3 }).mgf(t)).toBeCloseTo(poisson({ rate: 5 }).mgf(t), 12)
  expect(normal({ mean: 1 }).mgf(2 * t) * normal({ std: 2 }).mgf(-t)).toBeCloseTo(
    normal({ mean: 2, std: Math.sqrt(4 + 4) }).mgf(t),
    12,
  )
  expect(gamma({ shape: 2 }).mgf(t) * gamma({ shape: 0.7 }).mgf(t)).toBeCloseTo(gamma({ shape: 2.7 }).mgf(t), 12)
})

test("Bernoulli, binomial, gamma and Poisson laws add up to 1, and their draws have their mean and variance [D15]", () => {
  const count = 20_000
  const laws = [
    bernoulli({ p: 0.2 }),
    binomial({ trials: 12, p: 0.7 }),
    binomial({ trials: 100_000, p: 0.013 }),
    gamma({ shape: 0.4, scale: 3 }),
    gamma({ shape: 50, rate: 2 }),
    poisson({ rate: 0.3 }),
    poisson({ rate: 900 }),
  ]
  for (const law of laws) {
    expect(
      expectation(law, () => 1),
      law.name,
    ).toBeCloseTo(1, 9)
    const draws = law.sample(count, 5)
    expect(Math.abs(mean(draws) - law.mean)).toBeLessThan(4.5 * Math.sqrt(law.variance / count))
    const fourth = expectation(law, (x) => (x - law.mean) ** 4)
    expect(Math.abs(variance(draws) - law.variance)).toBeLessThan(
      4.5 * Math.sqrt((fourth - law.variance ** 2) / count) + law.variance / count,
    )
  }
})

test("draws of discrete laws pass a chi-squared test against their masses", () => {
  const g = new Generator(6)
  const cases: [Discrete, () => number][] = [
    [binomial({ trials: 60, p: 0.4 }), () => drawBinomial(60, 0.4, g)],
    [binomial({ trials: 9, p: 0.9 }), () => drawBinomial(9, 0.9, g)],
    [poisson({ rate: 3 }), () => drawPoisson(3, g)],
    [poisson({ rate: 40 }), () => drawPoisson(40, g)],
    [empirical({ values: [0, 1, 2], probs: [0.5, 0.3, 0.2] }), () => 0],
  ]
  for (const [law, draw] of cases) {
    const [low, high] = [law.quantile(0.01), law.upperQuantile(0.01)]
    const count = 20_000
    const draws = law.name === "empirical" ? law.sample(count, 7) : Float64Array.from({ length: count }, draw)
    const observed = new Float64Array(high - low + 1)
    for (const v of draws) observed[Math.min(high, Math.max(low, v)) - low]++
    // the outermost cells take the tails
    const expected = observed.map((_, i) => {
      const k = low + i
      return count * (k === low ? law.cdf(low) : k === high ? law.sf(high - 1) : law.pmf(k))
    })
    expect(chiSquaredTest(observed, { expected }).pValue, law.name).toBeGreaterThan(1e-4)
  }
})

test("the categorical mass is a product of p_j^[x = j], and its draws pass a chi-squared test [D16]", () => {
  const probs = [0.1, 0, 0.25, 0.4, 0.25]
  const law = categorical({ probs })
  for (let k = 0; k < probs.length; k++) {
    const product = probs.reduce((value, p, j) => value * p ** (k === j ? 1 : 0), 1)
    expect(law.pmf(k)).toBeCloseTo(product, 15)
    expect(law.logProb(k)).toBe(Math.log(probs[k]))
  }
  expect(law.logProb(5)).toBe(-Infinity)
  expect(law.logProb(0.5)).toBe(-Infinity)
  expect(law.entropy()).toBeCloseTo(-probs.reduce((sum, p) => sum + (p > 0 ? p * Math.log(p) : 0), 0), 14)
  const draws = law.sample(20_000, 8)
  const counts = probs.map((_, k) => draws.reduce((n, v) => n + (v === k ? 1 : 0), 0))
  expect(counts[1]).toBe(0)
  const used = [0, 2, 3, 4]
  const { pValue } = chiSquaredTest(
    used.map((k) => counts[k]),
    { expected: used.map((k) => 20_000 * probs[k]) },
  )
  expect(pValue).toBeGreaterThan(1e-4)
  expect(law.fit(draws).probs).toEqual(counts.map((n) => n / 20_000))
  // logits are shifted by no constant, and may be as large as they like
  const logits = [1000, 999, -Infinity]
  const large = categorical({ logits })
  expect(large.probs[0]).toBeCloseTo(1 / (1 + Math.exp(-1)), 14)
  expect(large.logProb(2)).toBe(-Infinity)
  expect(categorical({ logits: [-750, 0] }).logProb(0)).toBe(-750)
})

test("the normal law: Phi(-1) = .1586553, Phi(0) = 1/2, and it is closed under affine maps and sums [D17]", () => {
  const law = normal()
  expect(law.cdf(-1)).toBeCloseTo(0.1586553, 7)
  expect(law.cdf(0)).toBe(0.5)
  // an integral from 0 instead of -infinity would say 0 and -.3413
  expect(integrate((x) => law.pdf(x), 0, -1).value).toBeCloseTo(-0.3413, 4)
  expect(integrate((x) => law.pdf(x), -Infinity, -1).value).toBeCloseTo(law.cdf(-1), 12)
  expect([normal({ std: 2 }).variance, normal({ std: 2 }).std]).toEqual([4, 2])
  expect(law.logCdf(-1e4)).toBeCloseTo(-5e7 - Math.log(1e4 * Math.sqrt(2 * Math.PI)), 0)
  const moved = affine(normal({ mean: 3, std: 2 }), { scale: -1.5, shift: 4 })
  const expected = normal({ mean: -0.5, std: 3 })
  for (const x of [-10, -0.5, 0, 4]) {
    expect(moved.pdf(x)).toBeCloseTo(expected.pdf(x), 14)
    expect(moved.cdf(x)).toBeCloseTo(expected.cdf(x), 14)
  }
  const n = 5000
  const x = normal({ mean: 1, std: 2 }).sample(n, 9)
  const y = normal({ mean: -2, std: 1.5 }).sample(n, 10)
  expect(
    ksTest(
      x.map((v, i) => v + y[i]),
      normal({ mean: -1, std: 2.5 }),
    ).pValue,
  ).toBeGreaterThan(1e-4)
  // the difference too: its mean is the difference, its variance the sum
  const difference = x.map((v, i) => v - y[i])
  expect(ksTest(difference, normal({ mean: 3, std: 2.5 })).pValue).toBeGreaterThan(1e-4)
  expect(ksTest(difference, normal({ mean: -2, std: 2.5 })).pValue).toBeLessThan(1e-6)
  // uncorrelated is not enough: with Y = S X for a random sign S, X + Y is 0 half of the time
  const g = new Generator(11)
  const signed = x.map((v) => (g.uniform() < 0.5 ? v - 1 : 1 - v))
  const zeros = signed.reduce((count, v, i) => count + (v + (x[i] - 1) === 0 ? 1 : 0), 0) / n
  expect(Math.abs(zeros - 0.5)).toBeLessThan(4.5 * Math.sqrt(0.25 / n))
})

test("Student's t: .2067483 at 1 for 3 degrees of freedom, normal in the limit, and 2.024394 for 38 [D21]", () => {
  expect(studentT({ df: 3 }).pdf(1)).toBeCloseTo(0.2067483, 7)
  expect(studentT({ df: 38 }).quantile(0.975)).toBeCloseTo(2.024394, 6)
  expect(studentT({ df: 19 }).quantile(0.975)).toBeCloseTo(2.0930241, 7)
  expect(studentT({ df: 8 }).upperQuantile(0.025)).toBeCloseTo(2.3060041, 7)
  let before = Infinity
  for (const df of [2, 10, 100, 1e4, 1e6]) {
    const gap = Math.max(...[-3, -1, 0, 0.5, 4].map((x) => Math.abs(studentT({ df }).pdf(x) - normal().pdf(x))))
    // the difference falls as 1 / df
    expect(gap * df).toBeLessThan(0.3)
    expect(gap).toBeLessThan(before)
    before = gap
  }
  for (const x of [-50, -2, 0.3, 8]) expect(studentT({ df: 1 }).cdf(x)).toBeCloseTo(cauchy().cdf(x), 14)
  // Z / sqrt(chi-squared / df)
  const df = 4
  const z = normal().sample(4000, 12)
  const v = chiSquared({ df }).sample(4000, 13)
  expect(
    ksTest(
      z.map((a, i) => a / Math.sqrt(v[i] / df)),
      studentT({ df }),
    ).pValue,
  ).toBeGreaterThan(1e-4)
})

test("Cauchy and Levy quantiles are known; a running mean of Cauchy draws does not settle [D23]", () => {
  const law = cauchy({ loc: 1, scale: 2 })
  expect(law.quantile(0.75)).toBeCloseTo(3, 14)
  expect(law.quantile(0.25)).toBeCloseTo(-1, 14)
  expect(law.quantile(0.5)).toBe(1)
  expect(cauchy().upperQuantile(1e-20) * Math.PI * 1e-20).toBeCloseTo(1, 14)
  // the median of scale / Z^2 is scale / (upper quartile of Z)^2
  expect(levy({ scale: 3 }).quantile(0.5)).toBeCloseTo(3 / normal().quantile(0.75) ** 2, 13)
  expect(levy().quantile(0.5)).toBeCloseTo(2.198109338317732, 13)
  // means of n Cauchy draws are Cauchy draws themselves, whatever n; those of normal draws shrink
  const repeats = 2000
  for (const n of [1, 10, 100]) {
    const draws = cauchy().sample(n * repeats, 20 + n)
    const means = Float64Array.from({ length: repeats }, (_, i) => mean(draws.subarray(i * n, (i + 1) * n)))
    expect(ksTest(means, cauchy()).pValue).toBeGreaterThan(1e-4)
  }
})

test("e^(t x) P(X > x) grows for Cauchy, t and Levy laws and falls for normal and, below its rate, exponential ones [D24]", () => {
  const heavy = [cauchy(), studentT({ df: 3 }), studentT({ df: 30 }), levy()]
  for (const law of heavy) {
    for (const t of [0.001, 0.1, 1]) {
      const at = [1e2, 1e4, 1e6, 1e8].map((s) => t * (s / t) + law.logSf(s / t))
      expect(at[1]).toBeGreaterThan(at[0])
      expect(at[3]).toBeGreaterThan(1e7)
    }
  }
  for (const t of [0.1, 1, 10]) {
    const at = [30, 100, 1000].map((s) => t * (s * t) + normal().logSf(s * t))
    expect(at[1]).toBeLessThan(at[0])
    expect(at[2]).toBeLessThan(-1e3)
  }
  const light = exponential({ rate: 2 })
  expect(1.9 * 1e4 + light.logSf(1e4)).toBeLessThan(-999)
  expect(2.1 * 1e4 + light.logSf(1e4)).toBeGreaterThan(999)
})

test("Chebyshev's bound holds for every law and every draw, and is met by a law on three points [D26]", () => {
  const g = new Generator(14)
  for (const law of generating) {
    const draws = law.sample(5000, 15)
    for (let i = 0; i < 100; i++) {
      const eps = Math.exp(g.uniform(-3, 3)) * Math.sqrt(law.variance)
      const bound = law.variance / eps ** 2
      // P(|X - mean| >= eps), the left end included
      const left = law.cdf(law.mean - eps)
      const right = law.sf(law.mean + eps) + (law.kind === "discrete" ? law.pmf(law.mean + eps) : 0)
      expect(left + right).toBeLessThanOrEqual(bound + 1e-12)
      const seen = draws.reduce((n, v) => n + (Math.abs(v - law.mean) >= eps ? 1 : 0), 0) / draws.length
      expect(seen).toBeLessThanOrEqual(bound + 4.5 * Math.sqrt(Math.max(bound, 1e-3) / draws.length))
    }
  }
  const tight = empirical({ values: [-3, 0, 3], probs: [0.08, 0.84, 0.08] })
  expect(tight.variance).toBeCloseTo(9 * 0.16, 14)
  expect(tight.pmf(-3) + tight.pmf(3)).toBeCloseTo(tight.variance / 3 ** 2, 14)
})
