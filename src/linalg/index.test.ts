import { expect, test } from "vitest"
import { array } from "../engine/array.ts"
import type { Complex, Real } from "./index.ts"
import * as linalg from "./index.ts"

type Input = Real | number[] | number[][]

const I2 = linalg.eye(2)
const plane = linalg.hyperplane([1, 0], 0)
const grid = linalg.eye(3)
const asPair = (x: Input): Complex => ({ re: x as Real, im: linalg.scale(0, I2) })

/** Every function of the index that takes arrays, called with `x` in each place an array goes. */
const takers: Readonly<Record<string, readonly ((x: Input) => unknown)[]>> = {
  add: [(x) => linalg.add(x, I2), (x) => linalg.add(I2, x)],
  adjugate: [linalg.adjugate],
  angle: [(x) => linalg.angle(x, [1, 2]), (x) => linalg.angle([1, 2], x)],
  cholesky: [linalg.cholesky],
  choleskySolve: [(x) => linalg.choleskySolve(x, [1, 2]), (x) => linalg.choleskySolve(I2, x)],
  column: [(x) => linalg.column(x, 0)],
  complex: [linalg.complex, (x) => linalg.complex(I2, x)],
  complexMatmul: [
    (x) => linalg.complexMatmul(asPair(x), asPair(I2)),
    (x) => linalg.complexMatmul(asPair(I2), asPair(x)),
  ],
  complexSolve: [(x) => linalg.complexSolve(asPair(x), asPair(I2)), (x) => linalg.complexSolve(asPair(I2), asPair(x))],
  cond: [linalg.cond, (x) => linalg.cond(x, 1)],
  conjTranspose: [(x) => linalg.conjTranspose(asPair(x))],
  contourAxes: [linalg.contourAxes],
  criticalPoint: [(x) => linalg.criticalPoint(x, [1, 2]), (x) => linalg.criticalPoint(I2, x)],
  curvature: [linalg.curvature],
  definiteness: [linalg.definiteness],
  det: [linalg.det],
  diag: [linalg.diag],
  diagonal: [linalg.diagonal],
  distanceTo: [(x) => linalg.distanceTo(plane, x)],
  divergence: [linalg.divergence],
  dot: [(x) => linalg.dot(x, [1, 2]), (x) => linalg.dot([1, 2], x)],
  eig: [linalg.eig],
  eigh: [linalg.eigh],
  eigvals: [linalg.eigvals],
  eigvalsh: [linalg.eigvalsh],
  expm: [linalg.expm],
  gapBetween: [(x) => linalg.gapBetween(x, 0, 1)],
  gaussianHeight: [linalg.gaussianHeight],
  gradient: [linalg.gradient],
  gramSchmidt: [linalg.gramSchmidt],
  hessenberg: [linalg.hessenberg],
  hyperplane: [(x) => linalg.hyperplane(x, 1), (x) => linalg.hyperplane([1, 2], { point: x })],
  interpolate: [(x) => linalg.interpolate(x, [[0, 0]]), (x) => linalg.interpolate(grid, x)],
  inv: [linalg.inv],
  isDiagonalizable: [linalg.isDiagonalizable],
  isOrthogonal: [linalg.isOrthogonal],
  isPositiveDefinite: [linalg.isPositiveDefinite],
  kron: [(x) => linalg.kron(x, I2), (x) => linalg.kron(I2, x)],
  laplacian: [linalg.laplacian],
  leadingMinors: [linalg.leadingMinors],
  logm: [linalg.logm],
  lowRank: [(x) => linalg.lowRank(x, 1)],
  lstsq: [(x) => linalg.lstsq(x, [1, 2]), (x) => linalg.lstsq(I2, x)],
  lu: [linalg.lu],
  luFactor: [linalg.luFactor],
  luSolve: [(x) => linalg.luSolve(linalg.luFactor(I2), x)],
  matmul: [(x) => linalg.matmul(x, I2), (x) => linalg.matmul(I2, x)],
  matrixPower: [(x) => linalg.matrixPower(x, 2)],
  matrixRank: [linalg.matrixRank],
  nearestOn: [(x) => linalg.nearestOn(plane, x)],
  nearestPositiveDefinite: [linalg.nearestPositiveDefinite],
  norm: [linalg.norm, (x) => linalg.norm(x, 2)],
  nullSpace: [linalg.nullSpace],
  orth: [linalg.orth],
  outer: [(x) => linalg.outer(x, [1, 2]), (x) => linalg.outer([1, 2], x)],
  pinv: [linalg.pinv],
  projection: [linalg.projection],
  qr: [linalg.qr],
  quadraticForm: [(x) => linalg.quadraticForm(x, [1, 2]), (x) => linalg.quadraticForm(I2, x)],
  randomizedSvd: [(x) => linalg.randomizedSvd(x, { rank: 1 })],
  reflection: [linalg.reflection],
  rotation: [(x) => linalg.rotation(1, x)],
  row: [(x) => linalg.row(x, 0)],
  scale: [(x) => linalg.scale(2, x)],
  schur: [linalg.schur],
  slogdet: [linalg.slogdet],
  solve: [(x) => linalg.solve(x, [1, 2]), (x) => linalg.solve(I2, x)],
  solveTriangular: [(x) => linalg.solveTriangular(x, [1, 2]), (x) => linalg.solveTriangular(I2, x)],
  splat: [(x) => linalg.splat(x, [[0, 0]], [3, 3]), (x) => linalg.splat([1, 2], x, [3, 3])],
  sqrtm: [linalg.sqrtm],
  subtract: [(x) => linalg.subtract(x, I2), (x) => linalg.subtract(I2, x)],
  svd: [linalg.svd],
  svdvals: [linalg.svdvals],
  sylvester: [linalg.sylvester],
  taylor2: [
    (x) => linalg.taylor2(0, x, I2, [1, 2]),
    (x) => linalg.taylor2(0, [1, 2], x, [1, 2]),
    (x) => linalg.taylor2(0, [1, 2], I2, x),
  ],
  trace: [linalg.trace],
  transpose: [linalg.transpose],
  truncatedSvd: [(x) => linalg.truncatedSvd(x, 1)],
  unvec: [(x) => linalg.unvec(x, 1)],
  vdot: [
    (x) => linalg.vdot({ re: x as Real, im: x as Real }, linalg.complex([1, 2])),
    (x) => linalg.vdot(linalg.complex([1, 2]), { re: x as Real, im: x as Real }),
  ],
  vec: [linalg.vec],
}

/** What else the index exports: makers from numbers, and the error class. */
const others = ["LinAlgError", "dft", "eye"]

test("the table of array takers misses no export", () => {
  expect([...Object.keys(takers), ...others].sort()).toEqual(Object.keys(linalg).sort())
})

test.each(Object.entries(takers))(
  "%s refuses NaN, infinities, empty and ragged input by its own name",
  (name, calls) => {
    const bad: readonly (readonly [Input, RegExp])[] = [
      [array("float64", [2, 2], Float64Array.of(1, Number.NaN, 0, 1)), /NaN, expected a finite number/],
      [array("float64", [2], Float64Array.of(Number.POSITIVE_INFINITY, 1)), /Infinity, expected a finite number/],
      [array("float64", [0, 0], new Float64Array(0)), /empty/],
      [{ dtype: "float64", shape: [2, 2], data: new Float64Array(3) }, /but 3 entries/],
    ]
    for (const call of calls) {
      for (const [input, message] of bad) {
        expect(() => call(input)).toThrow(message)
        expect(() => call(input)).toThrow(new RegExp(`^${name}: `))
      }
      expect(() => call([[1, 2], [3]])).toThrow(/ragged/)
    }
  },
)

test.each([
  "adjugate",
  "cholesky",
  "definiteness",
  "det",
  "eig",
  "eigh",
  "eigvals",
  "eigvalsh",
  "expm",
  "hessenberg",
  "inv",
  "isDiagonalizable",
  "isOrthogonal",
  "isPositiveDefinite",
  "leadingMinors",
  "logm",
  "luFactor",
  "matrixPower",
  "nearestPositiveDefinite",
  "schur",
  "slogdet",
  "solve",
  "solveTriangular",
  "sqrtm",
  "sylvester",
  "trace",
])("%s refuses a matrix that is not square", (name) => {
  for (const call of takers[name].slice(0, 1)) {
    expect(() =>
      call([
        [1, 2, 3],
        [4, 5, 6],
      ]),
    ).toThrow(new RegExp(`^${name}: .*\\[2, 3\\], expected square`))
  }
})

test.each([
  "cholesky",
  "eigh",
  "eigvalsh",
  "definiteness",
  "sylvester",
  "isPositiveDefinite",
  "criticalPoint",
  "curvature",
  "contourAxes",
  "gaussianHeight",
  "quadraticForm",
])("%s refuses a matrix that is not symmetric and says which entries differ", (name) => {
  expect(() =>
    takers[name][0]([
      [1, 2],
      [3, 1],
    ]),
  ).toThrow(new RegExp(`^${name}: matrix is not symmetric, entry \\[0, 1\\] is 2 and entry \\[1, 0\\] is 3`))
})

test.each([
  ["lstsq", (t: number) => linalg.lstsq(I2, [1, 2], { tolerance: t })],
  ["pinv", (t: number) => linalg.pinv(I2, { tolerance: t })],
  ["matrixRank", (t: number) => linalg.matrixRank(I2, { tolerance: t })],
  ["orth", (t: number) => linalg.orth(I2, { tolerance: t })],
  ["projection", (t: number) => linalg.projection(I2, { tolerance: t })],
  ["nullSpace", (t: number) => linalg.nullSpace(I2, { tolerance: t })],
  ["definiteness", (t: number) => linalg.definiteness(I2, { tolerance: t })],
  ["isDiagonalizable", (t: number) => linalg.isDiagonalizable(I2, { tolerance: t })],
  ["isOrthogonal", (t: number) => linalg.isOrthogonal(I2, { tolerance: t })],
] as const)("%s refuses a tolerance that is negative or NaN", (name, call) => {
  for (const t of [-1, Number.NaN])
    expect(() => call(t)).toThrow(`${name}: tolerance is ${t}, expected a number from 0`)
})

test("inputs are read, never written", () => {
  const a = linalg.add(linalg.outer([1, 2, 3], [1, 2, 3]), linalg.eye(3))
  const kept = a.data.slice()
  const b = array("float64", [3], Float64Array.of(1, 2, 3))
  for (const call of Object.values(takers).flat()) {
    try {
      call(a)
      call(b)
    } catch {
      // Wrong shapes are expected here; only the data matter.
    }
    expect(a.data).toEqual(kept)
    expect(b.data).toEqual(Float64Array.of(1, 2, 3))
  }
})

test("float32, integer and nested inputs give the float64 result of the same numbers", () => {
  const nested = [
    [4, 1],
    [1, 3],
  ]
  const want = linalg.inv(nested)
  expect(want.dtype).toBe("float64")
  expect(linalg.inv(array("float32", [2, 2], Float32Array.of(4, 1, 1, 3)))).toEqual(want)
  expect(linalg.inv(array("int32", [2, 2], Int32Array.of(4, 1, 1, 3)))).toEqual(want)
})

test("a stack of matrices gives the stack of results", () => {
  const stack: number[][][] = Array.from({ length: 6 }, (_, k) => [
    [3 + k, 1, 0.5],
    [1, 4, k / 4],
    [0.5, k / 4, 5],
  ])
  const six = linalg.transpose(stack)
  expect(six.shape).toEqual([6, 3, 3])
  const twoByThree: Real = { ...six, shape: [2, 3, 3, 3] }
  const outputs: readonly ((x: Real | number[][]) => Real)[] = [
    linalg.transpose,
    linalg.diagonal,
    linalg.inv,
    linalg.pinv,
    linalg.cholesky,
    linalg.expm,
    linalg.logm,
    linalg.sqrtm,
    linalg.eigvalsh,
    linalg.svdvals,
    linalg.nearestPositiveDefinite,
    (x) => linalg.eigh(x).vectors,
    (x) => linalg.svd(x).u,
    (x) => linalg.qr(x).r,
    (x) => linalg.schur(x).t,
    (x) => linalg.hessenberg(x).h,
    (x) => linalg.eig(x).vectors.re,
    (x) => linalg.eigvals(x).re,
    (x) => linalg.matrixPower(x, 3),
    (x) => linalg.matmul(x, x),
  ]
  for (const f of outputs) {
    const all = f(twoByThree)
    expect(all.shape.slice(0, 2)).toEqual([2, 3])
    const size = all.data.length / 6
    stack.forEach((one, k) => {
      const single = f(one)
      expect(all.shape.slice(2)).toEqual(single.shape)
      expect(all.data.slice(k * size, (k + 1) * size)).toEqual(single.data)
    })
  }
  const b = linalg.transpose(stack.map((_, k) => [[k + 1, 2, 3]]))
  const x = linalg.solve(six, b)
  stack.forEach((one, k) => {
    expect(x.data.slice(3 * k, 3 * k + 3)).toEqual(linalg.solve(one, [k + 1, 2, 3]).data)
  })
  expect(() => linalg.solve(six, [1, 2, 3])).toThrow(/expected \[6, 3, 3\]/)
})
