import { expect, test } from "vitest"
import { Generator } from "../../engine/random.ts"
import { sumDensity, sumMass } from "../convolution.ts"
import { expectation } from "../expectation.ts"
import { ksTest } from "../ks-test.ts"
import type { Continuous, Discrete, Entropic } from "../law.ts"
import { integrate } from "../quadrature.ts"
import { affine } from "./affine.ts"
import { alphaStable } from "./alpha-stable.ts"
import { bernoulli } from "./bernoulli.ts"
import { beta } from "./beta.ts"
import { binomial } from "./binomial.ts"
import { cauchy } from "./cauchy.ts"
import { chiSquared } from "./chi-squared.ts"
import { empirical } from "./empirical.ts"
import { exponential } from "./exponential.ts"
import { fisherF } from "./fisher-f.ts"
import { gamma } from "./gamma.ts"
import { laplace } from "./laplace.ts"
import { levy } from "./levy.ts"
import { mixture } from "./mixture.ts"
import { normal } from "./normal.ts"
import { poisson } from "./poisson.ts"
import { studentT } from "./student-t.ts"
import { uniform } from "./uniform.ts"

const continuousLaws: Continuous[] = [
  normal({ mean: 1, std: 2 }),
  uniform({ low: -2, high: 3 }),
  exponential({ rate: 1.7 }),
  laplace({ loc: -1, scale: 0.5 }),
  gamma({ shape: 2.3, scale: 1.5 }),
  chiSquared({ df: 5 }),
  studentT({ df: 3, loc: 1, scale: 2 }),
  fisherF({ df1: 6, df2: 9 }),
  beta({ alpha: 2, beta: 3.5 }),
  cauchy({ loc: 2, scale: 3 }),
  levy({ loc: -1, scale: 2 }),
  alphaStable({ alpha: 1.4, beta: 0.6, scale: 2 }),
  alphaStable({ alpha: 0.7, beta: -0.4, loc: 1 }),
  alphaStable({ alpha: 1, beta: 0.8, scale: 0.5 }),
  mixture({ components: [normal(), normal({ mean: 5, std: 0.3 })], weights: [0.4, 0.6] }),
  affine(gamma({ shape: 3 }), { scale: -2, shift: 1 }),
]

const discreteLaws: Discrete[] = [
  bernoulli({ p: 0.3 }),
  binomial({ trials: 20, p: 0.35 }),
  poisson({ rate: 6.5 }),
  empirical({ values: [1, 4, 9], probs: [0.2, 0.5, 0.3] }),
]

test("the density of every law is the derivative of its distribution function, intervals have its integral, points nothing [D11]", () => {
  for (const law of continuousLaws) {
    for (const p of [0.03, 0.2, 0.45, 0.8, 0.97]) {
      const x = law.quantile(p)
      const h = 2e-3 * (law.quantile(Math.min(0.99, p + 0.01)) - x)
      // from the smaller tail, by a stencil of fourth order
      const f = p < 0.5 ? (v: number): number => law.cdf(v) : (v: number): number => -law.sf(v)
      const slope = (8 * (f(x + h) - f(x - h)) - (f(x + 2 * h) - f(x - 2 * h))) / (12 * h)
      expect(Math.abs(slope / law.pdf(x) - 1), `${law.name} at ${x}`).toBeLessThan(1e-6)
    }
    const [a, b] = [law.quantile(0.1), law.quantile(0.6)]
    const breaks = [0.2, 0.3, 0.4, 0.45, 0.5].map((p) => law.quantile(p))
    expect(integrate((x) => law.pdf(x), a, b, { breaks }).value).toBeCloseTo(law.cdf(b) - law.cdf(a), 9)
    expect(integrate((x) => law.pdf(x), a, a).value).toBe(0)
  }
  for (const law of discreteLaws) {
    // the mass is the jump of the distribution function
    for (let k = 0; k <= 9; k++) expect(law.cdf(k) - law.cdf(k - 0.5)).toBeCloseTo(law.pmf(k), 14)
  }
  // bacteria that live 4 to 6 hours: dying between 5 and 5.01 has a probability, dying at 5 has none
  const life = uniform({ low: 4, high: 6 })
  expect(life.cdf(5.01) - life.cdf(5)).toBeCloseTo(0.005, 14)
  expect(integrate((x) => life.pdf(x), 5, 5).value).toBe(0)
})

test("the density of a sum is the convolution: a triangle for two uniforms, N(3, 5) for two normals [D12]", () => {
  const triangle = sumDensity(uniform(), uniform())
  for (const z of [-0.5, 0, 0.2, 0.9, 1, 1.3, 1.999, 2.1]) {
    expect(triangle(z)).toBeCloseTo(z < 0 || z > 2 ? 0 : z < 1 ? z : 2 - z, 10)
  }
  const sum = sumDensity(normal({ mean: 1, std: 1 }), normal({ mean: 2, std: 2 }))
  const exact = normal({ mean: 3, std: Math.sqrt(5) })
  for (const z of [-6, 0, 2.5, 3, 11]) expect(Math.abs(sum(z) / exact.pdf(z) - 1)).toBeLessThan(1e-9)
  const stable = sumDensity(cauchy(), cauchy({ loc: 1, scale: 2 }))
  for (const z of [-20, 0, 1, 7])
    expect(Math.abs(stable(z) / cauchy({ loc: 1, scale: 3 }).pdf(z) - 1)).toBeLessThan(1e-8)
  const counts = sumMass(poisson({ rate: 2 }), poisson({ rate: 3.5 }))
  const tosses = sumMass(binomial({ trials: 5, p: 0.3 }), binomial({ trials: 9, p: 0.3 }))
  for (let k = 0; k < 15; k++) {
    expect(counts(k)).toBeCloseTo(poisson({ rate: 5.5 }).pmf(k), 13)
    expect(tosses(k)).toBeCloseTo(binomial({ trials: 14, p: 0.3 }).pmf(k), 13)
  }
  // without independence it fails: X + X is 2 X, uniform on [0, 2], density 1/2 and not 1 at the middle
  expect(affine(uniform(), { scale: 2 }).pdf(1)).toBeCloseTo(0.5, 14)
  expect(triangle(1)).toBeCloseTo(1, 10)
})

test("the density of mu Y is f(z / mu) / |mu|: with mu = -2 it is positive and integrates to 1 [D13]", () => {
  const laws = [exponential(), gamma({ shape: 2.5 }), normal({ mean: 1 }), beta({ alpha: 2, beta: 5 })]
  for (const law of laws) {
    const scaled = affine(law, { scale: -2 })
    expect(expectation(scaled, () => 1)).toBeCloseTo(1, 10)
    const z = -2 * law.quantile(0.3)
    expect(scaled.pdf(z)).toBeCloseTo(law.pdf(z / -2) / 2, 14)
    expect(scaled.pdf(z)).toBeGreaterThan(0)
    // divided by mu itself it would be a negative density of integral -1
    expect(expectation(scaled, (v) => law.pdf(v / -2) / -2 / scaled.pdf(v))).toBeCloseTo(-1, 9)
    expect(scaled.mean).toBeCloseTo(-2 * law.mean, 13)
    expect(scaled.variance).toBeCloseTo(4 * law.variance, 13)
    expect(scaled.mgf(-0.1)).toBeCloseTo(law.mgf(0.2), 13)
    expect(scaled.entropy()).toBeCloseTo(law.entropy() + Math.LN2, 13)
    const draws = law.sample(5000, 3).map((v) => -2 * v)
    expect(ksTest(draws, scaled).pValue).toBeGreaterThan(1e-4)
  }
})

test("every density integrates to 1, every mass adds up to 1, and entropy is -E log p", () => {
  for (const law of continuousLaws) {
    if (law.name === "alphaStable") {
      expect(
        integrate((x) => law.pdf(x), law.quantile(1e-3), law.upperQuantile(1e-3), { relative: 1e-8 }).value,
      ).toBeCloseTo(0.998, 8)
      continue
    }
    expect(
      expectation(law, () => 1),
      law.name,
    ).toBeCloseTo(1, 9)
    if ("entropy" in law) {
      const direct = expectation(law, (x) => -law.logProb(x), { relative: 1e-9 })
      expect(Math.abs(direct - (law as unknown as Entropic).entropy()), law.name).toBeLessThan(1e-6)
    }
  }
  for (const law of discreteLaws) {
    expect(expectation(law, () => 1)).toBeCloseTo(1, 13)
    expect(expectation(law, (x) => -law.logProb(x))).toBeCloseTo((law as unknown as Entropic).entropy(), 12)
  }
})

test("draws of every law follow its distribution function, and the same seed gives the same draws", () => {
  const more: Continuous[] = [
    gamma({ shape: 0.2 }),
    beta({ alpha: 0.3, beta: 0.4 }),
    beta({ alpha: 40, beta: 0.5 }),
    studentT({ df: 0.8 }),
    alphaStable({ alpha: 0.6, beta: 1 }),
  ]
  for (const law of [...continuousLaws, ...more]) {
    // a stable distribution function costs a quadrature
    const draws = law.sample(law.name === "alphaStable" ? 800 : 4000, 17)
    expect(ksTest(draws, law).pValue, law.name).toBeGreaterThan(1e-4)
    expect(law.sample(3, 17)).toEqual(draws.slice(0, 3))
    expect(law.sample(3, 18)).not.toEqual(draws.slice(0, 3))
    // a generator's stream goes on
    const g = new Generator(17)
    expect(Float64Array.of(...law.sample(2, g), ...law.sample(1, g))).toEqual(draws.slice(0, 3))
  }
})
