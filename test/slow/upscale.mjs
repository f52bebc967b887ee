// Figures and a picture of super-resolution: errors of a run trained with --upscale beside plain enlargements, and how far
// its samples, made small again, are from what they were made of.
// Usage: node test/slow/upscale.mjs runs/mnist-4x [--count 1000] [--draws 4] [--pictures docs/images]
//   (on the built package: npm run build)
// Writes upscale.png: small images, bicubic enlargements, samples, other samples, and what was made small.
import { join } from "node:path"
import { parseArgs } from "node:util"
import { loadRun } from "../../dist/cli/runs.js"
import { enlarged, range } from "../../dist/data/index.js"
import { toImages } from "../../dist/diffusion/index.js"
import { encodePng, grid, writeFileAtomic } from "../../dist/io/index.js"

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    count: { type: "string", default: "1000" },
    draws: { type: "string", default: "4" },
    pictures: { type: "string", default: "docs/images" },
  },
})
const { experiment, config, step } = await loadRun(positionals[0])
const data = await experiment.heldOut()
let found
for await (const at of experiment.error(data.batch(range(Number(flags.count))).x, { draws: Number(flags.draws) })) {
  found = at
  console.log(`${at.done} of ${at.count}`)
}
console.log(`step ${step}, ${found.done} held-out images`)
for (const [name, value] of Object.entries(found.figures)) console.log(`  ${name}: ${value.toFixed(4)}`)

const count = 16
const truth = data.batch(range(count)).x
const given = experiment.given.of(truth)
const draw = async (seed) => {
  let result
  for await (const at of experiment.sample({ count, sampler: "ddim", steps: 50, seed, given })) result = at
  return result.images
}
const rows = [
  toImages(enlarged(given, config.options.upscale, { how: "nearest" })),
  toImages(enlarged(given, config.options.upscale)),
  await draw(1),
  await draw(2),
  toImages(truth),
]
const all = new Float32Array(rows.reduce((n, r) => n + r.data.length, 0))
for (const [i, { data }] of rows.entries()) all.set(data, i * data.length)
const picture = grid(
  { dtype: "float32", shape: [rows.length * count, ...truth.shape.slice(1)], data: all },
  { columns: count },
)
const file = join(flags.pictures, "upscale.png")
await writeFileAtomic(file, encodePng(picture))
console.log(file)
