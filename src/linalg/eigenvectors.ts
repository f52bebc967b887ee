/** Eigenvectors of a triangular matrix with 2 x 2 blocks, by back substitution. */

import { dotAt, largest } from "./blas.ts"
import { eps } from "./matrix.ts"

/**
 * Eigenvectors of a quasi-triangular T as rows [n, n], by back substitution; for a complex pair the first row is the
 * real part and the second the imaginary part of the vector whose eigenvalue has the positive imaginary part.
 */
export function backSubstitute(n: number, t: Float64Array): Float64Array {
  const out = new Float64Array(n * n)
  const least = Math.max(eps * largest(t), 1e-290)
  for (let k = n - 1; k >= 0; k--) {
    const isPair = k > 0 && t[k * n + k - 1] !== 0
    const first = isPair ? k - 1 : k
    const re = first * n
    const im = k * n
    const lambda = t[k * n + k]
    let mu = 0
    if (isPair) {
      const b = t[first * n + k]
      const c = t[k * n + first]
      mu = Math.sqrt(Math.abs(b)) * Math.sqrt(Math.abs(c))
      if (Math.abs(b) >= Math.abs(c)) {
        out[re + first] = 1
        out[im + k] = mu / b
      } else {
        out[re + first] = -mu / c
        out[im + k] = 1
      }
    } else {
      out[re + k] = 1
    }
    for (let i = first - 1; i >= 0; i--) {
      const count = k - i
      const row = i * n + i + 1
      const r = -dotAt(t, row, out, re + i + 1, count)
      const s = isPair ? -dotAt(t, row, out, im + i + 1, count) : 0
      if (i > 0 && t[i * n + i - 1] !== 0) {
        const up = (i - 1) * n + i + 1
        const r0 = -dotAt(t, up, out, re + i + 1, count)
        const s0 = isPair ? -dotAt(t, up, out, im + i + 1, count) : 0
        solvePair(t[i * n + i] - lambda, -mu, t[(i - 1) * n + i], t[i * n + i - 1], r0, s0, r, s, least)
        out[re + i - 1] = pair[0]
        out[re + i] = pair[2]
        if (isPair) {
          out[im + i - 1] = pair[1]
          out[im + i] = pair[3]
        }
        i--
      } else {
        let gap = t[i * n + i] - lambda
        if (Math.abs(gap) + mu < least) gap = least
        divide(r, s, gap, -mu)
        out[re + i] = quotient[0]
        if (isPair) out[im + i] = quotient[1]
      }
      let size = Math.abs(out[re + i]) + Math.abs(out[re + i + 1])
      if (isPair) size += Math.abs(out[im + i]) + Math.abs(out[im + i + 1])
      if (size > 1e100) {
        for (let j = i; j <= k; j++) {
          out[re + j] /= size
          if (isPair) out[im + j] /= size
        }
      }
    }
    if (isPair) k--
  }
  return out
}

const quotient = new Float64Array(2)

/** Complex division without overflow (Smith 1962), into `quotient`. */
function divide(a: number, b: number, c: number, d: number): void {
  if (Math.abs(c) >= Math.abs(d)) {
    const r = d / c
    const s = c + d * r
    quotient[0] = (a + b * r) / s
    quotient[1] = (b - a * r) / s
  } else {
    const r = c / d
    const s = d + c * r
    quotient[0] = (a * r + b) / s
    quotient[1] = (b * r - a) / s
  }
}

const pair = new Float64Array(4)

/**
 * Solves [d, b; c, d] [x; y] = [r; s] for complex d = dRe + i dIm, r, s and real b, c by elimination from the largest
 * entry; a second pivot below `least` is raised to it. Leaves x and y in `pair`.
 */
function solvePair(
  dRe: number,
  dIm: number,
  b: number,
  c: number,
  rRe: number,
  rIm: number,
  sRe: number,
  sIm: number,
  least: number,
): void {
  const size = Math.hypot(dRe, dIm)
  if (size < Math.abs(b) || size < Math.abs(c)) {
    // With c the largest, x = (s - d y) / c and (b - d^2 / c) y = r - (d / c) s; with b, the same with the roles changed.
    const isC = Math.abs(c) >= Math.abs(b)
    const p = isC ? c : b
    const [fRe, fIm, gRe, gIm] = isC ? [rRe, rIm, sRe, sIm] : [sRe, sIm, rRe, rIm]
    const qRe = dRe / p
    const qIm = dIm / p
    let uRe = (isC ? b : c) - (dRe * qRe - dIm * qIm)
    let uIm = -2 * dRe * qIm
    if (Math.hypot(uRe, uIm) < least) {
      uRe = least
      uIm = 0
    }
    divide(fRe - (qRe * gRe - qIm * gIm), fIm - (qRe * gIm + qIm * gRe), uRe, uIm)
    const yRe = quotient[0]
    const yIm = quotient[1]
    const xRe = (gRe - (dRe * yRe - dIm * yIm)) / p
    const xIm = (gIm - (dRe * yIm + dIm * yRe)) / p
    pair.set(isC ? [xRe, xIm, yRe, yIm] : [yRe, yIm, xRe, xIm])
    return
  }
  // d the largest: (d - b c / d) y = s - (c / d) r, x = (r - b y) / d.
  if (size < least) {
    dRe = least
    dIm = 0
  }
  divide(c, 0, dRe, dIm)
  const qRe = quotient[0]
  const qIm = quotient[1]
  let uRe = dRe - b * qRe
  let uIm = dIm - b * qIm
  if (Math.hypot(uRe, uIm) < least) {
    uRe = least
    uIm = 0
  }
  divide(sRe - (qRe * rRe - qIm * rIm), sIm - (qRe * rIm + qIm * rRe), uRe, uIm)
  const yRe = quotient[0]
  const yIm = quotient[1]
  divide(rRe - b * yRe, rIm - b * yIm, dRe, dIm)
  pair[0] = quotient[0]
  pair[1] = quotient[1]
  pair[2] = yRe
  pair[3] = yIm
}
