/** Laws over 10,000 random inputs a family: small matrices of every shape, from a seed. */

import { expect, test } from "vitest"
import { array } from "../engine/array.ts"
import { fillNormal, fold, Generator, type Key, keyOf } from "../engine/random.ts"
import { add, eye, scale, subtract, trace, transpose } from "./arithmetic.ts"
import { largest } from "./blas.ts"
import { cholesky, choleskySolve } from "./cholesky.ts"
import { definiteness, isPositiveDefinite } from "./definite.ts"
import { eigh, eigvalsh } from "./eigh.ts"
import { distanceTo, hyperplane, nearestOn } from "./hyperplane.ts"
import { lstsq, pinv } from "./lstsq.ts"
import { lu } from "./lu.ts"
import type { Real } from "./matrix.ts"
import { angle, cond, norm } from "./norm.ts"
import { dot, matmul } from "./product.ts"
import { qr } from "./qr.ts"
import { det, inv, slogdet, solve } from "./solve.ts"
import { svd } from "./svd.ts"

const times = 10_000

/** Draws of one law: sizes from 1 to 5, entries normal. */
class Draws {
  readonly sizes: Generator
  readonly #key: Key
  #count = 0

  constructor(seed: number) {
    this.sizes = new Generator(seed)
    this.#key = keyOf(seed)
  }

  size(most = 5): number {
    return 1 + this.sizes.integer(most)
  }

  gauss(...shape: number[]): Real {
    const size = shape.reduce((p, n) => p * n, 1)
    return array("float64", shape, fillNormal(new Float64Array(size), fold(this.#key, this.#count++)))
  }

  /** An invertible matrix: normal entries plus enough on the diagonal for a moderate condition number. */
  invertible(n: number): Real {
    const a = this.gauss(n, n)
    for (let i = 0; i < n; i++) a.data[i * n + i] += a.data[i * n + i] < 0 ? -4 : 4
    return a
  }

  /** X^T X with two rows more than columns, plus a little of the identity. */
  positive(n: number): Real {
    const x = this.gauss(n + 2, n)
    return add(symmetric(matmul(transpose(x), x)), scale(0.01, eye(n)))
  }
}

function symmetric(a: Real): Real {
  return scale(0.5, add(a, transpose(a)))
}

function law(name: string, seed: number, one: (draws: Draws) => number): void {
  test(name, () => {
    const draws = new Draws(seed)
    let worst = 0
    for (let k = 0; k < times; k++) worst = Math.max(worst, one(draws))
    // Each law gives its error as a multiple of its own tolerance; NaN must not pass for small.
    expect(worst).toBeLessThan(1)
    expect(Number.isNaN(worst)).toBe(false)
  })
}

/** Largest difference of entries over the larger size, as a multiple of the tolerance. */
function apart(a: Real, b: Real, tolerance: number): number {
  return largest(subtract(a, b).data) / (tolerance * Math.max(1, largest(a.data), largest(b.data)))
}

function differ(a: number, b: number, tolerance: number): number {
  return Math.abs(a - b) / (tolerance * Math.max(1, Math.abs(a), Math.abs(b)))
}

law("inverses: (A B C)^-1 reversed, (A^-1)^T = (A^T)^-1, (r A)^-1 = A^-1 / r, A A^-1 = I [C15]", 15, (d) => {
  const n = d.size()
  const [a, b] = [d.invertible(n), d.invertible(n)]
  const r = 0.5 + d.sizes.uniform(0, 3)
  const k = cond(a) * cond(b)
  const ab = apart(inv(matmul(a, b)), matmul(inv(b), inv(a)), 1e-13 * k)
  const t = apart(transpose(inv(a)), inv(transpose(a)), 1e-14 * k)
  const s = apart(inv(scale(r, a)), scale(1 / r, inv(a)), 1e-14 * k)
  return Math.max(ab, t, s, apart(matmul(a, inv(a)), eye(n), 1e-14 * k))
})

law("transposes: five rules for products, sums, inverses, multiples [C16]", 16, (d) => {
  const [m, n, p] = [d.size(), d.size(), d.size()]
  const [a, b, c, x, other] = [d.gauss(m, n), d.gauss(n, p), d.gauss(p), d.invertible(n), d.gauss(m, n)]
  const r = d.sizes.normal()
  const two = apart(transpose(matmul(a, b)), matmul(transpose(b), transpose(a)), 1e-14)
  const three = apart(matmul(matmul(a, b), c), matmul(c, matmul(transpose(b), transpose(a))), 1e-13)
  const sum = apart(transpose(add(a, other)), add(transpose(a), transpose(other)), 1e-16)
  const inverse = apart(transpose(inv(x)), inv(transpose(x)), 1e-14 * cond(x))
  const twice = apart(transpose(transpose(a)), a, 1e-16)
  return Math.max(two, three, sum, inverse, twice, apart(transpose(scale(r, a)), scale(r, transpose(a)), 1e-16))
})

law("traces: cyclic, linear, unchanged by transposing and by a change of basis [C17]", 17, (d) => {
  const [m, n, p] = [d.size(), d.size(), d.size()]
  const [a, b, c] = [d.gauss(m, n), d.gauss(n, p), d.gauss(p, m)]
  const [x, y, q] = [d.gauss(n, n), d.gauss(n, n), d.invertible(n)]
  const r = d.sizes.normal()
  const abc = trace(matmul(matmul(a, b), c))
  const cyclic = Math.max(
    differ(abc, trace(matmul(matmul(b, c), a)), 1e-13 * 100),
    differ(abc, trace(matmul(matmul(c, a), b)), 1e-13 * 100),
    differ(trace(matmul(a, matmul(b, c))), trace(matmul(matmul(b, c), a)), 1e-13 * 100),
  )
  const linear = differ(trace(add(x, scale(r, y))), trace(x) + r * trace(y), 1e-14)
  const flipped = differ(trace(transpose(x)), trace(x), 1e-15)
  return Math.max(cyclic, linear, flipped, differ(trace(matmul(matmul(inv(q), x), q)), trace(x), 1e-12 * cond(q)))
})

law("determinants: products, inverses, transposes, r^n, triangles, and their logarithms [C18]", 18, (d) => {
  const n = d.size()
  const [a, b] = [d.invertible(n), d.gauss(n, n)]
  const r = 0.5 + d.sizes.uniform()
  const size = (norm(a) * norm(b)) ** n
  const product = Math.abs(det(matmul(a, b)) - det(a) * det(b)) / (1e-13 * Math.max(1, size))
  const inverse = differ(det(inv(a)) * det(a), 1, 1e-13 * cond(a) * n)
  const flipped = differ(det(transpose(a)), det(a), 1e-13 * cond(a))
  const scaled = differ(det(scale(r, a)), r ** n * det(a), 1e-13 * cond(a))
  const { r: upper } = qr(b)
  let diagonal = 1
  for (let i = 0; i < n; i++) diagonal *= upper.data[i * n + i]
  const triangle = differ(det(upper), diagonal, 1e-14)
  const { sign, logAbsDet } = slogdet(a)
  return Math.max(product, inverse, flipped, scaled, triangle, differ(sign * Math.exp(logAbsDet), det(a), 1e-13))
})

law(
  "positive definite: sums, principal submatrices and inverses are too; eigenvalues, trace, determinant > 0 [C25]",
  25,
  (d) => {
    const n = d.size()
    const [a, b] = [d.positive(n), d.positive(n)]
    const index = Array.from({ length: n }, (_, i) => i).filter(() => d.sizes.uniform() < 0.6)
    if (index.length === 0) index.push(n - 1)
    const sub = index.map((i) => index.map((j) => a.data[i * n + j]))
    const values = eigvalsh(a).data
    const isSo =
      [a, add(a, b), symmetric(inv(a)), sub].every(isPositiveDefinite) &&
      definiteness(a) === "positive definite" &&
      values[0] > 0 &&
      trace(a) > 0 &&
      det(a) > 0 &&
      isPositiveDefinite(scale(-1, a)) === false
    return isSo ? 0 : 2
  },
)

law("X^T X is positive semi-definite: z^T X^T X z = ||X z||^2 and no eigenvalue below -1e-12 [C26]", 26, (d) => {
  const [m, n] = [d.size(), d.size()]
  const x = d.gauss(m, n)
  const z = d.gauss(n)
  const g = symmetric(matmul(transpose(x), x))
  const square = dot(z, matmul(g, z))
  const size = norm(matmul(x, z)) ** 2
  return Math.max(differ(square, size, 1e-13 * 10), Math.max(0, -eigvalsh(g).data[0]) / 1e-12)
})

law(
  "Cholesky: A = L L^T, and two substitutions solve A x = b; a matrix with a negative eigenvalue is refused [C29]",
  29,
  (d) => {
    const n = d.size()
    const a = d.positive(n)
    const b = d.gauss(n)
    const l = cholesky(a)
    const back = apart(matmul(l, transpose(l)), a, 1e-12 / 100)
    const x = choleskySolve(l, b)
    const residual = norm(subtract(matmul(a, x), b)) / (1e-12 * Math.max(1, norm(a) * norm(x)))
    let isRefused = false
    try {
      cholesky(subtract(a, scale(1.001 * eigvalsh(a).data[0], eye(n))))
    } catch {
      isRefused = true
    }
    return isRefused ? Math.max(back, residual) : 2
  },
)

law(
  "LU: A[p] = L U with |L| <= 1; a diagonally dominant matrix needs no pivots; substitutions solve [C30]",
  30,
  (d) => {
    const n = d.size()
    const a = d.gauss(n, n)
    const f = lu(a)
    const rows = array("float64", [n, n], new Float64Array(n * n))
    f.permutation.forEach((from, i) => {
      rows.data.set(a.data.subarray(from * n, from * n + n), i * n)
    })
    const pivoted = apart(matmul(f.l, f.u), rows, 1e-14)
    if (largest(f.l.data) > 1) return 2
    const dominant = a
    for (let i = 0; i < n; i++) {
      let sum = 0.1
      for (let j = 0; j < n; j++) if (j !== i) sum += Math.abs(a.data[i * n + j])
      dominant.data[i * n + i] = a.data[i * n + i] < 0 ? -sum : sum
    }
    const g = lu(dominant, { pivot: false })
    if (g.permutation.some((from, i) => from !== i)) return 2
    const plain = apart(matmul(g.l, g.u), dominant, 1e-14)
    const b = d.gauss(n)
    const x = solve(dominant, b)
    const residual = norm(subtract(matmul(dominant, x), b)) / (1e-13 * Math.max(1, norm(dominant) * norm(x)))
    return Math.max(pivoted, plain, residual)
  },
)

law(
  "SVD of every shape: A = U S V^T, orthonormal U and V, s descending, s^2 the eigenvalues of A^T A and A A^T [C31]",
  31,
  (d) => {
    const [m, n] = [d.size(), d.size()]
    const a = d.gauss(m, n)
    const { u, s, vt } = svd(a)
    const k = Math.min(m, n)
    const us = array(
      "float64",
      [m, k],
      u.data.map((v, i) => v * s.data[i % k]),
    )
    let worst = Math.max(
      apart(matmul(us, vt), a, 2e-14),
      apart(matmul(transpose(u), u), eye(k), 2e-14),
      apart(matmul(vt, transpose(vt)), eye(k), 2e-14),
    )
    const left = eigvalsh(symmetric(matmul(a, transpose(a)))).data
    const right = eigvalsh(symmetric(matmul(transpose(a), a))).data
    for (let i = 0; i < k; i++) {
      if (s.data[i] < 0 || (i > 0 && s.data[i] > s.data[i - 1])) return 2
      const square = s.data[i] ** 2
      worst = Math.max(worst, differ(left[m - 1 - i], square, 1e-13), differ(right[n - 1 - i], square, 1e-13))
    }
    return worst
  },
)

law(
  "V S^-1 U^T b equals the LU solution; for any rank pinv obeys Penrose's four rules and gives the shortest x [C32]",
  32,
  (d) => {
    const n = d.size()
    const a = d.invertible(n)
    const b = d.gauss(n)
    const { u, s, vt } = svd(a)
    const c = matmul(transpose(u), b)
    for (let i = 0; i < n; i++) c.data[i] /= s.data[i]
    const bySvd = matmul(transpose(vt), c)
    let worst = apart(bySvd, solve(a, b), 1e-13 * cond(a))
    const [m, p, k] = [d.size(), d.size(), d.size(3)]
    const low = matmul(d.gauss(m, k), d.gauss(k, p))
    const plus = pinv(low)
    const size = norm(plus) * norm(low)
    worst = Math.max(
      worst,
      apart(matmul(matmul(low, plus), low), low, 1e-13 * size),
      apart(matmul(matmul(plus, low), plus), plus, 1e-13 * size),
      apart(transpose(matmul(low, plus)), matmul(low, plus), 1e-13 * size),
      apart(transpose(matmul(plus, low)), matmul(plus, low), 1e-13 * size),
    )
    const right = d.gauss(m)
    const fit = lstsq(low, right)
    const slope = matmul(transpose(low), subtract(matmul(low, fit.x), right))
    const flat = norm(slope) / (1e-12 * Math.max(1, norm(low) ** 2 * norm(fit.x), norm(low) * norm(right)))
    return Math.max(worst, flat, apart(fit.x, matmul(plus, right), 1e-12 * size ** 2))
  },
)

law("Frobenius norm four ways: entries, trace, singular values, after a rotation [C35]", 35, (d) => {
  const [m, n] = [d.size(), d.size()]
  const a = d.gauss(m, n)
  const f = norm(a, "fro")
  const { q } = qr(d.gauss(m, m))
  return Math.max(
    differ(f, Math.sqrt(trace(matmul(transpose(a), a))), 1e-14),
    differ(f, norm(svd(a).s), 1e-14),
    differ(f, norm(matmul(q, a), "fro"), 1e-14),
    differ(f, norm(array("float64", [m * n], a.data)), 1e-15),
  )
})

law("law of cosines: c^2 = a^2 + b^2 - 2 a b cos theta, and the angles of a triangle sum to pi [C37]", 37, (d) => {
  const n = 1 + d.size()
  const [p, q, r] = [d.gauss(n), d.gauss(n), d.gauss(n)]
  const [u, v] = [subtract(q, p), subtract(r, p)]
  const [a, b, c] = [norm(u), norm(v), norm(subtract(r, q))]
  const theta = angle(u, v)
  const sum = theta + angle(subtract(p, q), subtract(r, q)) + angle(subtract(p, r), subtract(q, r))
  return Math.max(differ(c * c, a * a + b * b - 2 * a * b * Math.cos(theta), 1e-13), differ(sum, Math.PI, 1e-12))
})

law("dot products: a.b = ||a|| ||b|| cos theta recovers the angle that two vectors were given [C38]", 38, (d) => {
  const n = 1 + d.size()
  const { q } = qr(d.gauss(n, 2))
  const theta = d.sizes.uniform(0, Math.PI)
  const [ra, rb] = [0.1 + d.sizes.uniform(0, 9), 0.1 + d.sizes.uniform(0, 9)]
  const a = array(
    "float64",
    [n],
    Float64Array.from({ length: n }, (_, i) => ra * q.data[2 * i]),
  )
  const turned = (i: number): number => Math.cos(theta) * q.data[2 * i] + Math.sin(theta) * q.data[2 * i + 1]
  const b = array(
    "float64",
    [n],
    Float64Array.from({ length: n }, (_, i) => rb * turned(i)),
  )
  return Math.max(differ(dot(a, b) / (ra * rb), Math.cos(theta), 1e-14), differ(angle(a, b), theta, 1e-14))
})

law(
  "hyperplanes: the nearest point lies on it, |distance| is how far it is, the origin is |b| / ||w|| away [C39]",
  39,
  (d) => {
    const n = d.size()
    const w = d.gauss(n)
    const [p, x] = [d.gauss(n), d.gauss(n)]
    if (norm(w) < 0.05) return 0
    const h = hyperplane(w, { point: p })
    const near = nearestOn(h, x)
    const origin = scale(0, x)
    const size = Math.max(1, norm(x), norm(p))
    return Math.max(
      Math.abs(dot(w, subtract(x, p)) / norm(w) - distanceTo(h, x)) / (1e-14 * size),
      Math.abs(distanceTo(h, near)) / (1e-14 * size),
      Math.abs(norm(subtract(x, near)) - Math.abs(distanceTo(h, x))) / (1e-14 * size),
      Math.abs(norm(nearestOn(h, origin)) - Math.abs(h.offset) / norm(w)) / (1e-14 * size),
      // Any other point of the plane is farther away.
      Math.max(0, norm(subtract(x, near)) - norm(subtract(x, p)) - 1e-14 * size),
    )
  },
)

law(
  "Cauchy-Schwarz: <u,v> <= |<u,v>| <= ||u|| ||v||, as sums and as means; equal for parallel vectors [C47]",
  47,
  (d) => {
    const n = d.size()
    const [u, v] = [d.gauss(n), d.gauss(n)]
    const r = d.sizes.normal()
    const bound = norm(u) * norm(v)
    const inner = dot(u, v)
    if (!(inner <= Math.abs(inner) && Math.abs(inner) <= bound * (1 + 1e-15))) return 2
    let [sum, uu, vv] = [0, 0, 0]
    for (let i = 0; i < n; i++) {
      sum += u.data[i] * v.data[i]
      uu += u.data[i] ** 2
      vv += v.data[i] ** 2
    }
    if (!(sum ** 2 <= uu * vv * (1 + 4e-15)) || !((sum / n) ** 2 <= (((uu / n) * vv) / n) * (1 + 4e-15))) return 2
    return differ(Math.abs(dot(u, scale(r, u))), norm(u) * norm(scale(r, u)), 1e-14)
  },
)

law("norms: the triangle inequality, ||A B|| <= ||A|| ||B||, and ||A x|| <= ||A||_2 ||x||", 100, (d) => {
  const [m, n, p] = [d.size(), d.size(), d.size()]
  const [a, b, c, x] = [d.gauss(m, n), d.gauss(m, n), d.gauss(n, p), d.gauss(n)]
  for (const order of ["fro", "nuc", 1, 2, Number.POSITIVE_INFINITY] as const) {
    if (norm(add(a, b), order) > (norm(a, order) + norm(b, order)) * (1 + 1e-13)) return 2
    if (norm(matmul(a, c), order) > norm(a, order) * norm(c, order) * (1 + 1e-13)) return 2
  }
  return norm(matmul(a, x)) <= norm(a, 2) * norm(x) * (1 + 1e-13) ? 0 : 2
})

law("QR of every shape: A = Q R, orthonormal Q, triangular R; eigh rebuilds every symmetric matrix", 101, (d) => {
  const [m, n] = [d.size(6), d.size(6)]
  const a = d.gauss(m, n)
  const { q, r } = qr(a, { mode: d.sizes.uniform() < 0.5 ? "reduced" : "complete" })
  const k = q.shape[1]
  for (let i = 0; i < k; i++) for (let j = 0; j < Math.min(i, n); j++) if (r.data[i * n + j] !== 0) return 2
  const s = symmetric(d.gauss(n, n))
  const { values, vectors } = eigh(s)
  const scaled = array(
    "float64",
    [n, n],
    vectors.data.map((v, i) => v * values.data[i % n]),
  )
  return Math.max(
    apart(matmul(q, r), a, 1e-14),
    apart(matmul(transpose(q), q), eye(k), 1e-14),
    apart(matmul(scaled, transpose(vectors)), s, 2e-14),
    apart(matmul(transpose(vectors), vectors), eye(n), 2e-14),
  )
})
