/** Balancing: a diagonal change of basis that makes rows and columns alike in size. */

/**
 * Scales rows and columns by powers of two until their norms are alike: D^-1 A D in place, D's diagonal returned.
 * (Parlett and Reinsch 1969, with 2-norms as in James, Langou and Lowery 2014.)
 */
export function balance(n: number, a: Float64Array): Float64Array {
  const scale = new Float64Array(n).fill(1)
  for (let isDone = false; !isDone; ) {
    isDone = true
    for (let i = 0; i < n; i++) {
      let column = 0
      let row = 0
      for (let j = 0; j < n; j++) {
        column += a[j * n + i] * a[j * n + i]
        row += a[i * n + j] * a[i * n + j]
      }
      column = Math.sqrt(column)
      row = Math.sqrt(row)
      if (column === 0 || row === 0) continue
      const f = 2 ** Math.round(Math.log2(row / column) / 2)
      if (!(column * f + row / f < 0.95 * (column + row))) continue
      isDone = false
      scale[i] *= f
      for (let j = 0; j < n; j++) a[i * n + j] /= f
      for (let j = 0; j < n; j++) a[j * n + i] *= f
    }
  }
  return scale
}
