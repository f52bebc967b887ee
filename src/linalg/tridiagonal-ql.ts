/** Eigenvalues, and eigenvectors where wanted, of a small symmetric tridiagonal matrix by implicit QL. */

import { givens, rotateAt } from "./blas.ts"
import { eps, LinAlgError } from "./matrix.ts"

const turn = new Float64Array(3)

/**
 * Diagonalises in place the tridiagonal with diagonal d[from .. to) and off-diagonal e[from .. to - 1); the rows of
 * `z` from the row `from` on (`row` entries a row, columns `zAt` .. `zAt` + width) are rotated along. Values come out
 * unordered. QL with Wilkinson's shift (Bowdler, Martin, Reinsch and Wilkinson 1968).
 *
 * @throws LinAlgError where an eigenvalue needs more than 60 sweeps, which no finite input is known to do.
 */
export function tridiagonalQl(
  where: string,
  from: number,
  to: number,
  d: Float64Array,
  e: Float64Array,
  z?: Float64Array,
  row = 0,
  zAt = 0,
  width = 0,
): void {
  let norm = 0
  for (let i = from; i < to; i++) norm = Math.max(norm, Math.abs(d[i]), i < to - 1 ? Math.abs(e[i]) : 0)
  for (let l = from; l < to; l++) {
    for (let sweep = 0; ; sweep++) {
      let m = l
      for (; m < to - 1; m++) {
        // A slow eigenvalue sits among rounding noise of the largest ones: then what is negligible is measured by those.
        const size = Math.abs(d[m]) + Math.abs(d[m + 1]) + (sweep > 8 ? norm : 0)
        if (Math.abs(e[m]) <= eps * size || Math.abs(e[m]) < 1e-300) break
      }
      if (m === l) break
      if (sweep === 60) throw new LinAlgError(`${where}: eigenvalue ${l} did not converge in 60 sweeps`)
      const half = (d[l + 1] - d[l]) / (2 * e[l])
      const root = Math.hypot(half, 1)
      let g = d[m] - d[l] + e[l] / (half + (half < 0 ? -root : root))
      let s = 1
      let c = 1
      let p = 0
      let i = m - 1
      for (; i >= l; i--) {
        const f = s * e[i]
        const b = c * e[i]
        givens(g, f, turn)
        const r = turn[2]
        if (i + 1 < m) e[i + 1] = r
        if (r === 0) {
          d[i + 1] -= p
          break
        }
        c = turn[0]
        s = turn[1]
        g = d[i + 1] - p
        const t = (d[i] - g) * s + 2 * c * b
        p = s * t
        d[i + 1] = g + p
        g = c * t - b
        if (z !== undefined) rotateAt(z, (i + 1) * row + zAt, z, i * row + zAt, width, c, s)
      }
      if (i < l) {
        d[l] -= p
        e[l] = g
      }
      if (m < to - 1) e[m] = 0
    }
  }
}
