/** The part of a transport problem that carries weight: points of no mass would only make it degenerate. */

/** Indices of what is above 0, ascending. */
export function weighted(values: Float64Array): Int32Array {
  return Int32Array.from(values.keys()).filter((i) => values[i] > 0)
}

/** The values at some indices. */
export function pick(values: Float64Array, at: Int32Array): Float64Array {
  return Float64Array.from(at, (i) => values[i])
}

/** The rows `from` and columns `to` of a matrix with `width` columns; the matrix itself where those are all. */
export function submatrix(matrix: Float64Array, width: number, from: Int32Array, to: Int32Array): Float64Array {
  if (from.length * to.length === matrix.length) return matrix
  const out = new Float64Array(from.length * to.length)
  let at = 0
  for (const i of from) for (const j of to) out[at++] = matrix[i * width + j]
  return out
}
