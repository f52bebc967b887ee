// Judges a run's samples of MNIST digits by a LeNet that is trained here on the real ones.
// Usage: node test/slow/judge.mjs runs/mnist [--count 1000] [--steps 50] [--seed 1] [--data-dir DIR]
// Prints the LeNet's test accuracy, then the share of samples it is sure of (> 0.9), the entropy of their classes, and
// FID, KID, precision, recall, density and coverage in its features beside the other test digits: for as many real
// test digits, and for the samples.
import { existsSync, mkdirSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { parseArgs } from "node:util"
import { loadRun } from "../../dist/cli/runs.js"
import { loader, mnist, range, subset, take } from "../../dist/data/index.js"
import { last } from "../../dist/diffusion/index.js"
import { readSafetensors, writeFileAtomic, writeSafetensors } from "../../dist/io/index.js"
import { accuracy, evaluateSets, lenetFeatures, lenetFrom, readSet } from "../../dist/metrics/index.js"
import { stateDict } from "../../dist/nn/index.js"
import { trainLeNet } from "../../dist/recipes/index.js"

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    count: { type: "string", default: "1000" },
    steps: { type: "string", default: "50" },
    seed: { type: "string", default: "1" },
    "data-dir": { type: "string" },
  },
})
const data = flags["data-dir"] === undefined ? {} : { dir: flags["data-dir"] }
const count = Number(flags.count)
const file = "runs/judge/lenet.safetensors"

async function judge() {
  if (existsSync(file)) return lenetFrom(readSafetensors(new Uint8Array(await readFile(file))).tensors)
  const { network, steps, training } = trainLeNet(await mnist({ split: "train", ...data }))
  for await (const { step, loss } of training)
    if (step % 100 === 0) console.log(`LeNet ${step}/${steps} loss ${loss.toFixed(4)}`)
  mkdirSync("runs/judge", { recursive: true })
  await writeFileAtomic(file, writeSafetensors(await stateDict(network)))
  return network
}

const network = await lenetFeatures(await judge())
const metrics = ["fid", "kid", "pr"]
const batches = (set) => loader(set, { batch: 100, shuffle: false, dropLast: false }).epoch()
function* imagesOf(set) {
  for (const { x } of batches(set)) yield x
}

/** Class probabilities of images, a row each. */
async function oddsOf(images) {
  const rows = []
  for (const x of images) {
    const { shape, data } = (await network.read(x)).probabilities
    for (let i = 0; i < shape[0]; i++) rows.push(data.slice(i * shape[1], (i + 1) * shape[1]))
  }
  return rows
}
const argMax = (p) => p.indexOf(Math.max(...p))

const test = await mnist({ split: "test", ...data })
const labels = [...batches(test)].flatMap(({ y }) => [...y.data])
const guesses = (await oddsOf(imagesOf(test))).map(argMax)
console.log(`${network.name}: test accuracy ${(100 * accuracy(labels, guesses)).toFixed(2)} %`)

const rest = subset(
  test,
  range(test.length - count).map((i) => i + count),
)
const reference = await readSet("other test digits", imagesOf(rest), { metrics, network, isReference: true })

async function report(name, images) {
  const odds = await oddsOf(images)
  const sure = odds.filter((p) => Math.max(...p) > 0.9).length / odds.length
  const counts = new Array(10).fill(0)
  for (const p of odds) counts[argMax(p)]++
  const entropy = -counts.map((c) => c / odds.length).reduce((s, q) => s + (q > 0 ? q * Math.log(q) : 0), 0)
  const measured = await evaluateSets(await readSet(name, images, { metrics, network }), reference, { metrics })
  const numbers = Object.fromEntries(measured.map(({ measure, value }) => [measure, value]))
  const shown = Object.entries(numbers).map(([measure, value]) => `${measure} ${value.toPrecision(4)}`)
  console.log(
    `${name}: n ${odds.length}, sure ${(100 * sure).toFixed(1)} %, entropy ${entropy.toFixed(3)}, ${shown.join(", ")}`,
  )
  return { sure, entropy, ...numbers }
}

await report("real digits", [...imagesOf(take(test, count))])
if (positionals[0] !== undefined) {
  const { experiment, step } = await loadRun(positionals[0])
  const began = performance.now()
  const { x } = await last(
    experiment.sample({ count, sampler: "ddim", steps: Number(flags.steps), seed: Number(flags.seed) }),
  )
  const seconds = (performance.now() - began) / 1000
  const result = await report(`samples of step ${step}`, [x])
  console.log(
    JSON.stringify({ run: positionals[0], step, features: network.name, seconds_to_sample: seconds, ...result }),
  )
}
