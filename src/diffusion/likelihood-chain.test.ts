import { expect, test } from "vitest"
import { mean, variance } from "../../test/laws/statistics.ts"
import { toNumbers } from "../engine/array.ts"
import { Generator } from "../engine/random.ts"
import { matmul } from "../linalg/product.ts"
import { det, inv } from "../linalg/solve.ts"
import { gaussianKl } from "./likelihood.ts"
import { consistencyBound, denoisingBound, type LinearChain, logEvidence } from "./likelihood-chain.ts"
import { gaussian } from "./process.ts"
import { cosine, linear, schedule } from "./schedule.ts"

/** The worked chain: beta = .1 ... .5, p(x_(t - 1) | x_t) = N(.85 x_t, .3), x0 = .8. */
const five: LinearChain = {
  process: gaussian(schedule("five", [0.1, 0.2, 0.3, 0.4, 0.5])),
  steps: new Array(5).fill({ weight: 0.85, variance: 0.3 }),
}
const x0 = 0.8

/** Chains of several processes with steps that have nothing to do with them. */
const chains: readonly LinearChain[] = [
  five,
  ...[gaussian(linear(12, { end: 0.5 })), gaussian(cosine(8)), gaussian(schedule("one", [0.4]))].map(
    (process, k): LinearChain => {
      const random = new Generator(k)
      const step = () => ({ weight: random.normal(), bias: random.normal(0, 0.3), variance: random.uniform(0.1, 1.5) })
      return { process, steps: Array.from({ length: process.steps }, step) }
    },
  ),
]
const points = [-1.7, 0, 0.8, 2.5]

const logNormal = (x: number, m: number, v: number): number => -0.5 * Math.log(2 * Math.PI * v) - (x - m) ** 2 / (2 * v)
const near = (a: number, b: number, tolerance: number): void =>
  expect(Math.abs(a - b), `${a} and ${b}`).toBeLessThan(tolerance * Math.max(1, Math.abs(b)))

test("the evidence of a reverse chain is its Gaussian law of x0, and no less than the bound [A11]", () => {
  for (const chain of chains) {
    // The law of x0 as the marginal of the whole chain: draws of p(x_T) p(x_(T - 1) | x_T) ... p(x_0 | x_1).
    const random = new Generator(9)
    const n = 100_000
    const draws = Float64Array.from({ length: n }, () => {
      let x = random.normal()
      for (const { weight, bias = 0, variance: v } of [...chain.steps].reverse())
        x = random.normal(weight * x + bias, Math.sqrt(v))
      return x
    })
    const [m, v] = [mean(draws), variance(draws)]
    // log N is a parabola in x0: three values tell its mean and its variance.
    const [a, b, c] = [-1, 0, 1].map((x) => logEvidence(chain, x))
    const spread = -1 / (a + c - 2 * b)
    const centre = ((c - a) / 2) * spread
    near(b, logNormal(0, centre, spread), 1e-12)
    expect(Math.abs(m - centre)).toBeLessThan(4 * Math.sqrt(spread / n))
    expect(Math.abs(v / spread - 1)).toBeLessThan(4 * Math.sqrt(2 / n))
    for (const x of points) expect(logEvidence(chain, x)).toBeGreaterThan(denoisingBound(chain, x).total)
  }
  // The bound is met by the chain that walks the true posterior back: for data N(0, 1) that is p(x_(t - 1) | x_t) =
  // N(sqrt(1 - beta) x_t, beta), of the prior's chain too.
  const process = five.process
  const steps = Array.from({ length: 5 }, (_, i) => {
    const { signal, variance: beta } = process.kernel(i + 1)
    return { weight: signal, variance: beta }
  })
  const best = { process, steps }
  const at = [...new Array(2001).keys()].map((k) => -10 + k / 100)
  const over = (f: (x: number) => number): number =>
    at.reduce((s, x) => s + f(x) * Math.exp(logNormal(x, 0, 1)), 0) / 100
  near(
    over((x) => logEvidence(best, x)),
    over((x) => denoisingBound(best, x).total),
    1e-10,
  )
})

/** q and p of x_1 ... x_T given x0: precision [T, T] and mean [T]. */
function paths(
  { process, steps }: LinearChain,
  x: number,
): Record<"q" | "p", { precision: number[][]; mean: number[] }> {
  const T = process.steps
  const build = (
    fill: (precision: number[][], linear: number[]) => void,
  ): { precision: number[][]; mean: number[] } => {
    const precision = Array.from({ length: T }, () => new Array<number>(T).fill(0))
    const linearPart = new Array<number>(T).fill(0)
    fill(precision, linearPart)
    const product = matmul(
      inv(precision),
      linearPart.map((v) => [v]),
    )
    return { precision, mean: [...toNumbers(product)] }
  }
  /** Adds (x_i - w x_j - c)^2 / v to a quadratic form; i or j may be 0, the point x itself. */
  const add = (
    P: number[][],
    h: number[],
    i: number | null,
    j: number | null,
    w: number,
    c: number,
    v: number,
  ): void => {
    const terms: [number, number][] = []
    let rest = c
    if (i !== null) i === 0 ? (rest -= x) : terms.push([i - 1, 1])
    if (j !== null) j === 0 ? (rest += w * x) : terms.push([j - 1, -w])
    for (const [a, s] of terms) {
      h[a] += (s * rest) / v
      for (const [b, r] of terms) P[a][b] += (s * r) / v
    }
  }
  return {
    q: build((P, h) => {
      for (let t = 1; t <= T; t++) {
        const { signal, variance: v } = process.kernel(t)
        add(P, h, t, t - 1, signal, 0, v)
      }
    }),
    p: build((P, h) => {
      add(P, h, T, null, 0, 0, 1)
      for (let t = 1; t <= T; t++)
        add(P, h, t - 1, t, steps[t - 1].weight, steps[t - 1].bias ?? 0, steps[t - 1].variance)
    }),
  }
}

test("what the bound lacks is the divergence of the forward paths from the reverse chain's own [A13]", () => {
  for (const chain of chains) {
    for (const x of points) {
      const { q, p } = paths(chain, x)
      const T = chain.process.steps
      const apart = q.mean.map((m, i) => m - p.mean[i])
      const trace = matmul(p.precision, inv(q.precision))
      let kl = -T + Math.log(det(q.precision) / det(p.precision))
      for (let i = 0; i < T; i++) {
        kl += trace.data[i * T + i]
        for (let j = 0; j < T; j++) kl += apart[i] * p.precision[i][j] * apart[j]
      }
      near(logEvidence(chain, x) - denoisingBound(chain, x).total, kl / 2, 1e-9)
      expect(kl).toBeGreaterThan(0)
    }
  }
  // The logarithm is in the mean: without it the divergence of N(0, 1) from N(1, 1) would be e, which is 1/2.
  const h = 1e-3
  const grid = Array.from({ length: 24_001 }, (_, i) => -12 + i * h)
  const [ratio, log] = [0, 1].map((isLog) =>
    grid.reduce((sum, z) => {
      const apart = logNormal(z, 0, 1) - logNormal(z, 1, 1)
      return sum + h * Math.exp(logNormal(z, 0, 1)) * (isLog ? apart : Math.exp(apart))
    }, 0),
  )
  expect(ratio).toBeCloseTo(Math.E, 9)
  expect(log).toBeCloseTo(0.5, 9)
  // And the mean of p(x, z) / q(z) is no bound but the evidence: .2197 for z ~ N(0, 1), x ~ N(z, 1), x = 1, whose
  // logarithm is -1.5155.
  const mean = grid.reduce((sum, z) => sum + h * Math.exp(logNormal(1, z, 1) + logNormal(z, 0, 1)), 0)
  expect(mean).toBeCloseTo(0.2197, 4)
  expect(Math.log(mean)).toBeCloseTo(-1.5155, 4)
})

/** One forward path: x_0 ... x_T. */
function walk({ process }: LinearChain, random: Generator): number[] {
  const path = [x0]
  for (let t = 1; t <= process.steps; t++) {
    const { signal, variance: v } = process.kernel(t)
    path.push(random.normal(signal * path[t - 1], Math.sqrt(v)))
  }
  return path
}

/** Estimates of the bound from one path each, in three ways. */
function estimates(
  { process, steps }: LinearChain,
  path: readonly number[],
): Record<"direct" | "denoising" | "consistency", number> {
  const T = process.steps
  const p = (t: number): number => logNormal(path[t - 1], steps[t - 1].weight * path[t], steps[t - 1].variance)
  const forward = (t: number): number => {
    const { signal, variance: v } = process.kernel(t)
    return logNormal(path[t], signal * path[t - 1], v)
  }
  let [direct, denoising, consistency] = [logNormal(path[T], 0, 1), p(1), p(1)]
  for (let t = 1; t <= T; t++) direct += p(t) - forward(t)
  denoising -= gaussianKl(
    { mean: [process.signal(T) * x0], variance: process.sigma(T) ** 2 },
    { mean: [0], variance: 1 },
  )
  for (let t = 2; t <= T; t++) {
    const { x0Weight, xtWeight, variance: small } = process.posterior(t)
    const { weight, variance: v } = steps[t - 1]
    denoising -= gaussianKl(
      { mean: [x0Weight * x0 + xtWeight * path[t]], variance: small },
      { mean: [weight * path[t]], variance: v },
    )
    consistency -= forward(t - 1) - p(t)
  }
  const last = process.kernel(T)
  consistency -= gaussianKl({ mean: [last.signal * path[T - 1]], variance: last.variance }, { mean: [0], variance: 1 })
  return { direct, denoising, consistency }
}

const random = new Generator(1)
const rows = Array.from({ length: 200_000 }, () => estimates(five, walk(five, random)))
const spreadOf = (name: keyof (typeof rows)[number]): [number, number] => {
  const values = rows.map((r) => r[name])
  return [mean(values), Math.sqrt(variance(values))]
}

test("the bound by denoising terms is that of whole paths: -1.654096123 for the worked chain, evidence -1.250917579 [A14]", () => {
  const exact = denoisingBound(five, x0)
  near(exact.total, -1.654096123, 1e-9)
  near(logEvidence(five, x0), -1.250917579, 1e-9)
  for (const name of ["direct", "denoising"] as const) {
    const [m, s] = spreadOf(name)
    expect(Math.abs(m - exact.total)).toBeLessThan((4 * s) / Math.sqrt(rows.length))
  }
})

test("between the first and the last the marginals' quotients leave log q(x_1) - log q(x_T), and the sum begins at 2 [A14]", () => {
  const { process } = five
  const path = walk(five, new Generator(3))
  const q = (t: number): number => logNormal(path[t], process.signal(t) * x0, process.sigma(t) ** 2)
  let sum = 0
  for (let t = 2; t <= 5; t++) sum += q(t - 1) - q(t)
  near(sum, q(1) - q(5), 1e-12)
  expect(Math.abs(sum - q(5))).toBeGreaterThan(0.1)
  // Bayes' rule turns the forward kernel round for t >= 2 only: q(x_0 | x_1, x_0) is a point.
  for (let t = 2; t <= 5; t++) {
    const { x0Weight, xtWeight, variance: small } = process.posterior(t)
    const { signal, variance: v } = process.kernel(t)
    const turned = logNormal(path[t - 1], x0Weight * x0 + xtWeight * path[t], small) + q(t) - q(t - 1)
    near(logNormal(path[t], signal * path[t - 1], v), turned, 1e-12)
  }
  expect(process.posterior(1).variance).toBe(0)
})

test("the bound by consistency terms is the same number over the joint law, and another as it is printed [A15]", () => {
  near(consistencyBound(five, x0).total, -1.654096123, 1e-9)
  near(consistencyBound(five, x0, { asPrinted: true }).total, -3.841419363, 1e-9)
  for (const chain of chains)
    for (const x of points) near(consistencyBound(chain, x).total, denoisingBound(chain, x).total, 1e-12)
  // Both are estimated without bias, the denoising form with less variance.
  const [[m, s], [, least]] = [spreadOf("consistency"), spreadOf("denoising")]
  expect(Math.abs(m + 1.654096123)).toBeLessThan((4 * s) / Math.sqrt(rows.length))
  expect(s).toBeCloseTo(1.29, 1)
  expect(least).toBeCloseTo(0.77, 1)
})

test("with one step it is the bound of an autoencoder with the forward kernel for an encoder [A16]", () => {
  const process = gaussian(schedule("one", [0.4]))
  const [weight, bias, v] = [0.7, -0.2, 0.35]
  const chain: LinearChain = { process, steps: [{ weight, bias, variance: v }] }
  /** E log p(x | z) - KL(q(z | x) || N(0, 1)) for an encoder N(a x, s^2), by quadrature over z. */
  const autoencoder = (x: number, a: number, s: number): number => {
    let likelihood = 0
    const h = 1e-3
    for (let e = -9; e <= 9; e += h)
      likelihood += h * Math.exp(logNormal(e, 0, 1)) * logNormal(x, weight * (a * x + s * e) + bias, v)
    return likelihood - 0.5 * (s * s + (a * x) ** 2 - 1 - Math.log(s * s))
  }
  for (const x of points) {
    const found = denoisingBound(chain, x)
    near(found.total, autoencoder(x, process.signal(1), process.sigma(1)), 1e-10)
    near(consistencyBound(chain, x).total, found.total, 1e-14)
    expect(found.between).toEqual([])
    // Another encoder has another bound; the chain has none to change.
    expect(Math.abs(autoencoder(x, 0.5, 0.6) - found.total)).toBeGreaterThan(1e-3)
  }
  // A trained encoder comes nearer to the evidence than the fixed one, and never past it.
  const at = 0.8
  let best = Number.NEGATIVE_INFINITY
  for (let a = -1; a <= 1.5; a += 0.05)
    for (let s = 0.3; s <= 1.2; s += 0.05) best = Math.max(best, autoencoder(at, a, s))
  expect(best).toBeGreaterThan(denoisingBound(chain, at).total + 0.01)
  expect(best).toBeLessThanOrEqual(logEvidence(chain, at))
})

test("chains that are none are refused by name", () => {
  expect(() => logEvidence({ ...five, steps: [] }, 0)).toThrow("linear chain: got 0 reverse steps for 5 times")
  const steps = five.steps.map((s, i) => (i === 2 ? { ...s, variance: 0 } : s))
  expect(() => denoisingBound({ ...five, steps }, 0)).toThrow("linear chain: step 3 has variance 0")
})
