// Trains small runs, exports each as a model folder of diffusers, and draws it there and here from the same seed:
// `DDPMPipeline` and `DDIMPipeline` in Python, `tweedie sample FOLDER`, and `tweedie sample RUN --noise torch`.
// Usage: npm run build && node test/slow/travel.mjs [--steps 60] [--python python3] [--only labels]. About two minutes.
// Prints the largest difference of a pixel in [0, 1]; ends with 1 where one is above 1e-3.
import { execFileSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { encodePng, readNpy } from "../../dist/io/index.js"

const { values: flags } = parseArgs({
  options: {
    steps: { type: "string", default: "60" },
    python: { type: "string", default: "python3" },
    only: { type: "string", default: "" },
  },
})
const work = mkdtempSync(join(tmpdir(), "tweedie-travel-"))
const at = (...path) => join(work, ...path)
const file = (name) => fileURLToPath(new URL(name, import.meta.url))
const tweedie = (...args) =>
  execFileSync(process.execPath, [file("../../dist/cli/main.js"), ...args], { cwd: work, stdio: "pipe" })

// Pictures in colour: a band of another hue and place in each.
mkdirSync(at("pictures"))
for (let i = 0; i < 48; i++) {
  const data = Uint8Array.from({ length: 16 * 16 * 3 }, (_, k) => {
    const [row, c] = [Math.floor(k / 48), k % 3]
    return Math.abs(row - (i % 16)) < 3 ? (80 * (i + c)) % 256 : 20 * c
  })
  writeFileSync(at("pictures", `${i}.png`), encodePng({ width: 16, height: 16, channels: 3, data }))
}

/** Runs: how each is trained, and how it is exported. */
const runs = {
  "v, cosine": [],
  "eps, linear": ["--predict", "eps", "--schedule", "linear"],
  "x0, scaled-linear to no signal": ["--predict", "x0", "--schedule", "scaled-linear", "--zero-snr"],
  "v, VP in continuous time": ["--process", "vp"],
  "v, Karras' levels": ["--schedule", "karras"],
  "learned variance": ["--variance", "learned", "--objective", "hybrid"],
  "colour, two heads": ["--recipe", "images", "--data-dir", "pictures", "--size", "16", "--multipliers", "1,2,4"],
  labels: ["--labels"],
}
const small = ["--patch", "1", "--width", "16", "--multipliers", "1,2,2", "--batch", "16"]
const common = { seed: 11, count: 4 }
/** Ways to draw: the pipeline, and the flags that name the same here of the folder and of the run. */
const ddim = {
  pipeline: "DDIMPipeline",
  steps: 20,
  eta: 0,
  folder: ["--scheduler", "DDIMScheduler"],
  run: ["--sampler", "ddim"],
}
const noisy = { ...ddim, eta: 0.7 }
const ddpm = { pipeline: "DDPMPipeline", steps: 50, folder: [], run: ["--sampler", "ddpm"] }

const tasks = []
for (const [i, [name, options]] of Object.entries(runs).entries()) {
  if (!name.includes(flags.only)) continue
  const run = `run-${i}`
  const recipe = options.includes("--recipe") ? [] : ["--recipe", "glyphs"]
  tweedie(
    "train",
    ...recipe,
    ...small,
    ...options,
    "--times",
    "200",
    "--steps",
    flags.steps,
    "--sample-every",
    "0",
    "--out",
    run,
  )
  const classes = name === "labels" ? ["3", "none"] : [undefined]
  for (const label of classes) {
    const folder = `${run}-${label ?? "all"}`
    tweedie("export", run, "--format", "diffusers", "--out", folder, ...(label === undefined ? [] : ["--label", label]))
    // What a learned variance adds to the network's channels only DDPMScheduler understands.
    const ways = name === "learned variance" ? [ddpm] : [ddim, noisy, ddpm]
    for (const way of ways)
      tasks.push({
        ...common,
        ...way,
        name: label === undefined ? name : `${name}, exported as ${label} alone`,
        at: folder,
        of: run,
        told: label === undefined || label === "none" ? [] : ["--label", label],
      })
  }
  if (name === "labels") {
    tweedie("export", run, "--format", "diffusers", "--out", `${run}-told`)
    const told = ["--label", "7"]
    tasks.push({ ...common, ...ddpm, name: "labels, class_labels 7", at: `${run}-told`, of: run, told, label: 7 })
  }
}
const asked = tasks.map(({ at: folder, pipeline, steps, seed, count, eta, label }, i) => ({
  ...{ folder: at(folder), pipeline, steps, seed, count, eta, label, out: at(`python-${i}.npy`) },
}))
writeFileSync(at("tasks.json"), JSON.stringify(asked))
console.log(execFileSync(flags.python, [file("travel.py"), at("tasks.json")], { encoding: "utf8" }).trim())

const read = (name) => readNpy(new Uint8Array(readFileSync(at(name))))
const apart = (a, b) => a.data.reduce((m, v, i) => Math.max(m, Math.abs(v - b.data[i])), 0)
let worst = 0
for (const [
  i,
  { name, pipeline, steps, seed, count, eta, folder, run, at: from, of, told, label },
] of tasks.entries()) {
  const out = ["--seed", seed, "--count", count, "--steps", steps, "--format", "npy", "--out"].map(String)
  const stochastic = eta === undefined ? [] : ["--eta", String(eta)]
  tweedie("sample", from, ...folder, ...stochastic, ...(label === undefined ? [] : told), ...out, "folder.npy")
  const own = [...run, ...stochastic, ...told, "--noise", "torch", "--compat", "diffusers", "--spacing", "trailing"]
  tweedie("sample", of, ...own, ...out, "run.npy")
  const [python, fromFolder, fromRun] = [`python-${i}.npy`, "folder.npy", "run.npy"].map(read)
  // Images that are neither all black nor all white, or the comparison would say little.
  const grey = python.data.filter((v) => v > 0.02 && v < 0.98).length / python.data.length
  const found = [apart(fromFolder, python), apart(fromRun, python)]
  worst = Math.max(worst, ...found)
  const way = `${pipeline}${eta ? `, eta ${eta}` : ""}, ${steps} steps`
  console.log(
    `${name.padEnd(36)} ${way.padEnd(34)} folder ${found[0].toExponential(1)}  run ${found[1].toExponential(1)}  (${(100 * grey).toFixed(0)} % of pixels between black and white)`,
  )
}
console.log(`largest difference of a pixel: ${worst.toExponential(1)}`)
rmSync(work, { recursive: true })
process.exit(worst <= 1e-3 ? 0 : 1)
