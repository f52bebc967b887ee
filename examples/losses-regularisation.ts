/** Five ways to fit a polynomial less closely, and what each does to the gap between training and test error. */

import { fileURLToPath } from "node:url"
import { array } from "../src/engine/array.ts"
import { Generator } from "../src/engine/random.ts"
import { lstsq, matmul, type Real } from "../src/linalg/index.ts"
import { mse } from "../src/metrics/index.ts"
import { curve, legendre, spaced } from "./metrics-bias-variance.ts"

const degree = 14
const width = degree + 1
type Rows = Float64Array[]

/** Rows of features and what they should give. */
interface Problem {
  readonly x: Float64Array
  readonly y: Float64Array
  readonly random: Generator
}

function rowsOf(x: Float64Array): Rows {
  const all = legendre(x, degree).data
  return Array.from(x, (_, i) => all.slice(i * width, (i + 1) * width))
}

const matrix = (rows: Rows): Real =>
  array(
    "float64",
    [rows.length, width],
    Float64Array.from({ length: rows.length * width }, (_, k) => rows[Math.floor(k / width)][k % width]),
  )
const vector = (y: ArrayLike<number>): Real => array("float64", [y.length], Float64Array.from(y))
const leastSquares = (rows: Rows, y: ArrayLike<number>): Float64Array => lstsq(matrix(rows), vector(y)).x.data
const predict = (w: Float64Array, x: Float64Array): Float64Array => matmul(matrix(rowsOf(x)), vector(w)).data
const unit = (j: number, scale: number): Float64Array =>
  Float64Array.from({ length: width }, (_, k) => (k === j ? scale : 0))

/** Coefficients by each way, from the same examples. */
export const ways: Readonly<Record<string, (problem: Problem) => Float64Array>> = {
  none: ({ x, y }) => leastSquares(rowsOf(x), y),
  // |A w - y|^2 + lambda |w|^2 is least squares with rows sqrt(lambda) I that should give 0.
  L2: ({ x, y }, lambda = 0.5) => {
    const more = Array.from({ length: width }, (_, j) => unit(j, Math.sqrt(lambda)))
    return leastSquares([...rowsOf(x), ...more], [...y, ...new Array(width).fill(0)])
  },
  // |A w - y|^2 + lambda |w|_1, one coefficient after another: each has the closed form of a soft threshold.
  L1: ({ x, y }, lambda = 1) => {
    const rows = rowsOf(x)
    const w = new Float64Array(width)
    const rest = y.slice()
    for (let sweep = 0; sweep < 200; sweep++) {
      for (let j = 0; j < width; j++) {
        const size = rows.reduce((sum, row) => sum + row[j] ** 2, 0)
        const pull = rows.reduce((sum, row, i) => sum + row[j] * (rest[i] + row[j] * w[j]), 0)
        const next = (Math.sign(pull) * Math.max(Math.abs(pull) - lambda / 2, 0)) / size
        for (const [i, row] of rows.entries()) rest[i] -= row[j] * (next - w[j])
        w[j] = next
      }
    }
    return w
  },
  // Features are left out at random, those kept made larger so that the sum is the same on average.
  dropout: ({ x, y, random }, keep = 0.9) => {
    const copies = Array.from({ length: 60 }, () =>
      rowsOf(x).map((row) => row.map((v) => (random.uniform() < keep ? v / keep : 0))),
    )
    return leastSquares(
      copies.flat(),
      copies.flatMap(() => [...y]),
    )
  },
  // The smallest coefficients are cut, and the others fitted again.
  pruning: ({ x, y }, kept = 5) => {
    const first = leastSquares(rowsOf(x), y)
    const chosen = [...first.keys()].sort((a, b) => Math.abs(first[b]) - Math.abs(first[a])).slice(0, kept)
    const again = leastSquares(
      rowsOf(x).map((row) => row.map((v, j) => (chosen.includes(j) ? v : 0))),
      y,
    )
    return again.map((v, j) => (chosen.includes(j) ? v : 0))
  },
  // The same examples again, a little beside where they were.
  augmentation: ({ x, y, random }, spread = 0.08) => {
    const copies = Array.from({ length: 60 }, () =>
      rowsOf(x.map((v) => Math.max(-1, Math.min(1, v + random.normal(0, spread))))),
    )
    return leastSquares(
      copies.flat(),
      copies.flatMap(() => [...y]),
    )
  },
}

/** Mean errors of one way. */
export interface Gap {
  readonly train: number
  readonly test: number
  /** Coefficients that are exactly 0, of 15. */
  readonly zeros: number
}

/** Mean training and test error of each way over `problems` draws of 20 noisy examples. */
export function gaps({ problems = 20, examples = 20, noise = 0.3, seed = 0 } = {}): Record<string, Gap> {
  const random = new Generator(seed)
  const place = (n: number): Float64Array => Float64Array.from({ length: n }, () => random.uniform(-1, 1))
  const observe = (x: Float64Array): Float64Array => x.map((v) => curve(v) + random.normal(0, noise))
  const sums = Object.fromEntries(Object.keys(ways).map((name) => [name, { train: 0, test: 0, zeros: 0 }]))
  for (let k = 0; k < problems; k++) {
    const [x, at] = [spaced(examples), place(200)]
    const [y, fresh] = [observe(x), observe(at)]
    for (const [name, way] of Object.entries(ways)) {
      const w = way({ x, y, random })
      sums[name].train += mse(y, predict(w, x)) / problems
      sums[name].test += mse(fresh, predict(w, at)) / problems
      sums[name].zeros += w.filter((v) => v === 0).length / problems
    }
  }
  return sums
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [name, { train, test, zeros }] of Object.entries(gaps())) {
    const gap = (test - train).toFixed(3)
    console.log(
      `${name.padEnd(13)} train ${train.toFixed(3)}  test ${test.toFixed(3)}  gap ${gap}  zeros ${zeros.toFixed(1)}`,
    )
  }
}
