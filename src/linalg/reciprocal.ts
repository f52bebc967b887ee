/** How near a factored matrix is to a singular one, whatever the scale of its rows and columns. */

import type { LuFactor } from "./lu.ts"

/** Scales that bring the largest entry of every row and column near 1, and the 1-norm of the scaled matrix. */
export interface Equilibrium {
  readonly rows: Float64Array
  readonly cols: Float64Array
  readonly norm: number
}

/** Powers of two r and c for which R A C has rows and columns of largest entry near 1; zero rows and columns keep 1. */
export function equilibrium(n: number, a: Float64Array): Equilibrium {
  const rows = new Float64Array(n)
  const cols = new Float64Array(n)
  const nearOne = (most: number): number =>
    most === 0 ? 1 : 2 ** -Math.max(-1000, Math.min(1000, Math.round(Math.log2(most))))
  for (let i = 0; i < n; i++) {
    let most = 0
    for (let j = 0; j < n; j++) most = Math.max(most, Math.abs(a[i * n + j]))
    rows[i] = nearOne(most)
  }
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) cols[j] = Math.max(cols[j], rows[i] * Math.abs(a[i * n + j]))
  for (let j = 0; j < n; j++) cols[j] = nearOne(cols[j])
  const sums = new Float64Array(n)
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) sums[j] += rows[i] * Math.abs(a[i * n + j]) * cols[j]
  return { rows, cols, norm: sums.reduce((most, v) => Math.max(most, v), 0) }
}

/**
 * Reciprocal of the 1-norm condition number of the equilibrated R A C, from A's factors, at O(n^2): 1 at best, about
 * machine precision where A is singular but for rounding, 0 where it is exactly. (Hager 1984; Higham 1988.)
 */
export function reciprocalCondition(f: LuFactor, e: Equilibrium): number {
  const { n } = f
  for (let i = 0; i < n; i++) if (f.lu[i * n + i] === 0) return 0
  const length = (x: Float64Array): number => x.reduce((sum, v) => sum + Math.abs(v), 0)
  let x: Float64Array = new Float64Array(n).fill(1 / n)
  let estimate = 0
  for (let step = 0; step < 5; step++) {
    const y = applyInverse(f, e, x)
    estimate = Math.max(estimate, length(y))
    const z = applyInverseTransposed(
      f,
      e,
      y.map((v) => (v < 0 ? -1 : 1)),
    )
    let best = 0
    let along = 0
    for (let i = 0; i < n; i++) {
      if (Math.abs(z[i]) > Math.abs(z[best])) best = i
      along += z[i] * x[i]
    }
    if (Math.abs(z[best]) <= along) break
    x = new Float64Array(n)
    x[best] = 1
  }
  // A vector that the search above may miss by symmetry.
  const other = Float64Array.from({ length: n }, (_, i) => (i % 2 === 0 ? 1 : -1) * (1 + i / Math.max(1, n - 1)))
  estimate = Math.max(estimate, (2 * length(applyInverse(f, e, other))) / (3 * n))
  return estimate === Number.POSITIVE_INFINITY || Number.isNaN(estimate) ? 0 : 1 / (estimate * e.norm)
}

/** C^-1 A^-1 R^-1 x. */
function applyInverse(f: LuFactor, e: Equilibrium, x: Float64Array): Float64Array {
  const { n, lu, pivots } = f
  const y = Float64Array.from(pivots.order, (from) => x[from] / e.rows[from])
  for (let i = 1; i < n; i++) {
    let sum = y[i]
    for (let j = 0; j < i; j++) sum -= lu[i * n + j] * y[j]
    y[i] = sum
  }
  for (let i = n - 1; i >= 0; i--) {
    let sum = y[i]
    for (let j = i + 1; j < n; j++) sum -= lu[i * n + j] * y[j]
    y[i] = sum / lu[i * n + i]
  }
  for (let i = 0; i < n; i++) y[i] /= e.cols[i]
  return y
}

/** The transpose of {@link applyInverse}, R^-1 A^-T C^-1 x. */
function applyInverseTransposed(f: LuFactor, e: Equilibrium, x: Float64Array): Float64Array {
  const { n, lu, pivots } = f
  const y = x.map((v, i) => v / e.cols[i])
  for (let i = 0; i < n; i++) {
    y[i] /= lu[i * n + i]
    for (let j = i + 1; j < n; j++) y[j] -= lu[i * n + j] * y[i]
  }
  for (let i = n - 1; i > 0; i--) for (let j = 0; j < i; j++) y[j] -= lu[i * n + j] * y[i]
  const out = new Float64Array(n)
  for (let i = 0; i < n; i++) out[pivots.order[i]] = y[i] / e.rows[pivots.order[i]]
  return out
}
