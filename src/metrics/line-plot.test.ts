/** Line plots: points lie where their numbers say, on both kinds of axes. */
import { expect, test } from "vitest"
import { linePlot } from "./line-plot.ts"

/** The x and y of all dots, in pixels. */
const dots = (svg: string): number[][] =>
  [...svg.matchAll(/<circle cx="([\d.]+)" cy="([\d.]+)"/g)].map(([, x, y]) => [Number(x), Number(y)])
const texts = (svg: string): string[] => [...svg.matchAll(/<text[^>]*>([^<]*)</g)].map(([, text]) => text)

test("on logarithmic axes equal ratios are equally far apart, and ticks are 1, 2 and 5 of the decades", () => {
  const svg = linePlot({ a: { x: [5, 50, 500], y: [400, 40, 4] } }, { xScale: "log", yScale: "log", title: "T" })
  const [a, b, c] = dots(svg)
  expect(b[0] - a[0]).toBeCloseTo(c[0] - b[0], 1)
  expect(b[1] - a[1]).toBeCloseTo(c[1] - b[1], 1)
  expect(b[0] - a[0]).toBeCloseTo((340 * 0.5) / 1.08, 1)
  expect(c[1]).toBeGreaterThan(a[1])
  const shown = texts(svg)
  for (const tick of ["5", "10", "20", "50", "100", "200", "500"]) expect(shown).toContain(tick)
  expect(shown).not.toContain("1000")
})

test("plain axes have round ticks, ranges widen them, and named levels lie among the points", () => {
  const svg = linePlot({ "": { x: [0, 1, 2], y: [10, 30, 50] } }, { yRange: [110], levels: { floor: 30 }, yName: "y" })
  const [, b] = dots(svg)
  const level = /<line x1="58" y1="([\d.]+)"[^>]*stroke-dasharray/.exec(svg)!
  expect(Number(level[1])).toBeCloseTo(b[1], 1)
  const shown = texts(svg)
  for (const tick of ["20", "40", "60", "80", "100", "floor", "y", "0.5", "1.5"]) expect(shown).toContain(tick)
  // Forty of a hundred is less than half of the way up.
  expect(b[1]).toBeGreaterThan(38 + 340 * 0.6)
})

test("more lines than colours are told apart by dashes, and names are escaped", () => {
  const lines = Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`<${i}>`, { x: [0, 1], y: [i, i + 1] }]))
  const svg = linePlot(lines)
  const styles = [...svg.matchAll(/<path [^>]*?(stroke="#[^"]+" stroke-width="2"(?: stroke-dasharray="6 3")?)/g)]
  expect(new Set(styles.map(([, style]) => style)).size).toBe(9)
  expect(texts(svg)).toContain("&lt;8&gt;")
})

test("what cannot be drawn is refused by name", () => {
  expect(() => linePlot({})).toThrow(/no lines/)
  expect(() => linePlot({ a: { x: [1], y: [] } })).toThrow("linePlot: a has 1 x and 0 y")
  expect(() => linePlot({ a: { x: [0], y: [1] } }, { xScale: "log" })).toThrow(/got 0 for x, expected numbers above 0/)
  expect(() => linePlot({ a: { x: [1], y: [Number.NaN] } })).toThrow(/got NaN for y/)
})
