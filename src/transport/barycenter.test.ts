import { readFileSync } from "node:fs"
import { expect, test } from "vitest"
import { array } from "../engine/array.ts"
import { Generator } from "../engine/random.ts"
import { barycenter1d, displacement } from "./barycenter.ts"
import { distances } from "./distances.ts"
import { imageBarycenter } from "./image-barycenter.ts"
import { optimalTransport } from "./optimal-transport.ts"
import { wasserstein, wasserstein1d } from "./wasserstein.ts"

const { images: fixture } = JSON.parse(readFileSync(new URL("./fixtures/transport.json", import.meta.url), "utf8"))

const gap = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a, (v, i) => Math.abs(v - b[i])).reduce((x, y) => x + y, 0)

test("image barycenters are POT's, plain and debiased", () => {
  const { rings, blobs, weights, regularization, plain, debiased } = fixture
  for (const [images, isDebiased, wanted] of [
    [rings, false, plain],
    [blobs, true, debiased],
  ]) {
    const options = { weights, regularization, isDebiased, tolerance: 1e-11, maxIterations: 3000 }
    const found = imageBarycenter(images, options)
    expect(found.hasConverged).toBe(true)
    expect(found.image.shape).toEqual([12, 12])
    const sum = wanted.flat().reduce((x: number, y: number) => x + y, 0)
    expect(
      gap(
        found.image.data,
        wanted.flat().map((v: number) => v / sum),
      ),
    ).toBeLessThan(1e-8)
  }
})

test("on a line the barycenter averages quantiles: no other sample is nearer, and it is exact for unequal sizes", () => {
  const g = new Generator(1)
  const samples = [5, 8, 3].map((n) => Array.from({ length: n }, () => g.normal(0, 2)))
  const weights = [0.5, 0.2, 0.3]
  const objective = (values: ArrayLike<number>, yWeights: ArrayLike<number>): number =>
    samples.reduce((sum, x, k) => sum + weights[k] * wasserstein1d(x, values, { p: 2, yWeights }) ** 2, 0)
  const center = barycenter1d(samples, { weights })
  expect(center.values.length).toBeLessThanOrEqual(5 + 8 + 3)
  expect(center.weights.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 14)
  const least = objective(center.values, center.weights)
  for (let k = 0; k < 200; k++) {
    const near = center.values.map((v) => v + g.normal(0, 0.1))
    expect(objective(near, center.weights)).toBeGreaterThan(least)
  }
  expect(
    Array.from(
      barycenter1d([
        [1, 3],
        [7, 5],
      ]).values,
    ),
  ).toEqual([3, 5])
  expect(barycenter1d([[2], [0, 4]], { sampleWeights: [undefined, [3, 1]] })).toEqual({
    values: Float64Array.of(1, 3),
    weights: Float64Array.of(0.75, 0.25),
  })
})

/** A ring of the given center and radius, in pixels, on a square picture; sum 1. */
function ring(size: number, y: number, x: number, radius: number): Float64Array {
  const out = Float64Array.from({ length: size * size }, (_, at) => {
    const away = Math.hypot(Math.floor(at / size) - y, (at % size) - x)
    return Math.exp(-(((away - radius) / 0.9) ** 2))
  })
  const sum = out.reduce((a, b) => a + b, 0)
  return out.map((v) => v / sum)
}

test("the barycenter of circles is a circle around a hole, their mean is not; on a line it is the mean of quantiles [E11]", () => {
  const size = 32
  const circles = [ring(size, 10, 11, 6), ring(size, 20, 12, 7), ring(size, 13, 20, 5), ring(size, 19, 19, 6)]
  const stack = array("float64", [4, size, size], Float64Array.from(circles.flatMap((c) => Array.from(c))))
  const { image } = imageBarycenter(stack, { regularization: 0.003, tolerance: 1e-4, maxIterations: 500 })
  const mean = circles[0].map((_, i) => circles.reduce((sum, c) => sum + c[i], 0) / 4)
  const [cy, cx, radius] = [15.5, 15.5, 6]
  /** Mass at a distance from the mean center, per pixel. */
  const profile = (from: ArrayLike<number>, low: number, high: number): number => {
    let [sum, count] = [0, 0]
    for (let at = 0; at < size * size; at++) {
      const away = Math.hypot(Math.floor(at / size) - cy, (at % size) - cx)
      if (away < low || away >= high) continue
      sum += from[at]
      count++
    }
    return sum / count
  }
  const onRing = (from: ArrayLike<number>): number => profile(from, radius - 1.5, radius + 1.5)
  expect(profile(image.data, 0, 2.5)).toBeLessThan(0.05 * onRing(image.data))
  expect(profile(image.data, 10, 40)).toBeLessThan(0.05 * onRing(image.data))
  expect(profile(mean, 0, 2.5)).toBeGreaterThan(0.5 * onRing(mean))
  // All around: the ring is closed in every sixteenth.
  const sixteenths = new Float64Array(16)
  image.data.forEach((v, at) => {
    const turn = Math.atan2(Math.floor(at / size) - cy, (at % size) - cx) / (2 * Math.PI) + 0.5
    sixteenths[Math.min(15, Math.floor(16 * turn))] += v
  })
  expect(Math.min(...sixteenths)).toBeGreaterThan(0.5 / 16)

  // On a line: bumps at 20 and 60 of 81 have one bump at 40 between them, as the quantiles do, not two.
  const n = 81
  const bump = (at: number, width: number): Float64Array => {
    const out = Float64Array.from({ length: n }, (_, i) => Math.exp(-(((i - at) / width) ** 2) / 2))
    const sum = out.reduce((a, b) => a + b, 0)
    return out.map((v) => v / sum)
  }
  const two = [bump(20, 4), bump(60, 4)]
  const cells = Array.from({ length: n }, (_, i) => i)
  const exact = barycenter1d([cells, cells], { sampleWeights: two })
  const between = exact.values.reduce((sum, v, i) => sum + (Math.abs(v - 40) < 12 ? exact.weights[i] : 0), 0)
  expect(between).toBeGreaterThan(0.99)
  const lines = array("float64", [2, 1, n], Float64Array.from([...two[0], ...two[1]]))
  const smooth = imageBarycenter(lines, { regularization: 0.002, tolerance: 1e-7, maxIterations: 5000 })
  expect(wasserstein1d(cells, exact.values, { xWeights: smooth.image.data, yWeights: exact.weights })).toBeLessThan(0.2)
})

test("the debiased barycenter of one image, or of equal ones, is that image", () => {
  const one = ring(20, 9, 10, 5)
  const twice = array("float64", [2, 20, 20], Float64Array.from([...one, ...one]))
  const sharp = imageBarycenter(twice, { tolerance: 1e-5, maxIterations: 5000 })
  expect(sharp.hasConverged).toBe(true)
  expect(gap(sharp.image.data, one)).toBeLessThan(0.01)
  const plain = imageBarycenter(twice, { tolerance: 1e-9, maxIterations: 5000, isDebiased: false })
  expect(gap(plain.image.data, one)).toBeGreaterThan(0.3)
})

test("displaced points are on their way: W_2 is linear in t, from all of x to all of y", () => {
  const g = new Generator(2)
  const [x, y] = [9, 12].map((n, k) =>
    array(
      "float64",
      [n, 2],
      Float64Array.from({ length: 2 * n }, () => g.normal(2 * k)),
    ),
  )
  const { plan, cost } = optimalTransport(distances(x, y, { power: 2 }))
  const whole = Math.sqrt(cost)
  for (const t of [0, 0.3, 0.5, 1]) {
    const at = displacement(x, y, plan, t)
    expect(at.points.shape[0]).toBeLessThan(9 + 12)
    expect(wasserstein(x, at.points, { p: 2, yWeights: at.weights })).toBeCloseTo(t * whole, 6)
    expect(wasserstein(at.points, y, { p: 2, xWeights: at.weights })).toBeCloseTo((1 - t) * whole, 6)
  }
})

test("samples, plans and pictures that do not fit are refused by name", () => {
  expect(() => barycenter1d([])).toThrow("barycenter1d: got no samples, expected at least one")
  expect(() => barycenter1d([[1], []])).toThrow("barycenter1d: samples[1] has 0 numbers")
  expect(() => barycenter1d([[1]], { sampleWeights: [] })).toThrow("barycenter1d: got 1 samples and 0 sampleWeights")
  expect(() => barycenter1d([[1], [2]], { weights: [1] })).toThrow("barycenter1d: weights has 1 entries, expected 2")
  expect(() => displacement([1], [2], [[1, 2]], 0.5)).toThrow("displacement: plan is [1, 2], expected [1, 1]")
  expect(() => displacement([1], [2], [[-1]], 0.5)).toThrow("displacement: plan[0] is -1")
  expect(() => displacement([1], [2], [[1]], 2)).toThrow("displacement: t is 2, expected a number from 0 to 1")
  expect(() => imageBarycenter([[1, 2]])).toThrow(
    "imageBarycenter: images have shape [1, 2], expected [count, height, width]",
  )
  expect(() => imageBarycenter([[[1, -2]]])).toThrow("imageBarycenter: images[0][1] is -2")
  expect(() => imageBarycenter([[[0, 0]]])).toThrow("imageBarycenter: images[0] adds up to 0")
  expect(() => imageBarycenter([[[1]]], { regularization: -1 })).toThrow("imageBarycenter: regularization is -1")
})
