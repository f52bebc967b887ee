/** The pictures people look at: ROC and precision-recall curves, reliability, confusion matrices; as SVG text. */
import type { ReliabilityBin } from "./calibration.ts"
import type { Confusion } from "./confusion.ts"
import { auc, type PrCurve, type RocCurve } from "./ranking.ts"
import {
  across,
  axes,
  element,
  type Frame,
  label,
  legend,
  lineStyle,
  palette,
  path,
  picture,
  shortNumber,
  upwards,
} from "./svg.ts"

/** Options of every plot. */
export interface PlotOptions {
  /** The heading. */
  readonly title?: string
}

/** Several curves by name. */
type Named<C> = Readonly<Record<string, C>>

const frame: Frame = { left: 58, top: 38, size: 340 }
const width = 414
const height = 428
const diagonal = path(frame, [0, 1], [0, 1], { stroke: "#999", "stroke-dasharray": "4 4" })

/** One curve, or several by name. */
function named<C extends object>(
  name: string,
  curves: C | Named<C>,
  isOne: (c: C | Named<C>) => c is C,
): [string, C][] {
  const list: [string, C][] = isOne(curves) ? [["", curves]] : Object.entries(curves)
  if (list.length === 0) throw new RangeError(`${name}: got no curves, expected one at least`)
  return list
}

/**
 * Receiver operating characteristics on the unit square, with the area under each and the line of chance.
 *
 * @param curves one curve, or an object of curves by name.
 * @throws RangeError for none.
 */
export function rocPlot(curves: RocCurve | Named<RocCurve>, { title = "ROC curve" }: PlotOptions = {}): string {
  const isOne = (c: RocCurve | Named<RocCurve>): c is RocCurve => ArrayBuffer.isView(c["fpr"])
  const list = named("rocPlot", curves, isOne)
  const lines = list.map(([, { fpr, tpr }], i) => path(frame, fpr, tpr, lineStyle(i)))
  const names = list.map(([name, { fpr, tpr }]) => `${name} AUC ${shortNumber(auc(fpr, tpr), 3)}`.trim())
  const key = legend(names, across(frame, 0.4), upwards(frame, 0.03) - 18 * (names.length - 1))
  return picture(
    title,
    width,
    height,
    axes(frame, "False positive rate", "True positive rate"),
    diagonal,
    ...lines,
    key,
  )
}

/** Points of the steps below a precision-recall curve: each precision holds back to the recall before it. */
function steps({ precision, recall }: PrCurve): [number[], number[], number] {
  const x: number[] = []
  const y: number[] = []
  let area = 0
  for (let i = 1; i < recall.length; i++) {
    area += (recall[i] - recall[i - 1]) * precision[i]
    x.push(recall[i - 1], recall[i])
    y.push(precision[i], precision[i])
  }
  return [x, y, area]
}

/**
 * Precision against recall, as steps, with the average precision of each curve; a dashed line is the share of positives,
 * which scores that say nothing have.
 *
 * @param curves one curve, or an object of curves by name.
 * @throws RangeError for none.
 */
export function prPlot(curves: PrCurve | Named<PrCurve>, { title = "Precision and recall" }: PlotOptions = {}): string {
  const isOne = (c: PrCurve | Named<PrCurve>): c is PrCurve => ArrayBuffer.isView(c["recall"])
  const list = named("prPlot", curves, isOne)
  const parts = list.flatMap(([, curve], i) => {
    const share = curve.precision[curve.precision.length - 1]
    const [x, y] = steps(curve)
    const chance = path(frame, [0, 1], [share, share], {
      stroke: palette[i % palette.length],
      "stroke-dasharray": "4 4",
    })
    return [chance, path(frame, x, y, lineStyle(i))]
  })
  const names = list.map(([name, curve]) => `${name} AP ${shortNumber(steps(curve)[2], 3)}`.trim())
  const key = legend(names, across(frame, 0.05), upwards(frame, 0.03) - 18 * (names.length - 1))
  return picture(title, width, height, axes(frame, "Recall", "Precision"), ...parts, key)
}

/**
 * Reliability: for each bin, the share of positives against the mean probability stated, with the diagonal of calibrated
 * ones; grey bars show where the examples are. Empty bins are left out.
 *
 * @throws RangeError when all bins are empty.
 */
export function reliabilityPlot(bins: readonly ReliabilityBin[], { title = "Reliability" }: PlotOptions = {}): string {
  const full = bins.filter(({ count }) => count > 0)
  if (full.length === 0) throw new RangeError("reliabilityPlot: got no bin with examples, expected one at least")
  const most = Math.max(...full.map(({ count }) => count))
  const total = full.reduce((sum, { count }) => sum + count, 0)
  const bars = full.map(({ lower, upper, count }) => {
    const tall = (0.25 * frame.size * count) / most
    const x = across(frame, lower)
    const bar = { x, y: upwards(frame, 0) - tall, width: across(frame, upper) - x, height: tall }
    return element("rect", { ...bar, fill: "#ddd", stroke: "#fff" })
  })
  const x = full.map(({ confidence }) => confidence)
  const y = full.map(({ frequency }) => frequency)
  const dots = x.map((v, i) =>
    element("circle", { cx: across(frame, v), cy: upwards(frame, y[i]), r: 4, fill: palette[0] }),
  )
  const gap = full.reduce((sum, b) => sum + (b.count / total) * Math.abs(b.frequency - b.confidence), 0)
  const key = legend([`calibration error ${shortNumber(gap, 3)}`], across(frame, 0.05), upwards(frame, 0.96))
  const names = axes(frame, "Stated probability", "Share of positives")
  return picture(title, width, height, ...bars, names, diagonal, path(frame, x, y, lineStyle(0)), ...dots, key)
}

/** Options of {@link confusionPlot}. */
export interface ConfusionPlotOptions extends PlotOptions {
  /** What the labels are called, in their order; default: their numbers. */
  readonly names?: readonly string[]
}

/**
 * A confusion matrix as a table: rows are the truth, columns what was predicted; a cell is the darker the larger its share of its
 * row.
 *
 * @throws RangeError when names and labels differ in number.
 */
export function confusionPlot(
  { labels, counts }: Confusion,
  { title = "Confusion matrix", names = labels.map(String) }: ConfusionPlotOptions = {},
): string {
  const n = labels.length
  if (names.length !== n) {
    throw new RangeError(`confusionPlot: got ${names.length} names for ${n} labels, expected as many`)
  }
  const longest = Math.max(...names.map((name) => name.length))
  const left = 44 + Math.min(160, 7 * longest)
  const cell = Math.max(34, Math.min(80, 340 / n))
  const [top, size] = [62, n * cell]
  const parts: string[] = []
  for (let i = 0; i < n; i++) {
    const row = counts.data.subarray(i * n, (i + 1) * n)
    const total = row.reduce((a, b) => a + b, 0)
    parts.push(label(names[i], left - 8, top + (i + 0.5) * cell + 4, { "text-anchor": "end" }))
    parts.push(label(names[i], left + (i + 0.5) * cell, top - 6, { "text-anchor": "middle" }))
    for (const [j, value] of row.entries()) {
      const share = total === 0 ? 0 : value / total
      const [x, y] = [left + j * cell, top + i * cell]
      const back = { x, y, width: cell, height: cell, fill: palette[0], "fill-opacity": share, stroke: "#ccc" }
      const ink = { "text-anchor": "middle", fill: share > 0.5 ? "#fff" : "#222" }
      parts.push(element("rect", back), label(shortNumber(value), x + cell / 2, y + cell / 2 + 4, ink))
    }
  }
  const [x, y] = [16, top + size / 2]
  parts.push(label("Predicted", left + size / 2, top + size + 22, { "text-anchor": "middle" }))
  parts.push(label("True", x, y, { "text-anchor": "middle", transform: `rotate(-90 ${x} ${y})` }))
  return picture(title, Math.max(200, left + size + 16), top + size + 36, ...parts)
}
