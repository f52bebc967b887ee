import { expect, test } from "vitest"
import { integrate } from "./integrate.ts"

/** Rows of dx/dt = rate x, each with its own rate. */
const rates = [-1, 0.3, -8]
const slopes = (_: Float64Array, x: Float64Array): Promise<Float64Array> =>
  Promise.resolve(x.map((v, i) => v * rates[Math.floor(i / 2)]))

async function run(rtol: number, to = 2): Promise<{ x: Float64Array; asked: number }> {
  const x = Float64Array.of(1, 2, 1, 2, 1, 2)
  const asked = await integrate(slopes, x, { from: 0, to, rtol, atol: rtol, widths: new Float64Array(3).fill(0.1) })
  return { x, asked }
}

test("every row comes to its own solution, to the tolerance, forwards and backwards", async () => {
  for (const to of [2, -0.5])
    for (const rtol of [1e-4, 1e-8]) {
      const { x } = await run(rtol, to)
      for (const [i, v] of x.entries()) {
        const expected = (1 + (i % 2)) * Math.exp(rates[Math.floor(i / 2)] * to)
        expect(Math.abs(v - expected)).toBeLessThan(30 * rtol * Math.max(1, expected))
      }
    }
})

test("a smaller tolerance asks for more slopes, about 10 times as many for 1e-5 of it", async () => {
  const [coarse, fine] = [await run(1e-4), await run(1e-9)]
  expect(fine.asked / coarse.asked).toBeGreaterThan(4)
  expect(fine.asked / coarse.asked).toBeLessThan(16)
})

test("a row takes the steps it would take alone", async () => {
  const { x } = await run(1e-6)
  for (const r of [0, 1, 2]) {
    const alone = Float64Array.of(1, 2)
    const own = (_: Float64Array, v: Float64Array): Promise<Float64Array> => Promise.resolve(v.map((w) => w * rates[r]))
    await integrate(own, alone, { from: 0, to: 2, rtol: 1e-6, atol: 1e-6, widths: Float64Array.of(0.1) })
    expect([...x.subarray(2 * r, 2 * r + 2)]).toEqual([...alone])
  }
})

test("what cannot be solved is told, not returned", async () => {
  const options = { from: 0, to: 1, widths: Float64Array.of(0.1) }
  const bad = (_: Float64Array, x: Float64Array): Promise<Float64Array> => Promise.resolve(x.map(() => Number.NaN))
  await expect(integrate(bad, Float64Array.of(1), options)).rejects.toThrow("integrate: a slope is not finite")
  await expect(integrate(slopes, Float64Array.of(1), { ...options, rtol: 0 })).rejects.toThrow("got rtol 0")
  await expect(
    integrate(slopes, Float64Array.of(1, 2), { ...options, rtol: 1e-12, atol: 1e-12, most: 3 }),
  ).rejects.toThrow("integrate: 3 steps were not enough")
})
