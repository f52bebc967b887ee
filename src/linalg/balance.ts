/** Balancing: a diagonal change of basis that makes rows and columns alike in size. */

function squares(a: Float64Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i] * a[i]
  return sum
}

/**
 * Scales rows and columns of [n, n] by powers of two until their norms are alike: D^-1 A D in place, D's diagonal
 * returned. Where that would not bring the Frobenius norm below a quarter, A is left as it is and D is the identity:
 * there is nothing to gain then, and vectors would suffer. (Parlett and Reinsch 1969, with 2-norms as in James, Langou
 * and Lowery 2014.)
 */
export function balance(n: number, a: Float64Array): Float64Array {
  const original = a.slice()
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
  if (!(squares(a) < squares(original) / 16)) {
    a.set(original)
    scale.fill(1)
  }
  return scale
}
