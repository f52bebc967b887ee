/** QR factorisation by blocks of Householder reflectors. */

import type { Arrayable } from "../engine/array.ts"
import { axpyAt, gemv, rescale } from "./blas.ts"
import { gather, type Reflectors, reflect, reflectLeft } from "./householder.ts"
import { finite, perMatrix, type Real, real, stackOf } from "./matrix.ts"

const panel = 32

/** Factors A [m, n] in place: R is left on and above the diagonal, Q is returned as blocks, first to last. */
export function reduceQr(m: number, n: number, a: Float64Array): Reflectors[] {
  const blocks: Reflectors[] = []
  const k = Math.min(m, n)
  for (let from = 0; from < k; from += panel) {
    const width = Math.min(panel, k - from)
    const length = m - from
    const v = new Float64Array(width * length)
    for (let i = 0; i < length; i++) {
      for (let j = 0; j < width; j++) v[j * length + i] = a[(from + i) * n + from + j]
    }
    const taus = new Float64Array(width)
    const sums = new Float64Array(width)
    for (let j = 0; j < width; j++) {
      const at = j * length + j
      const beta = reflect(v, at, length - j, taus, j)
      const rest = width - j - 1
      gemv(rest, length - j, v, at + length, length, v, at, sums, 0)
      for (let l = 0; l < rest; l++) axpyAt(-taus[j] * sums[l], v, at, v, at + (l + 1) * length, length - j)
      for (let i = 0; i < j; i++) {
        a[(from + i) * n + from + j] = v[j * length + i]
        v[j * length + i] = 0
      }
      a[(from + j) * n + from + j] = beta
    }
    const h = gather(from, width, length, v, 0, length, taus, 0)
    blocks.push(h)
    const right = from + width
    if (right < n) reflectLeft(h, true, n - right, a, from * n + right, n)
  }
  return blocks
}

/** C <- Q C for C [m, n]; with `transpose`, Q^T C. */
export function applyQ(blocks: readonly Reflectors[], transpose: boolean, n: number, c: Float64Array): void {
  for (let i = 0; i < blocks.length; i++) {
    const h = blocks[transpose ? i : blocks.length - 1 - i]
    reflectLeft(h, transpose, n, c, h.from * n, n)
  }
}

/** The first `cols` columns of Q [m, cols]: columns a block cannot yet have touched are skipped. */
export function formQ(m: number, cols: number, blocks: readonly Reflectors[]): Float64Array {
  const q = new Float64Array(m * cols)
  for (let i = 0; i < Math.min(m, cols); i++) q[i * cols + i] = 1
  for (let i = blocks.length - 1; i >= 0; i--) {
    const h = blocks[i]
    reflectLeft(h, false, cols - h.from, q, h.from * cols + h.from, cols)
  }
  return q
}

/** What {@link qr} gives: A = Q R. */
export interface Qr {
  /** Orthonormal columns: [..., m, min(m, n)], or [..., m, m] where `mode` is "complete". */
  readonly q: Real
  /** Upper triangular: [..., min(m, n), n], or [..., m, n] where `mode` is "complete". */
  readonly r: Real
}

/**
 * QR factorisation A = Q R of [..., m, n], any m and n, by Householder reflectors; R's diagonal may be negative.
 * The backward error is a small multiple of machine precision times ||A||.
 *
 * @param options.mode "reduced" (the default) or "complete", as in NumPy.
 * @throws RangeError for an empty input, NaN or Infinity; LinAlgError where R overflows.
 */
export function qr(a: Arrayable, { mode = "reduced" }: { mode?: "reduced" | "complete" } = {}): Qr {
  const s = stackOf("qr", a)
  const { rows: m, cols: n } = s
  const k = mode === "complete" ? m : Math.min(m, n)
  return perMatrix(s, (x) => {
    const scale = rescale(x)
    const blocks = reduceQr(m, n, x)
    const r = new Float64Array(k * n)
    for (let i = 0; i < Math.min(k, n); i++) {
      for (let j = i; j < n; j++) r[i * n + j] = x[i * n + j] / scale
    }
    return { q: real([m, k], formQ(m, k, blocks)), r: real([k, n], finite("qr", r)) }
  })
}
