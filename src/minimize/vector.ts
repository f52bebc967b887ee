/** Vectors of the minimisers: inner products, lengths, and points along a direction. */

/** Sum of a[i] b[i]. */
export function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i]
  return sum
}

/** Euclidean length, which overflows and vanishes only where the length itself does. */
export function norm(a: Float64Array): number {
  const square = dot(a, a)
  if (square > 1e-280 && square < 1e280) return Math.sqrt(square)
  let largest = 0
  for (const v of a) largest = Math.max(largest, Math.abs(v))
  if (largest === 0 || !Number.isFinite(largest)) return largest
  let sum = 0
  for (const v of a) sum += (v / largest) ** 2
  return largest * Math.sqrt(sum)
}

/** x + rate direction. */
export function along(x: Float64Array, rate: number, direction: Float64Array): Float64Array {
  return x.map((v, i) => v + rate * direction[i])
}

/** a - b. */
export function minus(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((v, i) => v - b[i])
}

/** rate a. */
export function times(rate: number, a: Float64Array): Float64Array {
  return a.map((v) => rate * v)
}

/** A v for a symmetric A [n, n] in one array, row by row. */
export function multiply(a: Float64Array, v: Float64Array): Float64Array {
  const n = v.length
  return v.map((_, i) => dot(a.subarray(i * n, (i + 1) * n), v))
}

/** Whether every element is a finite number. */
export function allFinite(a: Float64Array): boolean {
  return a.every(Number.isFinite)
}
