/** Matrix exponential. */

import type { Arrayable } from "../engine/array.ts"
import { balance } from "./balance.ts"
import { reduceLu, solveFactored } from "./lu.ts"
import { eps, finite, LinAlgError, perMatrix, type Real, real, squareOf } from "./matrix.ts"
import { plainMatrixNorm } from "./norm.ts"
import { square } from "./product.ts"

/** Largest norm for which the Pade approximant of each degree is exact to double precision (Al-Mohy and Higham 2009). */
const bounds: readonly (readonly [degree: number, bound: number])[] = [
  [3, 1.495585217958292e-2],
  [5, 2.53939833006323e-1],
  [7, 9.504178996162932e-1],
  [9, 2.097847961257068],
  [13, 4.25],
]

/** Coefficients of the numerator of the [m / m] Pade approximant of exp, lowest first: (2m - j)! m! / ((2m)! (m - j)! j!). */
function pade(m: number): Float64Array {
  const c = new Float64Array(m + 1)
  c[0] = 1
  for (let j = 1; j <= m; j++) c[j] = (c[j - 1] * (m - j + 1)) / (j * (2 * m - j + 1))
  return c
}

/** Extra squarings that the approximant's first neglected term, on |A|, asks for. */
function extra(n: number, a: Float64Array, m: number, norm: number): number {
  const p = 2 * m + 1
  let sums = new Float64Array(n).fill(1)
  for (let i = 0; i < p; i++) {
    const next = new Float64Array(n)
    for (let r = 0; r < n; r++) for (let c = 0; c < n; c++) next[c] += sums[r] * Math.abs(a[r * n + c])
    sums = next
  }
  const power = sums.reduce((most, v) => Math.max(most, v), 0)
  if (power === 0) return 0
  // log2 of (m!)^2 / ((2m)! (2m + 1)!)
  let log = 0
  for (let i = 1; i <= m; i++) log += 2 * Math.log2(i)
  for (let i = 1; i <= 2 * m; i++) log -= Math.log2(i)
  for (let i = 1; i <= p; i++) log -= Math.log2(i)
  return Math.max(0, Math.ceil((log + Math.log2(power) - Math.log2(norm) - Math.log2(eps / 2)) / (2 * m)))
}

function combine(n: number, terms: readonly (readonly [number, Float64Array])[]): Float64Array {
  const out = new Float64Array(n * n)
  for (const [c, x] of terms) for (let i = 0; i < out.length; i++) out[i] += c * x[i]
  return out
}

/** exp of one [n, n], overwritten: balanced first, since squaring magnifies what bad scaling costs (Ward 1977). */
function plainExpm(n: number, a: Float64Array): Float64Array {
  const d = balance(n, a)
  const out = scalingAndSquaring(n, a)
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) out[i * n + j] *= d[i] / d[j]
  return out
}

function scalingAndSquaring(n: number, a: Float64Array): Float64Array {
  const norm1 = (x: Float64Array): number => plainMatrixNorm(n, n, x, 1)
  const norm = norm1(a)
  const one = new Float64Array(n * n)
  for (let i = 0; i < n; i++) one[i * n + i] = 1
  if (norm === 0) return one
  if (norm === Number.POSITIVE_INFINITY)
    throw new LinAlgError("expm: the matrix's norm overflows double precision (scale the input down)")
  // A norm beyond what squaring can undo overflows for sure; a first scaling keeps the powers below finite.
  const first = norm > 1e30 ? Math.ceil(Math.log2(norm)) - 100 : 0
  let x = first > 0 ? a.map((v) => v * 2 ** -first) : a
  const a2 = square(n, x, x)
  const a4 = square(n, a2, a2)
  const a6 = square(n, a4, a2)
  const d4 = norm1(a4) ** (1 / 4)
  const d6 = norm1(a6) ** (1 / 6)
  let powers = [one, a2, a4, a6]
  let squarings = first
  let degree = 13
  const size = norm1(x)
  const low = Math.max(d4, d6)
  const fits = (m: number, value: number): boolean =>
    value <= (bounds.find(([d]) => d === m)?.[1] ?? 0) && extra(n, x, m, size) === 0
  if (fits(3, low)) {
    degree = 3
  } else if (fits(5, low)) {
    degree = 5
  } else {
    const a8 = square(n, a4, a4)
    powers = [...powers, a8]
    const d8 = norm1(a8) ** (1 / 8)
    const middle = Math.max(d6, d8)
    if (fits(7, middle)) {
      degree = 7
    } else if (fits(9, middle)) {
      degree = 9
    } else {
      const d10 = norm1(square(n, a6, a4)) ** (1 / 10)
      const high = Math.min(middle, Math.max(d8, d10))
      let s = high === 0 ? 0 : Math.max(0, Math.ceil(Math.log2(high / 4.25)))
      const scaled = x.map((v) => v * 2 ** -s)
      s += extra(n, scaled, 13, size * 2 ** -s)
      x = x.map((v) => v * 2 ** -s)
      powers = [one, ...[a2, a4, a6].map((p, i) => p.map((v) => v * 2 ** (-2 * (i + 1) * s)))]
      squarings += s
    }
  }
  const c = pade(degree)
  let odd: Float64Array
  let even: Float64Array
  if (degree === 13) {
    const [i0, p2, p4, p6] = powers
    const top = (k: number): Float64Array =>
      square(
        n,
        p6,
        combine(n, [
          [c[k + 6], p2],
          [c[k + 8], p4],
          [c[k + 10], p6],
        ]),
      )
    odd = combine(n, [
      [1, top(3)],
      [c[1], i0],
      [c[3], p2],
      [c[5], p4],
      [c[7], p6],
    ])
    even = combine(n, [
      [1, top(2)],
      [c[0], i0],
      [c[2], p2],
      [c[4], p4],
      [c[6], p6],
    ])
  } else {
    odd = combine(
      n,
      powers.slice(0, (degree + 1) / 2).map((p, i) => [c[2 * i + 1], p] as const),
    )
    even = combine(
      n,
      powers.slice(0, (degree + 1) / 2).map((p, i) => [c[2 * i], p] as const),
    )
  }
  // (V - U)^-1 (V + U) = I + 2 (V - U)^-1 U, whose rounding is that of the small part.
  const u = square(n, x, odd)
  const difference = combine(n, [
    [1, even],
    [-1, u],
  ])
  const pivots = reduceLu(n, n, difference)
  let out = solveFactored({ n, lu: difference, pivots }, n, u)
  for (let i = 0; i < out.length; i++) out[i] *= 2
  for (let i = 0; i < n; i++) out[i * n + i] += 1
  for (let i = 0; i < squarings; i++) out = square(n, out, out)
  return out
}

/**
 * Matrix exponential sum A^i / i! of [..., n, n] by scaling and squaring with Pade approximants (Al-Mohy and Higham
 * 2009). f(t) = exp(A t) c solves f' = A f, f(0) = c (notes 003, D1.8; the sums of its proof begin at i = 1 once
 * differentiated, not at 0).
 *
 * @throws LinAlgError where the result overflows.
 */
export function expm(a: Arrayable): Real {
  const s = squareOf("expm", a)
  const n = s.rows
  return perMatrix(s, (x) => ({ e: real([n, n], finite("expm", plainExpm(n, x))) })).e
}
