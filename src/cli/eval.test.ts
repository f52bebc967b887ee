import { expect, test } from "vitest"
import type { BoundRow, BoundStep } from "../diffusion/likelihood-table.ts"
import { boundTable } from "./eval.ts"

const measured = { nats: 1, bits: 0.5, error: 0.25 }
const row = (from: number, to: number, draws: number): BoundRow => ({
  ...(draws > 0 ? measured : { nats: 0, bits: 0, error: 0 }),
  from,
  to,
  draws,
})
const step = (done: number, rows: BoundRow[]): BoundStep => ({
  done,
  count: done,
  rows,
  total: measured,
  reconstruction: measured,
  prior: measured,
  diffusion: measured,
})

test("a range of times that nobody drew has no figure, and the words below say so", () => {
  const text = boundTable(step(3, [row(1, 1, 3), row(2, 9, 0), row(10, 20, 4)]))
  expect(text.split("\n").slice(1, 4)).toEqual([
    "  1 (L_0)    0.5000 ± 0.2500  1.000",
    "  2 ... 9                  -      -",
    "  10 ... 20  0.5000 ± 0.2500  1.000",
  ])
  expect(text.endsWith("\n(-: no time drawn; give more --count, or fewer --rows)\n")).toBe(true)
  expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80)
  expect(boundTable(step(3, [row(1, 1, 3)]))).toMatch(/\n\(means over 3 samples ± standard errors\)\n$/)
})

test("one sample has no standard error", () => {
  const text = boundTable(step(1, [row(1, 1, 1)]))
  expect(text).not.toContain("±")
  expect(text).toContain("(one sample, which tells nothing of the error)")
})
