/** What NumPy and SciPy say of the same matrices; fixtures/make.py wrote fixtures/linalg.json. */

import { readFileSync } from "node:fs"
import { expect, test } from "vitest"
import { type Nested, toNested } from "../engine/array.ts"
import { cholesky } from "./cholesky.ts"
import { eigvals } from "./eig.ts"
import { eigh } from "./eigh.ts"
import { expm } from "./expm.ts"
import { logm } from "./logm.ts"
import { lstsq, matrixRank, pinv } from "./lstsq.ts"
import { lu } from "./lu.ts"
import type { Real } from "./matrix.ts"
import { cond, norm } from "./norm.ts"
import { qr } from "./qr.ts"
import { det, inv, slogdet, solve } from "./solve.ts"
import { sqrtm } from "./sqrtm.ts"
import { nullSpace } from "./subspace.ts"
import { svd, svdvals } from "./svd.ts"

interface Square {
  name: string
  a: number[][]
  b: number[]
  det: number
  sign: number
  logAbsDet: number
  eigenvalues: number[][]
  svdvals: number[]
  solve: number[]
  inv: number[][]
  expm: number[][]
  permutation: number[]
  l: number[][]
  u: number[][]
  norms: { fro: number; nuc: number; 1: number; 2: number; inf: number }
  cond: { 1: number; 2: number; fro: number }
}

interface Rectangular {
  name: string
  a: number[][]
  b: number[]
  x: number[]
  rank: number
  svdvals: number[]
  pinv: number[][]
  nullity: number
  q: number[][]
  r: number[][]
}

interface Fixtures {
  square: Square[]
  rectangular: Rectangular[]
  symmetric: { name: string; a: number[][]; eigenvalues: number[] }[]
  positive: { name: string; a: number[][]; cholesky: number[][]; sqrtm: number[][]; logm: number[][] }[]
  functions: { name: string; a: number[][]; sqrtm: number[][]; logm: number[][] }[]
  expm: { name: string; a: number[][]; expm: number[][] }[]
  vectors: { p: number; x: number[]; norm: number }[]
}

const fixtures = JSON.parse(readFileSync(new URL("./fixtures/linalg.json", import.meta.url), "utf8")) as Fixtures

/** Largest difference over the largest entry. */
function apart(got: Real | number, want: Nested): number {
  const a = (typeof got === "number" ? [got] : [toNested(got)]).flat(9) as number[]
  const b = [want].flat(9) as number[]
  expect(a.length).toBe(b.length)
  const size = Math.max(...b.map(Math.abs), 1e-300)
  return Math.max(...a.map((v, i) => Math.abs(v - b[i]))) / size
}

test.each(fixtures.square)("square, $name: LU, determinant, solution, inverse, eigenvalues, norms as in NumPy", (c) => {
  // The answers' own sensitivity: an input error of one rounding is worth this much.
  const loose = 1e-14 * Math.max(10, cond(c.a))
  const f = lu(c.a)
  expect(Array.from(f.permutation)).toEqual(c.permutation)
  expect(apart(f.l, c.l)).toBeLessThan(loose)
  expect(apart(f.u, c.u)).toBeLessThan(1e-13)
  expect(apart(det(c.a), c.det)).toBeLessThan(loose)
  const { sign, logAbsDet } = slogdet(c.a)
  expect(sign).toBe(c.sign)
  expect(Math.abs(logAbsDet - c.logAbsDet)).toBeLessThan(loose)
  expect(apart(solve(c.a, c.b), c.solve)).toBeLessThan(loose)
  expect(apart(inv(c.a), c.inv)).toBeLessThan(loose)
  expect(apart(svdvals(c.a), c.svdvals)).toBeLessThan(1e-14)
  expect(apart(svd(c.a).s, c.svdvals)).toBeLessThan(1e-14)
  expect(apart(expm(c.a), c.expm)).toBeLessThan(1e-12)
  const { re, im } = eigvals(c.a)
  const got = Array.from(re.data, (x, i) => [x, im.data[i]])
  got.sort((p, q) => Math.round((p[0] - q[0]) * 1e9) || p[1] - q[1])
  const gaps = got.map(([x, y], i) => Math.hypot(x - c.eigenvalues[i][0], y - c.eigenvalues[i][1]))
  expect(Math.max(...gaps)).toBeLessThan(1e-12 * Math.max(1, c.norms[2]))
  for (const order of ["fro", "nuc", 1, 2] as const)
    expect(Math.abs(norm(c.a, order) / c.norms[order] - 1)).toBeLessThan(1e-13)
  expect(Math.abs(norm(c.a, Number.POSITIVE_INFINITY) / c.norms.inf - 1)).toBeLessThan(1e-13)
  for (const order of [1, 2, "fro"] as const) expect(Math.abs(cond(c.a, order) / c.cond[order] - 1)).toBeLessThan(loose)
})

test.each(fixtures.rectangular)("rectangular, $name: QR, least squares, rank, pseudo-inverse as in NumPy", (c) => {
  const loose = 1e-14 * Math.max(10, c.svdvals[0] / c.svdvals[c.rank - 1])
  const fit = lstsq(c.a, c.b)
  expect(fit.rank).toBe(c.rank)
  expect(matrixRank(c.a)).toBe(c.rank)
  expect(apart(fit.s, c.svdvals)).toBeLessThan(1e-14)
  expect(apart(fit.x, c.x)).toBeLessThan(loose)
  expect(apart(pinv(c.a), c.pinv)).toBeLessThan(loose)
  expect(nullSpace(c.a).shape[1]).toBe(c.nullity)
  const { q, r } = qr(c.a)
  expect(apart(r, c.r)).toBeLessThan(1e-13)
  // Columns of Q that R's diagonal leaves open (zero but for rounding) are not compared.
  const isOpen = c.rank < Math.min(c.a.length, c.a[0].length)
  if (!isOpen) expect(apart(q, c.q)).toBeLessThan(loose)
})

test.each(fixtures.symmetric)("symmetric, $name: eigenvalues as in NumPy", (c) => {
  expect(apart(eigh(c.a).values, c.eigenvalues)).toBeLessThan(2e-15 * c.a.length)
})

test.each(fixtures.positive)("positive definite, $name: Cholesky, square root, logarithm as in SciPy", (c) => {
  const loose = 1e-14 * Math.max(10, cond(c.a))
  expect(apart(cholesky(c.a), c.cholesky)).toBeLessThan(1e-14)
  expect(apart(sqrtm(c.a), c.sqrtm)).toBeLessThan(1e-13)
  expect(apart(logm(c.a), c.logm)).toBeLessThan(Math.min(1e-8, loose))
})

test.each(fixtures.functions)("general, $name: square root and logarithm as in SciPy", (c) => {
  expect(apart(sqrtm(c.a), c.sqrtm)).toBeLessThan(1e-13)
  expect(apart(logm(c.a), c.logm)).toBeLessThan(1e-13)
})

test.each(fixtures.expm)("exponential, $name, as in SciPy", (c) => {
  expect(apart(expm(c.a), c.expm)).toBeLessThan(1e-12)
})

test.each(fixtures.vectors)("vector norm of order $p as in NumPy", (c) => {
  expect(norm(c.x, c.p)).toBeCloseTo(c.norm, 14)
})
