import { expect, test } from "vitest"
import { array } from "../engine/array.ts"
import { fillNormal, keyOf } from "../engine/random.ts"
import { adjugate } from "./adjugate.ts"
import { eye, scale, subtract, transpose } from "./arithmetic.ts"
import { largest } from "./blas.ts"
import { matrixRank } from "./lstsq.ts"
import type { Real } from "./matrix.ts"
import { norm } from "./norm.ts"
import { matmul, outer } from "./product.ts"
import { det, inv } from "./solve.ts"

const gauss = (seed: number, ...shape: number[]): Real =>
  array("float64", shape, fillNormal(new Float64Array(shape.reduce((p, n) => p * n, 1)), keyOf(seed)))

/** The definition: cofactors from determinants of what is left without a row and a column, transposed. */
function byCofactors(a: Real): Real {
  const n = a.shape[0]
  const out = new Float64Array(n * n)
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      const rest: number[][] = []
      for (let r = 0; r < n; r++) {
        if (r !== i) rest.push(Array.from({ length: n }, (_, c) => a.data[r * n + c]).filter((_, c) => c !== j))
      }
      out[j * n + i] = ((i + j) % 2 === 0 ? 1 : -1) * det(rest)
    }
  }
  return array("float64", [n, n], out)
}

test("the adjugate is det(A) A^-1 and the transposed cofactors, for singular matrices too; it is no transpose [C19]", () => {
  const a = [
    [1, 2],
    [3, 4],
  ]
  const adj = adjugate(a)
  const want = [
    [4, -2],
    [-3, 1],
  ]
  expect(largest(subtract(adj, want).data)).toBeLessThan(1e-14)
  expect(largest(subtract(adj, transpose(a)).data)).toBeGreaterThan(2.9)
  for (let k = 0; k < 400; k++) {
    const n = 2 + (k % 5)
    const m = gauss(k, n, n)
    const size = norm(m, 2) ** (n - 1)
    expect(largest(subtract(adjugate(m), byCofactors(m)).data)).toBeLessThan(1e-13 * size)
    expect(largest(subtract(adjugate(m), scale(det(m), inv(m))).data)).toBeLessThan(1e-10 * size)
    expect(largest(subtract(matmul(m, adjugate(m)), scale(det(m), eye(n))).data)).toBeLessThan(1e-13 * size * norm(m))
  }
  const singular = [
    [1, 2, 3],
    [4, 5, 6],
    [7, 8, 9],
  ]
  const cofactors = [
    [-3, 6, -3],
    [6, -12, 6],
    [-3, 6, -3],
  ]
  expect(largest(subtract(adjugate(singular), cofactors).data)).toBeLessThan(1e-12)
  expect(matrixRank(adjugate(singular), { tolerance: 1e-12 })).toBe(1)
  expect(largest(adjugate(outer([1, 2, 3], [1, 0, 1])).data)).toBeLessThan(1e-14)
  expect(adjugate([[7]]).data[0]).toBe(1)
})
