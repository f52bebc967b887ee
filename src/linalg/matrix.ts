/** What linalg takes and gives: real matrices in, float64 arrays out, everything checked once at the door. */

import { type Arrayable, asArray, type NdArray, sizeOf, toNumbers } from "../engine/array.ts"

/** A float64 array: every real result of linalg. */
export type Real = NdArray<"float64">

/** A pair of float64 arrays of one shape, the real and the imaginary parts: every complex result of linalg. */
export interface Complex {
  readonly re: Real
  readonly im: Real
}

/** A numerical refusal: singular, not positive definite, no real answer, overflow, no convergence. */
export class LinAlgError extends Error {
  override readonly name = "LinAlgError"
}

/** The distance from 1 to the next double, 2^-52. */
export const eps: number = 2 ** -52

/** A checked stack of matrices [...batch, rows, cols]; `data` belongs to the caller and must not be written. */
export interface Stack {
  readonly batch: readonly number[]
  readonly count: number
  readonly rows: number
  readonly cols: number
  readonly data: Float64Array
}

/** A float64 array over `data`, which is not copied. */
export function real(shape: readonly number[], data: Float64Array): Real {
  return { dtype: "float64", shape, data }
}

/** A shape as people write it. */
export function show(shape: readonly number[]): string {
  return `[${shape.join(", ")}]`
}

/** Any input as finite float64 values with a shape; refuses empty arrays, NaN and Infinity by name and place. */
export function realOf(where: string, a: Arrayable, what = "array"): Real {
  const x = asArray(a, "float64")
  const data = toNumbers(x)
  const { shape } = x
  if (sizeOf(shape) !== data.length)
    throw new RangeError(`${where}: ${what} has shape ${show(shape)} but ${data.length} entries`)
  if (data.length === 0)
    throw new RangeError(`${where}: ${what} is empty (shape ${show(shape)}), expected at least one entry`)
  for (let i = 0; i < data.length; i++) {
    const v = data[i]
    if (v - v !== 0)
      throw new RangeError(`${where}: ${what} entry ${show(place(i, shape))} is ${v}, expected a finite number`)
  }
  return { dtype: "float64", shape, data }
}

function place(flat: number, shape: readonly number[]): number[] {
  const at: number[] = []
  let rest = flat
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    at.unshift(rest % shape[axis])
    rest = Math.floor(rest / shape[axis])
  }
  return at
}

/** A stack of matrices: the last two axes are rows and columns, the ones before them the batch. */
export function stackOf(where: string, a: Arrayable, what = "matrix"): Stack {
  const { shape, data } = realOf(where, a, what)
  if (shape.length < 2)
    throw new RangeError(`${where}: ${what} has shape ${show(shape)}, expected rows and columns, [..., rows, cols]`)
  const batch = shape.slice(0, -2)
  return { batch, count: sizeOf(batch), rows: shape[shape.length - 2], cols: shape[shape.length - 1], data }
}

/** A stack of square matrices. */
export function squareOf(where: string, a: Arrayable, what = "matrix"): Stack {
  const s = stackOf(where, a, what)
  if (s.rows !== s.cols) throw new RangeError(`${where}: ${what} is ${show([s.rows, s.cols])}, expected square`)
  return s
}

/** One matrix, with no batch axes. */
export function matrixOf(where: string, a: Arrayable, what = "matrix"): Stack {
  const s = stackOf(where, a, what)
  if (s.batch.length > 0)
    throw new RangeError(`${where}: ${what} has shape ${show([...s.batch, s.rows, s.cols])}, expected one matrix`)
  return s
}

/** One square matrix. */
export function squareMatrixOf(where: string, a: Arrayable, what = "matrix"): Stack {
  matrixOf(where, a, what)
  return squareOf(where, a, what)
}

/** One vector's values; a matrix of one column or row is refused, so that nothing is guessed. */
export function vectorOf(where: string, a: Arrayable, what = "vector", length?: number): Float64Array {
  const { shape, data } = realOf(where, a, what)
  if (shape.length !== 1) throw new RangeError(`${where}: ${what} has shape ${show(shape)}, expected one axis`)
  if (length !== undefined && data.length !== length)
    throw new RangeError(`${where}: ${what} has ${data.length} entries, expected ${length}`)
  return data
}

/**
 * A stack of symmetric matrices, each replaced by its symmetric part (A + A^T) / 2 in fresh storage.
 *
 * @throws RangeError where |a_ij - a_ji| is more than 1.5e-8 (the root of machine precision) of the largest entry.
 */
export function symmetricOf(where: string, a: Arrayable, what = "matrix"): Stack {
  const s = squareOf(where, a, what)
  const n = s.rows
  const data = s.data.slice()
  for (let b = 0; b < s.count; b++) {
    const at = b * n * n
    let scale = 0
    for (let i = at; i < at + n * n; i++) scale = Math.max(scale, Math.abs(data[i]))
    const allowed = Math.sqrt(eps) * scale
    for (let i = 1; i < n; i++) {
      for (let j = 0; j < i; j++) {
        const low = data[at + i * n + j]
        const up = data[at + j * n + i]
        if (Math.abs(low - up) > allowed) {
          throw new RangeError(
            `${where}: ${what} is not symmetric, entry [${j}, ${i}] is ${up} and entry [${i}, ${j}] is ${low} (take its symmetric part, or use eig)`,
          )
        }
        const mean = low === up ? low : low / 2 + up / 2
        data[at + i * n + j] = mean
        data[at + j * n + i] = mean
      }
    }
  }
  return { ...s, data }
}

/** Applies a function of one matrix (a fresh copy, which it may overwrite) to every matrix of a stack; names its results. */
export function perMatrix<K extends string>(
  s: Stack,
  one: (a: Float64Array) => Readonly<Record<K, Real>>,
): Record<K, Real> {
  const size = s.rows * s.cols
  if (s.batch.length === 0) return one(s.data.slice())
  const out = {} as Record<K, Real>
  for (let b = 0; b < s.count; b++) {
    const part = one(s.data.slice(b * size, (b + 1) * size))
    for (const key of Object.keys(part) as K[]) {
      const { shape, data } = part[key]
      if (b === 0) out[key] = real([...s.batch, ...shape], new Float64Array(s.count * data.length))
      out[key].data.set(data, b * data.length)
    }
  }
  return out
}

/** A tolerance as it was given, or the default; NaN and negative ones are refused. */
export function toleranceOf(where: string, tolerance: number | undefined, otherwise: number): number {
  if (tolerance === undefined) return otherwise
  if (!(tolerance >= 0)) throw new RangeError(`${where}: tolerance is ${tolerance}, expected a number from 0`)
  return tolerance
}

/** Throws where a result overflowed: nothing leaves linalg as NaN or Infinity without a word. */
export function finite(where: string, out: Float64Array): Float64Array {
  for (let i = 0; i < out.length; i++) {
    if (out[i] - out[i] !== 0)
      throw new LinAlgError(`${where}: the result overflows double precision (scale the input down)`)
  }
  return out
}
