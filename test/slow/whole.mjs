// A run's samplers, each as one ONNX file, beside the same samplers step by step, from the same noise.
// Usage: node test/slow/whole.mjs RUN [--count 16] [--steps 50] [--rounds 5]
// Each file must pass onnx.checker, and test/e2e/images.mjs (onnxruntime-node) and images.py (Python's onnxruntime), which
// know nothing of this package, must draw our images to 1e-4; then come the times of the first sampler, both ways in turn.
import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import * as ort from "onnxruntime-node"
import { loadRun } from "../../dist/cli/runs.js"
import { toImages } from "../../dist/diffusion/index.js"
import { fillNormal, fold, keyOf } from "../../dist/engine/random.js"

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    count: { type: "string", default: "16" },
    steps: { type: "string", default: "50" },
    rounds: { type: "string", default: "5" },
  },
})
const [run] = positionals
const [count, steps, rounds] = [flags.count, flags.steps, flags.rounds].map(Number)
const samplers = [
  { sampler: "ddim" },
  { sampler: "ddim", eta: 1 },
  { sampler: "ddpm" },
  { sampler: "euler" },
  { sampler: "eulerAncestral" },
  { sampler: "heun" },
  { sampler: "dpmSolver", order: 2 },
  { sampler: "dpmSolver", order: 3 },
  { sampler: "dpmSolver", algorithm: "sde-dpmsolver++" },
  { sampler: "dpmSolverSingle", order: 3 },
  { sampler: "unipc" },
  { sampler: "pndm" },
]
const path = (name) => fileURLToPath(new URL(name, import.meta.url))
const work = mkdtempSync(join(tmpdir(), "tweedie-whole-"))
const file = join(work, "sampler.onnx")
const { experiment } = await loadRun(run)
const { classes, shape } = experiment
const size = shape.reduce((a, b) => a * b, 1)
const told = classes > 0 ? { labels: new Int32Array(count).fill(7), guidance: 2 } : {}
const seed = 5

/** Exports a sampler by the command; the number of draws of noise that the file takes. */
function exported({ sampler, ...options }) {
  const more = Object.entries(options).flatMap(([key, value]) => [`--${key}`, String(value)])
  const args = ["export", run, "--sampler", sampler, "--steps", String(steps), ...more, "--out", file]
  execFileSync(process.execPath, [path("../../dist/cli/main.js"), ...args], { stdio: "pipe" })
  execFileSync("python3", ["-c", `import onnx; onnx.checker.check_model(onnx.load("${file}"), full_check=True)`])
}

/** The seed's noise for questions 0, 1, ...: samplers that draw any draw for all but the last. */
function noiseOf(draws) {
  const all = new Float32Array(draws * count * size)
  for (let k = 0; k < draws; k++)
    for (let i = 0; i < count; i++)
      fillNormal(all.subarray((k * count + i) * size, (k * count + i + 1) * size), fold(keyOf(seed), i, k))
  return all
}

const apart = (a, b) => a.reduce((most, v, i) => Math.max(most, Math.abs(v - b[i])), 0)

let isRight = true
console.log("sampler, options | draws | MB | onnxruntime-node | Python's onnxruntime")
for (const options of samplers) {
  exported(options)
  const session = await ort.InferenceSession.create(file)
  const [draws] = session.inputMetadata.find((input) => input.name === "noise").shape
  await session.release()
  writeFileSync(join(work, "noise.f32"), noiseOf(draws))
  let x
  for await (const step of experiment.sample({ ...options, ...told, steps, count, seed })) x = step.x
  const ours = toImages(x).data
  const found = [
    [process.execPath, path("../e2e/images.mjs")],
    ["python3", path("images.py")],
  ].map(([program, script]) => {
    rmSync(join(work, "images.f32"), { force: true })
    execFileSync(program, [script, file, String(count), "7", "noise.f32"], { cwd: work, stdio: "pipe" })
    return apart(ours, new Float32Array(Uint8Array.from(readFileSync(join(work, "images.f32"))).buffer))
  })
  isRight &&= found.every((v) => v <= 1e-4)
  const { sampler, ...rest } = options
  const row = [
    `${sampler}${Object.entries(rest)
      .map(([k, v]) => `, ${k} ${v}`)
      .join("")}`,
    draws,
  ]
  console.log([...row, (statSync(file).size / 1e6).toFixed(2), ...found.map((v) => v.toExponential(1))].join(" | "))
}

exported(samplers[0])
const begun = performance.now()
const session = await ort.InferenceSession.create(file)
const loaded = performance.now() - begun
const noise = noiseOf(1)
const feeds = {
  noise: new ort.Tensor("float32", noise, [1, count, ...shape]),
  ...(classes > 0 && {
    labels: new ort.Tensor("int32", told.labels, [count]),
    guidance: new ort.Tensor("float32", new Float32Array(count).fill(2), [count]),
  }),
}
/** Seconds of the file. */
async function whole() {
  const start = performance.now()
  await session.run(feeds)
  return (performance.now() - start) / 1000
}
/** Seconds of as many steps of ours; the first, which loads the program, is not among them. */
async function stepwise() {
  let start
  for await (const _ of experiment.sample({ ...samplers[0], ...told, steps: steps + 1, count, seed }))
    start ??= performance.now()
  return (performance.now() - start) / 1000
}
execFileSync(process.execPath, [path("../../dist/cli/main.js"), "export", run, "--out", work], { stdio: "pipe" })
const network = await ort.InferenceSession.create(join(work, "model.onnx"))
// A guided network is asked twice as much.
const rows = classes > 0 ? 2 * count : count
const question = {
  x: new ort.Tensor("float32", new Float32Array(rows * size).fill(0.1), [rows, ...shape]),
  t: new ort.Tensor("int32", new Int32Array(rows).fill(500), [rows]),
  ...(classes > 0 && { labels: new ort.Tensor("int32", new Int32Array(rows).fill(7), [rows]) }),
}
/** Seconds of the exported network alone, asked as often. */
async function alone() {
  const start = performance.now()
  for (let i = 0; i < steps; i++) await network.run(question)
  return (performance.now() - start) / 1000
}
await whole()
await alone()
const times = { whole: [], alone: [], stepwise: [] }
for (let i = 0; i < rounds; i++) {
  times.whole.push(await whole())
  times.alone.push(await alone())
  times.stepwise.push(await stepwise())
}
const least = (list) => Math.min(...list)
const median = (list) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)]
const words = (list) => `${median(list).toFixed(2)} s (min ${least(list).toFixed(2)})`
console.log(`${steps} steps of ${samplers[0].sampler}, ${count} images; loading the file ${loaded.toFixed(0)} ms`)
console.log(`one file ${words(times.whole)}; step by step here ${words(times.stepwise)}`)
console.log(`model.onnx asked as often, and nothing else ${words(times.alone)}`)
const over = (list) => (median(times.whole) / median(list)).toFixed(2)
console.log(`the file takes ${over(times.stepwise)} of the time step by step, ${over(times.alone)} of model.onnx's`)
rmSync(work, { recursive: true, force: true })
process.exit(isRight ? 0 : 1)
