import { readFileSync } from "node:fs"
import { expect, test } from "vitest"
import { ksTest } from "../ks-test.ts"
import { alphaStable } from "./alpha-stable.ts"
import { cauchy } from "./cauchy.ts"
import { levy } from "./levy.ts"
import { normal } from "./normal.ts"
import { stableLogDensity, stableTails } from "./stable.ts"

const fixture = JSON.parse(readFileSync(new URL("../fixtures/stable.json", import.meta.url), "utf8"))

test("stable densities and tails are those of the characteristic function, and SciPy's, to 1e-9", () => {
  for (const [alpha, beta, x, pdf, cdf] of fixture.standard) {
    const law = alphaStable({ alpha, beta })
    const label = `alpha ${alpha}, beta ${beta} at ${x}`
    // mpmath's integral is good to about 1e-20, absolutely
    expect(Math.abs(law.pdf(x) - pdf), label).toBeLessThan(1e-9 * pdf + 1e-20)
    expect(Math.abs(law.cdf(x) - cdf), label).toBeLessThan(1e-9 * cdf + 1e-20)
    expect(Math.abs(law.sf(x) - (1 - cdf)), label).toBeLessThan(1e-9 * (1 - cdf) + 1e-15)
  }
  for (const [alpha, beta, scale, loc, x, pdf, cdf] of fixture.scipy) {
    const law = alphaStable({ alpha, beta, scale, loc })
    expect(Math.abs(law.pdf(x) / pdf - 1)).toBeLessThan(1e-9)
    expect(Math.abs(law.cdf(x) / cdf - 1)).toBeLessThan(1e-9)
  }
})

test("Nolan's integrals give the Levy law at alpha 1/2 and come near Cauchy's and the normal law at alpha 1 and 2", () => {
  for (const z of [0.01, 0.4, 1, 30, 1e6]) {
    expect(stableLogDensity(0.5, 1, z)).toBeCloseTo(levy().logProb(z), 10)
    expect(stableTails(0.5, 1, z).logLower / levy().logCdf(z)).toBeCloseTo(1, 10)
    expect(stableTails(0.5, 1, z).logUpper / levy().logSf(z)).toBeCloseTo(1, 10)
  }
  for (const z of [-30, -0.5, 0.2, 4]) {
    expect(Math.abs(Math.exp(stableLogDensity(1 + 1e-5, 0, z)) - cauchy().pdf(z))).toBeLessThan(
      2e-5 * cauchy().pdf(z) * 10,
    )
    expect(Math.abs(Math.exp(stableLogDensity(1, 1e-5, z)) - cauchy().pdf(z))).toBeLessThan(1e-4 * cauchy().pdf(z))
  }
  for (const z of [-2, 0, 1.5]) {
    expect(Math.abs(Math.exp(stableLogDensity(2 - 1e-6, 0.5, z)) - normal({ std: Math.SQRT2 }).pdf(z))).toBeLessThan(
      1e-6,
    )
  }
})

test("the sampler gives normal, Cauchy and Levy draws at alpha 2, 1 and 1/2, and a X1 + b X2 ~ c X + d elsewhere [D22]", () => {
  const n = 4000
  const draws = (alpha: number, beta: number, seed: number): Float64Array =>
    alphaStable({ alpha, beta }).sample(n, seed)
  expect(ksTest(draws(2, 0, 1), normal({ std: Math.SQRT2 })).pValue).toBeGreaterThan(1e-4)
  expect(ksTest(draws(1, 0, 2), cauchy()).pValue).toBeGreaterThan(1e-4)
  expect(ksTest(draws(0.5, 1, 3), levy()).pValue).toBeGreaterThan(1e-4)
  expect(
    ksTest(
      draws(0.5, -1, 4).map((v) => -v),
      levy(),
    ).pValue,
  ).toBeGreaterThan(1e-4)
  const [a, b] = [1.5, 0.7]
  const cases: [number, number][] = [
    [2, 0],
    [1.6, 0.5],
    [1, 0],
    [1, 0.6],
    [0.8, -0.4],
    [0.5, 1],
  ]
  cases.forEach(([alpha, beta], i) => {
    const size = 600
    const first = alphaStable({ alpha, beta }).sample(size, 30 + i)
    const second = alphaStable({ alpha, beta }).sample(size, 60 + i)
    const combined = first.map((v, k) => a * v + b * second[k])
    const c = (a ** alpha + b ** alpha) ** (1 / alpha)
    // for alpha = 1 and beta not 0 scaling also shifts, by -(2 beta / pi) s log s of each scale s
    const moved = alpha === 1 ? (-2 * beta * (a * Math.log(a) + b * Math.log(b))) / Math.PI : 0
    expect(
      ksTest(combined, alphaStable({ alpha, beta, scale: c, loc: moved })).pValue,
      `alpha ${alpha}, beta ${beta}`,
    ).toBeGreaterThan(1e-4)
    // and of no other scale
    expect(ksTest(combined, alphaStable({ alpha, beta, scale: 2 * c, loc: moved })).pValue).toBeLessThan(1e-2)
  })
  // only beta = 0 is symmetric
  expect(alphaStable({ alpha: 1.3 }).cdf(0)).toBeCloseTo(0.5, 13)
  expect(Math.abs(alphaStable({ alpha: 1.3, beta: 0.9 }).cdf(0) - 0.5)).toBeGreaterThan(0.05)
  expect(levy().cdf(0)).toBe(0)
})

test("far tails of stable laws fall as x^-alpha on a heavy side and faster than any power on the light one", () => {
  const law = alphaStable({ alpha: 1.5, beta: 0.5 })
  for (const x of [1e6, 1e9, 1e12]) {
    // (1 + beta) Gamma(alpha) sin(pi alpha / 2) / pi, with Gamma(3/2) = sqrt(pi) / 2
    const share = (1.5 * Math.sin(0.75 * Math.PI) * Math.sqrt(Math.PI)) / 2 / Math.PI
    expect(law.sf(x) * x ** 1.5).toBeCloseTo(share, 5)
    expect(law.cdf(-x) * x ** 1.5).toBeCloseTo(share / 3, 5)
  }
  const light = alphaStable({ alpha: 1.5, beta: 1 })
  expect(light.logCdf(-30)).toBeLessThan(-900)
  expect(light.logCdf(-1e4)).toBeLessThan(-1e9)
  const early = alphaStable({ alpha: 1, beta: 0.5 })
  expect(early.sf(1e5 * 1.0001)).toBeLessThan(early.sf(1e5 * 0.9999))
  expect(early.sf(1e5 * 1.0001) / early.sf(1e5 * 0.9999)).toBeCloseTo(0.9998, 7)
})

test("indices and skewness out of range are refused by name", () => {
  expect(() => alphaStable({ alpha: 0 })).toThrow("alphaStable: alpha is 0, expected 0.05 <= alpha <= 2")
  expect(() => alphaStable({ alpha: 2.1 })).toThrow("alphaStable: alpha is 2.1")
  expect(() => alphaStable({ alpha: Number.NaN })).toThrow("alphaStable: alpha is NaN")
  expect(() => alphaStable({ alpha: 1.5, beta: -1.1 })).toThrow("alphaStable: beta is -1.1, expected -1 <= beta <= 1")
  expect(() => alphaStable({ alpha: 1.5, scale: 0 })).toThrow("alphaStable: scale is 0")
})
