/** Laws of every noise schedule the package exports, and the figures of the two that are published. */
import { describe, expect, test } from "vitest"
import * as diffusion from "../../src/diffusion/index.ts"
import * as file from "../../src/diffusion/schedule.ts"
import { cosine, linear, type Schedule, schedule } from "../../src/diffusion/schedule.ts"

/** Schedules by name; each takes the number of steps. A new one needs a row here. */
const schedules: Readonly<Record<string, (steps: number) => Schedule>> = { linear, cosine }

test("every schedule of its file is exported and under the laws", () => {
  const made = Object.keys(file).filter((name) => name !== "schedule")
  expect(made.sort()).toEqual(Object.keys(schedules).sort())
  for (const name of made) expect(Object.keys(diffusion)).toContain(name)
})

describe.each(Object.entries(schedules))("%s", (name, make) => {
  test("begins at the data, loses signal at every step, and ends in noise", () => {
    for (const steps of [2, 10, 50, 1000]) {
      const { alphaBar, beta, steps: found } = make(steps)
      expect(found).toBe(steps)
      expect([alphaBar.length, beta.length]).toEqual([steps + 1, steps + 1])
      expect([alphaBar[0], beta[0]]).toEqual([1, 0])
      for (let t = 1; t <= steps; t++) {
        expect(beta[t]).toBeGreaterThan(0)
        expect(beta[t]).toBeLessThan(1)
        expect(alphaBar[t]).toBeLessThan(alphaBar[t - 1])
        expect(alphaBar[t]).toBeGreaterThan(0)
      }
    }
    const { alphaBar } = make(1000)
    expect(1 - alphaBar[1]).toBeLessThan(1e-3)
    expect(alphaBar[1000]).toBeLessThan(1e-4)
  })

  test("alphaBar is the product of 1 - beta, in double precision", () => {
    const { alphaBar, beta, steps } = make(1000)
    let log = 0
    for (let t = 1; t <= steps; t++) {
      log += Math.log1p(-beta[t])
      expect(Math.abs(Math.log(alphaBar[t]) - log)).toBeLessThan(1e-11)
    }
  })

  test("a number of steps that is none is refused by name", () => {
    for (const steps of [0, -1, 2.5, Number.NaN])
      expect(() => make(steps)).toThrow(`${name}: got ${steps} steps, expected a whole number from 1 to 1,000,000`)
  })
})

test("the linear schedule rises from 1e-4 to 0.02 and leaves the published share of signal [A06]", () => {
  const { alphaBar, beta } = linear()
  for (let t = 2; t <= 1000; t++) expect(beta[t] - beta[t - 1]).toBeCloseTo(0.0199 / 999, 15)
  expect([beta[1], beta[1000]]).toEqual([1e-4, 0.02])
  expect(alphaBar[1]).toBeCloseTo(0.9999, 15)
  // Computed with 30 digits.
  expect(alphaBar[500]).toBeCloseTo(0.07858724288, 11)
  expect(alphaBar[1000]).toBeCloseTo(4.035829765e-5, 14)
})

test("the cosine schedule keeps more signal in the middle, and its bound on beta acts only at the end [A07]", () => {
  const { alphaBar, beta } = cosine()
  expect(alphaBar[500]).toBeCloseTo(0.4938436, 7)
  expect(alphaBar[500]).toBeGreaterThan(linear().alphaBar[500])
  const f = (t: number): number => Math.cos((((t / 1000 + 0.008) / 1.008) * Math.PI) / 2) ** 2
  for (let t = 1; t < 1000; t++) {
    expect(beta[t]).toBeLessThan(0.999)
    expect(Math.abs(alphaBar[t] - f(t) / f(0))).toBeLessThan(1e-14)
  }
  expect(beta[1000]).toBe(0.999)
})

test("variances that no process can have are refused by name", () => {
  expect(() => schedule("mine", [])).toThrow("mine: got no steps, expected at least one")
  for (const bad of [0, -0.1, 1.1, Number.NaN])
    expect(() => schedule("mine", [0.1, bad, 0.2])).toThrow(`mine: beta ${bad} at time 2, expected a number above 0`)
  expect(() => schedule("mine", [1, 0.1])).toThrow("mine: beta 1 at time 1")
  expect(schedule("mine", [0.1, 1]).alphaBar[2]).toBe(0)
})
