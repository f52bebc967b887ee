// Judges a run's samples of MNIST digits by a LeNet that is trained here on the real ones.
// Usage: node test/slow/judge.mjs runs/mnist [--count 1000] [--steps 50] [--seed 1] [--data-dir DIR]
// Prints the LeNet's test accuracy, then the share of samples it is sure of (> 0.9), the entropy of their classes and
// the Frechet distance in its features, for the samples and for as many real test digits.
import { existsSync, mkdirSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { parseArgs } from "node:util"
import { loadRun } from "../../dist/cli/runs.js"
import { loader, mnist } from "../../dist/data/index.js"
import { last } from "../../dist/diffusion/index.js"
import { compile, logSoftmax, maxPool2d, oneHot, relu, softmax } from "../../dist/index.js"
import { readSafetensors, writeFileAtomic, writeSafetensors } from "../../dist/io/index.js"
import { eigh } from "../../dist/linalg/eigh.js"
import { Conv2d, dropout, Linear, loadStateDict, seeded, stateDict, variables } from "../../dist/nn/index.js"
import { adamW, lrCosine } from "../../dist/optim/index.js"
import { train } from "../../dist/train/index.js"

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

/** LeNet with rectifiers: two convolutions, two linear layers; the features are those before the last. */
class LeNet {
  conv1 = new Conv2d(1, 32, 5, { padding: 2 })
  conv2 = new Conv2d(32, 64, 5, { padding: 2 })
  fc1 = new Linear(64 * 49, 128)
  fc2 = new Linear(128, 10)
  features(x) {
    const h = maxPool2d(relu(this.conv2.forward(maxPool2d(relu(this.conv1.forward(x))))))
    return relu(this.fc1.forward(h.reshape([x.shape[0], 64 * 49])))
  }
  forward(x) {
    return this.fc2.forward(dropout(this.features(x), 0.5))
  }
}

const net = seeded(0, () => new LeNet())
const file = "runs/judge/lenet.safetensors"
const read = compile((x) => {
  const features = net.features(x)
  return { features, probabilities: softmax(net.fc2.forward(features)) }
})

async function judged(batches) {
  const features = []
  const probabilities = []
  for (const x of batches) {
    const y = await read(x)
    features.push(...rows(y.features))
    probabilities.push(...rows(y.probabilities))
  }
  return { features, probabilities }
}
function rows({ shape, data }) {
  return Array.from({ length: shape[0] }, (_, i) => data.slice(i * shape[1], (i + 1) * shape[1]))
}
const argMax = (p) => p.indexOf(Math.max(...p))

if (existsSync(file)) {
  await loadStateDict(net, readSafetensors(new Uint8Array(await readFile(file))).tensors)
} else {
  const steps = 5 * Math.floor(60000 / 128)
  const objective = {
    variables: variables(net),
    loss: ({ x, y }) => ({
      total: logSoftmax(net.forward(x))
        .mul(oneHot(y, 10))
        .sum()
        .mul(-1 / x.shape[0]),
    }),
  }
  const run = train(objective, loader(await mnist({ split: "train", ...data }), { batch: 128 }), {
    optimizer: adamW({ lr: lrCosine(1e-3, { steps }) }),
    ema: null,
    clip: null,
    steps,
  })
  for await (const { step, loss } of run)
    if (step % 100 === 0) console.log(`LeNet ${step}/${steps} loss ${loss.toFixed(4)}`)
  mkdirSync("runs/judge", { recursive: true })
  await writeFileAtomic(file, writeSafetensors(await stateDict(net)))
}

const test = await mnist({ split: "test", ...data })
const batchesOf = function* (dataset, count) {
  for (let i = 0; i + 100 <= count; i += 100) yield dataset.batch(Int32Array.from({ length: 100 }, (_, k) => i + k))
}
let right = 0
const real = { features: [], probabilities: [] }
for (const { x, y } of batchesOf(test, 10000)) {
  const { features, probabilities } = await judged([x])
  real.features.push(...features)
  real.probabilities.push(...probabilities)
  for (const [i, p] of probabilities.entries()) if (argMax(p) === y.data[i]) right++
}
console.log(`LeNet test accuracy ${(right / 100).toFixed(2)} %`)

/** Mean and covariance of rows, in float64. */
function moments(list) {
  const d = list[0].length
  const mean = new Float64Array(d)
  for (const r of list) for (let i = 0; i < d; i++) mean[i] += r[i] / list.length
  const covariance = new Float64Array(d * d)
  for (const r of list) {
    for (let i = 0; i < d; i++) {
      for (let j = 0; j < d; j++) covariance[i * d + j] += ((r[i] - mean[i]) * (r[j] - mean[j])) / (list.length - 1)
    }
  }
  return { mean, covariance: { dtype: "float64", shape: [d, d], data: covariance } }
}
function product(a, b, d) {
  const out = new Float64Array(d * d)
  for (let i = 0; i < d; i++) {
    for (let k = 0; k < d; k++) for (let j = 0; j < d; j++) out[i * d + j] += a[i * d + k] * b[k * d + j]
  }
  return out
}
/** Squared Frechet distance |m1 - m2|^2 + tr(C1 + C2 - 2 (C1^1/2 C2 C1^1/2)^1/2). */
function frechet(a, b) {
  const d = a.mean.length
  const { values, vectors } = eigh(a.covariance)
  const v = vectors.data
  const root = new Float64Array(d * d)
  for (let i = 0; i < d; i++) {
    for (let j = 0; j < d; j++) {
      for (let k = 0; k < d; k++)
        root[i * d + j] += v[i * d + k] * Math.sqrt(Math.max(0, values.data[k])) * v[j * d + k]
    }
  }
  const inner = product(product(root, b.covariance.data, d), root, d)
  for (let i = 0; i < d; i++) {
    for (let j = 0; j < i; j++) inner[i * d + j] = inner[j * d + i] = (inner[i * d + j] + inner[j * d + i]) / 2
  }
  const spectrum = eigh({ dtype: "float64", shape: [d, d], data: inner }).values
  let total = 0
  for (let i = 0; i < d; i++) {
    total += (a.mean[i] - b.mean[i]) ** 2 + a.covariance.data[i * d + i] + b.covariance.data[i * d + i]
    total -= 2 * Math.sqrt(Math.max(0, spectrum.data[i]))
  }
  return total
}
function report(name, { features, probabilities }, reference) {
  const sure = probabilities.filter((p) => Math.max(...p) > 0.9).length / probabilities.length
  const counts = new Array(10).fill(0)
  for (const p of probabilities) counts[argMax(p)]++
  const entropy = -counts.map((c) => c / probabilities.length).reduce((s, q) => s + (q > 0 ? q * Math.log(q) : 0), 0)
  const fid = frechet(moments(features), reference)
  console.log(
    `${name}: n ${probabilities.length}, sure ${(100 * sure).toFixed(1)} %, entropy ${entropy.toFixed(3)}, FID ${fid.toFixed(2)}`,
  )
  return { sure, entropy, fid }
}

const count = Number(flags.count)
const reference = moments(real.features.slice(count))
const head = (r) => ({ features: r.features.slice(0, count), probabilities: r.probabilities.slice(0, count) })
report("real digits", head(real), reference)
if (positionals[0] !== undefined) {
  const { experiment, step } = await loadRun(positionals[0])
  const began = performance.now()
  const { x } = await last(
    experiment.sample({ count, sampler: "ddim", steps: Number(flags.steps), seed: Number(flags.seed) }),
  )
  const seconds = (performance.now() - began) / 1000
  const batches = Array.from({ length: count / 100 }, (_, i) => ({
    dtype: "float32",
    shape: [100, 1, 28, 28],
    data: x.data.slice(i * 78400, (i + 1) * 78400),
  }))
  const result = report(
    `samples of step ${step}`,
    await judged(batches.map((b) => ({ ...b, data: b.data.map((v) => Math.min(1, Math.max(-1, v))) }))),
    reference,
  )
  console.log(JSON.stringify({ run: positionals[0], step, seconds_to_sample: seconds, ...result }))
}
