/**
 * What guidance does: accuracy of classes, FID, recall and diversity by scale; a table, mnist-guidance.json, a plot, and a
 * picture of the same noise and labels at every scale.
 * Usage: node bench/mnist/guidance.mjs [runs/mnist-labels] [--scales 0,1,1.5,2,3,4,6,8] [--sampler dpmSolver] [--steps 25]
 * May be stopped: what is in runs/figures/guidance.jsonl is not done again.
 */
import { join } from "node:path"
import { linePlot } from "../../dist/metrics/index.js"
import { openJudge } from "./judge.mjs"
import { sheet, writePng } from "./png.mjs"
import { drawn, Journal, markdown, mean, opened } from "./run.mjs"

const { flags, experiment, step, dataDir, count, seed, keep, place } = await opened({
  scales: "0,1,1.5,2,3,4,6,8",
  sampler: "dpmSolver",
  steps: "25",
  journal: "runs/figures",
})
const scales = flags.scales.split(",").map(Number)
const [sampler, steps] = [flags.sampler, Number(flags.steps)]
const labels = Int32Array.from({ length: count }, (_, i) => i % 10)
const judge = await openJudge({ dataDir, count })
const journal = new Journal(join(flags.journal, "guidance.jsonl"))
const about = { features: judge.name, reference: judge.referenceCount, n: count, seed, step, sampler, steps }

/** Mean distance of two images of one label in the judge's features. */
function spread(rows, labels) {
  const distances = []
  for (let i = 0; i < rows.length; i++)
    for (let j = 0; j < i; j++)
      if (labels[i] === labels[j])
        distances.push(Math.sqrt(rows[i].features.reduce((sum, v, k) => sum + (v - rows[j].features[k]) ** 2, 0)))
  return mean(distances)
}

function figures({ fid, precision, recall, classes, sure, rows }, labels) {
  const right = classes.filter((c, i) => c === labels[i]).length / classes.length
  const certain = sure.filter((p) => p > 0.9).length / sure.length
  return { accuracy: right, sure: certain, fid, precision, recall, spread: spread(rows, labels) }
}

const real = await journal.did({ scale: "real", ...about }, async () => {
  const truth = judge.own.batch(Array.from({ length: count }, (_, i) => i)).y.data
  return figures(await judge.judged("real digits", judge.real()), truth)
})
const lines = []
for (const scale of scales)
  lines.push(
    await journal.did({ scale, ...about }, async () => {
      const { x, evaluations } = await drawn(experiment, { sampler, steps, count, seed, labels, guidance: scale })
      return {
        evaluations: evaluations * (scale === 0 || scale === 1 ? 1 : 2),
        ...figures(await judge.judged(`scale ${scale}`, [x]), labels),
      }
    }),
  )

const percent = (v) => `${(100 * v).toFixed(1)} %`
const cells = ({ accuracy, sure, fid, precision, recall, spread }) => [
  percent(accuracy),
  percent(sure),
  fid.toFixed(1),
  precision.toFixed(3),
  recall.toFixed(3),
  (spread / real.spread).toFixed(3),
]
console.log(
  markdown(
    ["scale", "class as asked", "sure (> 0.9)", "FID", "precision", "recall", "spread within a class"],
    [...lines.map((line) => [line.scale, ...cells(line)]), [`real digits`, ...cells(real)]],
  ),
)
console.log(
  `${count} samples of step ${step}, ${count / 10} a class, by ${sampler} of ${steps} steps with seed ${seed}, against ${judge.referenceCount} test digits in ${judge.name}; spread: mean distance of two of a class in its features, real digits 1 (${real.spread.toFixed(2)}).`,
)
keep("mnist-guidance.json", { ...about, real, lines })

const x = lines.map(({ scale }) => scale)
const share = (name) => ({ x, y: lines.map((line) => line[name]) })
console.log(
  writePng(
    place("mnist-guidance.png"),
    linePlot(
      {
        "class as asked": share("accuracy"),
        precision: share("precision"),
        recall: share("recall"),
        "spread / real": { x, y: lines.map((line) => line.spread / real.spread) },
      },
      { title: "Guidance: what is gained and lost", xName: "Scale", yName: "Share", yRange: [0, 1] },
    ),
  ),
)
console.log(
  writePng(
    place("mnist-guidance-fid.png"),
    linePlot(
      { "": { x, y: lines.map(({ fid }) => fid) } },
      {
        title: "Guidance: FID",
        xName: "Scale",
        yName: `FID of ${count}`,
        yRange: [0],
        levels: { "real digits": real.fid },
      },
    ),
  ),
)
const shown = 20
const rows = []
for (const scale of scales) {
  const request = { sampler, steps, count: shown, seed, labels: labels.slice(0, shown), guidance: scale }
  rows.push({ name: `scale ${scale}`, images: (await drawn(experiment, request)).x })
}
console.log(writePng(place("mnist-guidance-samples.png"), sheet({ rows, scale: 1 })))
