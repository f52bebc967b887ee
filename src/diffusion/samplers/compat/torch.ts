/** PyTorch's and NumPy's float32 arithmetic, bit by bit where their results hang on the last one. */

import type { Arithmetic } from "../plan/arithmetic.ts"

/** Rounds to float32. */
export const f: (x: number) => number = Math.fround

/** PyTorch's float32 `linspace`: from the start up to the middle, from the end after it, each with one rounding. */
export function linspace(start: number, end: number, count: number): Float32Array {
  const [a, b] = [f(start), f(end)]
  const step = f(f(b - a) / (count - 1))
  const half = Math.floor(count / 2)
  return Float32Array.from({ length: count }, (_, i) =>
    count === 1 ? a : i < half ? a + step * i : b - step * (count - 1 - i),
  )
}

/** PyTorch's float32 `cumprod`: multiplied up in float64, kept in float32. */
export function products(values: Float32Array): Float32Array {
  let product = 1
  return values.map((v) => (product *= v))
}

// For each 512th of [1, 4) in ratio, how far the guess at its beginning is from 8192 / sqrt(x) rounded, plus 1: three to
// a digit. For each of 32 wider parts, where along 16 places the guess falls by one: 15 bits in four digits.
const begun =
  "09319c9ddad9dcddc1d4d994d9cdcdddd1a4aa9001dddddd4ddddccddaaeddqq0d1aadddddcdddddd1d4aa9dddcc01cda9dddaacdcddd9cd" +
  "dddddddcd44ddddd1ddd9d4ad3adddddddhqmad1cccda3a4cdcddaddddc"
const fallen =
  "7f7f77f76f7d6ddd376d5b5b356d2b5655552aaa2a5552a9252a2949252912925b6d35b6356a35552aaa4aa92952294a1494249224924922" +
  "1224122422222222"

/**
 * The first guess of 1 / sqrt(x), x from 1 to 4, that AMD's processors have in store (`rsqrtps`), in 8192ths: the sum
 * of a value by x's first eight digits (and whether x is above 2) and one by the first four and the last four of
 * twelve (a bipartite table: Das Sarma and Matula 1995).
 */
const guesses: Float32Array = Float32Array.from({ length: 8192 }, (_, i) => {
  const start = i >> 4
  const x = (start < 256 ? 1 : 2) * (1 + (start % 256) / 256)
  const off = Math.floor(Number.parseInt(begun[Math.floor(start / 3)], 27) / 3 ** (2 - (start % 3))) % 3
  const falls = Number.parseInt(fallen.slice((i >> 8) * 4, (i >> 8) * 4 + 4), 16)
  let guess = Math.round(8192 / Math.sqrt(x)) + off - 1
  for (let k = 0; k < i % 16; k++) guess -= (falls >> (14 - k)) & 1
  return guess / 8192
})

/**
 * PyTorch's float32 square root, which on processors that are not Intel's is not the nearest number for one in five:
 * one step of Goldschmidt's from {@link guesses}, and one of Newton's for what is left, every operation rounded.
 */
export function sqrt(x: number): number {
  if (!(x > 0 && x < Number.POSITIVE_INFINITY)) return Math.sqrt(x)
  const power = Math.floor(Math.floor(Math.log2(x)) / 2)
  const part = x / 4 ** power
  const r = guesses[Math.floor((part < 2 ? part - 1 : part / 2) * 4096)]
  const half = r / 2
  const root = f(part * r)
  const rest = f(0.5 - f(root * half))
  const nearer = f(root + f(root * rest))
  const slope = f(half + f(half * rest))
  return f(nearer + f(f(part - f(nearer * nearer)) * slope)) * 2 ** power
}

/** What diffusers works a step's numbers out in. */
export const float32: Arithmetic = { round: f, sqrt, expm1: (x) => f(f(Math.exp(x)) - 1) }

// A rational approximation of log(1 + y) for y from sqrt(1/2) - 1 to sqrt(2) - 1.
const above = [0, 1, 2.1126776, 1.4800006, 0.38088378, 0.025899792].map(f)
const below = [1, 2.6126776, 2.453006, 0.9864943, 0.15464763, 0.0058750953].map(f)

/**
 * NumPy's float32 logarithm, which is not always the nearest number. Times are cut to whole numbers after it, so its
 * last bit decides between T - 1 and T - 2.
 */
export function log(x: number): number {
  let exponent = Math.floor(Math.log2(x)) + 1
  let part = f(x / 2 ** exponent)
  if (part >= 1) {
    part /= 2
    exponent++
  }
  if (part <= f(Math.SQRT1_2)) {
    part *= 2
    exponent--
  }
  const y = part - 1
  // A product of float32 numbers is exact in float64: each line rounds once, as a fused multiplication and addition.
  const along = (c: readonly number[]): number => c.reduceRight((sum, k) => f(sum * y + k))
  return f(exponent * f(Math.LN2) + f(along(above) / along(below)))
}
