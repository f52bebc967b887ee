/**
 * Conditioning by images: holes filled, images made anew in part, and arcs from one to another. Figures as tables and
 * mnist-editing.json, and three pictures.
 * Usage: node bench/mnist/editing.mjs [runs/mnist-labels] [--count 200]
 */

import { maskFrom } from "../../dist/cli/given.js"
import { arcs, masked } from "../../dist/diffusion/index.js"
import { array } from "../../dist/index.js"
import { openJudge } from "./judge.mjs"
import { sheet, writePng } from "./png.mjs"
import { drawn, markdown, mean, opened, rowsOf, upTo } from "./run.mjs"

const { experiment, step, dataDir, count, seed, keep, place } = await opened({ count: "200" })
const judge = await openJudge({ dataDir, metrics: ["fid"] })
const { x: real, y } = judge.own.batch(upTo(count))
const size = real.data.length / count
const truth = [...y.data]
const figures = { step, n: count, seed, features: judge.name }
const share = (found, wanted) => found.filter((c, i) => c === wanted[i]).length / found.length
const percent = (v) => `${(100 * v).toFixed(1)} %`

/** Root mean square of differences, in shades from 0 to 1, where a pixel is chosen. */
function apart(a, b, isChosen = () => true) {
  let [sum, n] = [0, 0]
  for (let i = 0; i < a.data.length; i++)
    if (isChosen(i % size)) {
      sum += ((a.data[i] - b.data[i]) / 2) ** 2
      n++
    }
  return Math.sqrt(sum / n)
}

// Holes: replacement by ancestral steps, and RePaint with as many evaluations.
const ways = {
  replacement: { sampler: "ddpm", steps: 250 },
  RePaint: { sampler: "repaint", steps: 25, jump: 1, repeats: 10 },
}
const filled = []
const rows = []
const shown = 16
for (const hole of ["center", "bottom"]) {
  const mask = await maskFrom(hole, experiment.shape)
  const given = masked(real, mask)
  const isHole = (i) => mask.data[i] === 0
  const grey = array(
    "float32",
    real.shape,
    real.data.map((v, i) => (isHole(i % size) ? 0 : v)),
  )
  rows.push(
    { name: "digits", images: rowsOf(real, upTo(shown)), gap: rows.length > 0 ? 10 : 0 },
    { name: "what is known", images: rowsOf(grey, upTo(shown)) },
  )
  for (const [name, way] of Object.entries(ways)) {
    const { x, evaluations } = await drawn(experiment, { ...way, count, seed, given, inpaint: true })
    const { classes, sure } = await judge.judged(name, [x])
    filled.push({
      hole,
      name,
      ...way,
      evaluations,
      inside: apart(x, real, isHole),
      outside: apart(x, real, (i) => !isHole(i)),
      kept: share(classes, truth),
      sure: sure.filter((p) => p > 0.9).length / count,
    })
    rows.push({ name, images: rowsOf(x, upTo(shown)) })
  }
}
console.log(
  markdown(
    ["hole", "way", "evaluations", "RMSE in the hole", "around it", "class kept", "sure (> 0.9)"],
    filled.map((f) => [
      f.hole,
      f.name,
      f.evaluations,
      f.inside.toFixed(3),
      f.outside.toFixed(3),
      percent(f.kept),
      percent(f.sure),
    ]),
  ),
)
console.log(writePng(place("mnist-inpainting.png"), sheet({ rows, scale: 1.25 })))

// Image-to-image: by itself, and towards the next class with guidance.
const strengths = [0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]
const next = Int32Array.from(truth, (label) => (label + 1) % 10)
const request = { sampler: "dpmSolver", steps: 25, count, seed }
const anew = []
const kept = [{ name: "digits", images: rowsOf(real, upTo(shown)) }]
const moved = []
for (const strength of strengths) {
  const start = { x: real, strength }
  const own = (await drawn(experiment, { ...request, start })).x
  const towards = (await drawn(experiment, { ...request, start, labels: next, guidance: 3 })).x
  anew.push({
    strength,
    kept: share((await judge.judged("own", [own])).classes, truth),
    apart: apart(own, real),
    moved: share((await judge.judged("towards", [towards])).classes, next),
    movedApart: apart(towards, real),
  })
  if ([0.2, 0.4, 0.6, 0.8, 1].includes(strength)) {
    kept.push({ name: `strength ${strength}`, images: rowsOf(own, upTo(shown)) })
    moved.push({
      name: `${strength}, next digit`,
      images: rowsOf(towards, upTo(shown)),
      gap: moved.length === 0 ? 10 : 0,
    })
  }
}
console.log(
  markdown(
    ["strength", "class kept", "RMSE", "asked for the next digit: is it", "RMSE"],
    anew.map((f) => [f.strength, percent(f.kept), f.apart.toFixed(3), percent(f.moved), f.movedApart.toFixed(3)]),
  ),
)
console.log(writePng(place("mnist-image-to-image.png"), sheet({ rows: [...kept, ...moved], scale: 1.25 })))

// Arcs of noise beside straight lines, and arcs between the noise that real digits come from.
const length = 11
const many = { sampler: "dpmSolver", steps: 25, seed }
const pairs = Math.floor(count / 4)
const arc = arcs(experiment.shape, { length, seed })
const straight = (sample, question) => {
  const row = Math.floor(sample / length) * length
  const [a, b] = [arc(row, question), arc(row + length - 1, question)]
  const w = (sample % length) / (length - 1)
  return a.map((v, i) => (1 - w) * v + w * b[i])
}
const between = { arcs: arc, lines: straight }
const along = {}
const strips = []
for (const [name, noise] of Object.entries(between)) {
  const { x } = await drawn(experiment, { ...many, count: pairs * length, noise })
  const { sure } = await judge.judged(name, [x])
  along[name] = upTo(length).map((k) => mean(sure.filter((_, i) => i % length === k)))
  for (const row of [0, 1])
    strips.push({
      name: row === 0 ? (name === "arcs" ? "arc of noise" : "straight line") : "",
      images: rowsOf(
        x,
        upTo(length).map((k) => row * length + k),
      ),
      gap: row === 0 && strips.length > 0 ? 10 : 0,
    })
}
const ends = {
  sampler: "ddim",
  steps: 50,
  count: pairs * length,
  seed,
  arc: length,
  start: { x: rowsOf(real, upTo(2 * pairs)), strength: 1 },
}
const { x: bridges } = await drawn(experiment, ends)
const { sure, classes } = await judge.judged("between digits", [bridges])
along["between digits"] = upTo(length).map((k) => mean(sure.filter((_, i) => i % length === k)))
const atEnds = upTo(2 * pairs).map((end) => Math.floor(end / 2) * length + (end % 2) * (length - 1))
const there = {
  apart: apart(rowsOf(bridges, atEnds), rowsOf(real, upTo(2 * pairs))),
  kept: share(
    atEnds.map((i) => classes[i]),
    truth,
  ),
}
for (const row of [0, 1, 2])
  strips.push({
    name: row === 0 ? "between digits" : "",
    images: rowsOf(
      bridges,
      upTo(length).map((k) => row * length + k),
    ),
    gap: row === 0 ? 10 : 0,
  })
console.log(
  markdown(
    ["judge's certainty along the way", ...upTo(length).map((k) => (k / (length - 1)).toFixed(1))],
    Object.entries(along).map(([name, list]) => [name, ...list.map((v) => v.toFixed(3))]),
  ),
)
console.log(
  `${pairs} of each. At their ends the ways between digits are ${there.apart.toFixed(4)} (root mean square, shades of 0 to 1) from the digits, ${percent(there.kept)} of the same class.`,
)
console.log(writePng(place("mnist-interpolation.png"), sheet({ rows: strips, scale: 1.25 })))
keep("mnist-editing.json", { ...figures, filled, anew, along, there })
