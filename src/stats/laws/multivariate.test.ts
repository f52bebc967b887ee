import { expect, test } from "vitest"
import { array, toNumbers } from "../../engine/array.ts"
import { Generator } from "../../engine/random.ts"
import { cholesky } from "../../linalg/cholesky.ts"
import { covariance, covarianceMatrix } from "../covariance.ts"
import { mean } from "../descriptive.ts"
import { ksTest } from "../ks-test.ts"
import { integrate } from "../quadrature.ts"
import { beta } from "./beta.ts"
import { dirichlet } from "./dirichlet.ts"
import { type MultivariateNormal, multivariateNormal } from "./multivariate-normal.ts"
import { normal } from "./normal.ts"

const column = (rows: { shape: readonly number[]; data: Float64Array }, j: number): Float64Array =>
  Float64Array.from({ length: rows.shape[0] }, (_, i) => rows.data[i * rows.shape[1] + j])

/** A random covariance of the given size. */
function randomLaw(k: number, g: Generator): MultivariateNormal {
  const a = Array.from({ length: k }, () => Array.from({ length: k }, () => g.normal()))
  const covariance = a.map((row, i) =>
    a.map((other, j) => row.reduce((s, v, l) => s + v * other[l], i === j ? 0.1 : 0)),
  )
  return multivariateNormal({ mean: Array.from({ length: k }, () => g.normal()), covariance })
}

test("the multivariate density integrates to 1; for k = 2, sigma = 2 it is .0397887 at the mean [D18]", () => {
  const round = multivariateNormal({
    mean: [1, 2],
    covariance: [
      [4, 0],
      [0, 4],
    ],
  })
  expect(round.pdf([1, 2])).toBeCloseTo(0.0397887, 7)
  expect(round.pdf([1, 2])).toBeCloseTo(1 / (2 * Math.PI * 4), 15)
  // 1 / (s^k sqrt(2 pi)) would be .0997 there
  expect(1 / (4 * Math.sqrt(2 * Math.PI))).toBeCloseTo(0.099736, 6)
  // S = .5 I and a deviation of length 1: the exponent is 1 / (2 * .5) = 1, and not 1 / (2 det S) = 2
  const narrow = multivariateNormal({
    mean: [0, 0],
    covariance: [
      [0.5, 0],
      [0, 0.5],
    ],
  })
  expect(narrow.logProb([0, 0]) - narrow.logProb([0.6, 0.8])).toBeCloseTo(1, 14)
  const skew = multivariateNormal({
    mean: [0.5, -1],
    covariance: [
      [2, -1.5],
      [-1.5, 2],
    ],
  })
  const total = integrate(
    (x) => integrate((y) => skew.pdf([x, y]), -14, 14, { breaks: [-3, -1, 1], relative: 1e-9 }).value,
    -12,
    12,
    { breaks: [-2, 0.5, 3], relative: 1e-8 },
  )
  expect(total.value).toBeCloseTo(1, 8)
  // a diagonal covariance is a product of normal laws
  const apart = multivariateNormal({
    mean: [1, -2, 0],
    covariance: [
      [4, 0, 0],
      [0, 0.25, 0],
      [0, 0, 1],
    ],
  })
  const [x, y, z] = [0.3, -1.7, 2]
  expect(apart.logProb([x, y, z])).toBeCloseTo(
    normal({ mean: 1, std: 2 }).logProb(x) + normal({ mean: -2, std: 0.5 }).logProb(y) + normal().logProb(z),
    13,
  )
  expect(multivariateNormal({ mean: [3], covariance: [[4]] }).logProb([1])).toBeCloseTo(
    normal({ mean: 3, std: 2 }).logProb(1),
    14,
  )
  expect(skew.mgf([0.3, -0.2])).toBeCloseTo(Math.exp(0.15 + 0.2 + 0.5 * (0.09 * 2 + 0.04 * 2 + 2 * 0.06 * 1.5)), 13)
})

test("the likeliest mean is the sample mean and the likeliest covariance has the divisor n: the gradient is 0 there [D19]", () => {
  const truth = multivariateNormal({
    mean: [1, -1, 0.5],
    covariance: [
      [2, 0.6, 0.1],
      [0.6, 1, -0.3],
      [0.1, -0.3, 0.5],
    ],
  })
  const rows = truth.sample(40, 3)
  const fitted = truth.fit(rows)
  for (let j = 0; j < 3; j++) expect(fitted.mean[j]).toBeCloseTo(mean(column(rows, j)), 13)
  fitted.covariance.data.forEach((v, i) => {
    expect(v).toBeCloseTo(covarianceMatrix(rows).data[i], 13)
  })
  const value = (center: readonly number[], sigma: Float64Array): number => {
    const law = multivariateNormal({ mean: center, covariance: array("float64", [3, 3], sigma) })
    let sum = 0
    for (let i = 0; i < 40; i++) sum += law.logProb(rows.data.subarray(3 * i, 3 * i + 3))
    return sum
  }
  const best = value(fitted.mean, fitted.covariance.data)
  const h = 1e-4
  for (let i = 0; i < 3; i++) {
    const along = (t: number): number =>
      value(
        fitted.mean.map((v, k) => (k === i ? v + t : v)),
        fitted.covariance.data,
      )
    expect(Math.abs(along(h) - along(-h)) / (2 * h)).toBeLessThan(1e-6)
    expect(along(h)).toBeLessThan(best)
    for (let j = 0; j <= i; j++) {
      const turned = (t: number): number => {
        const sigma = fitted.covariance.data.slice()
        sigma[i * 3 + j] += t
        if (i !== j) sigma[j * 3 + i] += t
        return value(fitted.mean, sigma)
      }
      expect(Math.abs(turned(h) - turned(-h)) / (2 * h)).toBeLessThan(1e-4)
      expect(turned(h)).toBeLessThan(best)
    }
  }
  // the unbiased divisor n - 1 is less likely
  expect(value(fitted.mean, covarianceMatrix(rows, { ddof: 1 }).data)).toBeLessThan(best)
})

test("marginals and conditionals are normal: the slice at X = 1.2 is the joint over the marginal, as rejection finds [D20]", () => {
  const law = multivariateNormal({
    mean: [0.5, -0.3],
    covariance: [
      [1.5, 0.9],
      [0.9, 1.1],
    ],
  })
  const slice = law.conditional([0], [1.2])
  const edge = law.marginal([0])
  expect(slice.mean[0]).toBeCloseTo(-0.3 + (0.9 / 1.5) * 0.7, 14)
  expect(slice.covariance.data[0]).toBeCloseTo(1.1 - 0.81 / 1.5, 14)
  for (const y of [-2, -0.3, 0.1, 1, 3]) {
    expect(slice.logProb([y])).toBeCloseTo(law.logProb([1.2, y]) - edge.logProb([1.2]), 12)
  }
  // draws whose X fell near 1.2 follow the slice
  const rows = law.sample(200_000, 4)
  const kept: number[] = []
  for (let i = 0; i < 200_000; i++) if (Math.abs(rows.data[2 * i] - 1.2) < 0.02) kept.push(rows.data[2 * i + 1])
  expect(kept.length).toBeGreaterThan(1500)
  const expected = normal({ mean: slice.mean[0], std: Math.sqrt(slice.covariance.data[0]) })
  expect(ksTest(kept, expected).pValue).toBeGreaterThan(1e-4)
  expect(ksTest(column(rows, 1).subarray(0, 5000), normal({ mean: -0.3, std: Math.sqrt(1.1) })).pValue).toBeGreaterThan(
    1e-4,
  )
  // for any split of any law: log p(x, y) = log p(x) + log p(y | x)
  const g = new Generator(5)
  for (let round = 0; round < 200; round++) {
    const k = 2 + g.integer(4)
    const random = randomLaw(k, g)
    const order = Array.from(g.permutation(k))
    const given = order.slice(0, 1 + g.integer(k - 1))
    const rest = order.filter((axis) => !given.includes(axis)).sort((a, b) => a - b)
    const x = Array.from({ length: k }, () => g.normal())
    const joined =
      random.marginal(given).logProb(given.map((i) => x[i])) +
      random
        .conditional(
          given,
          given.map((i) => x[i]),
        )
        .logProb(rest.map((i) => x[i]))
    expect(Math.abs(joined - random.logProb(x))).toBeLessThan(1e-9 * (1 + Math.abs(joined)))
  }
  // the block S12 of a covariance may itself be indefinite
  expect(() =>
    cholesky([
      [2, -1.5],
      [-1.5, 2],
    ]),
  ).not.toThrow()
  expect(
    multivariateNormal({
      mean: [0, 0],
      covariance: [
        [2, -1.5],
        [-1.5, 2],
      ],
    }).conditional([0], [1]).mean[0],
  ).toBeCloseTo(-0.75, 14)
})

test("10,000 random covariances give draws, densities and conditionals without NaN, and entropy is -E log p", () => {
  const g = new Generator(6)
  for (let i = 0; i < 10_000; i++) {
    const law = randomLaw(1 + g.integer(3), g)
    const row = law.sample(1, g).data
    if (!Number.isFinite(law.logProb(row))) expect.fail(`${law.covariance.data}`)
    if (law.dimension > 1 && !Number.isFinite(law.conditional([0], [row[0]]).mean[0]))
      expect.fail(`${law.covariance.data}`)
  }
  const law = randomLaw(3, g)
  const rows = law.sample(20_000, 7)
  const logs = Float64Array.from({ length: 20_000 }, (_, i) => -law.logProb(rows.data.subarray(3 * i, 3 * i + 3)))
  // the variance of -log p is k / 2
  expect(Math.abs(mean(logs) - law.entropy())).toBeLessThan(4.5 * Math.sqrt(1.5 / 20_000))
  covarianceMatrix(rows).data.forEach((v, i) => {
    expect(Math.abs(v - law.covariance.data[i])).toBeLessThan(0.2)
  })
})

test("a covariance that is none, and axes that are not there, are refused by name", () => {
  const mean = [0, 0]
  expect(() =>
    multivariateNormal({
      mean,
      covariance: [
        [1, 2],
        [2, 1],
      ],
    }),
  ).toThrow("multivariateNormal: covariance is no covariance of full rank, expected symmetric and positive definite")
  expect(() =>
    multivariateNormal({
      mean,
      covariance: [
        [1, 0.5],
        [0.2, 1],
      ],
    }),
  ).toThrow("not symmetric")
  expect(() =>
    multivariateNormal({
      mean,
      covariance: [
        [1, 1],
        [1, 1],
      ],
    }),
  ).toThrow("positive definite")
  expect(() =>
    multivariateNormal({
      mean,
      covariance: [
        [1, Number.NaN],
        [Number.NaN, 1],
      ],
    }),
  ).toThrow("multivariateNormal")
  expect(() => multivariateNormal({ mean, covariance: [[1]] })).toThrow("covariance has shape [1, 1], expected [2, 2]")
  expect(() => multivariateNormal({ mean: [], covariance: [[1]] })).toThrow("mean is empty")
  const law = multivariateNormal({
    mean,
    covariance: [
      [1, 0],
      [0, 1],
    ],
  })
  expect(() => law.logProb([1])).toThrow("multivariateNormal.logProb: got 1 numbers, expected 2")
  expect(() => law.logProb([1, Number.NaN])).toThrow("multivariateNormal.logProb: entry 1 is NaN")
  expect(() => law.marginal([2])).toThrow("axes[0] is 2, expected an integer from 0 to 1")
  expect(() => law.conditional([0, 1], [0, 0])).toThrow("every axis is given")
  expect(() => law.conditional([0], [])).toThrow("got 0 values for 1 axes")
  expect(() => law.fit([[1, 2]])).toThrow("rows have shape [1, 2], expected [3 or more, 2]")
})

test("Dirichlet draws have its moments, its fit finds them again, and its two-class case is the beta law", () => {
  const law = dirichlet({ concentration: [0.5, 2, 4] })
  const rows = law.sample(5000, 8)
  for (let j = 0; j < 3; j++) {
    expect(Math.abs(mean(column(rows, j)) - law.mean[j])).toBeLessThan(4.5 * Math.sqrt(law.variance[j] / 5000))
    expect(covariance(column(rows, j), column(rows, (j + 1) % 3))).toBeCloseTo(
      law.covariance.data[j * 3 + ((j + 1) % 3)],
      2,
    )
  }
  const kept = array(
    "float64",
    [2000, 3],
    rows.data.slice(0, 6000).map((v) => Math.max(v, 1e-12)),
  )
  const fitted = law.fit(kept)
  fitted.concentration.forEach((c, j) => {
    expect(Math.abs(c / law.concentration[j] - 1)).toBeLessThan(0.1)
  })
  const scored = (concentration: number[]): number => {
    const other = dirichlet({ concentration })
    let sum = 0
    for (let i = 0; i < 2000; i++) {
      const row = toNumbers(kept).subarray(3 * i, 3 * i + 3)
      sum += other.logProb(row.map((v) => v / row.reduce((a, b) => a + b, 0)))
    }
    return sum
  }
  const best = scored([...fitted.concentration])
  for (let j = 0; j < 3; j++) {
    for (const h of [-0.01, 0.01])
      expect(scored(fitted.concentration.map((c, i) => (i === j ? c + h : c)))).toBeLessThan(best)
  }
  const pair = dirichlet({ concentration: [2, 3.5] })
  for (const x of [0.01, 0.3, 0.9]) {
    expect(pair.logProb([x, 1 - x])).toBeCloseTo(beta({ alpha: 2, beta: 3.5 }).logProb(x), 12)
  }
  expect(law.logProb([0.2, 0.2, 0.2])).toBe(-Infinity)
  expect(law.logProb([0.5, 0.6, -0.1])).toBe(-Infinity)
  expect(() => law.logProb([0.5, 0.5])).toThrow("dirichlet.logProb: x has 2 shares, expected 3")
  expect(law.logProb([0, 0.5, 0.5])).toBe(Infinity)
  expect(dirichlet({ concentration: [0.5, 2] }).logProb([1, 0])).toBe(-Infinity)
  expect(() => dirichlet({ concentration: [0.5, 2, 2] }).logProb([0, 0, 1])).toThrow("no limit at this corner")
  expect(() => dirichlet({ concentration: [1, 0] })).toThrow("dirichlet: concentration[1] is 0")
  expect(() => dirichlet({ concentration: [1] })).toThrow("expected at least 2")
})
