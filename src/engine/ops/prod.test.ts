/** The gradient of a product where elements are 0, also along an axis whose size is open. */
import { expect, test } from "vitest"
import { fromNumbers, toNumbers } from "../array.ts"
import { compile } from "../compile.ts"
import { exportOnnx } from "../export.ts"
import { gradients } from "../grad.ts"
import { importOnnx } from "../import.ts"
import { batchSize } from "../shape.ts"
import type { Tensor } from "../tensor.ts"
import { prod } from "./reduce.ts"

const columns = fromNumbers("float32", [4, 3], [2, 0, 0, 3, -1, 5, 0.5, 4, 0, -4, 2, 7])
/** Of each column: no zero, one zero, two. */
const expected = [-6, -8, 0, -4, 0, 0, -24, 0, 0, 3, 0, 0]

test("the gradient of a product is the product of the others, whatever is 0", async () => {
  const run = compile((x: Tensor) => gradients(prod(x, { axes: 0 }).sum(), [x])[0])
  expect([...toNumbers(await run(columns))].map((v) => v + 0)).toEqual(expected)
  await run.dispose()
})

test("so it is along the batch of an exported gradient", async () => {
  const file = await exportOnnx(
    (x: Tensor) => gradients(prod(x, { axes: 0 }).sum(), [x])[0],
    [{ dtype: "float32", shape: [batchSize, 3] }],
  )
  const run = compile(importOnnx(file).call)
  const { y } = await run({ x0: columns })
  expect([...toNumbers(y)].map((v) => v + 0)).toEqual(expected)
  await run.dispose()
})
