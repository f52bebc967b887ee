import { readFileSync } from "node:fs"
import { expect, test } from "vitest"
import { array } from "../engine/array.ts"
import { fillNormal, keyOf } from "../engine/random.ts"
import { matmul, transpose } from "../linalg/index.ts"
import { barycenter1d } from "./barycenter.ts"
import { gaussianBarycenter, gaussianGeodesic, gaussianMap, gaussianWasserstein } from "./gaussian.ts"
import { wasserstein1d } from "./wasserstein.ts"

const { gaussians: fixture } = JSON.parse(readFileSync(new URL("./fixtures/transport.json", import.meta.url), "utf8"))
const laws = fixture.means.map((mean: number[], k: number) => ({ mean, covariance: fixture.covariances[k] }))

const close = (found: ArrayLike<number>, wanted: ArrayLike<number>, digits: number): void => {
  expect(found.length).toBe(wanted.length)
  for (let i = 0; i < wanted.length; i++) expect(found[i]).toBeCloseTo(wanted[i], digits)
}

test("distance, map and barycenter of Gaussians are POT's", () => {
  const [a, b] = laws
  expect(gaussianWasserstein(a, b)).toBeCloseTo(fixture.distance, 10)
  const { matrix, apply } = gaussianMap(a, b)
  close(matrix.data, fixture.map.flat(), 9)
  const x = [0.3, -1, 2, 0.5]
  const image = fixture.map.map((row: number[], i: number) => row.reduce((s, v, j) => s + v * x[j], fixture.shift[i]))
  close(apply(x), image, 9)
  const { mean, covariance, hasConverged } = gaussianBarycenter(laws, { weights: fixture.weights })
  expect(hasConverged).toBe(true)
  close(mean, fixture.barycenter.mean, 12)
  close(covariance.data, fixture.barycenter.covariance.flat(), 9)
})

test("the map carries one covariance to the other, and the geodesic is the barycenter of weights 1 - t, t", () => {
  const [a, b] = laws
  const { matrix } = gaussianMap(a, b)
  close(matmul(matmul(matrix, a.covariance), transpose(matrix)).data, b.covariance.flat(), 10)
  for (const t of [0.25, 0.7]) {
    const path = gaussianGeodesic(a, b, t)
    const center = gaussianBarycenter([a, b], { weights: [1 - t, t] })
    close(path.mean, center.mean, 13)
    close(path.covariance.data, center.covariance.data, 9)
  }
})

test("N(0, 1) to N(4, 1): the midpoint is N(2, 1), W_2 is linear in t, and the mixture's path is neither [E12]", () => {
  const [a, b] = [
    { mean: [0], covariance: [[1]] },
    { mean: [4], covariance: [[1]] },
  ]
  const middle = gaussianGeodesic(a, b, 0.5)
  expect([middle.mean[0], middle.covariance.data[0]]).toEqual([2, 1])
  for (const [p, q] of [[a, b], laws]) {
    const whole = gaussianWasserstein(p, q)
    for (const t of [0, 0.2, 0.5, 0.9, 1]) {
      const at = gaussianGeodesic(p, q, t)
      expect(gaussianWasserstein(p, at)).toBeCloseTo(t * whole, 6)
      expect(gaussianWasserstein(at, q)).toBeCloseTo((1 - t) * whole, 6)
    }
  }
  // The same on samples, exactly: quantiles are averaged.
  const x = fillNormal(new Float64Array(4001), keyOf(1))
  const y = fillNormal(new Float64Array(4001), keyOf(2)).map((v) => v + 4)
  const whole = wasserstein1d(x, y, { p: 2 })
  const spread = ({ values, weights }: { values: Float64Array; weights: Float64Array }): [number, number] => {
    const mean = values.reduce((s, v, i) => s + v * weights[i], 0)
    return [mean, values.reduce((s, v, i) => s + (v - mean) ** 2 * weights[i], 0)]
  }
  for (const t of [0.25, 0.5]) {
    const path = barycenter1d([x, y], { weights: [1 - t, t] })
    expect(wasserstein1d(x, path.values, { p: 2, yWeights: path.weights })).toBeCloseTo(t * whole, 11)
    const [mean, variance] = spread(path)
    expect(mean).toBeCloseTo(4 * t, 1)
    expect(Math.abs(variance - 1)).toBeLessThan(0.07)
    // The Euclidean path (1 - t) P_0 + t P_1 spreads out instead: variance 1 + 16 t (1 - t), and it is further from P_0.
    const mixture = {
      values: Float64Array.from([...x, ...y]),
      weights: Float64Array.from([...x, ...y], (_, i) => (i < 4001 ? 1 - t : t) / 4001),
    }
    expect(Math.abs(spread(mixture)[1] - (1 + 16 * t * (1 - t)))).toBeLessThan(0.2)
    expect(wasserstein1d(x, mixture.values, { p: 2, yWeights: mixture.weights })).toBeGreaterThan(1.15 * t * whole)
  }
})

test("barycenters of commuting covariances average the roots; of one it is itself", () => {
  const diagonal = (...values: number[]) => ({
    mean: values.map(() => 0),
    covariance: array("float64", [2, 2], Float64Array.from([values[0], 0, 0, values[1]])),
  })
  const { covariance, iterations } = gaussianBarycenter([diagonal(1, 4), diagonal(9, 0)], { weights: [3, 1] })
  close(covariance.data, [1.5 ** 2, 0, 0, 1.5 ** 2], 9)
  expect(iterations).toBeLessThan(1000)
  close(gaussianBarycenter([laws[0]]).covariance.data, laws[0].covariance.flat(), 12)
})

test("Gaussians that do not fit are refused by name", () => {
  const one = { mean: [0], covariance: [[1]] }
  const flat = { mean: [0], covariance: [[0]] }
  expect(() => gaussianBarycenter([])).toThrow("gaussianBarycenter: got no Gaussians, expected at least one")
  expect(() => gaussianBarycenter([one, laws[0]])).toThrow("gaussianBarycenter: gaussians[1] has dimension 4")
  expect(() => gaussianBarycenter([flat, flat])).toThrow("gaussianBarycenter: the barycenter's covariance is singular")
  expect(() => gaussianMap(flat, one)).toThrow("gaussianMap: a.covariance is singular (eigenvalue 0)")
  expect(() => gaussianMap(one, one).apply([1, 2])).toThrow("gaussianMap.apply: got 2 numbers, expected 1")
  expect(() => gaussianGeodesic(one, one, 1.5)).toThrow("gaussianGeodesic: t is 1.5, expected a number from 0 to 1")
  expect(() => gaussianMap(one, { mean: [0], covariance: [[-1]] })).toThrow("gaussianMap: b.covariance")
})
