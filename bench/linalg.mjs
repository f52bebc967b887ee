/**
 * Speed of linalg beside ml-matrix and NumPy, in turn, on the same inputs.
 *
 *   npm run build
 *   npm install --prefix /tmp/ml ml-matrix@6.15.1
 *   npm run bench -- linalg --ml /tmp/ml/node_modules/ml-matrix [--rounds 7]
 *
 * Without --ml that column is left out; without python3 and NumPy so is theirs. Each round runs every library once, one
 * after the other; the table gives medians in milliseconds and the ratios of medians (above 1: linalg is faster).
 */
import { spawnSync } from "node:child_process"
import { createRequire } from "node:module"
import { resolve } from "node:path"
import { parseArgs } from "node:util"
import * as linalg from "../dist/linalg/index.js"

const { values } = parseArgs({ options: { ml: { type: "string" }, rounds: { type: "string", default: "7" } } })
const rounds = Number(values.rounds)
const ml = values.ml === undefined ? undefined : createRequire(import.meta.url)(resolve(values.ml))

/** The same 32-bit generator in both languages, uniform on (-0.5, 0.5). */
function fill(m, n, seed) {
  const data = new Float64Array(m * n)
  let state = seed >>> 0
  for (let i = 0; i < data.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    data[i] = state / 4294967296 - 0.5
  }
  return { dtype: "float64", shape: [m, n], data }
}

function symmetric(a) {
  const n = a.shape[0]
  const data = a.data.map((v, p) => v + a.data[(p % n) * n + Math.floor(p / n)])
  return { ...a, data }
}

function positive(a) {
  const n = a.shape[0]
  const product = linalg.matmul(linalg.transpose(a), a)
  for (let i = 0; i < n; i++) product.data[i * n + i] += 1
  return product
}

const plain = (a) => a
const cases = [
  ["matmul", 600, 600, plain, (a) => linalg.matmul(a, a), (a) => a.mmul(a), "a @ a"],
  ["eigh", 200, 200, symmetric, linalg.eigh, (a, m) => new m.EVD(a, { assumeSymmetric: true }), "np.linalg.eigh(a)"],
  ["eigh", 600, 600, symmetric, linalg.eigh, (a, m) => new m.EVD(a, { assumeSymmetric: true }), "np.linalg.eigh(a)"],
  ["svd", 1000, 200, plain, linalg.svd, (a, m) => new m.SVD(a), "np.linalg.svd(a, full_matrices=False)"],
  ["svd", 400, 400, plain, linalg.svd, (a, m) => new m.SVD(a), "np.linalg.svd(a, full_matrices=False)"],
  ["eig", 300, 300, plain, linalg.eig, (a, m) => new m.EVD(a), "np.linalg.eig(a)"],
  [
    "qr",
    1000,
    200,
    plain,
    linalg.qr,
    (a, m) => {
      const f = new m.QR(a)
      return [f.orthogonalMatrix, f.upperTriangularMatrix]
    },
    "np.linalg.qr(a)",
  ],
  [
    "solve",
    600,
    600,
    plain,
    (a) => linalg.solve(a, linalg.row(a, 0)),
    (a, m) => m.solve(a, m.Matrix.columnVector(a.getRow(0))),
    "np.linalg.solve(a, a[0])",
  ],
  ["cholesky", 600, 600, positive, linalg.cholesky, (a, m) => new m.CholeskyDecomposition(a), "np.linalg.cholesky(a)"],
  ["inv", 400, 400, plain, linalg.inv, (a, m) => m.inverse(a), "np.linalg.inv(a)"],
]

const script = `
import sys, time, numpy as np
m, n, seed, kind, code = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5]
state, out = seed, np.empty(m * n)
for i in range(m * n):
    state = (state * 1664525 + 1013904223) & 0xffffffff
    out[i] = state / 4294967296 - 0.5
a = out.reshape(m, n)
if kind == "symmetric": a = a + a.T
if kind == "positive": a = a.T @ a + np.eye(n)
run = compile(code, "bench", "eval")
eval(run)
t = time.perf_counter(); eval(run); print((time.perf_counter() - t) * 1e3)
`
const python = spawnSync("python3", ["-c", "import numpy"]).status === 0

function timed(f) {
  const start = performance.now()
  f()
  return performance.now() - start
}

const median = (x) => [...x].sort((a, b) => a - b)[x.length >> 1]
const show = (x, digits = 1) => (x === undefined ? "-" : x.toFixed(digits)).padStart(10)
console.log(
  "case".padEnd(22) + ["linalg ms", "ml ms", "numpy ms", "ml / us", "us / numpy"].map((s) => s.padStart(11)).join(""),
)
for (const [name, m, n, shape, ours, theirs, code] of cases) {
  const a = shape(fill(m, n, 7))
  const rows = ml && Array.from({ length: m }, (_, i) => Array.from(a.data.subarray(i * n, (i + 1) * n)))
  const other = ml && new ml.Matrix(rows)
  const times = { ours: [], ml: [], numpy: [] }
  for (let r = 0; r <= rounds; r++) {
    // The first round warms up and is not counted.
    const t = timed(() => ours(a))
    const u = ml && timed(() => theirs(other, ml))
    const args = ["-c", script, String(m), String(n), "7", shape.name, code]
    const v = python ? Number(spawnSync("python3", args, { encoding: "utf8" }).stdout) : undefined
    if (r === 0) continue
    times.ours.push(t)
    if (u !== undefined) times.ml.push(u)
    if (v !== undefined) times.numpy.push(v)
  }
  const us = median(times.ours)
  const mlTime = times.ml.length > 0 ? median(times.ml) : undefined
  const np = times.numpy.length > 0 ? median(times.numpy) : undefined
  console.log(
    `${name} ${m} x ${n}`.padEnd(22) +
      [show(us), show(mlTime), show(np), show(mlTime && mlTime / us), show(np && us / np)].map((s) => ` ${s}`).join(""),
  )
}
