import { expect, test } from "vitest"
import { matmul as hostProduct } from "../linalg/product.ts"
import { asArray } from "./array.ts"
import { matmulLarge } from "./large.ts"
import { Generator } from "./random.ts"

test("the engine's product of large matrices equals the host's to rounding", async () => {
  const random = new Generator(3)
  const matrix = (rows: number, columns: number) =>
    asArray(
      Array.from({ length: rows }, () => Array.from({ length: columns }, () => random.normal())),
      "float64",
    )
  const [a, b] = [matrix(70, 90), matrix(90, 50)]
  const [large, host] = [await matmulLarge(a, b), hostProduct(a, b)]
  expect(large.shape).toEqual([70, 50])
  for (const [i, v] of host.data.entries()) expect(Math.abs(large.data[i] - v)).toBeLessThan(1e-12)
})

test("sizes that do not meet are refused by name", async () => {
  await expect(matmulLarge([[1, 2]], [[1, 2]])).rejects.toThrow(/^matmul: \[1, 2\] has 2 columns, \[1, 2\] has 1 rows/)
})
