/** Eigenvectors of a symmetric tridiagonal matrix by divide and conquer: halves, a rank-one tear, and matrix products. */

import { largest, rotateAt } from "./blas.ts"
import { block, gemm } from "./gemm.ts"
import { eps } from "./matrix.ts"
import { exactZ, secularRoot } from "./secular.ts"
import { tridiagonalQl } from "./tridiagonal-ql.ts"

const leaf = 32

/**
 * Eigenvectors of the tridiagonal with diagonal d [n] and off-diagonal e [n - 1], which are overwritten: d becomes the
 * eigenvalues, ascending, and the result [n, n] holds the eigenvectors as rows. (Cuppen 1981; Gu and Eisenstat 1995.)
 */
export function tridiagonalDivide(where: string, n: number, d: Float64Array, e: Float64Array): Float64Array {
  const z = new Float64Array(n * n)
  const work: Work = { n, d, z, spare: new Float64Array(n * n), kept: new Float64Array(n * n) }
  split(where, 0, n, e, work)
  return z
}

interface Work {
  readonly n: number
  readonly d: Float64Array
  readonly z: Float64Array
  readonly spare: Float64Array
  readonly kept: Float64Array
}

function split(where: string, from: number, to: number, e: Float64Array, work: Work): void {
  const { n, d, z } = work
  if (to - from <= leaf) {
    for (let i = from; i < to; i++) z[i * n + i] = 1
    tridiagonalQl(where, from, to, d, e, z, n, from, to - from)
    const order = sorted(from, to, d)
    permute(order, from, to - from, from, work)
    return
  }
  const middle = (from + to) >> 1
  const rho = e[middle - 1]
  d[middle - 1] -= Math.abs(rho)
  d[middle] -= Math.abs(rho)
  split(where, from, middle, e, work)
  split(where, middle, to, e, work)
  merge(from, middle, to, rho, work)
}

function sorted(from: number, to: number, d: Float64Array): Int32Array {
  return Int32Array.from({ length: to - from }, (_, i) => from + i).sort((p, q) => d[p] - d[q])
}

/** Puts the rows `order` of z (columns from `left` on), and their values, into places from ... */
function permute(order: Int32Array, from: number, width: number, left: number, work: Work): void {
  const { n, d, z, spare } = work
  const values = Float64Array.from(order, (i) => d[i])
  for (let r = 0; r < order.length; r++) {
    const at = order[r] * n + left
    spare.set(z.subarray(at, at + width), r * width)
  }
  d.set(values, from)
  for (let r = 0; r < order.length; r++) {
    z.set(spare.subarray(r * width, (r + 1) * width), (from + r) * n + left)
  }
}

/** Joins the eigensystems of two halves whose tear is |rho| v v^T, v = (0 ... 1, sign rho ... 0). */
function merge(from: number, middle: number, to: number, rho: number, work: Work): void {
  const { n, d, z, spare, kept } = work
  const size = to - from
  const sign = rho < 0 ? -1 : 1
  const strength = 2 * Math.abs(rho)
  const weight = new Float64Array(n)
  for (let i = from; i < to; i++) {
    weight[i] = (i < middle ? z[i * n + middle - 1] : sign * z[i * n + middle]) * Math.SQRT1_2
  }
  const order = sorted(from, to, d)
  const noise = 8 * eps * Math.max(largest(d.subarray(from, to)), largest(weight))
  // 0: not zero in the upper half alone, 2: in the lower half alone, 1: in both.
  const kind = new Uint8Array(n)
  for (let i = from; i < to; i++) kind[i] = i < middle ? 0 : 2
  const stay: number[] = []
  const leave: number[] = []
  let held = -1
  for (const i of order) {
    if (strength * Math.abs(weight[i]) <= noise) {
      leave.push(i)
      continue
    }
    if (held >= 0) {
      const length = Math.hypot(weight[held], weight[i])
      const c = weight[i] / length
      const s = -weight[held] / length
      const gap = d[i] - d[held]
      if (Math.abs(gap * c * s) <= noise) {
        weight[i] = length
        weight[held] = 0
        if (kind[i] !== kind[held]) kind[i] = 1
        rotateAt(z, held * n + from, z, i * n + from, size, c, s)
        const low = d[held] * c * c + d[i] * s * s
        d[i] = d[held] * s * s + d[i] * c * c
        d[held] = low
        leave.push(held)
      } else {
        stay.push(held)
      }
    }
    held = i
  }
  if (held >= 0) stay.push(held)
  const k = stay.length
  if (k === 0) {
    permute(sorted(from, to, d), from, size, from, work)
    return
  }
  const poles = Float64Array.from(stay, (i) => d[i])
  const zs = Float64Array.from(stay, (i) => weight[i])
  const z2 = zs.map((v) => strength * v * v)
  const gaps = new Float64Array(k * k)
  const origin = new Int32Array(k)
  const roots = new Float64Array(k)
  for (let i = 0; i < k; i++) {
    const x = secularRoot(i, k, poles, false, z2, gaps, i * k, origin)
    roots[i] = poles[origin[i]] + x
  }
  const exact = exactZ(k, poles, false, zs, gaps)
  // The kept rows, those that are zero in the lower half first: each half then needs only its own.
  const group = Int32Array.from({ length: k }, (_, i) => i).sort((p, q) => kind[stay[p]] - kind[stay[q]] || p - q)
  let upper = 0
  let lower = 0
  for (const i of stay) {
    if (kind[i] < 2) upper++
    if (kind[i] > 0) lower++
  }
  const vectors = new Float64Array(k * k)
  for (let j = 0; j < k; j++) {
    let sum = 0
    for (let i = 0; i < k; i++) {
      const v = exact[i] / gaps[j * k + i]
      gaps[j * k + i] = v
      sum += v * v
    }
    const scale = 1 / Math.sqrt(sum)
    for (let i = 0; i < k; i++) vectors[j * k + i] = gaps[j * k + group[i]] * scale
  }
  for (let i = 0; i < k; i++) {
    const at = stay[group[i]] * n + from
    kept.set(z.subarray(at, at + size), i * size)
  }
  const half = middle - from
  spare.fill(0, 0, size * size)
  gemm(k, half, upper, 1, block(vectors, 0, k), block(kept, 0, size), block(spare, 0, size))
  const skip = k - lower
  gemm(
    k,
    size - half,
    lower,
    1,
    block(vectors, skip, k),
    block(kept, skip * size + half, size),
    block(spare, half, size),
  )
  for (let i = 0; i < leave.length; i++) {
    const at = leave[i] * n + from
    spare.set(z.subarray(at, at + size), (k + i) * size)
  }
  const values = new Float64Array(size)
  values.set(roots)
  for (let i = 0; i < leave.length; i++) values[k + i] = d[leave[i]]
  const final = sorted(0, size, values)
  for (let r = 0; r < size; r++) {
    d[from + r] = values[final[r]]
    z.set(spare.subarray(final[r] * size, (final[r] + 1) * size), (from + r) * n + from)
  }
}
