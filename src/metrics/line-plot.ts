/** Curves of any numbers on plain or logarithmic axes, as SVG text. */
import type { PlotOptions } from "./plot.ts"
import {
  across,
  axes,
  element,
  type Frame,
  label,
  legend,
  lineStyle,
  path,
  picture,
  type Tick,
  upwards,
} from "./svg.ts"

/** Points joined by a line, in their order. */
export interface Line {
  readonly x: ArrayLike<number>
  readonly y: ArrayLike<number>
}

/** Options of {@link linePlot}. */
export interface LinePlotOptions extends PlotOptions {
  /** Names of the axes; none unless given. */
  readonly xName?: string
  readonly yName?: string
  /** Default `linear`. */
  readonly xScale?: "linear" | "log"
  readonly yScale?: "linear" | "log"
  /** Numbers the axis must hold, beside those of the lines: so that two plots can be compared. */
  readonly xRange?: readonly number[]
  readonly yRange?: readonly number[]
  /** Values of y with a name, each a dotted line across the plot. */
  readonly levels?: Readonly<Record<string, number>>
}

const frame: Frame = { left: 58, top: 38, size: 340 }

/** One axis: where a number is on it, as a share of its length, and its ticks. */
interface Axis {
  readonly share: (v: number) => number
  readonly ticks: readonly Tick[]
}

function text(v: number): string {
  return Math.abs(v) >= 1e6 || (v !== 0 && Math.abs(v) < 1e-4) ? v.toExponential() : String(Number(v.toPrecision(6)))
}

function axisOf(name: string, values: readonly number[], scale: "linear" | "log"): Axis {
  const bad = values.find((v) => !Number.isFinite(v) || (scale === "log" && v <= 0))
  if (bad !== undefined)
    throw new RangeError(
      `linePlot: got ${bad} for ${name}, expected ${scale === "log" ? "numbers above 0, as its axis is logarithmic" : "finite numbers"}`,
    )
  const to = scale === "log" ? Math.log10 : (v: number): number => v
  const [least, most] = [Math.min(...values), Math.max(...values)]
  // A little air, so that points do not lie on the frame; one value alone has some on both sides.
  const air = most > least ? 0.04 * (to(most) - to(least)) : 0.5 * (Math.abs(to(least)) || 1)
  const [low, high] = [to(least) - air, to(most) + air]
  const share = (v: number): number => (to(v) - low) / (high - low)
  const places = scale === "log" ? decades(low, high) : even(low, high)
  return { share, ticks: places.map((v) => ({ at: share(v), text: text(v) })) }
}

/** Round numbers between two, three to six of them. */
function even(low: number, high: number): number[] {
  const rough = (high - low) / 6
  const size = 10 ** Math.floor(Math.log10(rough))
  const step = size * [1, 2, 5, 10].find((m) => m * size >= rough * 0.999)!
  const first = Math.ceil(low / step)
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, k) => (first + k) * step)
}

/** Powers of ten, with 2 and 5 times each where there is room, of which the logarithms lie between two numbers. */
function decades(low: number, high: number): number[] {
  const parts = high - low > 4 ? [1] : [1, 2, 5]
  const all: number[] = []
  for (let k = Math.floor(low); k <= Math.ceil(high); k++) all.push(...parts.map((m) => m * 10 ** k))
  return all.filter((v) => Math.log10(v) >= low && Math.log10(v) <= high)
}

/**
 * Lines by name, with a dot at each point, on plain or logarithmic axes, as the text of an SVG file; the key stands beside
 * the plot. A single line of the empty name has no key.
 *
 * @example linePlot({ train: { x: [1, 10, 100], y: [0.9, 0.5, 0.4] } }, { xName: "step", yName: "loss", xScale: "log" })
 * @throws RangeError for no points, lists of two lengths, or numbers that an axis cannot hold.
 */
export function linePlot(
  lines: Readonly<Record<string, Line>>,
  {
    title = "",
    xName = "",
    yName = "",
    xScale = "linear",
    yScale = "linear",
    xRange = [],
    yRange = [],
    levels = {},
  }: LinePlotOptions = {},
): string {
  const list = Object.entries(lines)
  for (const [name, { x, y }] of list)
    if (x.length !== y.length || x.length === 0)
      throw new RangeError(`linePlot: ${name} has ${x.length} x and ${y.length} y, expected as many, one at least`)
  if (list.length === 0) throw new RangeError("linePlot: got no lines, expected one at least")
  const marks = Object.entries(levels)
  const x = axisOf("x", [...list.flatMap(([, line]) => Array.from(line.x)), ...xRange], xScale)
  const values = [...list.flatMap(([, line]) => Array.from(line.y)), ...yRange, ...marks.map(([, v]) => v)]
  const y = axisOf("y", values, yScale)
  const right = frame.left + frame.size
  const dotted = marks.map(([name, v]) => {
    const at = upwards(frame, y.share(v))
    const line = { x1: frame.left, y1: at, x2: right, y2: at, stroke: "#666", "stroke-dasharray": "2 3" }
    return element("line", line) + label(name, right + 6, at + 4, { fill: "#555" })
  })
  const drawn = list.map(([, line], i) => {
    const [xs, ys] = [Array.from(line.x, x.share), Array.from(line.y, y.share)]
    const dots = xs.map((at, k) =>
      element("circle", { cx: across(frame, at), cy: upwards(frame, ys[k]), r: 3, fill: lineStyle(i)["stroke"] }),
    )
    return path(frame, xs, ys, lineStyle(i)) + dots.join("")
  })
  const names = list.map(([name]) => name)
  const isNamed = names.length > 1 || names[0] !== ""
  const longest = Math.max(...marks.map(([name]) => name.length - 4), ...(isNamed ? names : []).map((n) => n.length), 0)
  const key = isNamed ? legend(names, right + 12, frame.top + 12) : ""
  const width = right + 16 + (longest > 0 ? 30 + 7 * longest : 0)
  return picture(title, width, 428, axes(frame, xName, yName, { x: x.ticks, y: y.ticks }), ...dotted, ...drawn, key)
}
