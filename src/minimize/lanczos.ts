/** The extreme curvatures of a function at a point, from Hessian-vector products alone. */
import { fillNormal, keyOf } from "../engine/random.ts"
import { eigh } from "../linalg/eigh.ts"
import { type Asking, type Context, product } from "./routine.ts"
import { along, dot, norm, times } from "./vector.ts"

/** Options of the estimates of curvature. */
export interface LanczosOptions {
  /** Hessian-vector products at most. */
  readonly maxProducts?: number
  /** Relative error at which the estimates count as found. */
  readonly tolerance?: number
  /** Seed of the vector it begins with. */
  readonly seed?: number
}

/** Smallest and largest eigenvalue of a Hessian. */
export interface Extremes {
  readonly least: number
  readonly most: number
}

/**
 * Smallest and largest eigenvalue of the Hessian at x by Lanczos's method: the eigenvalues of the Hessian seen on
 * v, H v, H^2 v ..., which lie between the true ones and meet them after n products. Power iteration looks at the last
 * of these vectors only, and finds nothing where two eigenvalues are of one size and opposite sign, as at a saddle.
 * Golub and Van Loan 2013, §10.1; every vector is made orthogonal to all before it.
 */
export function* extremes(
  context: Context,
  x: Float64Array,
  { maxProducts = 100, tolerance = 1e-10, seed = 0 }: LanczosOptions = {},
): Asking<Extremes> {
  const n = x.length
  const limit = Math.min(n, maxProducts)
  const drawn = fillNormal(new Float64Array(n), keyOf(seed))
  let q: Float64Array = times(1 / norm(drawn), drawn)
  const basis: Float64Array[] = []
  const diagonal: number[] = []
  const beside: number[] = []
  while (true) {
    basis.push(q)
    const w = yield* product(context, x, q)
    diagonal.push(dot(w, q))
    let rest: Float64Array = w
    // Twice: once leaves what rounding put back.
    for (let pass = 0; pass < 2; pass++) for (const b of basis) rest = along(rest, -dot(rest, b), b)
    const k = basis.length
    const t = new Float64Array(k * k)
    for (let i = 0; i < k; i++) {
      t[i * k + i] = diagonal[i]
      if (i > 0) t[i * k + i - 1] = t[(i - 1) * k + i] = beside[i - 1]
    }
    const { values, vectors } = eigh({ dtype: "float64", shape: [k, k], data: t })
    const least = values.data[0]
    const most = values.data[k - 1]
    const length = norm(rest)
    const scale = Math.max(Math.abs(least), Math.abs(most))
    // The residual of an eigenpair is the rest times its vector's last entry.
    const last = (j: number): number => Math.abs(vectors.data[(k - 1) * k + j]) * length
    if (k >= limit || length <= n * 2 ** -52 * scale || Math.max(last(0), last(k - 1)) <= tolerance * scale)
      return { least, most }
    beside.push(length)
    q = times(1 / length, rest)
  }
}
