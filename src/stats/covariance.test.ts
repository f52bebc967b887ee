import { readFileSync } from "node:fs"
import { expect, test } from "vitest"
import { array, type NdArray, toNumbers } from "../engine/array.ts"
import { Generator } from "../engine/random.ts"
import { eigh } from "../linalg/eigh.ts"
import { matmul } from "../linalg/product.ts"
import { correlation, correlationMatrix, covariance, covarianceMatrix, spearman } from "./covariance.ts"
import { mean, std, variance } from "./descriptive.ts"
import { binnedTable, mutualInformation } from "./joint.ts"
import { exponential } from "./laws/exponential.ts"
import { normal } from "./laws/normal.ts"
import { uniform } from "./laws/uniform.ts"
import { monteCarlo } from "./monte-carlo.ts"

const fixture = JSON.parse(readFileSync(new URL("./fixtures/tests.json", import.meta.url), "utf8"))
const paired: number[] = fixture.x.slice(0, 12)
const { y, z, w } = fixture
const known = fixture.covariance

function rowsOf(...columns: ArrayLike<number>[]): NdArray<"float64"> {
  const count = columns[0].length
  const data = Float64Array.from(
    { length: count * columns.length },
    (_, i) => columns[i % columns.length][Math.floor(i / columns.length)],
  )
  return array("float64", [count, columns.length], data)
}

test("E sum a X = sum a E X, for dependent variables too [D02]", () => {
  const [a, b, c] = [2, -3, 0.5]
  // X and Y share a summand, and Z is a function of both
  const estimate = monteCarlo(
    (g) => {
      const shared = g.normal()
      const x = 1 + shared
      const y = shared - Math.log1p(-g.uniform())
      return a * x + b * y + c * (x * y)
    },
    { count: 200_000, source: 3 },
  )
  // E X = 1, E Y = 1, E XY = E (1 + S)(S + T) = 1 + 1 = 2
  expect(Math.abs(estimate.mean - (a * 1 + b * 1 + c * 2))).toBeLessThan(4.5 * estimate.error)
  // and exactly so for the law of a sample
  const xs = normal().sample(1000, 1)
  const ys = xs.map((v) => Math.exp(v))
  expect(mean(xs.map((v, i) => a * v + b * ys[i]))).toBeCloseTo(a * mean(xs) + b * mean(ys), 12)
})

test("covariance is bilinear: Cov(sum a X, sum b Y) = sum sum a b Cov, exactly, for 3 and 2 summands [D03]", () => {
  const g = new Generator(5)
  const draw = (): Float64Array => Float64Array.from({ length: 50 }, () => g.normal())
  for (let round = 0; round < 200; round++) {
    const [xs, ys] = [
      [draw(), draw(), draw()],
      [draw(), draw()],
    ]
    ys[0] = ys[0].map((v, i) => v + xs[1][i])
    const a = xs.map(() => g.uniform(-2, 2))
    const b = ys.map(() => g.uniform(-2, 2))
    const combine = (weights: number[], columns: Float64Array[]): Float64Array =>
      columns[0].map((_, i) => weights.reduce((sum, weight, k) => sum + weight * columns[k][i], 0))
    let expected = 0
    for (let i = 0; i < 3; i++) for (let j = 0; j < 2; j++) expected += a[i] * b[j] * covariance(xs[i], ys[j])
    expect(covariance(combine(a, xs), combine(b, ys))).toBeCloseTo(expected, 12)
    // the variance of a sum: all pairs, not only the diagonal
    let pairs = 0
    for (let i = 0; i < 3; i++) for (let j = 0; j < 3; j++) pairs += a[i] * a[j] * covariance(xs[i], xs[j])
    expect(variance(combine(a, xs))).toBeCloseTo(pairs, 12)
  }
})

test("the step from 2 to 3 summands and from 1 to 2 adds a_3 b_2, not a_2 b_3, times the last covariance [D03]", () => {
  const xs = [
    [1, 2, 4, 3],
    [0, 1, 1, 5],
    [2, -1, 3, 1],
  ]
  const ys = [
    [1, 0, 2, 2],
    [3, 1, -1, 0],
  ]
  const a = [1, 2, 3]
  const b = [-1, 2, 5]
  const direct = covariance(
    xs[0].map((_, i) => a[0] * xs[0][i] + a[1] * xs[1][i] + a[2] * xs[2][i]),
    ys[0].map((_, i) => b[0] * ys[0][i] + b[1] * ys[1][i]),
  )
  let before = 0
  for (let i = 0; i < 3; i++)
    for (let j = 0; j < 2; j++) if (i < 2 || j < 1) before += a[i] * b[j] * covariance(xs[i], ys[j])
  const last = covariance(xs[2], ys[1])
  expect(direct).toBeCloseTo(-16.1875, 12)
  expect(before + a[2] * b[1] * last).toBeCloseTo(-16.1875, 12)
  expect(before + a[1] * b[2] * last).toBeCloseTo(-17.9375, 12)
})

test("Var[A X] = A Var[X] A^T and Var[a X + b] = a^2 Var X, to 1e-12 on samples [D04]", () => {
  const g = new Generator(6)
  for (let round = 0; round < 100; round++) {
    const x = array(
      "float64",
      [40, 3],
      Float64Array.from({ length: 120 }, () => g.normal()),
    )
    const a = array(
      "float64",
      [2, 3],
      Float64Array.from({ length: 6 }, () => g.uniform(-3, 3)),
    )
    const transposed = array(
      "float64",
      [3, 2],
      Float64Array.from({ length: 6 }, (_, i) => a.data[(i % 2) * 3 + Math.floor(i / 2)]),
    )
    const left = covarianceMatrix(matmul(x, transposed))
    const right = matmul(matmul(a, covarianceMatrix(x)), transposed)
    left.data.forEach((v, i) => {
      expect(Math.abs(v - right.data[i])).toBeLessThan(1e-12 * (1 + Math.abs(v)))
    })
    const first = Float64Array.from({ length: 40 }, (_, i) => x.data[3 * i])
    expect(variance(first.map((v) => -3 * v + 11))).toBeCloseTo(9 * variance(first), 11)
  }
})

test("the mean of n draws has standard deviation sigma / sqrt n: slope -1/2 in the logarithms [D05]", () => {
  for (const law of [uniform(), exponential({ rate: 2 })]) {
    const sizes = [4, 16, 64, 256]
    const repeats = 2000
    const logs = sizes.map((n, k) => {
      const draws = law.sample(n * repeats, 10 + k)
      const means = Float64Array.from({ length: repeats }, (_, i) => mean(draws.subarray(i * n, (i + 1) * n)))
      const spread = std(means)
      expect(Math.abs(spread / Math.sqrt(law.variance / n) - 1)).toBeLessThan(4.5 / Math.sqrt(2 * repeats) + 0.02)
      return [Math.log(n), Math.log(spread)] as const
    })
    const slope =
      covariance(
        logs.map((l) => l[0]),
        logs.map((l) => l[1]),
      ) / variance(logs.map((l) => l[0]))
    expect(Math.abs(slope + 0.5)).toBeLessThan(0.02)
  }
})

test("X and X^2 are uncorrelated for a normal X but share information; independent ones share none [D06]", () => {
  const n = 100_000
  const x = normal().sample(n, 7)
  const squares = x.map((v) => v * v)
  const other = normal()
    .sample(n, 8)
    .map((v) => v * v)
  // the correlation of X and X^2 has standard error sqrt(15 / 2 / n) here
  expect(Math.abs(correlation(x, squares))).toBeLessThan(4.5 * Math.sqrt(7.5 / n))
  expect(mutualInformation(binnedTable(x, squares))).toBeGreaterThan(1.5)
  // by chance alone 16 by 16 cells share about (15 * 15) / (2 n)
  expect(mutualInformation(binnedTable(x, other))).toBeLessThan((2 * 225) / (2 * n))
  // linear dependence shows in both
  const linear = x.map((v, i) => v + other[i])
  expect(correlation(x, linear)).toBeGreaterThan(0.5)
})

test("the covariance matrix divides by n, is positive semi-definite and NumPy's [D39]", () => {
  const rows = rowsOf(
    paired,
    y,
    paired.map((v, i) => v * y[i]),
  )
  const own = covarianceMatrix(rows)
  known.matrix.forEach((expected: number, i: number) => {
    expect(Math.abs(own.data[i] - expected)).toBeLessThan(1e-12 * (1 + Math.abs(expected)))
  })
  expect(covariance(paired, y)).toBeCloseTo(known.pair[0], 12)
  expect(covariance(paired, y, { ddof: 1 })).toBeCloseTo(known.pair[1], 12)
  const g = new Generator(9)
  for (let round = 0; round < 200; round++) {
    // fewer rows than columns: singular, and still never below 0 beyond rounding
    const wide = array(
      "float64",
      [3, 5],
      Float64Array.from({ length: 15 }, () => g.normal(100, 10)),
    )
    const { values } = eigh(covarianceMatrix(wide))
    const largest = Math.max(...toNumbers(values))
    expect(Math.min(...toNumbers(values))).toBeGreaterThan(-1e-12 * largest)
  }
  // a shift of the data changes nothing
  const shifted = covarianceMatrix(
    array(
      "float64",
      rows.shape,
      rows.data.map((v) => v + 1000),
    ),
  )
  shifted.data.forEach((v, i) => {
    expect(Math.abs(v - own.data[i])).toBeLessThan(1e-9)
  })
})

test("correlation is SciPy's, +-1 for linear data, and blind to shift and scale [D40]", () => {
  expect(correlation(paired, y)).toBeCloseTo(known.pearson, 12)
  expect(spearman(paired, y)).toBeCloseTo(known.spearman, 12)
  expect(spearman(z, w)).toBeCloseTo(known.spearmanTies, 12)
  const rows = rowsOf(
    paired,
    y,
    paired.map((v, i) => v * y[i]),
  )
  correlationMatrix(rows).data.forEach((v, i) => {
    expect(v).toBeCloseTo(known.correlations[i], 12)
  })
  const g = new Generator(10)
  for (let round = 0; round < 10_000; round++) {
    const x = Float64Array.from({ length: 8 }, () => g.normal())
    const slope = g.uniform(0.1, 5) * (round % 2 === 0 ? 1 : -1)
    const linear = x.map((v) => slope * v + 3)
    if (!(Math.abs(correlation(x, linear) - Math.sign(slope)) < 1e-12)) expect.fail(`${x}`)
    const other = Float64Array.from({ length: 8 }, () => g.normal())
    const r = correlation(x, other)
    if (!(Math.abs(r) <= 1 && Math.abs(correlation(linear, other) - Math.sign(slope) * r) < 1e-12)) expect.fail(`${x}`)
    // ranks do not see a monotone map
    const monotone = x.map((v) => Math.exp(v))
    if (spearman(x, monotone) !== 1) expect.fail(`${x}`)
  }
})

test("variables that are constant, do not pair up or hold NaN are refused by name", () => {
  expect(() => correlation([1, 1], [1, 2])).toThrow("correlation: a variable is constant")
  expect(() => covariance([1, 2], [1])).toThrow("covariance: x has 2 values, y has 1, expected as many")
  expect(() => covarianceMatrix([[1, Number.NaN]])).toThrow("covarianceMatrix: column 1[0] is NaN")
  expect(() => covarianceMatrix([1, 2])).toThrow("covarianceMatrix: rows have shape [2]")
  expect(() => spearman([], [])).toThrow("spearman: x has 0 numbers, expected at least 2 numbers")
})
