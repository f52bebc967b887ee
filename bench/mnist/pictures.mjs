/**
 * Three pictures of diffusion: all samplers from one seed, the forward process, and the reverse one with what it predicts.
 * Usage: node bench/mnist/pictures.mjs [runs/mnist-labels] [--seed 1] [--budgets 5,10,20,50,100]
 */
import { mnist } from "../../dist/data/index.js"
import { cosine, gaussian } from "../../dist/diffusion/index.js"
import { array, Generator } from "../../dist/index.js"
import { sheet, writePng } from "./png.mjs"
import { drawn, joined, opened, rowsOf, upTo } from "./run.mjs"
import { spending } from "./spending.mjs"

const { flags, experiment, dataDir, seed, place } = await opened({ budgets: "5,10,20,50,100" })
const budgets = flags.budgets.split(",").map(Number)

// The same noise of as many digits in every cell; what samplers add later differs.
const each = 4
const rows = []
for (const sampler of Object.keys(spending)) {
  const parts = []
  for (const budget of budgets) {
    const options = spending[sampler](budget)
    const blank = array(
      "float32",
      [each, ...experiment.shape],
      new Float32Array(each * experiment.shape.reduce((n, d) => n * d, 1)).fill(1),
    )
    parts.push(options === undefined ? blank : (await drawn(experiment, { sampler, count: each, seed, ...options })).x)
  }
  rows.push({ name: sampler, images: joined(parts) })
}
const heads = budgets.map((n, i) => ({ name: `${n} evaluations`, from: i * each, to: (i + 1) * each }))
console.log(writePng(place("mnist-samplers.png"), sheet({ rows, heads })))

// The forward process: real digits with more and more noise, the same for each from time to time.
const times = [0, 50, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1000]
const process = gaussian(cosine(1000))
const test = await mnist({ split: "test", ...(dataDir !== undefined && { dir: dataDir }) })
const random = new Generator(seed)
const columns = times.map((t, i) => ({ name: t === 0 ? "t = 0" : String(t), from: i, to: i + 1 }))
const forward = [0, 1, 2].map((i) => {
  const { x } = test.batch([i])
  const eps = Array.from(x.data, () => random.normal())
  const noised = (t) => x.data.map((v, k) => process.signal(t) * v + process.sigma(t) * eps[k])
  return { name: "", images: joined(times.map((t) => (t === 0 ? x : array("float32", x.shape, noised(t))))) }
})
const scale = 1.5
console.log(writePng(place("mnist-forward.png"), sheet({ rows: forward, heads: columns, scale, columnGap: 3 })))

// The reverse process: samples on their way, and below each what was last predicted to be at its end.
const count = 3
const seen = times.slice(0, -1).reverse()
const [way, predicted] = [[], []]
for await (const { time, x, x0 } of experiment.sample({ sampler: "ddpm", steps: 1000, count, seed })) {
  if (!seen.includes(time)) continue
  way.push(x)
  predicted.push(x0)
}
const reverse = upTo(count).flatMap((i) => [
  { name: "xt", images: joined(way.map((x) => rowsOf(x, [i]))), gap: i === 0 ? 0 : 8 },
  { name: "x0 predicted", images: joined(predicted.map((x) => rowsOf(x, [i]))) },
])
const falling = seen.map((t, i) => ({ name: i === 0 ? `t = ${t}` : String(t), from: i, to: i + 1 }))
console.log(writePng(place("mnist-reverse.png"), sheet({ rows: reverse, heads: falling, scale, columnGap: 3 })))
