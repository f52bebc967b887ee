/** Quadratics by their matrices, and walks on them, for the notes on optimisation. */
import { Generator } from "../../src/engine/random.ts"

/** The diagonal matrix of these values. */
export const diagonal = (...values: number[]): number[][] =>
  values.map((v, i) => values.map((_, j) => (i === j ? v : 0)))

/** A symmetric matrix with these eigenvalues, its axes turned at random: Q diag Q^T by Householder reflections. */
export function turned(eigenvalues: readonly number[], seed: number): number[][] {
  const random = new Generator(seed)
  const n = eigenvalues.length
  let a = diagonal(...eigenvalues)
  for (let k = 0; k < n; k++) {
    const v = Array.from({ length: n }, () => random.normal())
    const square = v.reduce((s, x) => s + x * x, 0)
    const reflect = (m: number[][]): number[][] =>
      m.map((row) => {
        const share = (2 * row.reduce((s, x, j) => s + x * v[j], 0)) / square
        return row.map((x, j) => x - share * v[j])
      })
    const transpose = (m: number[][]): number[][] => m.map((_, i) => m.map((row) => row[i]))
    a = reflect(transpose(reflect(a)))
  }
  return a.map((row, i) => row.map((x, j) => (x + a[j][i]) / 2))
}

/** Steps of an iteration, as many as asked for. */
export function take<T>(steps: Iterable<T>, count: number): T[] {
  const taken: T[] = []
  for (const step of steps) if (taken.push(step) >= count) break
  return taken
}
