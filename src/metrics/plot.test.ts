/** Plots: what they show, that they are well-formed, and that text cannot leave its place. */
import { describe, expect, test } from "vitest"
import { Generator } from "../engine/random.ts"
import * as m from "./index.ts"
import { escapeText } from "./svg.ts"

const random = new Generator(4)
const target = Array.from({ length: 300 }, () => random.integer(2))
const scores = target.map((y) => 1 / (1 + Math.exp(-(2 * y - 1 + random.normal(0, 1.2)))))
const labels = target.map((y) => y + random.integer(2))
const hostile = "<script>\"&'\u0000]]>"

/** Throws unless every element is closed in order; gives the names of elements with their number. */
function elementsOf(svg: string): Map<string, number> {
  const open: string[] = []
  const counts = new Map<string, number>()
  for (const [, close, name, rest] of svg.matchAll(/<(\/?)([a-z]+)((?:[^<>"]|"[^"<]*")*)>/g)) {
    if (close === "/") expect(open.pop()).toBe(name)
    else {
      counts.set(name, (counts.get(name) ?? 0) + 1)
      if (!rest.endsWith("/")) open.push(name)
    }
  }
  expect(open).toEqual([])
  // Nothing but markup is left that would need an entity.
  expect(svg.replace(/<(?:[^<>"]|"[^"<]*")*>/g, "")).not.toMatch(/[<>]|&(?!(?:amp|lt|gt|quot|apos);)/)
  return counts
}

/** Points of the first path of a colour, in pixels. */
function pointsOf(svg: string, color: string): number[][] {
  const d = new RegExp(`<path d="([^"]*)"[^>]*stroke="${color}" stroke-width="2"`).exec(svg)![1]
  return d
    .slice(1)
    .split("L")
    .map((at) => at.split(" ").map(Number))
}

describe("every plot", () => {
  const options = { title: `Title ${hostile}` }
  const plots: Readonly<Record<string, string>> = {
    roc: m.rocPlot({ [hostile]: m.rocCurve(target, scores) }, options),
    pr: m.prPlot({ [hostile]: m.prCurve(target, scores) }, options),
    reliability: m.reliabilityPlot(m.reliability(target, scores), options),
    confusion: m.confusionPlot(m.confusionMatrix(target, labels), { ...options, names: ["a", hostile, "c"] }),
  }
  test.each(Object.entries(plots))("%s is well-formed, holds no number that is none, and escapes text", (_, svg) => {
    expect(elementsOf(svg).get("svg")).toBe(1)
    expect(svg).not.toMatch(/NaN|Infinity|undefined|<script/)
    expect(svg).toContain("<title>Title &lt;script&gt;&quot;&amp;&apos;\ufffd]]&gt;</title>")
    expect(svg).toMatch(/^<svg xmlns="http:\/\/www.w3.org\/2000\/svg" width="[\d.]+" height="[\d.]+" viewBox="0 0 /)
  })
})

test("the ROC curve goes from the lower left to the upper right of its frame, with its area beside its name", () => {
  const svg = m.rocPlot({ first: m.rocCurve(target, scores), second: m.rocCurve(target, labels) }, { title: "Two" })
  const points = pointsOf(svg, "#0072b2")
  expect(points[0]).toEqual([58, 378])
  expect(points.at(-1)).toEqual([398, 38])
  expect(svg).toContain(`first AUC ${Number(m.rocAuc(target, scores).toFixed(3))}`)
  expect(svg).toContain(`second AUC ${Number(m.rocAuc(target, labels).toFixed(3))}`)
  // One curve needs no name.
  expect(m.rocPlot(m.rocCurve(target, scores))).toContain(`>AUC ${Number(m.rocAuc(target, scores).toFixed(3))}<`)
})

test("a curve of 100,000 thresholds is drawn with the points that a screen can show", () => {
  const y = Array.from({ length: 100_000 }, () => random.integer(2))
  const curve = m.rocCurve(
    y,
    y.map((v) => v + random.normal()),
  )
  const svg = m.rocPlot(curve)
  expect(curve.fpr.length).toBeGreaterThan(20_000)
  expect(svg.length).toBeLessThan(60_000)
})

test("the precision-recall plot has steps, and the share of positives as chance", () => {
  const svg = m.prPlot(m.prCurve([1, 0, 1, 0], [4, 3, 2, 1]))
  expect(pointsOf(svg, "#0072b2")).toEqual([
    [58, 38],
    [228, 38],
    [228, 208],
    [228, 151.33],
    [398, 151.33],
    [398, 208],
  ])
  expect(svg).toMatch(/d="M58 208L398 208"[^>]*stroke="#0072b2" stroke-dasharray/)
  expect(svg).toContain("AP 0.833")
})

test("the reliability plot has a dot for each bin with examples, where it was stated and found", () => {
  const bins = m.reliability([0, 1, 1, 1], [0.1, 0.1, 0.9, 0.9])
  const svg = m.reliabilityPlot(bins)
  const dots = [...svg.matchAll(/<circle cx="([\d.]+)" cy="([\d.]+)"/g)].map(([, x, y]) => [Number(x), Number(y)])
  expect(dots).toEqual([
    [92, 208],
    [364, 38],
  ])
  expect(svg).toContain("calibration error 0.25")
})

test("the confusion plot writes every count, by row and column, in white on dark cells", () => {
  const svg = m.confusionPlot(m.confusionMatrix([0, 0, 0, 0, 1], [0, 0, 0, 1, 1]), { names: ["cat", "dog"] })
  const numbers = [...svg.matchAll(/fill="(#\w+)">(\d+)</g)].map(([, ink, n]) => [ink, Number(n)])
  expect(numbers).toEqual([
    ["#fff", 3],
    ["#222", 1],
    ["#222", 0],
    ["#fff", 1],
  ])
  expect([...svg.matchAll(/>(cat|dog)</g)].length).toBe(4)
})

test("text is escaped, and what XML forbids is replaced", () => {
  expect(escapeText(hostile)).toBe("&lt;script&gt;&quot;&amp;&apos;\ufffd]]&gt;")
  expect(escapeText("\ud800\uffff\u0007 a\n")).toBe("\ufffd\ufffd\ufffd a\n")
  expect(escapeText("ε 🙂")).toBe("ε 🙂")
})

test("plots of nothing are refused by name", () => {
  expect(() => m.rocPlot({})).toThrow(/rocPlot: got no curves/)
  expect(() => m.prPlot({})).toThrow(/prPlot: got no curves/)
  expect(() => m.reliabilityPlot([])).toThrow(/reliabilityPlot: got no bin with examples/)
  expect(() => m.confusionPlot(m.confusionMatrix([0, 1], [0, 1]), { names: ["a"] })).toThrow(/got 1 names for 2 labels/)
})
