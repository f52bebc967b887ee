/**
 * FID of every sampler by the number of evaluations of the network: a table, mnist-samplers.json and two plots; of samples
 * without labels, or with as many of each.
 * Usage: node bench/mnist/samplers.mjs [runs/mnist-labels] [--labels even] [--count 1000] [--budgets 5,10,20,50,100]
 * Long (an hour or more), and may be stopped: what is in runs/figures/samplers.jsonl is not done again.
 */
import { join } from "node:path"
import { linePlot } from "../../dist/metrics/index.js"
import { openJudge } from "./judge.mjs"
import { writePng } from "./png.mjs"
import { drawn, Journal, markdown, opened } from "./run.mjs"
import { noisy, same, spending } from "./spending.mjs"

const { flags, experiment, step, dataDir, count, seed, keep, place } = await opened({
  budgets: "5,10,20,50,100",
  ancestral: "1000",
  labels: "none",
  journal: "runs/figures",
})
const budgets = flags.budgets.split(",").map(Number)
const judge = await openJudge({ dataDir, count })
const isTold = flags.labels === "even"
const name = isTold ? "samplers-labels" : "samplers"
const labels = isTold ? (count) => ({ labels: Int32Array.from({ length: count }, (_, i) => i % 10) }) : () => ({})
const journal = new Journal(join(flags.journal, `${name}.jsonl`))
const about = { features: judge.name, reference: judge.referenceCount, n: count, seed, step }
const figures = ({ fid, precision, recall, sure }) => ({
  fid,
  precision,
  recall,
  sure: sure.filter((p) => p > 0.9).length / sure.length,
})

const floor = await journal.did({ sampler: "real digits", ...about }, async () =>
  figures(await judge.judged("real digits", judge.real())),
)
const maximum = (a, b) => a.data.reduce((most, v, i) => Math.max(most, Math.abs(v - b.data[i])), 0)

/** Figures of a sampler's samples; of another's, where 64 of both show that they are the same. */
async function measured(sampler, budget) {
  const options = spending[sampler](budget)
  if (options === undefined) return []
  const line = await journal.did({ sampler, budget, ...about }, async () => {
    const twin = journal.find({ sampler: same[sampler] ?? "", budget, ...about })
    if (twin !== undefined) {
      const few = { count: 64, seed, ...labels(64), ...options }
      const [a, b] = [
        await drawn(experiment, { sampler, ...few }),
        await drawn(experiment, { sampler: twin.sampler, ...few }),
      ]
      const apart = maximum(a.x, b.x)
      if (apart < 0.02 && a.evaluations === twin.evaluations)
        return { ...twin, sampler, options, same: twin.sampler, apart }
    }
    const { x, evaluations, seconds } = await drawn(experiment, { sampler, count, seed, ...labels(count), ...options })
    return { options, evaluations, seconds, ...figures(await judge.judged(sampler, [x])) }
  })
  return [line]
}
const samplers = Object.keys(spending)
const lines = []
for (const budget of budgets) for (const sampler of samplers) lines.push(...(await measured(sampler, budget)))
if (Number(flags.ancestral) > 0) lines.push(...(await measured("ddpm", Number(flags.ancestral))))

const columns = [...new Set(lines.map(({ budget }) => budget))]
const own = (sampler) => lines.filter((line) => line.sampler === sampler)
const cell = (sampler, budget) => {
  const found = own(sampler).find((line) => line.budget === budget)
  if (found === undefined) return ""
  if (found.same !== undefined) return `as \`${found.same}\``
  return `${found.fid.toFixed(1)}${found.evaluations === budget ? "" : ` (${found.evaluations})`}`
}
console.log(
  markdown(
    ["sampler", ...columns.map((n) => `${n}`)],
    samplers.map((sampler) => [sampler.replace(/^\w+/, "`$&`"), ...columns.map((n) => cell(sampler, n))]),
  ),
)
console.log(
  `${count} samples of step ${step} ${isTold ? "with labels" : "without labels"}, seed ${seed}, against ${judge.referenceCount} test digits in ${judge.name}; ${count} other real test digits have ${floor.fid.toFixed(1)}. In brackets: evaluations, where they are others.`,
)
keep(`mnist-${name}.json`, { ...about, floor, lines: lines.map(({ features, reference, n, ...rest }) => rest) })

const title = (sampler) => [sampler, ...samplers.filter((other) => same[other] === sampler)].join(" = ")
const curve = (sampler) => {
  const found = own(sampler)
  return { x: found.map((line) => line.evaluations), y: found.map((line) => line.fid) }
}
const names = samplers.filter((sampler) => !(sampler in same) && own(sampler).length > 0)
const kinds = {
  flow: ["Samplers without fresh noise", names.filter((s) => !noisy.includes(s))],
  noise: ["Samplers with fresh noise", names.filter((s) => noisy.includes(s))],
}
const all = [floor.fid, ...lines.map(({ fid }) => fid)]
for (const [kind, [heading, shown]] of Object.entries(kinds)) {
  const plot = linePlot(Object.fromEntries(shown.map((name) => [title(name), curve(name)])), {
    title: heading,
    xName: "Evaluations of the network",
    yName: `FID of ${count.toLocaleString("en")} samples`,
    xScale: "log",
    yScale: "log",
    xRange: [Math.min(...columns), Math.max(...columns)],
    yRange: [Math.min(...all), Math.max(...all)],
    levels: { "real digits": floor.fid },
  })
  console.log(writePng(place(`mnist-${name}-${kind}.png`), plot))
}
