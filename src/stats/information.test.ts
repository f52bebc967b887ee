import { readFileSync } from "node:fs"
import { expect, test } from "vitest"
import { Generator } from "../engine/random.ts"
import { crossEntropy, entropy, klDivergence } from "./information.ts"

const { information } = JSON.parse(readFileSync(new URL("./fixtures/tests.json", import.meta.url), "utf8"))

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
  expect(() => crossEntropy([Number.NaN], [1])).toThrow("crossEntropy: p[0] is NaN")
})
