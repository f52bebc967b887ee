/** Every metric beside scikit-learn, from fixtures/make.py, to 1e-12. */
import { readFileSync } from "node:fs"
import { describe, expect, test } from "vitest"
import { kFold, stratifiedKFold } from "../data/folds.ts"
import * as m from "./index.ts"

type Numbers = readonly number[]
interface Listed {
  readonly name: string
  readonly target: Numbers
  readonly weights: Numbers | null
}
type Words = Readonly<Record<string, number>>
interface Fixture {
  readonly labelled: readonly (Listed & {
    readonly predicted: Numbers
    readonly labels: Numbers | null
    readonly confusion: readonly Numbers[]
    readonly accuracy: number
    readonly balancedAccuracy: number
    readonly adjusted: number
    readonly mcc: number
    readonly kappa: Words
    readonly rates: Readonly<Record<string, Words>>
    readonly perClass: Readonly<Record<"precision" | "recall" | "f1" | "support", Numbers>>
  })[]
  readonly scored: readonly (Listed & {
    readonly scores: Numbers
    readonly positive: number
    readonly roc: readonly [Numbers, Numbers, Numbers]
    readonly full: readonly [Numbers, Numbers, Numbers]
    readonly auc: number
    readonly pr: readonly [Numbers, Numbers, Numbers]
    readonly ap: number
  })[]
  readonly stated: readonly (Listed & {
    readonly probabilities: Numbers
    readonly brier: number
    readonly logLoss: number
    readonly curves?: Readonly<Record<string, readonly [Numbers, Numbers]>>
  })[]
  readonly tables: readonly (Listed & {
    readonly probabilities: readonly Numbers[]
    readonly brier: number
    readonly logLoss: number
    readonly topK: Numbers
    readonly auc: Words
    readonly ap: Words
  })[]
  readonly numeric: readonly (Listed & {
    readonly predicted: Numbers
    readonly pinball: Words
  } & Readonly<Record<"mae" | "mse" | "rmse" | "r2" | "explainedVariance" | "mape", number>>)[]
  readonly folds: {
    readonly kFold: Readonly<Record<string, readonly Numbers[]>>
    readonly stratified: { readonly labels: Numbers; readonly counts: readonly Numbers[] }
  }
}

/** JSON has no Infinity and no NaN: they are words there. */
const revive = (_: string, v: unknown): unknown => (v === "inf" ? Infinity : v === "nan" ? Number.NaN : v)
const sklearn = JSON.parse(readFileSync(new URL("fixtures/sklearn.json", import.meta.url), "utf8"), revive) as Fixture

function expectNear(found: number, wanted: number, what: string): void {
  if (Object.is(found, wanted) || Math.abs(found - wanted) <= 1e-12 * Math.max(1, Math.abs(wanted))) return
  expect.fail(`${what} is ${found}, scikit-learn has ${wanted}`)
}

function expectList(found: ArrayLike<number>, wanted: ArrayLike<number>, what: string): void {
  expect(found.length, what).toBe(wanted.length)
  for (let i = 0; i < wanted.length; i++) expectNear(found[i], wanted[i], `${what}[${i}]`)
}

const withWeights = ({ weights }: Listed): m.WeightOptions => (weights === null ? {} : { weights })

describe("labels", () => {
  test.each(sklearn.labelled)(
    "of $name: matrix, accuracy, correlation, kappa and all rates under all averages",
    (one) => {
      const { target, predicted } = one
      const w = withWeights(one)
      const labelled = { ...w, ...(one.labels !== null && { labels: one.labels }) }
      const { counts } = m.confusionMatrix(target, predicted, labelled)
      expectList(counts.data, one.confusion.flat(), "confusion")
      expectNear(m.accuracy(target, predicted, w), one.accuracy, "accuracy")
      expectNear(m.balancedAccuracy(target, predicted, w), one.balancedAccuracy, "balancedAccuracy")
      expectNear(m.balancedAccuracy(target, predicted, { ...w, adjusted: true }), one.adjusted, "adjusted")
      expectNear(m.mcc(target, predicted, w), one.mcc, "mcc")
      for (const [cost, value] of Object.entries(one.kappa)) {
        const options = { ...labelled, cost: cost as "equal", zeroDivision: Number.NaN }
        expectNear(m.cohenKappa(target, predicted, options), value, `kappa, ${cost}`)
      }
      let checked = 0
      for (const [key, values] of Object.entries(one.rates)) {
        const [average, zero] = key.split(" ")
        const options = { ...labelled, average: average as "macro", zeroDivision: Number(zero) }
        for (const [rate, value] of Object.entries(values)) {
          const own = rate === "fBeta" ? { ...options, beta: 2 } : options
          expectNear(m[rate as "precision"](target, predicted, own), value, `${rate}, ${key}`)
          checked++
        }
        expectNear(m.dice(target, predicted, options), values["f1"], `dice, ${key}`)
      }
      expect(checked).toBeGreaterThanOrEqual(46)
      const rows = m.perClass(target, predicted, labelled)
      for (const [rate, values] of Object.entries(one.perClass))
        expectList(
          rows.map((row) => row[rate as "f1"]),
          values,
          `perClass ${rate}`,
        )
    },
  )
})

describe("scores", () => {
  test.each(sklearn.scored)("$name: ROC curve and area, precision-recall curve and average precision", (one) => {
    const { target, scores, positive } = one
    const options = { ...withWeights(one), positive }
    const lists = ({ fpr, tpr, thresholds }: m.RocCurve): Float64Array[] => [fpr, tpr, thresholds]
    for (const [i, part] of lists(m.rocCurve(target, scores, options)).entries())
      expectList(part, one.roc[i], `roc ${i}`)
    for (const [i, part] of lists(m.rocCurve(target, scores, { ...options, dropCollinear: false })).entries())
      expectList(part, one.full[i], `full ${i}`)
    const { fpr, tpr } = m.rocCurve(target, scores, options)
    expectNear(m.rocAuc(target, scores, options), one.auc, "rocAuc")
    expectNear(m.auc(fpr, tpr), one.auc, "auc of the curve")
    const { precision, recall, thresholds } = m.prCurve(target, scores, options)
    for (const [i, part] of [precision, recall, thresholds].entries()) expectList(part, one.pr[i], `pr ${i}`)
    expectNear(m.averagePrecision(target, scores, options), one.ap, "averagePrecision")
  })
})

describe("probabilities", () => {
  test.each(sklearn.stated)("$name: Brier score, logarithmic loss and calibration curves", (one) => {
    const { target, probabilities } = one
    const w = withWeights(one)
    expectNear(m.brier(target, probabilities, w), one.brier, "brier")
    expectNear(m.logLoss(target, probabilities, w), one.logLoss, "logLoss")
    for (const [key, [frequency, confidence]] of Object.entries(one.curves ?? {})) {
      const [strategy, bins] = key.split(" ")
      const options = { strategy: strategy as "uniform", bins: Number(bins) }
      const full = m.reliability(target, probabilities, options).filter(({ count }) => count > 0)
      expectList(
        full.map((bin) => bin.frequency),
        frequency,
        `frequency, ${key}`,
      )
      expectList(
        full.map((bin) => bin.confidence),
        confidence,
        `confidence, ${key}`,
      )
      const gap = full.reduce(
        (sum, b, i) => sum + (b.count / target.length) * Math.abs(frequency[i] - confidence[i]),
        0,
      )
      expectNear(m.calibrationError(target, probabilities, options), gap, `calibrationError, ${key}`)
    }
  })

  test.each(sklearn.tables)(
    "of several classes, $name: Brier, logarithmic loss, top k, areas of one against the rest",
    (one) => {
      const { target, probabilities } = one
      const w = withWeights(one)
      expectNear(m.brier(target, probabilities, w), one.brier, "brier")
      expectNear(m.logLoss(target, probabilities, w), one.logLoss, "logLoss")
      for (const [i, value] of one.topK.entries())
        expectNear(m.topKAccuracy(target, probabilities, { ...w, k: i + 1 }), value, `top ${i + 1}`)
      for (const average of ["macro", "weighted"] as const) {
        expectNear(m.oneVsRest(target, probabilities, m.rocAuc, { ...w, average }), one.auc[average], `auc, ${average}`)
        expectNear(
          m.oneVsRest(target, probabilities, m.averagePrecision, { ...w, average }),
          one.ap[average],
          `ap, ${average}`,
        )
      }
    },
  )
})

describe("numbers", () => {
  test.each(sklearn.numeric)("$name: errors, R^2, explained variance, percentage and pinball losses", (one) => {
    const { target, predicted } = one
    const w = withWeights(one)
    for (const name of ["mae", "mse", "rmse", "r2", "explainedVariance", "mape"] as const)
      expectNear(m[name](target, predicted, w), one[name], name)
    for (const [q, value] of Object.entries(one.pinball))
      expectNear(m.pinball(target, predicted, { ...w, quantile: Number(q) }), value, `pinball ${q}`)
  })
})

test("folds in order are scikit-learn's, and stratified ones hold as many of each label", () => {
  for (const [key, tests] of Object.entries(sklearn.folds.kFold)) {
    const [count, folds] = key.split(" ").map(Number)
    expect(kFold(count, { folds, shuffle: false }).map(({ test }) => [...test])).toEqual(tests)
  }
  const { labels, counts } = sklearn.folds.stratified
  const found = stratifiedKFold(labels).map(({ test }) =>
    test.reduce((n, i) => n.with(labels[i], n[labels[i]] + 1), [0, 0, 0, 0]),
  )
  // Which fold has the one more is a matter of order; how many have it is not.
  for (const label of [0, 1, 2, 3])
    expect(found.map((n) => n[label]).sort()).toEqual(counts.map((n) => n[label]).sort())
})
