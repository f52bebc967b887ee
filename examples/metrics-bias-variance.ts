/** Underfitting and overfitting as numbers: the expected error is bias^2 + variance + noise, and averaging lowers one of them. */

import { fileURLToPath } from "node:url"
import { array } from "../src/engine/array.ts"
import { Generator } from "../src/engine/random.ts"
import { matmul, pinv, type Real } from "../src/linalg/index.ts"
import { mse } from "../src/metrics/index.ts"

/** Learns from numbers y at places x, and predicts at other places. */
export type Learner = (x: Float64Array, y: Float64Array, at: Float64Array, random: Generator) => Float64Array

/** The truth that is learned. */
export const curve = (x: number): number => Math.sin(Math.PI * x) + 0.5 * x

/** `n` evenly spaced numbers from -1 to 1. */
export const spaced = (n: number): Float64Array => Float64Array.from({ length: n }, (_, i) => -1 + (2 * i) / (n - 1))

/** Legendre polynomials of degrees 0 to `degree` at each x, [x, degree + 1]: (k + 1) P_(k+1) = (2k + 1) x P_k - k P_(k-1). */
export function legendre(x: Float64Array, degree: number): Real {
  const data = new Float64Array(x.length * (degree + 1))
  for (const [i, v] of x.entries()) {
    const row = data.subarray(i * (degree + 1), (i + 1) * (degree + 1))
    row[0] = 1
    if (degree > 0) row[1] = v
    for (let k = 1; k < degree; k++) row[k + 1] = ((2 * k + 1) * v * row[k] - k * row[k - 1]) / (k + 1)
  }
  return array("float64", [x.length, degree + 1], data)
}

/** The matrix that turns numbers at x into the predictions at `at` of the least-squares polynomial. */
export function smoother(x: Float64Array, at: Float64Array, degree: number): Real {
  return matmul(legendre(at, degree), pinv(legendre(x, degree)))
}

/** Least-squares polynomial: the higher the degree, the larger the capacity. */
export function polynomial(degree: number): Learner {
  const known = new Map<string, Real>()
  return (x, y, at) => {
    const key = `${x.join()};${at.join()}`
    const matrix = known.get(key) ?? smoother(x, at, degree)
    known.set(key, matrix)
    return matmul(matrix, array("float64", [y.length], y)).data
  }
}

/** A regression tree grown until every leaf holds one place: on a line, its cuts are the middles between neighbours. */
export const deepTree: Learner = (x, y, at) => {
  const order = [...x.keys()].sort((a, b) => x[a] - x[b])
  return at.map((v) => {
    const near = order.reduce((best, i) => (Math.abs(x[i] - v) < Math.abs(x[best] - v) ? i : best))
    const same = order.filter((i) => x[i] === x[near])
    return same.reduce((sum, i) => sum + y[i], 0) / same.length
  })
}

/** A tree of one cut, the one that leaves the least squared error. */
export const stump: Learner = (x, y, at) => {
  const order = [...x.keys()].sort((a, b) => x[a] - x[b])
  const mean = (items: number[]): number => items.reduce((sum, i) => sum + y[i], 0) / items.length
  let best = { cut: Infinity, low: mean(order), high: 0, error: Infinity }
  for (let k = 1; k < order.length; k++) {
    const [left, right] = [order.slice(0, k), order.slice(k)]
    const [low, high] = [mean(left), mean(right)]
    const error = order.reduce((sum, i, place) => sum + (y[i] - (place < k ? low : high)) ** 2, 0)
    const cut = (x[order[k - 1]] + x[order[k]]) / 2
    if (error < best.error && cut > x[order[k - 1]]) best = { cut, low, high, error }
  }
  return at.map((v) => (v < best.cut ? best.low : best.high))
}

/** The mean of learners that each see as many examples, drawn with replacement. Source: Breiman 1996. */
export function bagged(learner: Learner, bags = 25): Learner {
  return (x, y, at, random) => {
    const mean = new Float64Array(at.length)
    for (let b = 0; b < bags; b++) {
      const drawn = Array.from(x, () => random.integer(x.length))
      const own = learner(
        Float64Array.from(drawn, (i) => x[i]),
        Float64Array.from(drawn, (i) => y[i]),
        at,
        random,
      )
      for (const [i, v] of own.entries()) mean[i] += v / bags
    }
    return mean
  }
}

/** What an expected squared error is made of, averaged over places. */
export interface Decomposition {
  /** (mean prediction - truth)^2: what the learner gets wrong on average. */
  readonly bias2: number
  /** How much its predictions move from one training set to another. */
  readonly variance: number
  /** Variance of a new observation: nobody's fault. */
  readonly noise: number
  /** Mean squared error on new observations, measured; equals the sum of the three but for chance. */
  readonly test: number
  /** Mean squared error on the training sets. */
  readonly train: number
}

/** Options of {@link decompose}. */
export interface DecomposeOptions {
  readonly datasets?: number
  readonly points?: number
  /** Standard deviation of the noise. */
  readonly noise?: number
  readonly seed?: number
}

/** Trains a learner on many noisy samples of {@link curve} at the same places, and takes its error apart. */
export function decompose(
  learner: Learner,
  { datasets = 300, points = 25, noise = 0.4, seed = 0 }: DecomposeOptions = {},
): Decomposition {
  const random = new Generator(seed)
  const x = spaced(points)
  // Between the training places, so that a tree's cuts do not matter.
  const at = spaced(2 * points + 1).slice(1, -1)
  const truth = at.map(curve)
  const observe = (where: Float64Array): Float64Array => where.map((v) => curve(v) + random.normal(0, noise))
  const sum = new Float64Array(at.length)
  const squares = new Float64Array(at.length)
  let [train, test] = [0, 0]
  for (let d = 0; d < datasets; d++) {
    const y = observe(x)
    const predicted = learner(x, y, at, random)
    for (const [i, v] of predicted.entries()) {
      sum[i] += v / datasets
      squares[i] += v ** 2 / datasets
    }
    train += mse(y, learner(x, y, x, random)) / datasets
    test += mse(observe(at), predicted) / datasets
  }
  const mean = (values: Float64Array): number => values.reduce((a, b) => a + b, 0) / values.length
  return {
    bias2: mean(sum.map((v, i) => (v - truth[i]) ** 2)),
    variance: mean(squares.map((v, i) => v - sum[i] ** 2)),
    noise: noise ** 2,
    test,
    train,
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const learners: Record<string, Learner> = {
    ...Object.fromEntries([0, 1, 3, 5, 9, 15].map((degree) => [`degree ${degree}`, polynomial(degree)])),
    stump,
    "deep tree": deepTree,
    "25 bagged trees": bagged(deepTree),
  }
  for (const [name, learner] of Object.entries(learners)) {
    const row = Object.entries(decompose(learner)).map(([key, v]) => `${key} ${v.toFixed(3)}`)
    console.log(`${name.padEnd(16)} ${row.join("  ")}`)
  }
}
