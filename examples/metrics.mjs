/**
 * Two classifiers of the same test set, judged: a table, and the pictures people look at.
 *
 *   node examples/metrics.mjs [folder]     writes roc.svg, pr.svg, reliability.svg and confusion.svg there
 */
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Generator } from "tweedie"
import * as m from "tweedie/metrics"

const folder = process.argv[2] ?? "."
const random = new Generator(7)
const sigmoid = (x) => 1 / (1 + Math.exp(-x))

// One example in three is positive. The evidence is normal, 2 higher for positives, so that these are the true odds:
const target = Array.from({ length: 2000 }, () => Number(random.uniform() < 1 / 3))
const evidence = target.map((y) => 2 * y + random.normal())
const honest = evidence.map((e) => sigmoid(2 * e - 2 - Math.LN2))
// The second sees less of it, and claims more than it knows.
const loud = evidence.map((e) => sigmoid(4 * (e + random.normal(0, 1) - 1)))

const classifiers = { honest, loud }
const rows = Object.entries(classifiers).map(([name, probabilities]) => {
  const predicted = probabilities.map((p) => Number(p > 0.5))
  return {
    classifier: name,
    accuracy: m.accuracy(target, predicted),
    precision: m.precision(target, predicted),
    recall: m.recall(target, predicted),
    F1: m.f1(target, predicted),
    MCC: m.mcc(target, predicted),
    AUC: m.rocAuc(target, probabilities),
    AP: m.averagePrecision(target, probabilities),
    ECE: m.calibrationError(target, probabilities),
    Brier: m.brier(target, probabilities),
    "log loss": m.logLoss(target, probabilities),
  }
})
const names = Object.keys(rows[0])
console.log(names.map((name) => name.padStart(10)).join(" "))
for (const row of rows)
  console.log(names.map((name) => (name === "classifier" ? row[name] : row[name].toFixed(3)).padStart(10)).join(" "))

const curves = (of) => Object.fromEntries(Object.entries(classifiers).map(([name, p]) => [name, of(target, p)]))
const confusion = m.confusionMatrix(
  target,
  loud.map((p) => Number(p > 0.5)),
  { labels: [1, 0] },
)
const pictures = {
  "roc.svg": m.rocPlot(curves(m.rocCurve)),
  "pr.svg": m.prPlot(curves(m.prCurve)),
  "reliability.svg": m.reliabilityPlot(m.reliability(target, loud), { title: "Reliability of the loud one" }),
  "confusion.svg": m.confusionPlot(confusion, { names: ["positive", "negative"], title: "Confusion of the loud one" }),
}
mkdirSync(folder, { recursive: true })
for (const [name, svg] of Object.entries(pictures)) writeFileSync(join(folder, name), svg)
console.log(
  `pictures: ${Object.keys(pictures)
    .map((name) => join(folder, name))
    .join(", ")}`,
)
