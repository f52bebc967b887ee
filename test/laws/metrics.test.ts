/** Laws of every metric that metrics exports: a set against itself, the order of examples, equal weights, refusals. */
import { describe, expect, test } from "vitest"
import { Generator } from "../../src/engine/random.ts"
import * as metrics from "../../src/metrics/index.ts"

type Metric = (target: number[], predicted: number[], options?: metrics.WeightOptions) => number

const random = new Generator(9)
const count = 60
const draw = (value: () => number): number[] => Array.from({ length: count }, value)

/** What a metric compares, with a prediction that is right. */
const problems = {
  labels: { target: draw(() => random.integer(2)), predicted: draw(() => random.integer(2)), right: (y: number) => y },
  scores: {
    target: draw(() => random.integer(2)),
    predicted: draw(() => random.integer(9) - 4),
    right: (y: number) => 3 * y - 7,
  },
  probabilities: {
    target: draw(() => random.integer(2)),
    predicted: draw(() => random.uniform()),
    right: (y: number) => y,
  },
  numbers: { target: draw(() => random.normal(3)), predicted: draw(() => random.normal(3)), right: (y: number) => y },
} as const

/** What each metric compares, and its value for a set against itself. */
const rows: Readonly<Record<string, readonly [keyof typeof problems, number]>> = {
  accuracy: ["labels", 1],
  balancedAccuracy: ["labels", 1],
  cohenKappa: ["labels", 1],
  mcc: ["labels", 1],
  precision: ["labels", 1],
  recall: ["labels", 1],
  specificity: ["labels", 1],
  npv: ["labels", 1],
  fBeta: ["labels", 1],
  f1: ["labels", 1],
  dice: ["labels", 1],
  iou: ["labels", 1],
  rocAuc: ["scores", 1],
  averagePrecision: ["scores", 1],
  brier: ["probabilities", 0],
  logLoss: ["probabilities", 0],
  calibrationError: ["probabilities", 0],
  mae: ["numbers", 0],
  mse: ["numbers", 0],
  rmse: ["numbers", 0],
  mape: ["numbers", 0],
  pinball: ["numbers", 0],
  r2: ["numbers", 1],
  explainedVariance: ["numbers", 1],
}

/** Exports that are no number for a target and a prediction: counts, curves, tables, boxes, pictures. */
const others = [
  "auc",
  "binaryCounts",
  "boxIou",
  "confusionMatrix",
  "confusionPlot",
  "oneVsRest",
  "perClass",
  "prCurve",
  "linePlot",
  "prPlot",
  "reliability",
  "reliabilityPlot",
  "rocCurve",
  "rocPlot",
  "topKAccuracy",
  "topLabel",
]

/** What measures generated images; it has laws of its own in measures.test.ts. */
const ofImages = [
  "FeatureBank",
  "LeNet",
  "MomentStream",
  "densityCoverage",
  "evaluateImages",
  "evaluateSets",
  "featureMmd",
  "featureStatistics",
  "featuresOf",
  "fid",
  "fingerprint",
  "inceptionScore",
  "kid",
  "lenetFeatures",
  "lenetFrom",
  "measureNames",
  "onnxFeatures",
  "pixels",
  "precisionRecall",
  "readSet",
]

test("every metric that metrics exports has a row", () => {
  expect([...Object.keys(rows), ...others, ...ofImages].sort()).toEqual(Object.keys(metrics).sort())
})

describe.each(Object.entries(rows))("%s", (name, [kind, best]) => {
  const metric = metrics[name as keyof typeof metrics] as unknown as Metric
  const { target, predicted, right } = problems[kind]

  test("of a set against itself is its best value, which another prediction does not reach", () => {
    expect(metric(target, target.map(right))).toBeCloseTo(best, 12)
    expect(Math.abs(metric(target, predicted) - best)).toBeGreaterThan(0.05)
  })

  test("does not ask for the order of examples, nor for weights that are all alike", () => {
    const order = [...random.permutation(count)]
    const value = metric(target, predicted)
    expect(
      metric(
        order.map((i) => target[i]),
        order.map((i) => predicted[i]),
      ),
    ).toBeCloseTo(value, 12)
    expect(metric(target, predicted, { weights: new Array(count).fill(2.5) })).toBeCloseTo(value, 12)
  })

  test("refuses lists of two lengths, no examples, and what is no number, by its name", () => {
    const named = new RegExp(name === "calibrationError" ? "^reliability: " : `^${name}: `)
    expect(() => metric(target, predicted.slice(1))).toThrow(named)
    expect(() => metric([], [])).toThrow(named)
    expect(() => metric(target, predicted.with(3, Number.NaN))).toThrow(named)
    expect(() => metric(target.with(3, Number.NaN), predicted)).toThrow(named)
    expect(() => metric(target, predicted, { weights: [1] })).toThrow(named)
  })
})
