import { expect, test } from "vitest"
import { array } from "../engine/array.ts"
import { fillNormal, keyOf } from "../engine/random.ts"
import { scale, subtract } from "./arithmetic.ts"
import { cholesky } from "./cholesky.ts"
import { lstsq, matrixRank, pinv } from "./lstsq.ts"
import { lu, luFactor, luSolve } from "./lu.ts"
import { LinAlgError, type Real } from "./matrix.ts"
import { cond, norm } from "./norm.ts"
import { matmul } from "./product.ts"
import { det, inv, slogdet, solve } from "./solve.ts"
import { gramSchmidt, nullSpace, orth, projection } from "./subspace.ts"
import { svdvals } from "./svd.ts"
import { solveTriangular } from "./triangular.ts"

const gauss = (seed: number, ...shape: number[]): Real =>
  array("float64", shape, fillNormal(new Float64Array(shape.reduce((p, n) => p * n, 1)), keyOf(seed)))

test("singular: zero determinant, deficient rank, dependent columns, a null vector and no inverse, all or none [C20]", () => {
  const given: Real[] = [
    array("float64", [3, 3], Float64Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9)),
    array("float64", [3, 3], Float64Array.of(1, 2, 3, 4, 5, 6, 7, 8, 10)),
  ]
  for (let k = 0; k < 600; k++) {
    const n = 2 + (k % 5)
    const rank = k % 2 === 0 ? n : 1 + (k % (n - 1))
    given.push(rank === n ? gauss(k, n, n) : matmul(gauss(k, n, rank), gauss(k + 1000, rank, n)))
  }
  let singular = 0
  for (const a of given) {
    const n = a.shape[0]
    const isSingular = matrixRank(a) < n
    const size = norm(a) ** n
    const s = svdvals(a).data
    expect(nullSpace(a).shape[1] > 0).toBe(isSingular)
    expect(nullSpace(a).shape[1] + orth(a).shape[1]).toBe(n)
    const refused = (f: () => unknown): boolean => {
      try {
        f()
        return false
      } catch (error) {
        expect(error).toBeInstanceOf(LinAlgError)
        return true
      }
    }
    expect(refused(() => inv(a))).toBe(isSingular)
    expect(refused(() => solve(a, new Float64Array(n).fill(1)))).toBe(isSingular)
    expect(refused(() => gramSchmidt(a))).toBe(isSingular)
    if (isSingular) {
      singular++
      expect(Math.abs(det(a))).toBeLessThan(1e-13 * size)
      expect(norm(matmul(a, nullSpace(a)))).toBeLessThan(1e-13 * norm(a))
      expect(s[n - 1]).toBeLessThan(1e-14 * s[0])
    } else {
      const product = s.reduce((p, v) => p * v, 1)
      expect(Math.abs(Math.abs(det(a)) / product - 1)).toBeLessThan(1e-9)
      expect(product).toBeGreaterThan(0)
    }
  }
  expect(singular).toBe(301)
})

test("near-singular input is told from badly scaled input", () => {
  expect(() =>
    solve(
      [
        [0.1, 0.2],
        [0.3, 0.6],
      ],
      [1, 2],
    ),
  ).toThrow(/solve: matrix \[2, 2\] is singular to working precision .*use lstsq or pinv/)
  expect(
    Array.from(
      solve(
        [
          [1, 0],
          [0, 2 ** -100],
        ],
        [1, 2],
      ).data,
    ),
  ).toEqual([1, 2 ** 101])
  expect(
    cond([
      [1, 2],
      [2, 4],
    ]),
  ).toBeGreaterThan(1e15)
  expect(
    cond(
      [
        [1, 2],
        [2, 4],
      ],
      1,
    ),
  ).toBe(Number.POSITIVE_INFINITY)
  expect(() => inv([[1e-310]])).toThrow(/inv: the result overflows/)
})

test("determinants of large matrices neither overflow on the way nor vanish", () => {
  const n = 400
  const a = array("float64", [n, n], new Float64Array(n * n))
  for (let i = 0; i < n; i++) a.data[i * n + i] = i % 2 === 0 ? 1e10 : -1e-10
  expect(det(a)).toBeCloseTo(1, 10)
  expect(det(scale(1e-3, a))).toBe(0)
  const { sign, logAbsDet } = slogdet(scale(1e-3, a))
  expect(sign).toBe(1)
  expect(logAbsDet).toBeCloseTo(-400 * Math.log(1e3), 8)
  expect(() => det(scale(1e3, a))).toThrow(/det: the determinant overflows .*use slogdet/)
  expect(slogdet([[0]])).toEqual({ sign: 0, logAbsDet: Number.NEGATIVE_INFINITY })
})

test("LU without pivots refuses a zero pivot, with pivots it factors any shape and rank", () => {
  const swap = [
    [0, 1],
    [1, 0],
  ]
  expect(() => lu(swap, { pivot: false })).toThrow(/lu: pivot 0 is zero without pivoting/)
  expect(lu(swap).sign).toBe(-1)
  for (const [m, n] of [
    [70, 40],
    [40, 70],
    [65, 65],
  ]) {
    const a = matmul(gauss(m, m, 20), gauss(n, 20, n))
    const { l, u, permutation } = lu(a)
    const back = matmul(l, u)
    permutation.forEach((from, i) => {
      const row = array("float64", [n], a.data.slice(from * n, from * n + n))
      expect(norm(subtract(array("float64", [n], back.data.slice(i * n, i * n + n)), row))).toBeLessThan(1e-11)
    })
  }
})

test("a factor solves again and again, for one column or many", () => {
  const a = gauss(1, 70, 70)
  const f = luFactor(a)
  const b = gauss(2, 70, 5)
  expect(norm(subtract(matmul(a, luSolve(f, b)), b))).toBeLessThan(1e-10)
  expect(luSolve(f, gauss(3, 70)).shape).toEqual([70])
  expect(() => luSolve(f, [1, 2])).toThrow(
    /luSolve: right-hand side has shape \[2\], expected \[70\] or \[70, columns\]/,
  )
})

test("triangular systems of every kind are solved", () => {
  const n = 75
  const full = gauss(4, n, n)
  for (let i = 0; i < n; i++) full.data[i * n + i] = 20 + i
  for (const lower of [true, false]) {
    for (const unitDiagonal of [true, false]) {
      const t = array("float64", [n, n], new Float64Array(n * n))
      // What must not be read holds other numbers.
      const given = array("float64", [n, n], new Float64Array(n * n).fill(7))
      for (let i = 0; i < n; i++) {
        for (let j = 0; j < n; j++) {
          const p = i * n + j
          const isKept = lower ? j < i : j > i
          t.data[p] = isKept ? full.data[p] / 20 : i !== j ? 0 : unitDiagonal ? 1 : full.data[p]
          if (isKept || (i === j && !unitDiagonal)) given.data[p] = t.data[p]
        }
      }
      const x = gauss(5, n, 3)
      const back = solveTriangular(given, matmul(t, x), { lower, unitDiagonal })
      expect(norm(subtract(back, x)) / norm(x)).toBeLessThan(1e-8)
    }
  }
  expect(() => solveTriangular([[0]], [1])).toThrow(/diagonal entry 0 is zero/)
})

test("bases and projections: orthonormal, idempotent, symmetric, for any rank", () => {
  const a = matmul(gauss(6, 8, 3), gauss(7, 3, 5))
  const q = orth(a)
  expect(q.shape).toEqual([8, 3])
  const p = projection(a)
  expect(norm(subtract(matmul(p, p), p))).toBeLessThan(1e-14)
  expect(norm(subtract(matmul(p, a), a))).toBeLessThan(1e-13)
  const rows = projection(gramSchmidt(gauss(8, 6, 4)))
  expect(norm(rows) ** 2).toBeCloseTo(4, 12)
  // Läuchli's columns, which classical Gram-Schmidt leaves at 60 degrees to each other.
  const tiny = 1e-9
  const lauchli = gramSchmidt([
    [1, 1, 1],
    [tiny, 0, 0],
    [0, tiny, 0],
    [0, 0, tiny],
  ])
  const gram = matmul(transposeOf(lauchli), lauchli)
  for (let i = 0; i < 3; i++)
    for (let j = 0; j < 3; j++) expect(Math.abs(gram.data[3 * i + j] - (i === j ? 1 : 0))).toBeLessThan(1e-14)
  expect(projection([[0], [0]]).data.every((v) => v === 0)).toBe(true)
})

function transposeOf(a: Real): Real {
  const [m, n] = a.shape
  return array(
    "float64",
    [n, m],
    Float64Array.from({ length: m * n }, (_, i) => a.data[(i % m) * n + Math.floor(i / m)]),
  )
}

test("least squares keeps to the rank it is given and says what it found", () => {
  const a = [
    [1, 0],
    [0, 1e-9],
    [0, 0],
  ]
  const exact = lstsq(a, [1, 1, 2])
  expect(exact.rank).toBe(2)
  expect(exact.x.data[1]).toBeCloseTo(1e9, -2)
  expect(exact.residuals.data[0]).toBeCloseTo(4, 12)
  const cut = lstsq(a, [1, 1, 2], { tolerance: 1e-6 })
  expect(cut.rank).toBe(1)
  expect(Array.from(cut.x.data)).toEqual([1, 0])
  expect(pinv(a, { tolerance: 1e-6 }).shape).toEqual([2, 3])
  expect(pinv([[0, 0]]).data.every((v) => v === 0)).toBe(true)
})

test("a semi-definite matrix has many lower triangular roots, so its factor is not taken for one", () => {
  const a = [
    [0, 0],
    [0, 1],
  ]
  for (const [x, y] of [
    [0, 1],
    [0.6, 0.8],
    [1, 0],
  ]) {
    const l = [
      [0, 0],
      [x, y],
    ]
    expect(Array.from(matmul(l, transposeOf(array("float64", [2, 2], Float64Array.of(0, 0, x, y)))).data)).toEqual([
      0, 0, 0, 1,
    ])
  }
  expect(() => cholesky(a)).toThrow(LinAlgError)
})

test("Cholesky refuses semi-definite and indefinite matrices by the minor that fails", () => {
  const refuses = (a: number[][], minor: number): void =>
    expect(() => cholesky(a)).toThrow(new RegExp(`cholesky: matrix is not positive definite, leading minor ${minor} `))
  refuses([[0]], 1)
  refuses(
    [
      [1, 1],
      [1, 1],
    ],
    2,
  )
  refuses(
    [
      [1, 2],
      [2, 1],
    ],
    2,
  )
  refuses([[-1]], 1)
})
