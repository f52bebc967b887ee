/** The secular equation of rank-one updates, 1 + sum z_j^2 / (D_j - x) = 0, whose roots are eigenvalues or squared singular values. */

import { eps } from "./matrix.ts"

/**
 * Root i of f(x) = 1 + sum_j z2[j] / (D_j - x), which lies between D_i and D_{i+1} (the last above D_{k-1}), where
 * D_j = d_j or, `squared`, d_j^2; the d ascend and the z2 are positive. Writes the differences D_j - x to
 * `gaps[at + j]`, each with a small relative error, which is what eigenvectors need, and returns x - D_o, o being the
 * pole nearest to x, with o in `origin[i]`.
 *
 * The two nearest poles are kept exactly, the rest of f is fitted by value and slope on either side (Bunch, Nielsen
 * and Sorensen 1978); the origin is shifted to the nearest pole (Li 1993, LAPACK working note 89); bisection guards.
 */
export function secularRoot(
  i: number,
  k: number,
  d: Float64Array,
  squared: boolean,
  z2: Float64Array,
  gaps: Float64Array,
  at: number,
  origin: Int32Array,
): number {
  const from = (o: number): void => {
    const pole = d[o]
    if (squared) for (let j = 0; j < k; j++) gaps[at + j] = (d[j] - pole) * (d[j] + pole)
    else for (let j = 0; j < k; j++) gaps[at + j] = d[j] - pole
  }
  from(i)
  const last = i === k - 1
  let low = 0
  let high = 0
  let x = 0
  origin[i] = i
  const left = last ? Math.max(0, k - 2) : i
  const right = last ? k - 1 : i + 1
  if (last) {
    for (let j = 0; j < k; j++) high += z2[j]
    if (k === 1) {
      gaps[at] = -high
      return high
    }
    x = high / 2
  } else {
    const width = gaps[at + i + 1]
    x = width / 2
    let sum = 1
    for (let j = 0; j < k; j++) sum += z2[j] / (gaps[at + j] - x)
    // What the far poles add, taken at the middle: with it the two near poles give a first guess.
    const far = sum + (z2[i] - z2[i + 1]) / x
    if (sum >= 0) {
      high = x
      const b = far * width + z2[i] + z2[i + 1]
      const c = z2[i] * width
      const guess = smallRoot(far, b, c)
      if (guess > 0 && guess < high) x = guess
    } else {
      from(i + 1)
      origin[i] = i + 1
      low = -x
      x = -x
      const b = -far * width + z2[i] + z2[i + 1]
      const c = -z2[i + 1] * width
      const guess = smallRoot(far, b, c)
      if (guess < 0 && guess > low) x = guess
    }
  }
  for (let step = 0; step < 80; step++) {
    let psi = 0
    let psiSlope = 0
    let phi = 0
    let phiSlope = 0
    for (let j = 0; j <= left; j++) {
      const t = 1 / (gaps[at + j] - x)
      const v = z2[j] * t
      psi += v
      psiSlope += v * t
    }
    for (let j = left + 1; j < k; j++) {
      const t = 1 / (gaps[at + j] - x)
      const v = z2[j] * t
      phi += v
      phiSlope += v * t
    }
    const f = 1 + psi + phi
    const slope = psiSlope + phiSlope
    const noise = 8 * (Math.abs(psi) + Math.abs(phi)) + 1 + Math.abs(x) * slope
    if (Math.abs(f) <= eps * noise) break
    if (f < 0) low = x
    else high = x
    const a0 = gaps[at + left] - x
    const a1 = gaps[at + right] - x
    const c = f - a0 * psiSlope - a1 * phiSlope
    const b = (a0 + a1) * f - a0 * a1 * slope
    const move = last ? largeRoot(c, b, a0 * a1 * f) : smallRoot(c, b, a0 * a1 * f)
    let next = x + move
    if (!(f * move < 0) || !(next > low && next < high)) {
      next = x - f / slope
      if (!(next > low && next < high)) next = low / 2 + high / 2
    }
    if (next === x || next === low || next === high) break
    x = next
  }
  for (let j = 0; j < k; j++) gaps[at + j] -= x
  return x
}

/** The root of c x^2 - b x + a that (b - sqrt(b^2 - 4 a c)) / 2c names, without cancellation. */
function smallRoot(c: number, b: number, a: number): number {
  const root = Math.sqrt(Math.abs(b * b - 4 * a * c))
  return b <= 0 ? (b - root) / (2 * c) : (2 * a) / (b + root)
}

/** The other root, (b + sqrt(b^2 - 4 a c)) / 2c. */
function largeRoot(c: number, b: number, a: number): number {
  const root = Math.sqrt(Math.abs(b * b - 4 * a * c))
  return b >= 0 ? (b + root) / (2 * c) : (2 * a) / (b - root)
}

/**
 * The z for which the computed roots are exact: z_i^2 = prod_j (x_j - D_i) / prod_{j != i} (D_j - D_i), with the sign
 * of the given z. Vectors built from it are orthogonal to working precision (Gu and Eisenstat 1994, 1995).
 * `gaps` [k, k] holds D_i - x_j at row j, column i.
 */
export function exactZ(
  k: number,
  d: Float64Array,
  squared: boolean,
  z: Float64Array,
  gaps: Float64Array,
): Float64Array {
  const product = new Float64Array(k).fill(1)
  for (let j = 0; j < k; j++) {
    const row = j * k
    const pole = d[j]
    for (let i = 0; i < k; i++) {
      const gap = gaps[row + i]
      product[i] *= i === j ? gap : gap / (squared ? (d[i] - pole) * (d[i] + pole) : d[i] - pole)
    }
  }
  for (let i = 0; i < k; i++) {
    const v = Math.sqrt(Math.abs(product[i]))
    product[i] = z[i] < 0 ? -v : v
  }
  return product
}
