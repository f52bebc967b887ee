import { existsSync, readFileSync } from "node:fs"
import { resolve } from "node:path"
import { gunzipSync } from "node:zlib"
import { expect, test } from "vitest"
import { compress, landscape } from "../../examples/linalg-compression.ts"
import { array } from "../engine/array.ts"
import { fillNormal, keyOf } from "../engine/random.ts"
import { eye, subtract, transpose } from "./arithmetic.ts"
import type { Real } from "./matrix.ts"
import { norm } from "./norm.ts"
import { matmul } from "./product.ts"
import { qr } from "./qr.ts"
import { lowRank, randomizedSvd, truncatedSvd } from "./randomized.ts"
import { svdvals } from "./svd.ts"

const gauss = (seed: number, ...shape: number[]): Real =>
  array("float64", shape, fillNormal(new Float64Array(shape.reduce((p, n) => p * n, 1)), keyOf(seed)))
const data = process.env.TWEEDIE_DATA_DIR ?? resolve(import.meta.dirname, "../../../shared/data")

/** U diag(s) V^T with random U and V. */
function withSingularValues(seed: number, m: number, n: number, s: readonly number[]): Real {
  const u = qr(gauss(seed, m, s.length)).q
  const v = qr(gauss(seed + 1, n, s.length)).q
  u.data.forEach((x, i) => {
    u.data[i] = x * s[i % s.length]
  })
  return matmul(u, transpose(v))
}

test("a 450 x 333 image of 149,850 pixels is 39,200 numbers at rank 50, 26.16 %; the error is the tail of s^2 [C33]", () => {
  const image = landscape()
  expect(image.data.length).toBe(149_850)
  const kept = compress(image)
  expect(kept.map((k) => k.rank)).toEqual([1, 5, 20, 50])
  expect(kept[3].stored).toBe(39_200)
  expect(kept[3].share).toBeCloseTo(0.2616, 4)
  for (const { error, tail } of kept) expect(Math.abs(error - tail)).toBeLessThan(1e-10 * norm(image) ** 2)
  for (let i = 1; i < 4; i++) expect(kept[i].error).toBeLessThan(kept[i - 1].error / 2)
  // No other matrix of the same rank is nearer: the span of a few columns, say.
  const columns = array("float64", [450, 5], new Float64Array(450 * 5))
  for (let i = 0; i < 450; i++) for (let j = 0; j < 5; j++) columns.data[i * 5 + j] = image.data[i * 333 + 60 * j + 20]
  const { q } = qr(columns)
  expect(norm(subtract(image, matmul(q, matmul(transpose(q), image)))) ** 2).toBeGreaterThan(kept[1].error)
})

test("the nearest matrix of a rank beats every other that is tried, in both norms", () => {
  const a = gauss(1, 12, 9)
  const s = svdvals(a).data
  for (let rank = 1; rank < 9; rank++) {
    const best = lowRank(a, rank)
    expect(norm(subtract(a, best), 2)).toBeCloseTo(s[rank], 12)
    for (let seed = 0; seed < 20; seed++) {
      const q = qr(gauss(seed + 10, 12, rank)).q
      const other = matmul(q, matmul(transpose(q), a))
      expect(norm(subtract(a, other))).toBeGreaterThan(norm(subtract(a, best)))
      expect(norm(subtract(a, other), 2)).toBeGreaterThan(s[rank] * (1 - 1e-12))
    }
  }
  expect(() => lowRank(a, 10)).toThrow(/lowRank: rank is 10, expected an integer from 1 to 9/)
  expect(() => truncatedSvd(a, 0)).toThrow(/truncatedSvd: rank is 0/)
})

test("the randomised decomposition is near the exact one where singular values fall, the same for the same seed", () => {
  const s = Array.from({ length: 40 }, (_, i) => 2 ** -i)
  for (const [m, n] of [
    [120, 60],
    [60, 120],
  ]) {
    const a = withSingularValues(3, m, n, s)
    const exact = truncatedSvd(a, 6)
    const fast = randomizedSvd(a, { rank: 6, seed: 5 })
    expect(fast.u.shape).toEqual([m, 6])
    expect(fast.vt.shape).toEqual([6, n])
    for (let i = 0; i < 6; i++) expect(Math.abs(fast.s.data[i] / exact.s.data[i] - 1)).toBeLessThan(1e-12)
    const rebuild = (d: typeof fast): Real => {
      const us = array(
        "float64",
        d.u.shape,
        d.u.data.map((x, i) => x * d.s.data[i % 6]),
      )
      return matmul(us, d.vt)
    }
    expect(norm(subtract(rebuild(fast), rebuild(exact)))).toBeLessThan(1e-9)
    expect(norm(subtract(matmul(transpose(fast.u), fast.u), eye(6)))).toBeLessThan(1e-13)
    expect(randomizedSvd(a, { rank: 6, seed: 5 })).toEqual(fast)
    expect(randomizedSvd(a, { rank: 6, seed: 6 })).not.toEqual(fast)
  }
  // Without a fall of the singular values the error stays within a small factor of the best possible.
  const flat = gauss(9, 150, 100)
  const best = norm(subtract(flat, lowRank(flat, 10)))
  const { u, s: values, vt } = randomizedSvd(flat, { rank: 10 })
  const us = array(
    "float64",
    u.shape,
    u.data.map((x, i) => x * values.data[i % 10]),
  )
  expect(norm(subtract(flat, matmul(us, vt)))).toBeLessThan(1.02 * best)
  expect(() => randomizedSvd(flat, { rank: 10, oversample: -1 })).toThrow(/oversample is -1/)
})

const mnist = resolve(data, "mnist/t10k-images-idx3-ubyte.gz")
test.skipIf(!existsSync(mnist))(
  "MNIST digits (where ../shared/data or TWEEDIE_DATA_DIR has them) compress like any image",
  () => {
    const bytes = gunzipSync(readFileSync(mnist))
    for (let k = 0; k < 20; k++) {
      const pixels = Float64Array.from(bytes.subarray(16 + 784 * k, 16 + 784 * (k + 1)), (v) => v / 255)
      const kept = compress(array("float64", [28, 28], pixels), [1, 4, 8, 14])
      for (const { error, tail } of kept) expect(Math.abs(error - tail)).toBeLessThan(1e-11)
      // Half of the rank keeps nearly all of a digit.
      expect(kept[3].error / norm(pixels) ** 2).toBeLessThan(5e-3)
    }
  },
)

const cifar = resolve(data, "cifar10/test_batch.bin.gz")
test.skipIf(!existsSync(cifar))(
  "CIFAR-10 images (where the data are) lose at rank 16 what the singular values left out say",
  () => {
    const bytes = gunzipSync(readFileSync(cifar))
    for (let k = 0; k < 20; k++) {
      const red = Float64Array.from(bytes.subarray(3073 * k + 1, 3073 * k + 1025), (v) => v / 255)
      for (const { error, tail, share } of compress(array("float64", [32, 32], red), [2, 8, 16])) {
        expect(Math.abs(error - tail)).toBeLessThan(1e-11)
        expect(share).toBeGreaterThan(0.1)
      }
    }
  },
)
