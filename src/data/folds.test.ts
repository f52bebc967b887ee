/** Cross-validation: every item tests once, classes keep their shares, and leaving one out has a closed form. */
import fc from "fast-check"
import { expect, test } from "vitest"
import { asArray } from "../engine/array.ts"
import { matmul } from "../linalg/product.ts"
import { solve } from "../linalg/solve.ts"
import { crossValidate, type Fold, kFold, leaveOneOut, stratifiedKFold } from "./folds.ts"

function expectPartition(folds: readonly Fold[], count: number): void {
  const all = folds.flatMap(({ test }) => [...test])
  expect(all.sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i))
  for (const { train, test } of folds) {
    expect([...train, ...test].sort((a, b) => a - b)).toEqual(all)
    expect([...test]).toEqual([...test].sort((a, b) => a - b))
    expect([...train]).toEqual([...train].sort((a, b) => a - b))
  }
}

const sizes = fc
  .tuple(fc.integer({ min: 2, max: 40 }), fc.integer({ min: 2, max: 10 }))
  .filter(([count, folds]) => folds <= count)

test("every item tests once and trains the other times, in groups of nearly one size, whatever the seed", () => {
  fc.assert(
    fc.property(sizes, fc.boolean(), fc.nat(), ([count, folds], shuffle, seed) => {
      const found = kFold(count, { folds, shuffle, seed })
      expect(found.length).toBe(folds)
      expectPartition(found, count)
      const tests = found.map(({ test }) => test.length)
      expect(Math.max(...tests) - Math.min(...tests)).toBeLessThanOrEqual(1)
      expect(kFold(count, { folds, shuffle, seed })).toEqual(found)
    }),
  )
  expect(kFold(20, { seed: 1 })).not.toEqual(kFold(20, { seed: 2 }))
})

test("stratified groups have each label, and all items, as often as any other group or once more", () => {
  const counts = fc.array(fc.integer({ min: 3, max: 12 }), { minLength: 1, maxLength: 5 })
  fc.assert(
    fc.property(counts, fc.integer({ min: 2, max: 3 }), fc.nat(), (members, folds, seed) => {
      const labels = members
        .flatMap((n, label) => new Array<number>(n).fill(label))
        .map((v, i, all) => all[(i * 7) % all.length] ?? v)
      const present = [...new Set(labels)]
      fc.pre(present.every((label) => labels.filter((v) => v === label).length >= folds))
      const found = stratifiedKFold(labels, { folds, seed })
      expectPartition(found, labels.length)
      for (const count of [
        ...present.map((label) => (f: Fold) => [...f.test].filter((i) => labels[i] === label).length),
        (f: Fold) => f.test.length,
      ]) {
        const all = found.map(count)
        expect(Math.max(...all) - Math.min(...all)).toBeLessThanOrEqual(1)
      }
    }),
  )
})

test("shuffle, split, fit, measure, let go, summarise: leaving one out of ridge regression has the closed form [E35]", async () => {
  const [n, d, lambda] = [14, 3, 0.7]
  const rows = Array.from({ length: n }, (_, i) => Array.from({ length: d }, (_, j) => Math.sin(1 + 2 * i + j * i)))
  const y = rows.map((row, i) => row[0] - 2 * row[1] + 0.3 * Math.cos(7 * i))
  const normal = (items: Int32Array): number[][] =>
    Array.from({ length: d }, (_, a) =>
      Array.from({ length: d }, (_, b) => items.reduce((s, i) => s + rows[i][a] * rows[i][b], a === b ? lambda : 0)),
    )
  const right = (items: Int32Array): number[] =>
    Array.from({ length: d }, (_, a) => items.reduce((s, i) => s + rows[i][a] * y[i], 0))
  const real = (x: number[][] | number[]) => asArray(x, "float64")
  let fits = 0
  const { values, mean, std } = await crossValidate(leaveOneOut(n), ({ train, test }) => {
    fits++
    expect(train.length).toBe(n - 1)
    const w = solve(real(normal(train)), real(right(train)))
    return y[test[0]] - rows[test[0]].reduce((s, v, a) => s + v * w.data[a], 0)
  })
  expect(fits).toBe(n)
  // One fit on all: the residual divided by 1 - its own weight in its prediction.
  const all = Int32Array.from(y.keys())
  const w = solve(real(normal(all)), real(right(all)))
  const lift = solve(real(normal(all)), real(rows[0].map((_, a) => rows.map((row) => row[a]))))
  const hat = matmul(real(rows), lift)
  const closed = rows.map(
    (row, i) => (y[i] - row.reduce((s, v, a) => s + v * w.data[a], 0)) / (1 - hat.data[i * n + i]),
  )
  for (const [i, v] of values.entries()) expect(v).toBeCloseTo(closed[i], 12)
  const center = closed.reduce((a, b) => a + b) / n
  expect(mean).toBeCloseTo(center, 13)
  expect(std).toBeCloseTo(Math.sqrt(closed.reduce((a, v) => a + (v - center) ** 2, 0) / (n - 1)), 12)
})

test("folds may be measured asynchronously, in order", async () => {
  const seen: number[] = []
  const { values } = await crossValidate(kFold(9, { folds: 3 }), async ({ test }, k) => {
    await Promise.resolve()
    seen.push(k)
    return test.length
  })
  expect(values).toEqual([3, 3, 3])
  expect(seen).toEqual([0, 1, 2])
})

test("what cannot be split is refused by name", async () => {
  expect(() => kFold(1)).toThrow(/kFold: count is 1, expected a whole number from 2/)
  expect(() => kFold(4)).toThrow(/kFold: folds is 5, expected a whole number from 2 to the number of items, 4/)
  expect(() => kFold(4, { folds: 1.5 })).toThrow(/kFold: folds is 1.5/)
  expect(() => stratifiedKFold([0, 0, 0, 1, 1], { folds: 3 })).toThrow(/folds is 3, expected .* smallest class, 2/)
  expect(() => stratifiedKFold([])).toThrow(/stratifiedKFold: got no labels/)
  expect(() => stratifiedKFold([0, Number.NaN])).toThrow(/stratifiedKFold: label 1 is NaN/)
  await expect(crossValidate(kFold(4, { folds: 2 }), () => Number.NaN)).rejects.toThrow(/fold 0 measured NaN/)
  await expect(crossValidate([], () => 1)).rejects.toThrow(/got 0 folds/)
})
