/**
 * Exact transport beside POT's `ot.emd`, in turn, on the same points: 1,000 to 1,000 by default.
 *
 *   npm run build
 *   pip install pot
 *   npm run bench -- transport [--size 1000] [--rounds 7]
 *
 * Each round runs both sides once on each case, one after the other, in processes that stay; the first round warms up
 * and is not counted. The last line is one JSON object: for each case the median and the least milliseconds of both
 * sides, and the ratios of the medians (ours over POT's) and of the least. Without python3 and POT our side is measured
 * alone. Both start from the cost matrix and return plan, cost and prices; the two costs must agree to 1e-9.
 */
import { spawn, spawnSync } from "node:child_process"
import { createInterface } from "node:readline"
import { parseArgs } from "node:util"
import { distances, optimalTransport } from "../dist/transport/index.js"
import { least, median } from "./measure.mjs"

const { values } = parseArgs({
  options: { size: { type: "string", default: "1000" }, rounds: { type: "string", default: "7" } },
})
const [size, rounds] = [Number(values.size), Number(values.rounds)]
for (const [name, n] of [
  ["size", size],
  ["rounds", rounds],
]) {
  if (!(Number.isInteger(n) && n >= 1)) {
    console.error(`bench: --${name} is ${values[name]}, expected a whole number from 1`)
    process.exit(2)
  }
}

/** The same 32-bit generator in both languages, on [0, 1). */
function uniforms(count, seed) {
  let state = seed >>> 0
  return Float64Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 4294967296
  })
}

/** Clouds of points in the unit cube, the second shifted; equal masses, or random ones. */
const cases = [
  ["plane, equal masses", 2, true],
  ["plane, random masses", 2, false],
  ["ten dimensions, equal masses", 10, true],
]

function problem(dimension, isEven) {
  const cloud = (seed, shift) => ({
    dtype: "float64",
    shape: [size, dimension],
    data: uniforms(size * dimension, seed).map((v) => v + shift),
  })
  const cost = distances(cloud(1, 0), cloud(2, 0.5), { power: 2 })
  if (isEven) return { cost }
  const masses = [3, 4].map((seed) => uniforms(size, seed).map((v) => v + 0.01))
  const [source, target] = masses.map((m) => {
    const sum = m.reduce((a, b) => a + b, 0)
    return m.map((v) => v / sum)
  })
  return { cost, source, target }
}

const script = `
import sys, time, json, numpy as np, ot
size = int(sys.argv[1])
def uniforms(count, seed):
    state, out = seed, np.empty(count)
    for i in range(count):
        state = (state * 1664525 + 1013904223) & 0xffffffff
        out[i] = state / 4294967296
    return out
def problem(dimension, even):
    x, y = uniforms(size * dimension, 1).reshape(size, -1), uniforms(size * dimension, 2).reshape(size, -1) + 0.5
    cost = ((x[:, None] - y[None]) ** 2).sum(-1)
    if even: return np.full(size, 1 / size), np.full(size, 1 / size), cost
    a, b = uniforms(size, 3) + 0.01, uniforms(size, 4) + 0.01
    return a / a.sum(), b / b.sum(), cost
problems = [problem(d, e) for d, e in ((2, True), (2, False), (10, True))]
print(ot.__version__, flush=True)
for line in sys.stdin:
    a, b, cost = problems[int(line)]
    t = time.perf_counter()
    plan, log = ot.emd(a, b, cost, numItermax=10**7, log=True)
    print((time.perf_counter() - t) * 1e3, log["cost"], flush=True)
`

const hasPot = spawnSync("python3", ["-c", "import ot"]).status === 0
if (!hasPot) console.log("no python3 with POT here (pip install pot): our side alone")
const pot = hasPot ? spawn("python3", ["-c", script, String(size)], { stdio: ["pipe", "pipe", "inherit"] }) : undefined
const lines = pot && createInterface({ input: pot.stdout })[Symbol.asyncIterator]()
const version = lines && (await lines.next()).value

const problems = cases.map(([, dimension, isEven]) => problem(dimension, isEven))
const times = cases.map(() => ({ ours: [], pot: [] }))
for (let round = 0; round <= rounds; round++) {
  for (const [k, { cost, ...masses }] of problems.entries()) {
    const start = performance.now()
    const found = optimalTransport(cost, masses)
    const ours = performance.now() - start
    if (round > 0) times[k].ours.push(ours)
    if (pot === undefined) continue
    pot.stdin.write(`${k}\n`)
    const [ms, theirs] = (await lines.next()).value.split(" ").map(Number)
    if (round > 0) times[k].pot.push(ms)
    if (!(Math.abs(found.cost - theirs) <= 1e-9 * Math.max(1, theirs))) {
      console.error(`bench: ${cases[k][0]} costs ${found.cost} here and ${theirs} in POT`)
      process.exit(1)
    }
  }
}
pot?.stdin.end()

const rounded = (v) => Math.round(v * 100) / 100
const results = cases.map(([name], k) => {
  const { ours, pot: theirs } = times[k]
  const line = { case: name, ms_median: rounded(median(ours)), ms_min: rounded(least(ours)) }
  if (theirs.length === 0) return line
  return {
    ...line,
    pot_ms_median: rounded(median(theirs)),
    pot_ms_min: rounded(least(theirs)),
    ratio_median: rounded(median(ours) / median(theirs)),
    ratio_min: rounded(least(ours) / least(theirs)),
  }
})
console.log(JSON.stringify({ bench: "transport", size, rounds, pot: version ?? null, node: process.version, results }))
