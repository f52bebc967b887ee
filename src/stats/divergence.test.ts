import { expect, test } from "vitest"
import { jsMonteCarlo, klMonteCarlo, type Multivariate, type Scalar } from "./divergence.ts"
import { klGaussian } from "./gaussian.ts"
import { jsDivergence, klDivergence } from "./information.ts"
import { categorical } from "./laws/categorical.ts"
import { multivariateNormal } from "./laws/multivariate-normal.ts"
import { normal } from "./laws/normal.ts"
import { uniform } from "./laws/uniform.ts"
import { integrate } from "./quadrature.ts"

const p = [0.2, 0.3, 0.5]
const q = [0.6, 0.3, 0.1]

test("Monte Carlo estimates of divergences cover the sums for finite laws, with the error they state", () => {
  const [a, b] = [categorical({ probs: p }), categorical({ probs: q })]
  const kl = klMonteCarlo(a, b, { count: 20_000, source: 3 })
  expect(Math.abs(kl.mean - klDivergence(p, q))).toBeLessThan(4 * kl.error)
  expect(kl.error).toBeLessThan(0.01)
  const js = jsMonteCarlo(a, b, { count: 20_000, source: 3 })
  expect(Math.abs(js.mean - jsDivergence(p, q))).toBeLessThan(4 * js.error)
  expect(js.error).toBeLessThan(0.01)
})

test("Monte Carlo estimates cover the integral for densities and the closed form for Gaussians", () => {
  const [a, b] = [normal(), normal({ mean: 1.5, std: 2 })]
  const js = jsMonteCarlo(a, b, { count: 20_000, source: 5 })
  const m = (x: number): number => (a.pdf(x) + b.pdf(x)) / 2
  const exact = integrate(
    (x) => (a.pdf(x) * Math.log(a.pdf(x) / m(x)) + b.pdf(x) * Math.log(b.pdf(x) / m(x))) / 2,
    -12,
    15,
  ).value
  expect(Math.abs(js.mean - exact)).toBeLessThan(4 * js.error)
  const [c, d] = [
    multivariateNormal({
      mean: [0, 1],
      covariance: [
        [1, 0.3],
        [0.3, 2],
      ],
    }),
    multivariateNormal({
      mean: [1, 0],
      covariance: [
        [2, -0.5],
        [-0.5, 1],
      ],
    }),
  ]
  const kl = klMonteCarlo(c, d, { count: 20_000, source: 6 })
  expect(Math.abs(kl.mean - klGaussian(c, d))).toBeLessThan(4 * kl.error)
})

test("a draw off the other law's support makes the divergence infinite, without an error bar", () => {
  expect(klMonteCarlo(uniform(), uniform({ low: 3, high: 4 }))).toEqual({
    mean: Infinity,
    error: 0,
    interval: [Infinity, Infinity],
    count: 10_000,
  })
})

test("laws of different spaces are refused by name", () => {
  expect(() => klMonteCarlo<Scalar>(normal(), categorical({ probs: p }))).toThrow(
    "klMonteCarlo: normal is continuous, categorical is discrete",
  )
  const wide = multivariateNormal({ mean: [0], covariance: [[1]] })
  const wider = multivariateNormal({
    mean: [0, 0],
    covariance: [
      [1, 0],
      [0, 1],
    ],
  })
  expect(() => jsMonteCarlo(wide, wider)).toThrow("jsMonteCarlo: the laws have dimensions 1 and 2")
  expect(() => jsMonteCarlo<Scalar | Multivariate>(wide, normal())).toThrow(
    "jsMonteCarlo: multivariateNormal and normal are laws of different spaces",
  )
})
