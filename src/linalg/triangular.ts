/** Triangular systems with many right-hand sides, solved by blocks. */

import type { Arrayable } from "../engine/array.ts"
import { type Block, block, gemm } from "./gemm.ts"
import { finite, LinAlgError, matrixOf, type Real, real, realOf, show } from "./matrix.ts"

const width = 32

/** Overwrites X [n, r] (row-major from `xAt`, `xRow` entries a row) with T^-1 X; `unit` takes T's diagonal as ones. */
export function solveTriangle(
  n: number,
  r: number,
  t: Block,
  lower: boolean,
  unit: boolean,
  x: Float64Array,
  xAt: number,
  xRow: number,
): void {
  const steps = Math.ceil(n / width)
  for (let s = 0; s < steps; s++) {
    const from = (lower ? s : steps - 1 - s) * width
    const to = Math.min(n, from + width)
    for (let q = 0; q < to - from; q++) {
      const i = lower ? from + q : to - 1 - q
      const row = t.at + i * t.row
      const at = xAt + i * xRow
      for (let j = lower ? from : i + 1; j < (lower ? i : to); j++) {
        const v = t.data[row + j * t.col]
        const other = xAt + j * xRow
        if (v !== 0) for (let l = 0; l < r; l++) x[at + l] -= v * x[other + l]
      }
      if (!unit) {
        const d = t.data[row + i * t.col]
        for (let l = 0; l < r; l++) x[at + l] /= d
      }
    }
    const solved = block(x, xAt + from * xRow, xRow)
    const first = lower ? to : 0
    const rest = lower ? n - to : from
    const left: Block = { data: t.data, at: t.at + first * t.row + from * t.col, row: t.row, col: t.col }
    gemm(rest, r, to - from, -1, left, solved, block(x, xAt + first * xRow, xRow))
  }
}

/** A right-hand side: a vector [n] is one column and comes back as a vector, a matrix [n, r] as a matrix. */
export interface RightSide {
  readonly columns: number
  readonly shape: readonly number[]
  readonly data: Float64Array
}

/** Checks a right-hand side against the number of rows it must have; `data` is a fresh copy. */
export function rightSideOf(where: string, b: Arrayable, rows: number): RightSide {
  const { shape, data } = realOf(where, b, "right-hand side")
  if (shape.length < 1 || shape.length > 2 || shape[0] !== rows)
    throw new RangeError(
      `${where}: right-hand side has shape ${show(shape)}, expected ${show([rows])} or [${rows}, columns]`,
    )
  return { columns: shape.length === 1 ? 1 : shape[1], shape, data: data.slice() }
}

/**
 * Solves T x = b for a triangular T [n, n] by forward (`lower`) or backward substitution; b is [n] or [n, columns].
 * Entries of T on the other side of the diagonal are not read.
 *
 * @throws LinAlgError where a diagonal entry is zero or the solution overflows.
 */
export function solveTriangular(
  t: Arrayable,
  b: Arrayable,
  { lower = false, unitDiagonal = false }: { lower?: boolean; unitDiagonal?: boolean } = {},
): Real {
  const where = "solveTriangular"
  const s = matrixOf(where, t)
  const n = s.rows
  if (s.cols !== n) throw new RangeError(`${where}: matrix is ${show([n, s.cols])}, expected square`)
  const x = rightSideOf(where, b, n)
  if (!unitDiagonal) {
    for (let i = 0; i < n; i++)
      if (s.data[i * n + i] === 0)
        throw new LinAlgError(`${where}: diagonal entry ${i} is zero, the matrix is singular`)
  }
  solveTriangle(n, x.columns, block(s.data, 0, n), lower, unitDiagonal, x.data, 0, x.columns)
  return real(x.shape, finite(where, x.data))
}
