import { readFileSync } from "node:fs"
import { expect, test } from "vitest"
import { Generator } from "../engine/random.ts"
import { crossEntropy, entropy, jsDivergence, klDivergence } from "./information.ts"

const { js } = JSON.parse(readFileSync(new URL("./fixtures/distances.json", import.meta.url), "utf8"))
const { information } = JSON.parse(readFileSync(new URL("./fixtures/tests.json", import.meta.url), "utf8"))

/** A probability vector of n entries, uniform on the simplex. */
function drawn(g: Generator, n: number): Float64Array {
  const weights = Float64Array.from({ length: n }, () => -Math.log1p(-g.uniform()))
  const total = weights.reduce((a, b) => a + b, 0)
  return weights.map((v) => v / total)
}

test("entropy lies between 0 and log n, not 1: uniform(4) has 1.386294 nats, and 0 log 0 is 0 [E01]", () => {
  expect(entropy([0.25, 0.25, 0.25, 0.25])).toBeCloseTo(1.3862943611198906, 15)
  expect(entropy([0, 1, 0])).toBe(0)
  expect(entropy([0.5, 0, 0.5])).toBeCloseTo(Math.LN2, 15)
  const g = new Generator(2)
  for (let n = 1; n <= 64; n *= 2) {
    const found = entropy(drawn(g, n))
    expect(found).toBeGreaterThanOrEqual(0)
    expect(found).toBeLessThanOrEqual(entropy(new Float64Array(n).fill(1 / n)))
    expect(entropy(new Float64Array(n).fill(1 / n))).toBeCloseTo(Math.log(n), 13)
  }
})

test("cross-entropy of (0, 0, 1) and (.1, .2, .7) is .356675 nats, .514573 bits, .154902 with base 10 [E02]", () => {
  const found = crossEntropy([0, 0, 1], [0.1, 0.2, 0.7])
  expect(found).toBeCloseTo(0.3566749439387324, 15)
  expect(found / Math.LN2).toBeCloseTo(0.5145731728297583, 15)
  expect(found / Math.LN10).toBeCloseTo(0.15490195998574316, 15)
  const [p, q] = [
    [0.2, 0.3, 0.5],
    [0.6, 0.3, 0.1],
  ]
  expect(crossEntropy(p, q)).toBeCloseTo(entropy(p) + klDivergence(p, q), 15)
})

test("divergence is cross-entropy less entropy, .356675 in the notes' example, asymmetric, infinite off the support [E03]", () => {
  const p = [0, 0, 1]
  expect(klDivergence(p, [0.1, 0.2, 0.7])).toBeCloseTo(0.3566749439387324, 15)
  expect(klDivergence(p, [1, 0, 0])).toBe(Infinity)
  const [a, b] = [
    [0.2, 0.8],
    [0.5, 0.5],
  ]
  expect(klDivergence(a, b)).toBeCloseTo(crossEntropy(a, b) - entropy(a), 15)
  expect(Math.abs(klDivergence(a, b) - klDivergence(b, a))).toBeGreaterThan(0.01)
})

test("divergence is never negative on 10,000 random pairs, and 0 only for equal ones [E04]", () => {
  const g = new Generator(3)
  for (let i = 0; i < 10_000; i++) {
    const n = 2 + g.integer(6)
    const [a, b] = [drawn(g, n), drawn(g, n)]
    if (!(klDivergence(a, b) > 0)) expect.fail(`${a} ${b}`)
    if (klDivergence(a, a) !== 0) expect.fail(`${a}`)
  }
})

test("Jensen and Shannon's divergence is SciPy's, symmetric, log 2 for disjoint laws of any size, its root a distance [E05]", () => {
  expect(jsDivergence(js.p, js.q)).toBeCloseTo(js.root ** 2, 14)
  expect(jsDivergence([0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5])).toBe(Math.LN2)
  expect(jsDivergence([1, 0], [0, 1])).toBe(Math.LN2)
  const g = new Generator(4)
  for (let i = 0; i < 2000; i++) {
    const n = 2 + g.integer(6)
    const [a, b, c] = [drawn(g, n), drawn(g, n), drawn(g, n)]
    const m = a.map((v, k) => (v + b[k]) / 2)
    const found = jsDivergence(a, b)
    if (!(Math.abs(found - klDivergence(a, m) / 2 - klDivergence(b, m) / 2) < 1e-14)) expect.fail(`${a} ${b}`)
    if (found !== jsDivergence(b, a) || jsDivergence(a, a) !== 0 || !(found < Math.LN2)) expect.fail(`${a} ${b}`)
    const [ab, bc, ac] = [found, jsDivergence(b, c), jsDivergence(a, c)].map(Math.sqrt)
    if (!(ac <= ab + bc + 1e-12)) expect.fail(`${a} ${b} ${c}`)
  }
})

test("entropy and divergence are SciPy's, and cross-entropy is their sum, on 10,000 random pairs too", () => {
  const { p, q } = information
  expect(entropy(p)).toBeCloseTo(information.entropy, 14)
  expect(klDivergence(p, q)).toBeCloseTo(information.kl, 14)
  const g = new Generator(1)
  const draw = (n: number): Float64Array => {
    const weights = Float64Array.from({ length: n }, () => -Math.log1p(-g.uniform()))
    const total = weights.reduce((a, b) => a + b, 0)
    return weights.map((v) => v / total)
  }
  for (let i = 0; i < 10_000; i++) {
    const n = 1 + g.integer(6)
    const [a, b] = [draw(n), draw(n)]
    const kl = klDivergence(a, b)
    if (!(kl >= 0 && Math.abs(crossEntropy(a, b) - entropy(a) - kl) < 1e-12)) expect.fail(`${a} ${b}`)
    if (klDivergence(a, a) !== 0) expect.fail(`${a}`)
    if (!(entropy(a) >= 0 && entropy(a) <= Math.log(n) + 1e-14)) expect.fail(`${a}`)
  }
  expect(entropy([1, 0])).toBe(0)
  expect(klDivergence([0.5, 0.5], [1, 0])).toBe(Infinity)
  expect(crossEntropy([1, 0], [1, 0])).toBe(0)
})

test("vectors that are no probabilities are refused by name", () => {
  expect(() => entropy([0.5, 0.6])).toThrow("entropy: p adds up to 1.1, expected 1")
  expect(() => klDivergence([1], [0.5, 0.5])).toThrow("klDivergence: p has 1 entries, q has 2, expected as many")
  expect(() => jsDivergence([1], [0.5, 0.5])).toThrow("jsDivergence: p has 1 entries, q has 2, expected as many")
  expect(() => crossEntropy([Number.NaN], [1])).toThrow("crossEntropy: p[0] is NaN")
})
