import { readFileSync } from "node:fs"
import { expect, test } from "vitest"
import type { Entropic, Univariate } from "../law.ts"
import { bernoulli } from "./bernoulli.ts"
import { beta } from "./beta.ts"
import { binomial } from "./binomial.ts"
import { cauchy } from "./cauchy.ts"
import { chiSquared } from "./chi-squared.ts"
import { dirichlet } from "./dirichlet.ts"
import { exponential } from "./exponential.ts"
import { fisherF } from "./fisher-f.ts"
import { gamma } from "./gamma.ts"
import { laplace } from "./laplace.ts"
import { levy } from "./levy.ts"
import { mixture } from "./mixture.ts"
import { multivariateNormal } from "./multivariate-normal.ts"
import { normal } from "./normal.ts"
import { poisson } from "./poisson.ts"
import { studentT } from "./student-t.ts"
import { uniform } from "./uniform.ts"

interface Case {
  law: string
  options: Record<string, number>
  rows: [number, ...(number | null)[]][]
  quantiles: [number, number][]
  upper: [number, number][]
  moments: (number | null)[]
  entropy: number | null
}

const fixture = JSON.parse(readFileSync(new URL("../fixtures/distributions.json", import.meta.url), "utf8"))

const makers: Record<string, (options: never) => Univariate & Entropic> = {
  bernoulli,
  beta,
  binomial,
  cauchy,
  chiSquared,
  exponential,
  fisherF,
  gamma,
  laplace,
  levy,
  normal,
  poisson,
  studentT,
  uniform,
}

/** |got - expected| relative to expected, or to 1e-300 where that is smaller still. */
function gap(got: number, expected: number): number {
  return Math.abs(got - expected) / Math.max(Math.abs(expected), 1e-300)
}

function bound(where: string, got: number, expected: number, tolerance = 1e-10): void {
  expect(gap(got, expected), `${where}: got ${got}, expected ${expected}`).toBeLessThanOrEqual(tolerance)
}

for (const { law: name, options, rows, quantiles, upper, moments, entropy } of fixture.laws as Case[]) {
  const label = `${name} ${JSON.stringify(options)}`
  const law = makers[name](options as never)

  test(`${label} has SciPy's density, tails and quantiles to 1e-10`, () => {
    for (const [x, ...expected] of rows) {
      const members = ["logProb", "cdf", "sf", "logCdf", "logSf"] as const
      members.forEach((member, i) => {
        const value = expected[i]
        if (value === null || Math.abs(value) < 1e-290) return
        // a log-density of 0 has no relative error
        const got = law[member](x)
        if (member === "logProb" && Math.abs(value) < 1e-3) expect(Math.abs(got - value)).toBeLessThan(1e-13)
        else bound(`${label}.${member}(${x})`, got, value)
      })
    }
    for (const [p, x] of quantiles) bound(`${label}.quantile(${p})`, law.quantile(p), x)
    for (const [q, x] of upper) bound(`${label}.upperQuantile(${q})`, law.upperQuantile(q), x)
  })

  test(`${label} has SciPy's moments and entropy to 1e-10`, () => {
    const own = law as unknown as Record<string, number | undefined>
    ;["mean", "variance", "skewness", "kurtosis"].forEach((moment, i) => {
      const expected = moments[i]
      if (expected === null) return
      const got = own[moment]
      if (Math.abs(expected) < 1e-12) expect(Math.abs(got as number)).toBeLessThan(1e-12)
      else bound(`${label}.${moment}`, got as number, expected)
    })
    if (entropy !== null) bound(`${label}.entropy()`, law.entropy(), entropy)
  })
}

test("dirichlet has SciPy's density, moments and entropy", () => {
  const { concentration, rows, mean, variance, covariance, entropy } = fixture.dirichlet
  const law = dirichlet({ concentration })
  for (const [x, expected] of rows) bound("dirichlet.logProb", law.logProb(x), expected)
  mean.forEach((m: number, i: number) => {
    bound("dirichlet.mean", law.mean[i], m)
    bound("dirichlet.variance", law.variance[i], variance[i])
  })
  covariance.flat().forEach((c: number, i: number) => {
    bound("dirichlet.covariance", law.covariance.data[i], c)
  })
  bound("dirichlet.entropy", law.entropy(), entropy)
})

test("multivariateNormal has SciPy's density and entropy", () => {
  const { mean, covariance, rows, entropy } = fixture.multivariateNormal
  const law = multivariateNormal({ mean, covariance })
  for (const [x, expected] of rows) bound("multivariateNormal.logProb", law.logProb(x), expected)
  bound("multivariateNormal.entropy", law.entropy(), entropy)
})

test("a mixture's density and tails are the weighted ones of SciPy", () => {
  const components = [normal(), normal({ mean: 4, std: 0.5 }), normal({ mean: -20, std: 3 })]
  const law = mixture({ components, weights: [0.3, 0.5, 0.2] })
  for (const [x, pdf, cdf, sf] of fixture.mixture) {
    bound("mixture.pdf", law.pdf(x), pdf)
    bound("mixture.cdf", law.cdf(x), cdf)
    bound("mixture.sf", law.sf(x), sf)
  }
})
