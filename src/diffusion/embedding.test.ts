import { readFile } from "node:fs/promises"
import { expect, test } from "vitest"
import { compile } from "../engine/compile.ts"
import type { Tensor } from "../engine/tensor.ts"
import { type TimestepOptions, timestepEmbedding } from "./embedding.ts"

interface Fixture {
  readonly times: readonly number[]
  readonly embeddings: readonly (Required<TimestepOptions> & { width: number; rows: number[][] })[]
}

test("time embeddings are those of diffusers in either order, with any shift, of even and odd width", async () => {
  const { times, embeddings } = JSON.parse(
    await readFile(new URL("fixtures/names.json", import.meta.url), "utf8"),
  ) as Fixture
  for (const { width, flip, shift, rows } of embeddings) {
    const run = compile((t: Tensor) => timestepEmbedding(t, width, { flip, shift }))
    const { shape, data } = await run(Int32Array.from(times))
    await run.dispose()
    expect(shape).toEqual([times.length, width])
    for (const [i, value] of rows.flat().entries()) expect(data[i]).toBeCloseTo(value, 4)
  }
})
