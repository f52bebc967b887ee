// Figures and pictures of latent diffusion: how well the autoencoder gives test images back, what the model draws, and how
// long that takes beside the same network on pixels.
// Usage: node test/slow/latent.mjs runs/autoencoder runs/latent [--count 10000] [--drawn 500] [--steps 50] [--rounds 3]
//   [--pictures docs/images]   (on the built package: npm run build; trainings: docs/conditioning.md)
// Writes latent-reconstructions.png (test images, and below each what came back) and latent-samples.png (64 samples, 50
// steps of ddim). Networks on pixels are untrained: a step takes as long as a trained one's.
import { join } from "node:path"
import { parseArgs } from "node:util"
import { loadRun } from "../../dist/cli/runs.js"
import { range } from "../../dist/data/index.js"
import { last } from "../../dist/diffusion/index.js"
import { encodePng, writeFileAtomic } from "../../dist/io/index.js"
import { recipes } from "../../dist/recipes/index.js"

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    count: { type: "string", default: "10000" },
    drawn: { type: "string", default: "500" },
    steps: { type: "string", default: "50" },
    rounds: { type: "string", default: "3" },
    pictures: { type: "string", default: "docs/images" },
  },
})
const [coderRun, latentRun] = positionals
const steps = Number(flags.steps)

const save = async (name, picture) => {
  const file = join(flags.pictures, name)
  await writeFileAtomic(file, encodePng(picture))
  console.log(file)
}
const show = (title, { figures, done }) => {
  console.log(`${title} (of ${done})`)
  for (const [name, value] of Object.entries(figures)) console.log(`  ${name}: ${value.toFixed(4)}`)
}

const { experiment: coder, step: coderStep } = await loadRun(coderRun)
const data = await coder.heldOut()
const held = data.batch(range(Math.min(Number(flags.count), data.length))).x
show(`autoencoder, ${coderStep} updates: held-out images`, await last(coder.error(held, {})))
const given = data.batch(range(32)).x
const back = await last(coder.sample({ count: 32, sampler: "ddim", seed: 0, given }))
await save("latent-reconstructions.png", coder.picture(back, given))

const { experiment, config, step } = await loadRun(latentRun)
const some = data.batch(range(Math.min(Number(flags.drawn), data.length))).x
show(`latents, ${step} updates`, await last(experiment.error(some, {})))
const labels = (count) =>
  experiment.classes > 0 && { labels: Int32Array.from({ length: count }, (_, i) => Math.floor((i * 10) / count)) }
await save(
  "latent-samples.png",
  experiment.picture(await last(experiment.sample({ count: 64, sampler: "ddim", steps, seed: 0, ...labels(64) }))),
)

/** Seconds of a step of 64 samples, and of everything to the images. */
async function timed({ sample, classes }) {
  const began = performance.now()
  const at = []
  const condition = classes > 0 ? labels(64) : {}
  for await (const _ of sample({ count: 64, sampler: "ddim", steps, seed: 0, ...condition })) at.push(performance.now())
  return { step: (at[steps - 2] - at[0]) / (steps - 2) / 1000, all: (at.at(-1) - began) / 1000 }
}
const { width, multipliers, layers } = config.options
const pixels = recipes.get("cifar10")
const rivals = {
  latents: experiment,
  "pixels, in patches of 2": pixels.build(pixels.options.parse({ width, multipliers, layers, patch: 2 })),
  pixels: pixels.build(pixels.options.parse({ width, multipliers, layers, patch: 1 })),
}
const found = new Map(Object.keys(rivals).map((name) => [name, []]))
for (let round = 0; round < Number(flags.rounds); round++)
  for (const [name, rival] of Object.entries(rivals)) found.get(name).push(await timed(rival))
const median = (list) => list.sort((a, b) => a - b)[Math.floor(list.length / 2)]
for (const [name, rounds] of found)
  console.log(
    `${name}: ${(1000 * median(rounds.map((r) => r.step))).toFixed(0)} ms a step of 64 samples, ` +
      `${median(rounds.map((r) => r.all)).toFixed(1)} s for ${steps} steps with loading and decoding`,
  )
