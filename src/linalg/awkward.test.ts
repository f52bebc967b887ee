/** Matrices of zeros, ones, huge, tiny and denormal entries: decompositions rebuild them, functions answer or refuse by name. */

import { expect, test } from "vitest"
import { array } from "../engine/array.ts"
import { Generator } from "../engine/random.ts"
import { transpose } from "./arithmetic.ts"
import { largest } from "./blas.ts"
import { eig, eigvals, isDiagonalizable } from "./eig.ts"
import { eigh, eigvalsh } from "./eigh.ts"
import * as linalg from "./index.ts"
import type { Real } from "./matrix.ts"
import { norm } from "./norm.ts"
import { matmul } from "./product.ts"
import { qr } from "./qr.ts"
import { schur } from "./schur.ts"
import { svd, svdvals } from "./svd.ts"

const pools: readonly (readonly number[])[] = [
  [0, 1],
  [0, 1, -1],
  [0, 0, 0, 1, 2],
  [1, 1e-8, 1e8, 0],
  [0, 1, 1e-160, 1e-300],
  [1e150, 1e-150, 1, 0],
  [1, 1 + 2 ** -52, 1 - 2 ** -53, 0],
  [1e-308, 5e-324, 0],
  [1e300, -1e300, 0, 1],
]

function draw(g: Generator, m: number, n: number): Real {
  const pool = pools[g.integer(pools.length)]
  return array(
    "float64",
    [m, n],
    Float64Array.from({ length: m * n }, () => pool[g.integer(pool.length)]),
  )
}

function mirrored(a: Real): Real {
  const n = a.shape[0]
  const lower = (p: number): number => {
    const [i, j] = [Math.floor(p / n), p % n]
    return i >= j ? a.data[p] : a.data[j * n + i]
  }
  return array(
    "float64",
    [n, n],
    Float64Array.from({ length: n * n }, (_, p) => lower(p)),
  )
}

/** A copy whose largest entry is near 1, and the factor, so that errors can be taken without overflow. */
function unit(a: Real): [Real, number] {
  const most = largest(a.data)
  const factor = most === 0 ? 1 : 2 ** -Math.max(-1000, Math.min(1000, Math.floor(Math.log2(most))))
  return [
    array(
      "float64",
      a.shape,
      a.data.map((v) => v * factor),
    ),
    factor,
  ]
}

function scaled(a: Real, factor: number, columns?: Real): Real {
  const n = a.shape[1]
  return array(
    "float64",
    a.shape,
    a.data.map((v, i) => v * factor * (columns === undefined ? 1 : columns.data[i % n])),
  )
}

function looseness(q: Real): number {
  const gram = matmul(transpose(q), q)
  const n = gram.shape[0]
  for (let i = 0; i < n; i++) gram.data[i * n + i] -= 1
  return largest(gram.data)
}

test("every decomposition rebuilds them to 1e-12 with orthonormal factors", () => {
  const g = new Generator(70)
  let worst = 0
  const see = (error: number): void => {
    worst = Math.max(worst, Number.isNaN(error) ? Number.POSITIVE_INFINITY : error)
  }
  for (let k = 0; k < 4000; k++) {
    const isBig = k % 100 === 0
    const [m, n] = [1 + g.integer(isBig ? 50 : 5), 1 + g.integer(isBig ? 50 : 5)]
    const apart = (a: Real, b: Real): number => norm(linalg.subtract(a, b)) / Math.max(1, norm(b))
    const a = draw(g, m, n)
    const [small, factor] = unit(a)
    const d = svd(a)
    see(apart(matmul(scaled(d.u, 1, scaled({ ...d.s, shape: [1, d.s.data.length] }, factor)), d.vt), small))
    see(looseness(d.u))
    see(looseness(transpose(d.vt)))
    see(largest(linalg.subtract(svdvals(a), d.s).data.map((v) => v * factor)) / Math.max(1, norm(small)))
    const f = qr(a)
    see(apart(matmul(f.q, scaled(f.r, factor)), small))
    see(looseness(f.q))
    const square = draw(g, m, m)
    const [smallSquare, by] = unit(square)
    const { z, t } = schur(square)
    see(apart(matmul(matmul(z, scaled(t, by)), transpose(z)), smallSquare))
    see(looseness(z))
    const { values, vectors } = eig(square)
    const [ar, ai] = [matmul(smallSquare, vectors.re).data, matmul(smallSquare, vectors.im).data]
    for (let p = 0; p < m * m; p++) {
      const [x, y] = [vectors.re.data[p], vectors.im.data[p]]
      const [lr, li] = [values.re.data[p % m] * by, values.im.data[p % m] * by]
      see(Math.hypot(ar[p] - x * lr + y * li, ai[p] - x * li - y * lr) / Math.max(1, norm(smallSquare)))
    }
    expect(eigvals(square).re.data.every(Number.isFinite)).toBe(true)
    expect(typeof isDiagonalizable(square)).toBe("boolean")
    const s = mirrored(square)
    const [smallS, byS] = unit(s)
    const e = eigh(s)
    const inner = scaled(e.vectors, 1, scaled({ ...e.values, shape: [1, m] }, byS))
    see(apart(matmul(inner, transpose(e.vectors)), smallS))
    see(looseness(e.vectors))
    see(largest(linalg.subtract(eigvalsh(s), e.values).data.map((v) => v * byS)) / Math.max(1, norm(smallS)))
  }
  expect(worst).toBeLessThan(1e-12)
})

const functions: Readonly<Record<string, (a: Real) => number | string | Real>> = {
  adjugate: linalg.adjugate,
  cholesky: linalg.cholesky,
  cond: linalg.cond,
  det: linalg.det,
  expm: linalg.expm,
  gramSchmidt: linalg.gramSchmidt,
  inv: linalg.inv,
  leadingMinors: linalg.leadingMinors,
  logm: linalg.logm,
  matrixRank: linalg.matrixRank,
  nearestPositiveDefinite: linalg.nearestPositiveDefinite,
  norm: linalg.norm,
  pinv: linalg.pinv,
  sqrtm: linalg.sqrtm,
  sylvester: linalg.sylvester,
}

test.each(Object.entries(functions))("%s answers with finite numbers or refuses by its own name", (name, call) => {
  const g = new Generator(71)
  let answers = 0
  for (let k = 0; k < 1000; k++) {
    const n = 1 + g.integer(4)
    const square = draw(g, n, n)
    const a = k % 2 === 0 || name === "cholesky" || name === "sylvester" ? mirrored(square) : square
    try {
      const out = call(a)
      answers++
      if (typeof out === "number") expect(name === "cond" ? out >= 1 : Number.isFinite(out)).toBe(true)
      else if (typeof out === "object") expect(out.data.every(Number.isFinite)).toBe(true)
    } catch (error) {
      expect(error).toBeInstanceOf(linalg.LinAlgError)
      expect(String(error)).toContain(`LinAlgError: ${name}: `)
    }
  }
  expect(answers).toBeGreaterThan(100)
})
