/** Orthogonal matrices: rotations, reflections, and the test for them. */

import type { Arrayable } from "../engine/array.ts"
import { largest } from "./blas.ts"
import { block, flip, gemm } from "./gemm.ts"
import { type Real, real, squareMatrixOf, toleranceOf, vectorOf } from "./matrix.ts"
import { plainNorm } from "./norm.ts"

/**
 * Rotation of the plane by `angle` radians, anticlockwise, [2, 2]; with an `axis` [3], of space about it by the right
 * hand, [3, 3] (Rodrigues). Orthogonal, determinant 1: its inverse is its transpose. (Notes 003, E3.)
 */
export function rotation(angle: number, axis?: Arrayable): Real {
  if (!Number.isFinite(angle)) throw new RangeError(`rotation: angle is ${angle}, expected a finite number`)
  const c = Math.cos(angle)
  const s = Math.sin(angle)
  if (axis === undefined) return real([2, 2], Float64Array.of(c, -s, s, c))
  const w = vectorOf("rotation", axis, "axis", 3)
  const length = plainNorm(w, 2)
  if (length === 0) throw new RangeError("rotation: axis is zero, expected a vector with a direction")
  const [x, y, z] = w.map((v) => v / length)
  const t = 1 - c
  return real(
    [3, 3],
    Float64Array.of(
      t * x * x + c,
      t * x * y - s * z,
      t * x * z + s * y,
      t * x * y + s * z,
      t * y * y + c,
      t * y * z - s * x,
      t * x * z - s * y,
      t * y * z + s * x,
      t * z * z + c,
    ),
  )
}

/** Reflection I - 2 v v^T / (v.v) in the hyperplane orthogonal to v [n]: orthogonal, determinant -1, its own inverse. */
export function reflection(v: Arrayable): Real {
  const w = vectorOf("reflection", v, "normal")
  const length = plainNorm(w, 2)
  if (length === 0) throw new RangeError("reflection: normal is zero, expected a vector with a direction")
  const n = w.length
  const out = new Float64Array(n * n)
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) out[i * n + j] = (i === j ? 1 : 0) - 2 * (w[i] / length) * (w[j] / length)
  }
  return real([n, n], out)
}

/**
 * Whether the columns of a square [n, n] are orthonormal: |A^T A - I| <= `tolerance` (default 1e-12) in every entry. |det A| = 1 follows
 * from it but is not enough (notes 003, R1.3): the shear [[1, 1], [0, 1]] has it too.
 */
export function isOrthogonal(a: Arrayable, { tolerance }: { tolerance?: number } = {}): boolean {
  const { rows: n, data } = squareMatrixOf("isOrthogonal", a)
  const gram = new Float64Array(n * n)
  gemm(n, n, n, 1, flip(block(data, 0, n)), block(data, 0, n), block(gram, 0, n))
  for (let i = 0; i < n; i++) gram[i * n + i] -= 1
  return largest(gram) <= toleranceOf("isOrthogonal", tolerance, 1e-12)
}
