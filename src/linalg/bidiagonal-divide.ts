/** Singular vectors of an upper bidiagonal matrix by divide and conquer. */

import { bidiagonalQr, chaseColumn } from "./bidiagonal-qr.ts"
import { rotateAt } from "./blas.ts"
import { block, gemm } from "./gemm.ts"
import { eps } from "./matrix.ts"
import { exactZ, secularRoot } from "./secular.ts"

const leaf = 24

interface Work {
  readonly where: string
  readonly n: number
  readonly d: Float64Array
  readonly e: Float64Array
  /** Left singular vectors as rows, [n, n]. */
  readonly u: Float64Array
  /** Right singular vectors as rows, [n, n]. */
  readonly v: Float64Array
  readonly spare: Float64Array
  readonly kept: Float64Array
}

/** Singular vectors as rows and the singular values, descending. */
export interface BidiagonalSvd {
  readonly s: Float64Array
  readonly u: Float64Array
  readonly v: Float64Array
}

/**
 * Singular value decomposition of the upper bidiagonal with diagonal d [n] and superdiagonal e [n - 1], both
 * overwritten: B = u^T diag(s) v. (Gu and Eisenstat 1995, "A divide-and-conquer algorithm for the bidiagonal SVD".)
 */
export function bidiagonalDivide(where: string, n: number, d: Float64Array, e: Float64Array): BidiagonalSvd {
  const make = (): Float64Array => new Float64Array(n * n)
  const work: Work = { where, n, d, e, u: make(), v: make(), spare: make(), kept: make() }
  split(work, 0, n, 0)
  const order = Int32Array.from({ length: n }, (_, i) => i).sort((p, q) => d[q] - d[p])
  const s = Float64Array.from(order, (i) => d[i])
  const { spare, kept } = work
  for (let i = 0; i < n; i++) {
    spare.set(work.u.subarray(order[i] * n, (order[i] + 1) * n), i * n)
    kept.set(work.v.subarray(order[i] * n, (order[i] + 1) * n), i * n)
  }
  return { s, u: spare, v: kept }
}

/** Rows from ... to of B; with `extra` 1 they reach one column further, whose null vector becomes the row `to` of v. */
function split(work: Work, from: number, to: number, extra: number): void {
  const { where, n, d, e, u, v } = work
  if (to - from <= leaf) {
    for (let i = from; i < to; i++) u[i * n + i] = 1
    for (let i = from; i < to + extra; i++) v[i * n + i] = 1
    const right = { data: v, row: n, at: from, width: to - from + extra }
    if (extra === 1) chaseColumn(from, to - 1, to, d, e, right)
    bidiagonalQr(where, from, to, d, e, { data: u, row: n, at: from, width: to - from }, right)
    return
  }
  const middle = (from + to) >> 1
  const alpha = d[middle]
  const beta = e[middle]
  split(work, from, middle, 1)
  split(work, middle + 1, to, extra)
  merge(work, from, middle, to, extra, alpha, beta)
}

/** Joins two parts by the row between them, whose entries are alpha below the left part and beta above the right one. */
function merge(work: Work, from: number, middle: number, to: number, extra: number, alpha: number, beta: number): void {
  const { n, d, u, v, spare, kept } = work
  const size = to - from
  const width = size + extra
  const z = new Float64Array(n)
  let norm = Math.max(Math.abs(alpha), Math.abs(beta))
  for (let i = from; i < to; i++) {
    z[i] = i <= middle ? alpha * v[i * n + middle] : beta * v[i * n + middle + 1]
    if (i !== middle) norm = Math.max(norm, d[i])
  }
  u[middle * n + middle] = 1
  d[middle] = 0
  if (norm === 0) return
  if (extra === 1) {
    const other = beta * v[to * n + middle + 1]
    const length = Math.hypot(z[middle], other)
    if (length > 0) {
      rotateAt(v, middle * n + from, v, to * n + from, width, z[middle] / length, other / length)
      z[middle] = length
    }
  }
  const noise = 8 * eps * norm
  if (Math.abs(z[middle]) <= noise) z[middle] = z[middle] < 0 ? -noise : noise
  // 0: zero right of the middle, 2: zero left of it and on it, 1: neither.
  const kind = new Uint8Array(n)
  for (let i = from; i < to; i++) kind[i] = i < middle ? 0 : i === middle ? 1 : 2
  const order: number[] = []
  for (let i = from; i < to; i++) if (i !== middle) order.push(i)
  order.sort((p, q) => d[p] - d[q])
  const stay = [middle]
  const leave: number[] = []
  let held = -1
  for (const i of order) {
    if (Math.abs(z[i]) <= noise) {
      leave.push(i)
      continue
    }
    if (held >= 0) {
      if (d[i] - d[held] <= noise) {
        const length = Math.hypot(z[held], z[i])
        const c = z[i] / length
        const s = -z[held] / length
        rotateAt(u, held * n + from, u, i * n + from, size, c, s)
        rotateAt(v, held * n + from, v, i * n + from, width, c, s)
        z[i] = length
        if (kind[i] !== kind[held]) kind[i] = 1
        leave.push(held)
      } else {
        stay.push(held)
      }
    }
    held = i
  }
  if (held >= 0) stay.push(held)
  const k = stay.length
  const poles = Float64Array.from(stay, (i) => d[i])
  // A pole on top of the one at zero is moved by less than the noise, so that the two stay apart.
  if (k > 1 && poles[1] <= noise / 2) poles[1] = noise / 2
  const zs = Float64Array.from(stay, (i) => z[i])
  const gaps = new Float64Array(k * k)
  const origin = new Int32Array(k)
  const z2 = zs.map((x) => x * x)
  const values = new Float64Array(size)
  for (let i = 0; i < k; i++) {
    const x = secularRoot(i, k, poles, true, z2, gaps, i * k, origin)
    const pole = poles[origin[i]]
    values[i] = Math.sqrt(pole * pole + x)
  }
  const exact = exactZ(k, poles, true, zs, gaps)
  const group = Int32Array.from({ length: k }, (_, i) => i).sort((p, q) => kind[stay[p]] - kind[stay[q]] || p - q)
  let upper = 0
  let lower = 0
  for (const i of stay) {
    if (kind[i] < 2) upper++
    if (kind[i] > 0) lower++
  }
  for (let i = 0; i < leave.length; i++) values[k + i] = d[leave[i]]
  const left = new Float64Array(k * k)
  const right = new Float64Array(k * k)
  for (let j = 0; j < k; j++) {
    let leftSum = 0
    let rightSum = 0
    const row = j * k
    for (let i = 0; i < k; i++) {
      const x = exact[i] / gaps[row + i]
      const y = i === 0 ? -1 : poles[i] * x
      gaps[row + i] = x
      rightSum += x * x
      leftSum += y * y
    }
    const leftScale = 1 / Math.sqrt(leftSum)
    const rightScale = 1 / Math.sqrt(rightSum)
    for (let g = 0; g < k; g++) {
      const i = group[g]
      const x = gaps[row + i]
      right[row + g] = x * rightScale
      left[row + g] = (i === 0 ? -1 : poles[i] * x) * leftScale
    }
  }
  const near = middle - from + 1
  for (const [rows, core, wide] of [
    [u, left, size],
    [v, right, width],
  ] as const) {
    for (let i = 0; i < k; i++) {
      const at = stay[group[i]] * n + from
      kept.set(rows.subarray(at, at + wide), i * wide)
    }
    spare.fill(0, 0, size * wide)
    gemm(k, near, upper, 1, block(core, 0, k), block(kept, 0, wide), block(spare, 0, wide))
    const skip = k - lower
    const far = block(spare, near, wide)
    gemm(k, wide - near, lower, 1, block(core, skip, k), block(kept, skip * wide + near, wide), far)
    for (let i = 0; i < leave.length; i++) {
      const at = leave[i] * n + from
      spare.set(rows.subarray(at, at + wide), (k + i) * wide)
    }
    for (let r = 0; r < size; r++) rows.set(spare.subarray(r * wide, (r + 1) * wide), (from + r) * n + from)
  }
  d.set(values, from)
}
