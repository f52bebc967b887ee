/**
 * The diffusion classifier on MNIST's test digits, by the bound from where sigma is half the signal, the whole bound and the
 * unweighted error, with as many evaluations of the network each; a table and mnist-classifier.json.
 * Usage: node bench/mnist/classifier.mjs [runs/mnist-labels] [--count 1000] [--draws 8] [--rounds 4]
 * May be stopped: what is in runs/figures/classifier.jsonl is not done again.
 */
import { join } from "node:path"
import { mnist } from "../../dist/data/index.js"
import { last } from "../../dist/diffusion/index.js"
import { shuffled } from "./judge.mjs"
import { Journal, markdown, opened } from "./run.mjs"

const { flags, experiment, step, dataDir, count, keep } = await opened({
  draws: "8",
  rounds: "4",
  seed: "0",
  journal: "runs/figures",
})
const [draws, rounds, seed] = [flags.draws, flags.rounds, flags.seed].map(Number)
const test = await mnist({ split: "test", ...(dataDir !== undefined && { dir: dataDir }) })
const { x, y } = test.batch(shuffled(test).slice(0, count))
const journal = new Journal(join(flags.journal, "classifier.jsonl"))

async function judged(name, options) {
  const key = { name, step, count, seed, ...options, margin: options.margin === Infinity ? "none" : options.margin }
  return journal.did(key, async () => {
    const began = performance.now()
    const { labels, evaluations } = await last(experiment.classify(x, { seed, ...options }))
    const right = labels.filter((label, i) => label === y.data[i]).length
    return { right, evaluations, seconds: (performance.now() - began) / 1000 }
  })
}

const pruned = await judged("bound, classes left out early", { draws, rounds, margin: 5 })
// The others get as many evaluations of all classes in one round.
const even = (draws) => ({ draws, rounds: 1, margin: Infinity })
const same = even(Math.round(pruned.evaluations / 10))
const lines = [pruned]
for (const options of [even(4), same])
  lines.push(
    await judged("bound, all classes", options),
    await judged("unweighted error, all classes", { ...options, weight: "uniform" }),
  )
lines.push(await judged("whole bound, all classes", { ...same, from: 1 }))
console.log(
  markdown(
    ["form", "right", "evaluations an image"],
    lines.map(({ name, right, evaluations }) => {
      const share = right / count
      const error = Math.sqrt((share * (1 - share)) / count)
      return [name, `${(100 * share).toFixed(1)} ± ${(100 * error).toFixed(1)} %`, Math.round(evaluations)]
    }),
  ),
)
console.log(`${count} test digits, step ${step}, seed ${seed}`)
keep("mnist-classifier.json", lines)
