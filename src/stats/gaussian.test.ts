import { readFileSync } from "node:fs"
import { expect, test } from "vitest"
import { array } from "../engine/array.ts"
import { fillNormal, keyOf } from "../engine/random.ts"
import { matmul, qr, type Real, transpose } from "../linalg/index.ts"
import { fitGaussian, frechetDistance, klGaussian, mahalanobis } from "./gaussian.ts"

const { gaussians } = JSON.parse(readFileSync(new URL("./fixtures/distances.json", import.meta.url), "utf8"))

const noise = (rows: number, columns: number, seed: number): Real =>
  array("float64", [rows, columns], fillNormal(new Float64Array(rows * columns), keyOf(seed)))

const diagonal = (values: readonly number[]): number[][] =>
  values.map((v, i) => values.map((_, j) => (i === j ? v : 0)))

test("Frechet's distance, the divergence and Mahalanobis' distance are SciPy's", () => {
  const { a, b } = gaussians
  expect(frechetDistance(a, b)).toBeCloseTo(gaussians.frechet, 10)
  expect(frechetDistance(b, a)).toBeCloseTo(gaussians.frechet, 10)
  expect(klGaussian(a, b)).toBeCloseTo(gaussians.kl, 11)
  // SciPy is given the inverse, whose condition is what differs.
  expect(mahalanobis(a.mean, b.mean, a.covariance) / gaussians.mahalanobis).toBeCloseTo(1, 12)
})

test("Frechet's distance is 0 between equals, sum (root - root')^2 for commuting covariances, blind to rotations, and takes any feature net [E14]", () => {
  const { a, b } = gaussians
  expect(frechetDistance(a, a)).toBeLessThan(1e-13)
  const [x, y] = [
    [4, 9, 0, 1],
    [1, 16, 25, 0],
  ]
  const found = frechetDistance(
    { mean: [1, 0, 0, 0], covariance: diagonal(x) },
    { mean: [0, 2, 0, 0], covariance: diagonal(y) },
  )
  expect(found).toBeCloseTo(5 + 1 + 1 + 25 + 1, 12)
  const { q } = qr(noise(5, 5, 3))
  const turned = ({ mean, covariance }: { mean: number[]; covariance: number[][] }) => ({
    mean: matmul(q, array("float64", [5, 1], Float64Array.from(mean))).data,
    covariance: matmul(matmul(q, covariance), transpose(q)),
  })
  const symmetric = (g: { mean: Float64Array; covariance: Real }) => ({
    ...g,
    covariance: array(
      "float64",
      [5, 5],
      g.covariance.data.map((v, at) => (v + g.covariance.data[(at % 5) * 5 + Math.floor(at / 5)]) / 2),
    ),
  })
  expect(frechetDistance(symmetric(turned(a)), symmetric(turned(b)))).toBeCloseTo(gaussians.frechet, 9)

  // Features are whatever a net makes of the samples: here a random layer with a kink.
  const layer = noise(6, 8, 4)
  const net = (samples: Real): Real => {
    const out = matmul(samples, layer)
    return { ...out, data: out.data.map((v) => Math.max(0, v)) }
  }
  const one = fitGaussian(net(noise(400, 6, 5)))
  const same = fitGaussian(net(noise(400, 6, 6)))
  const wider = fitGaussian(net({ ...noise(400, 6, 7), data: noise(400, 6, 7).data.map((v) => 1.5 * v) }))
  expect(frechetDistance(one, wider)).toBeGreaterThan(10 * frechetDistance(one, same))
})

test("Frechet's distance of fewer samples than features is that of their own subspace", () => {
  // Three points each in ten dimensions: covariances of rank 2, where a root of rounding noise would cost 1e-8.
  const [x, y] = [noise(3, 10, 8), noise(3, 10, 9)]
  const found = frechetDistance(fitGaussian(x), fitGaussian(y))
  const { q } = qr(transpose(array("float64", [6, 10], Float64Array.from([...x.data, ...y.data]))))
  const inside = frechetDistance(fitGaussian(matmul(x, q)), fitGaussian(matmul(y, q)))
  expect(found).toBeCloseTo(inside, 12)
  expect(frechetDistance(fitGaussian(x), fitGaussian(x))).toBeLessThan(1e-13)
  const point = { mean: [1, 2], covariance: diagonal([0, 0]) }
  expect(frechetDistance(point, { mean: [4, 6], covariance: diagonal([1, 1]) })).toBe(27)
})

test("the divergence of Gaussians is exact near equality and in one dimension", () => {
  expect(klGaussian(gaussians.a, gaussians.a)).toBe(0)
  const one = { mean: [0], covariance: [[1]] }
  expect(klGaussian(one, { mean: [1e-6], covariance: [[1]] })).toBeCloseTo(5e-13, 22)
  expect(klGaussian(one, { mean: [2], covariance: [[4]] })).toBeCloseTo(Math.log(2) + (1 + 4) / 8 - 0.5, 15)
  // The seed's det S instead of S^-1 (notes 001 §5.4): for S = 2 I a unit step counts 1/2, not 1/4, before the half.
  const wide = diagonal([2, 2])
  expect(klGaussian({ mean: [0, 0], covariance: wide }, { mean: [1, 0], covariance: wide })).toBeCloseTo(0.25, 15)
})

test("parts that do not fit are refused by name", () => {
  const flat = { mean: [0, 0], covariance: diagonal([1, 0]) }
  const round = { mean: [0, 0], covariance: diagonal([1, 1]) }
  expect(() => klGaussian(round, flat)).toThrow("klGaussian: b.covariance is not positive definite")
  expect(() => frechetDistance({ ...round, mean: [0] }, round)).toThrow(
    "frechetDistance: a.covariance has shape [2, 2], expected [1, 1]",
  )
  expect(() => frechetDistance(round, { mean: [0], covariance: [[1]] })).toThrow(
    "frechetDistance: a has dimension 2, b has 1, expected the same",
  )
  expect(() => frechetDistance({ mean: [0, 0], covariance: diagonal([1, -1]) }, round)).toThrow(
    "frechetDistance: a.covariance has the eigenvalue -1, expected none below 0",
  )
  expect(() => mahalanobis([Number.NaN, 0], [0, 0], diagonal([1, 1]))).toThrow("mahalanobis: x entry [0] is NaN")
  expect(() => mahalanobis([0], [0, 0], diagonal([1, 1]))).toThrow("mahalanobis: x has 1 entries, expected 2")
})

test("Mahalanobis' distance is Euclid's for the identity, blind to affine maps, and real where the notes' pair form is not", () => {
  expect(mahalanobis([3, 4], [0, 0], diagonal([1, 1]))).toBe(5)
  const s = [
    [2, 0.5],
    [0.5, 1],
  ]
  expect(mahalanobis([1, 0], [0, 1], s)).toBeCloseTo(1.511857892036909, 14)
  expect(mahalanobis([1, 0], [1, 0], s)).toBe(0)
  const f = [
    [2, 1],
    [-1, 3],
  ]
  const image = (x: readonly number[]): number[] => f.map((row) => row[0] * x[0] + row[1] * x[1] + 5)
  const mapped = matmul(matmul(f, s), transpose(f))
  expect(mahalanobis(image([1, 0]), image([0, 1]), mapped)).toBeCloseTo(1.511857892036909, 13)
})
