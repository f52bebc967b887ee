/** Truncated decompositions: the leading singular vectors, exactly or from random projections. */

import type { Arrayable } from "../engine/array.ts"
import { fillNormal, type Key, keyOf } from "../engine/random.ts"
import { rescale } from "./blas.ts"
import { block, flip, gemm } from "./gemm.ts"
import { finite, matrixOf, type Real, real } from "./matrix.ts"
import { formQ, reduceQr } from "./qr.ts"
import { plainSvd, type Svd, svd } from "./svd.ts"

function rankIn(where: string, rank: number, m: number, n: number): void {
  if (!(Number.isInteger(rank) && rank >= 1 && rank <= Math.min(m, n)))
    throw new RangeError(`${where}: rank is ${rank}, expected an integer from 1 to ${Math.min(m, n)}`)
}

/** The first `rank` singular triplets: u [m, rank], s [rank], vt [rank, n]. */
function truncate(x: Svd, rank: number): Svd {
  const [m, k] = x.u.shape
  const n = x.vt.shape[1]
  const u = new Float64Array(m * rank)
  for (let i = 0; i < m; i++) for (let j = 0; j < rank; j++) u[i * rank + j] = x.u.data[i * k + j]
  return {
    u: real([m, rank], u),
    s: real([rank], x.s.data.slice(0, rank)),
    vt: real([rank, n], x.vt.data.slice(0, rank * n)),
  }
}

/**
 * The leading `rank` singular triplets of [m, n], exactly: u [m, rank], s [rank] falling, vt [rank, n].
 *
 * @throws RangeError for a rank that is no whole number from 1 to min(m, n).
 */
export function truncatedSvd(a: Arrayable, rank: number): Svd {
  const { rows: m, cols: n } = matrixOf("truncatedSvd", a)
  rankIn("truncatedSvd", rank, m, n)
  return truncate(svd(a), rank)
}

/**
 * The nearest matrix of the given rank to [m, n], in the Frobenius and the 2-norm: sum_{i <= rank} s_i u_i v_i^T. Its
 * squared Frobenius error is the sum of the squared singular values left out (Eckart and Young 1936; notes 003, E4).
 */
export function lowRank(a: Arrayable, rank: number): Real {
  const { rows: m, cols: n } = matrixOf("lowRank", a)
  rankIn("lowRank", rank, m, n)
  const { u, s, vt } = truncate(svd(a), rank)
  for (let i = 0; i < m; i++) for (let j = 0; j < rank; j++) u.data[i * rank + j] *= s.data[j]
  const out = new Float64Array(m * n)
  gemm(m, n, rank, 1, block(u.data, 0, rank), block(vt.data, 0, n), block(out, 0, n))
  return real([m, n], finite("lowRank", out))
}

/**
 * The leading singular triplets of a large [m, n] from a random projection: an orthonormal basis Q of (A A^T)^q A G
 * with G Gaussian, then the exact SVD of the small Q^T A. Near exact where the singular values fall, at the cost of a
 * few products with A. (Halko, Martinsson and Tropp 2011, algorithms 4.4 and 5.1.)
 *
 * @param options.rank how many triplets.
 * @param options.oversample columns beyond the rank, default 10.
 * @param options.iterations power iterations q, default 4, orthonormalised at every half step.
 * @param options.seed the same seed gives the same result.
 */
export function randomizedSvd(
  a: Arrayable,
  {
    rank,
    oversample = 10,
    iterations = 4,
    seed = 0,
  }: { rank: number; oversample?: number; iterations?: number; seed?: number | Key },
): Svd {
  const { rows: m, cols: n, data } = matrixOf("randomizedSvd", a)
  rankIn("randomizedSvd", rank, m, n)
  for (const [name, value] of Object.entries({ oversample, iterations })) {
    if (!(Number.isInteger(value) && value >= 0))
      throw new RangeError(`randomizedSvd: ${name} is ${value}, expected an integer from 0`)
  }
  const x = data.slice()
  const scale = rescale(x)
  const k = Math.min(rank + oversample, m, n)
  const whole = block(x, 0, n)
  const sample = (rows: number, inner: number, by: Float64Array, flipped: boolean): Float64Array => {
    const out = new Float64Array(rows * k)
    gemm(rows, k, inner, 1, flipped ? flip(whole) : whole, block(by, 0, k), block(out, 0, k))
    return formQ(rows, k, reduceQr(rows, k, out))
  }
  const gauss = fillNormal(new Float64Array(n * k), typeof seed === "number" ? keyOf(seed) : seed)
  let q = sample(m, n, gauss, false)
  for (let i = 0; i < iterations; i++) q = sample(m, n, sample(n, m, q, true), false)
  const small = new Float64Array(k * n)
  gemm(k, n, m, 1, flip(block(q, 0, k)), whole, block(small, 0, n))
  const core = plainSvd("randomizedSvd", k, n, small, false)
  const u = new Float64Array(m * k)
  gemm(m, k, k, 1, block(q, 0, k), block(core.u, 0, k), block(u, 0, k))
  for (let i = 0; i < k; i++) core.s[i] /= scale
  return truncate({ u: real([m, k], u), s: real([k], core.s), vt: real([k, n], core.vt) }, rank)
}
