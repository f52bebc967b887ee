import { expect, test } from "vitest"
import { array, type NdArray } from "../engine/array.ts"
import { fillNormal, keyOf } from "../engine/random.ts"
import { fitGaussian } from "../stats/gaussian.ts"
import { featureStatistics } from "./moments.ts"

/** Correlated rows with means far from 0. */
function rows(count: number, width: number, far: number): NdArray<"float64"> {
  const data = fillNormal(new Float64Array(count * width), keyOf(5))
  for (let i = 0; i < count; i++)
    for (let j = 1; j < width; j++) data[i * width + j] = far * j + data[i * width + j] + 0.7 * data[i * width + j - 1]
  return array("float64", [count, width], data)
}

/** The rows in batches of the given sizes, over and over. */
function* cut({ shape, data }: NdArray<"float64">, sizes: readonly number[]): Generator<NdArray> {
  for (let from = 0, k = 0; from < shape[0]; k++) {
    const to = Math.min(shape[0], from + sizes[k % sizes.length])
    yield array("float64", [to - from, shape[1]], data.slice(from * shape[1], to * shape[1]))
    from = to
  }
}

test.each([
  ["on the host", 700, 12, 0],
  ["on the engine, in two chunks", 9000, 64, 0],
  ["whose mean is 10^5 deviations away", 9000, 64, 1e4],
])("mean and covariance of rows %s are those of two passes", async (_, count, width, far) => {
  const x = rows(count, width, far)
  const found = await featureStatistics(cut(x, [100]))
  const expected = fitGaussian(x)
  const scale = Math.max(...expected.covariance.data)
  expect(found.count).toBe(count)
  found.mean.forEach((m, j) => {
    expect(Math.abs(m - expected.mean[j])).toBeLessThan(1e-13 * (1 + Math.abs(far) * width))
  })
  const worst = found.covariance.data.reduce((w, v, i) => Math.max(w, Math.abs(v - expected.covariance.data[i])), 0)
  expect(worst / scale).toBeLessThan(1e-13 + 3e-16 * far * width)
  for (let i = 0; i < width; i++)
    for (let j = 0; j < i; j++)
      if (found.covariance.data[i * width + j] !== found.covariance.data[j * width + i])
        throw new Error(`not symmetric at ${i}, ${j}`)
})

test("statistics have the same bits however the stream is cut", async () => {
  const x = rows(9000, 64, 3)
  const whole = await featureStatistics(x)
  expect(await featureStatistics(cut(x, [1, 700, 33, 5000]))).toEqual(whole)
  const later = async function* (): AsyncGenerator<NdArray> {
    yield* cut(x, [128])
  }
  expect(await featureStatistics(later())).toEqual(whole)
})

test("features of other widths, none, one, or not finite are refused by name, and an abort stops the stream", async () => {
  const batch = (count: number, width: number, value = 1): NdArray =>
    array("float32", [count, width], new Float32Array(count * width).fill(value))
  await expect(featureStatistics([])).rejects.toThrow(/^featureStatistics: got 0 rows/)
  await expect(featureStatistics([batch(1, 3)])).rejects.toThrow(/^featureStatistics: got 1 rows/)
  await expect(featureStatistics([batch(2, 3), batch(2, 4)])).rejects.toThrow(/a batch has 4 features, expected 3/)
  await expect(featureStatistics([batch(2, 3, Number.NaN)])).rejects.toThrow(/feature 0 of row 0 of a batch is NaN/)
  await expect(featureStatistics([[1, 2, 3]])).rejects.toThrow(/is \[3\], expected \[batch, features\]/)
  const huge = array("float64", [2, 1], Float64Array.of(1e200, -1e200))
  await expect(featureStatistics(huge)).rejects.toThrow(/overflows/)
  const stop = new AbortController()
  let given = 0
  const endless = function* (): Generator<NdArray> {
    for (;;) {
      if (++given === 5) stop.abort()
      yield batch(2, 3)
    }
  }
  await expect(featureStatistics(endless(), { signal: stop.signal })).rejects.toThrow(/abort/i)
  expect(given).toBe(5)
})

test("axes of size 1 behind the features are dropped, others refused", async () => {
  const data = Float32Array.from({ length: 12 }, (_, i) => i * i)
  const flat = await featureStatistics(array("float32", [4, 3], data))
  expect(await featureStatistics(array("float32", [4, 3, 1, 1], data))).toEqual(flat)
  await expect(featureStatistics(array("float32", [2, 3, 2], data))).rejects.toThrow(/flatten or average/)
})
