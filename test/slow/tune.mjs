// Fine-tunes classifiers of MNIST that PyTorch exported, by both its exporters, on inverted digits (255 - p), and writes
// them as ONNX again: with every layer trained on from what it was, and with one new layer on the convolutions, frozen.
// Usage: node test/slow/tune.mjs [--data-dir ../shared/data/mnist] [--out FOLDER]   (on the built package: npm run build)
// Ends with 1 unless each gets 97 % of the 10,000 inverted test digits right, and plain ONNX Runtime gives the logits
// of the model for every written file. About a minute on two cores.
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node"
import { loader, mnist, range } from "../../dist/data/index.js"
import { compile, exportOnnx, importOnnx } from "../../dist/index.js"
import { crossEntropyLoss } from "../../dist/losses/index.js"
import { ImportedClassifier, seeded, variables } from "../../dist/nn/index.js"
import { adamW, lrCosine } from "../../dist/optim/index.js"
import { train } from "../../dist/train/index.js"

const { values } = parseArgs({
  options: {
    "data-dir": { type: "string", default: process.env.TWEEDIE_DATA_DIR ?? "../shared/data" },
    out: { type: "string" },
  },
})
const dir = join(values["data-dir"], values["data-dir"].endsWith("mnist") ? "" : "mnist")
const [digits, test] = [await mnist({ dir }), await mnist({ dir, split: "test" })]

/** Pixels p in [0, 1] as the files expect them, (p - 0.1307) / 0.3081; data sets give 2 p - 1. */
const normal = (x) => x.mul(0.5 / 0.3081).add((0.5 - 0.1307) / 0.3081)
/** 255 - p is 1 - p, and so the negative of 2 p - 1. */
const inverted = (x) => normal(x.neg())

async function logitsOf(forward) {
  const run = compile(forward)
  const all = new Float32Array(test.length * 10)
  for (let from = 0; from < test.length; from += 1000) {
    const { x } = test.batch(range(test.length).slice(from, from + 1000))
    all.set((await run(x)).data, from * 10)
  }
  await run.dispose()
  return all
}

const { y } = test.batch(range(test.length))
function accuracy(logits) {
  let right = 0
  for (let i = 0; i < test.length; i++) {
    const own = logits.subarray(i * 10, (i + 1) * 10)
    if (own.indexOf(Math.max(...own)) === y.data[i]) right++
  }
  return right / test.length
}
const percent = (share) => `${(100 * share).toFixed(2)} %`

/** The logits of a file by ONNX Runtime alone, for the inverted digits. */
async function plain(bytes) {
  const session = await InferenceSession.create(bytes)
  const all = new Float32Array(test.length * 10)
  for (let from = 0; from < test.length; from += 1000) {
    const { x } = test.batch(range(test.length).slice(from, from + 1000))
    const pixels = x.data.map((v) => ((1 - v) / 2 - 0.1307) / 0.3081)
    const { logits } = await session.run({ x: new OrtTensor("float32", pixels, x.shape) })
    all.set(logits.data, from * 10)
  }
  await session.release()
  return all
}

for (const exporter of ["script", "dynamo"]) {
  const bytes = readFileSync(new URL(`../../src/nn/fixtures/mnist-${exporter}.onnx`, import.meta.url))
  for (const what of ["all", "head"]) {
    // What the first linear layer takes: the 784 features of the convolutions.
    const cut = importOnnx(bytes).nodes.find((node) => node.type === "Gemm").inputs[0]
    const model = seeded(0, () => new ImportedClassifier(bytes, what === "head" ? { classes: 10, cut } : {}))
    if (what === "head") for (const v of model.trunk.values()) v.trainable = false
    const before = await logitsOf((x) => model.forward(inverted(x)))
    const upright = await logitsOf((x) => model.forward(normal(x)))
    const batches = loader(digits, { batch: 128, seed: 0 })
    const steps = (what === "all" ? 2 : 5) * batches.batches
    const training = train(
      { variables: variables(model), loss: ({ x, y }) => ({ total: crossEntropyLoss(model.forward(inverted(x)), y) }) },
      batches,
      { optimizer: adamW({ lr: lrCosine(what === "all" ? 2e-3 : 1e-2, { steps }) }), ema: null, steps },
    )
    const began = performance.now()
    for await (const { step, loss } of training)
      if (step % 400 === 0) console.log(`  step ${step} of ${steps}: loss ${loss.toFixed(4)}`)
    await training.dispose()
    const seconds = (performance.now() - began) / 1000
    const file = await exportOnnx((x) => model.answer(x), [model.input], {
      inputNames: [model.input.name],
      outputNames: [model.output],
      variables: variables(model),
    })
    if (values.out !== undefined) writeFileSync(join(values.out, `mnist-${exporter}-${what}.onnx`), file)
    const [own, theirs] = [await logitsOf((x) => model.forward(inverted(x))), await plain(file)]
    const apart = own.reduce((worst, v, i) => Math.max(worst, Math.abs(v - theirs[i])), 0)
    const size = own.reduce((most, v) => Math.max(most, Math.abs(v)), 0)
    const [was, is] = [accuracy(before), accuracy(theirs)]
    console.log(
      `${exporter}, ${what === "all" ? "every layer trained on" : `new last layer on ${model.width} features, trunk frozen`}: ` +
        `${what === "all" ? `upright ${percent(accuracy(upright))}, ` : ""}inverted ${percent(was)} before, ` +
        `${percent(is)} after ${steps} steps in ${seconds.toFixed(1)} s; ` +
        `plain ONNX Runtime differs by ${apart.toExponential(1)} at most (logits up to ${size.toFixed(1)})`,
    )
    if (!(apart <= 1e-4 * size) || is < 0.97) process.exitCode = 1
  }
}
