// Trains the recipe `points` on eight Gaussians and counts what each gets of 10,000 samples, by both samplers.
// Usage: node test/slow/points.mjs [--seed 0] [--count 10000]   (on the built package: npm run build)
// Ends with 1 unless every Gaussian gets 12.5 % +- 3 % of the samples. About two minutes on two cores.
import { parseArgs } from "node:util"
import { loader } from "../../dist/data/index.js"
import { last } from "../../dist/diffusion/index.js"
import { recipes } from "../../dist/recipes/index.js"
import { train } from "../../dist/train/index.js"

const { values } = parseArgs({
  options: { seed: { type: "string", default: "0" }, count: { type: "string", default: "10000" } },
})
const [seed, count] = [Number(values.seed), Number(values.count)]
const recipe = recipes.get("points")
const options = recipe.options.parse({ seed })
const experiment = recipe.build(options)
const training = train(experiment.objective, loader(await experiment.data(), { batch: options.batch, seed }), {
  optimizer: experiment.optimizer,
  ema: experiment.ema,
  steps: options.steps,
  clip: options.clip,
  seed,
})
const start = performance.now()
for await (const { step, loss } of training)
  if (step % 500 === 0) console.log(`step ${step} of ${options.steps}: loss ${loss.toFixed(4)}`)
console.log(`trained for ${((performance.now() - start) / 1000).toFixed(0)} s`)

const centres = Array.from({ length: 8 }, (_, k) => [
  Math.SQRT2 * Math.cos((k * Math.PI) / 4),
  Math.SQRT2 * Math.sin((k * Math.PI) / 4),
])
for (const sampler of ["ddpm", "ddim"]) {
  const { x, steps } = await last(experiment.sample({ count, sampler, seed: 1, replace: training.average }))
  const shares = new Array(8).fill(0)
  let close = 0
  for (let i = 0; i < count; i++) {
    const distances = centres.map(([a, b]) => Math.hypot(x.data[2 * i] - a, x.data[2 * i + 1] - b))
    const distance = Math.min(...distances)
    shares[distances.indexOf(distance)] += 100 / count
    // Four of a Gaussian's own spreads: within lies all of it but 0.03 %.
    if (distance < 0.4) close += 100 / count
  }
  console.log(
    `${sampler}, ${steps} steps: ${shares.map((s) => s.toFixed(1)).join(" ")} % (12.5 each is right), ` +
      `${close.toFixed(1)} % within four spreads of a centre`,
  )
  if (shares.some((s) => Math.abs(s - 12.5) > 3)) process.exitCode = 1
}
await training.dispose()
