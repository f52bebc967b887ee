import { expect, test } from "vitest"
import { array } from "../../../engine/array.ts"
import { compile } from "../../../engine/compile.ts"
import { Generator } from "../../../engine/random.ts"
import type { Tensor } from "../../../engine/tensor.ts"
import { sortedQuantile } from "../../../stats/descriptive.ts"
import { checkLimit, limited, limitRows, rowQuantile, thresholded } from "./limit.ts"

const random = new Generator(3)

test("the quantile of a row is that of its sorted numbers, with ties, zeros and any share", async () => {
  for (const n of [1, 2, 5, 101, 784]) {
    const rows = [
      Float32Array.from({ length: n }, () => Math.abs(random.normal())),
      Float32Array.from({ length: n }, () => random.integer(4) / 2),
      Float32Array.from({ length: n }, (_, i) => (i === 0 ? 1e4 : 1e-3 * random.uniform())),
      new Float32Array(n),
      new Float32Array(n).fill(0.75),
    ]
    const x = array("float32", [rows.length, n], Float32Array.from(rows.flatMap((row) => [...row])))
    for (const share of [0, 0.25, 0.5, 0.9, 0.995, 1]) {
      const run = compile((v: Tensor) => rowQuantile(v, share))
      const { data } = await run(x)
      await run.dispose()
      for (const [i, row] of rows.entries()) {
        const expected = sortedQuantile(Float64Array.from(row).sort(), share)
        expect(Math.abs(Number(data[i]) - expected)).toBeLessThan(1e-5 * Math.max(1, expected))
      }
    }
  }
})

test("thresholding bounds each sample by its own quantile, but from 1 to the maximum, and divides by it", async () => {
  const size = 200
  const spreads = [0.2, 1, 3, 40]
  const x = Float32Array.from(
    { length: spreads.length * size },
    (_, i) => spreads[Math.floor(i / size)] * random.normal(),
  )
  for (const threshold of [{ ratio: 0.9, max: 5 }, { ratio: 0.995 }, { ratio: 0.5, max: 0.5 }, {}]) {
    const run = compile((v: Tensor) => thresholded(v, threshold))
    const { data } = await run(array("float32", [spreads.length, 2, size / 2], x))
    await run.dispose()
    const expected = limitRows(Float64Array.from(x), size, { clip: null, threshold })
    for (const [i, v] of expected.entries()) expect(Math.abs(Number(data[i]) - v)).toBeLessThan(1e-4)
    expect(Math.max(...[...data].map((v) => Math.abs(Number(v))))).toBeLessThanOrEqual(1 + 1e-6)
  }
})

test("a fixed bound clips, none leaves alone, and bounds that make no sense are refused", async () => {
  const x = Float32Array.of(-3, -0.5, 0, 2)
  for (const [clip, expected] of [
    [1, [-1, -0.5, 0, 1]],
    [null, [-3, -0.5, 0, 2]],
  ] as const) {
    const run = compile((v: Tensor) => limited(v, { clip }))
    expect([...(await run(array("float32", [1, 4], x))).data].map(Number)).toEqual([...expected])
    await run.dispose()
  }
  expect(() => checkLimit({ clip: -1 })).toThrow("sampler: got clip -1, expected a number above 0, or null")
  expect(() => checkLimit({ clip: null, threshold: { max: 0 } })).toThrow("got a threshold of ratio 0.995 and max 0")
})
