import { readFileSync } from "node:fs"
import { expect, test } from "vitest"
import { Generator } from "../../engine/random.ts"
import * as digamma from "./digamma.ts"
import * as erf from "./erf.ts"
import * as gamma from "./gamma.ts"
import * as incompleteBeta from "./incomplete-beta.ts"
import * as incompleteGamma from "./incomplete-gamma.ts"
import * as logs from "./logs.ts"
import * as zeta from "./zeta.ts"

type Numeric = (...args: number[]) => number
const fixture: Record<string, number[][]> = JSON.parse(
  readFileSync(new URL("../fixtures/special.json", import.meta.url), "utf8"),
)
const functions = {
  ...logs,
  ...zeta,
  ...gamma,
  ...digamma,
  ...erf,
  ...incompleteGamma,
  ...incompleteBeta,
} as unknown as Record<string, Numeric>

for (const [name, rows] of Object.entries(fixture)) {
  test(`${name} agrees with 60-digit arithmetic to 1e-12 relative`, () => {
    expect(rows.length).toBeGreaterThan(2)
    for (const row of rows) {
      const expected = row[row.length - 1]
      const got = functions[name](...row.slice(0, -1))
      expect(
        Math.abs(got - expected) / Math.abs(expected),
        `${name}(${row.slice(0, -1).join(", ")}) = ${got}`,
      ).toBeLessThan(1e-12)
    }
  })
}

/** A number spread evenly in the logarithm. */
function wide(g: Generator, low: number, high: number): number {
  return Math.exp(g.uniform(Math.log(low), Math.log(high)))
}

test("10,000 inverse incomplete gammas bring back the tail they were asked for", () => {
  const g = new Generator(3)
  let worst = 0
  for (let i = 0; i < 10_000; i++) {
    const a = wide(g, 1e-3, 1e6)
    const share = wide(g, 1e-200, 0.5)
    const isLower = i % 2 === 0
    const x = isLower
      ? incompleteGamma.inverseIncompleteGamma(a, share, 1 - share)
      : incompleteGamma.inverseIncompleteGamma(a, 1 - share, share)
    if (x < 1e-290) continue
    const tails = incompleteGamma.gammaTails(a, x)
    worst = Math.max(worst, Math.abs((isLower ? tails.lower : tails.upper) / share - 1))
  }
  expect(worst).toBeLessThan(1e-10)
})

test("10,000 inverse incomplete betas bring back the tail they were asked for", () => {
  const g = new Generator(4)
  let worst = 0
  for (let i = 0; i < 10_000; i++) {
    const a = wide(g, 1e-3, 1e5)
    const b = wide(g, 1e-3, 1e5)
    const share = wide(g, 1e-100, 0.5)
    const isLower = i % 2 === 0
    const { x, y } = isLower
      ? incompleteBeta.inverseIncompleteBeta(a, b, share, 1 - share)
      : incompleteBeta.inverseIncompleteBeta(a, b, 1 - share, share)
    if (x < 1e-290 || y < 1e-290) continue
    const tails = incompleteBeta.betaTails(a, b, x, y)
    worst = Math.max(worst, Math.abs((isLower ? tails.lower : tails.upper) / share - 1))
  }
  expect(worst).toBeLessThan(1e-10)
})

test("10,000 random arguments keep the recurrences of the gamma family", () => {
  const g = new Generator(5)
  for (let i = 0; i < 10_000; i++) {
    const x = wide(g, 1e-6, 1e6)
    const scale = Math.abs(gamma.lgamma(x)) + Math.abs(Math.log(x))
    expect(Math.abs(gamma.lgamma(x + 1) - gamma.lgamma(x) - Math.log(x)) / (scale + 1e-3)).toBeLessThan(1e-13)
    expect(Math.abs(digamma.digamma(x + 1) - digamma.digamma(x) - 1 / x) * Math.min(1, x)).toBeLessThan(1e-13)
    const { lower, upper } = incompleteGamma.gammaTails(x, wide(g, 0.1, 10) * x)
    expect(Math.abs(lower + upper - 1)).toBeLessThan(1e-13)
  }
})

test("erf and erfc add up to 1 and their inverses undo them on 10,000 arguments", () => {
  const g = new Generator(6)
  for (let i = 0; i < 10_000; i++) {
    const x = g.uniform(-5, 5)
    expect(Math.abs(erf.erf(x) + erf.erfc(x) - 1)).toBeLessThan(1e-15)
    if (x > 0) expect(Math.abs(erf.erfcinv(erf.erfc(x)) - x)).toBeLessThan(5e-16 + 1e-14 * x)
    expect(Math.abs(erf.normalQuantileLog(erf.logNormalCdf(-20 * Math.abs(x))) + 20 * Math.abs(x))).toBeLessThan(1e-11)
  }
})

test("logSumExp neither overflows nor forgets a term, and refuses NaN", () => {
  expect(logs.logSumExp([1000, 1000])).toBeCloseTo(1000 + Math.LN2, 12)
  expect(logs.logSumExp([-1000, -Infinity])).toBe(-1000)
  expect(logs.logSumExp([])).toBe(-Infinity)
  expect(() => logs.logSumExp([0, Number.NaN])).toThrow("logSumExp: terms[1] is NaN, expected a number")
})

test("arguments outside a function's domain are refused by name", () => {
  expect(() => gamma.gammaFunction(-3)).toThrow("gammaFunction: x is -3, a pole")
  expect(() => digamma.digamma(0)).toThrow("digamma: x is 0, a pole")
  expect(() => zeta.zeta(1)).toThrow("zeta: s is 1, expected a number above 1")
  expect(() => erf.erfinv(1.5)).toThrow("erfinv: y is 1.5, expected a number from -1 to 1")
  expect(() => gamma.logBeta(-1, 2)).toThrow("logBeta: got a -1, b 2, expected numbers above 0")
  for (const [name, fn] of Object.entries(functions)) {
    if (name === "xlogy" || name === "xlog1py" || name === "tailsFromShares") continue
    if (name === "logSumExp" || name === "sinPi" || name === "cosPi") continue
    expect(() => fn(Number.NaN, 1, 1), name).toThrow(/NaN/)
  }
})
