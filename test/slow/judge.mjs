// Judges a run's samples of MNIST digits by a LeNet that is trained here on the real ones.
// Usage: node test/slow/judge.mjs [runs/mnist] [--at last or steps of checkpoints, as 2000,4000] [--count 1000] [--steps 50]
//   [--seed 1] [--data-dir DIR, as the run has it]
// Prints the LeNet's test accuracy, then the share of samples it is sure of (> 0.9), the entropy of their classes, and
// FID, KID, precision, recall, density and coverage in its features beside the other test digits: for as many real
// test digits, drawn by a seed, and for the samples.
import { parseArgs } from "node:util"
import { openJudge } from "../../bench/mnist/judge.mjs"
import { loadRun } from "../../dist/cli/runs.js"
import { last } from "../../dist/diffusion/index.js"
import { readRun } from "../../dist/train/run.js"

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    at: { type: "string", default: "last" },
    count: { type: "string", default: "1000" },
    steps: { type: "string", default: "50" },
    seed: { type: "string", default: "1" },
    "data-dir": { type: "string" },
  },
})
const count = Number(flags.count)
const [folder] = positionals
const dataDir = flags["data-dir"] ?? (folder && (await readRun(folder)).options.dataDir)
const judge = await openJudge({ dataDir, count, metrics: ["fid", "kid", "pr"] })
console.log(`${judge.name}: test accuracy ${(100 * (await judge.accuracy())).toFixed(2)} %`)

async function report(name, images) {
  const { n, classes, sure, rows, ...measures } = await judge.judged(name, images)
  const certain = sure.filter((p) => p > 0.9).length / n
  const shares = Array.from({ length: 10 }, (_, label) => classes.filter((c) => c === label).length / n)
  const entropy = -shares.reduce((sum, q) => sum + (q > 0 ? q * Math.log(q) : 0), 0)
  const shown = Object.entries(measures).map(([measure, value]) => `${measure} ${value.toPrecision(4)}`)
  console.log(
    `${name}: n ${n}, sure ${(100 * certain).toFixed(1)} %, entropy ${entropy.toFixed(3)}, ${shown.join(", ")}`,
  )
  return { sure: certain, entropy, ...measures }
}

await report("real digits", judge.real())
for (const at of folder === undefined ? [] : flags.at.split(",")) {
  const { experiment, step } = await loadRun(folder, { at })
  const began = performance.now()
  const { x } = await last(
    experiment.sample({ count, sampler: "ddim", steps: Number(flags.steps), seed: Number(flags.seed) }),
  )
  const seconds = (performance.now() - began) / 1000
  const result = await report(`samples of step ${step}`, [x])
  console.log(JSON.stringify({ run: folder, step, features: judge.name, seconds_to_sample: seconds, ...result }))
}
