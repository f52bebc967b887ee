/** Pictures as SVG text: elements, escaping, and a frame with axes. */

/** Values of attributes; numbers are written with at most two decimals. */
export type Attributes = Readonly<Record<string, string | number>>

/** Text for an SVG file: `&`, `<`, `>` and quotes as entities, and what XML forbids as U+FFFD. */
export function escapeText(text: string): string {
  let out = ""
  for (const c of text) {
    const code = c.codePointAt(0)!
    const isForbidden =
      (code < 32 && code !== 9 && code !== 10 && code !== 13) ||
      (code >= 0xd800 && code <= 0xdfff) ||
      (code & 0xfffe) === 0xfffe
    out += isForbidden ? "\ufffd" : (entities.get(c) ?? c)
  }
  return out
}

const entities: ReadonlyMap<string, string> = new Map([
  ["&", "&amp;"],
  ["<", "&lt;"],
  [">", "&gt;"],
  ['"', "&quot;"],
  ["'", "&apos;"],
])

/** A number with at most `digits` decimals and no zeros at the end. */
export function shortNumber(value: number, digits = 2): string {
  return String(Number(value.toFixed(digits)) + 0)
}

/** An element; children are SVG text, already escaped. */
export function element(name: string, attributes: Attributes, ...children: readonly string[]): string {
  const list = Object.entries(attributes).map(
    ([key, v]) => ` ${key}="${typeof v === "number" ? shortNumber(v) : escapeText(v)}"`,
  )
  return children.length === 0
    ? `<${name}${list.join("")}/>`
    : `<${name}${list.join("")}>${children.join("")}</${name}>`
}

/** Words at a place. */
export function label(text: string, x: number, y: number, attributes: Attributes = {}): string {
  return element("text", { x, y, ...attributes }, escapeText(text))
}

/** Colours that most people with colour-blindness tell apart. Source: Okabe and Ito 2008. */
export const palette: readonly string[] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"]

/** A whole picture on white, of the given size in pixels, whose title is read aloud. */
export function picture(title: string, width: number, height: number, ...children: readonly string[]): string {
  const attributes = {
    xmlns: "http://www.w3.org/2000/svg",
    width,
    height,
    viewBox: `0 0 ${width} ${height}`,
    "font-family": "system-ui, sans-serif",
    "font-size": 12,
    fill: "#222",
    role: "img",
  }
  const back = element("rect", { width, height, fill: "#fff" })
  const head = label(title, width / 2, 22, { "text-anchor": "middle", "font-size": 14, "font-weight": "bold" })
  return `${element("svg", attributes, element("title", {}, escapeText(title)), back, head, ...children)}\n`
}

/** A square of data from (0, 0) to (1, 1) on a picture. */
export interface Frame {
  readonly left: number
  readonly top: number
  readonly size: number
}

/** The picture's x of a share from 0 to 1. */
export const across = ({ left, size }: Frame, share: number): number => left + share * size
/** The picture's y of a share from 0 to 1, upwards. */
export const upwards = ({ top, size }: Frame, share: number): number => top + (1 - share) * size

/** A place on an axis that has a line and a label. */
export interface Tick {
  /** Share of the axis, from 0 to 1. */
  readonly at: number
  readonly text: string
}

const fifths: readonly Tick[] = Array.from({ length: 6 }, (_, k) => ({ at: k / 5, text: shortNumber(k / 5) }))

/** Grid, ticks (at every fifth unless given), and the names of both axes. */
export function axes(
  frame: Frame,
  xName: string,
  yName: string,
  { x: xTicks = fifths, y: yTicks = fifths }: { readonly x?: readonly Tick[]; readonly y?: readonly Tick[] } = {},
): string {
  const { left, top, size } = frame
  const parts: string[] = []
  const edge = { stroke: "#666" }
  const inside = { stroke: "#e4e4e4" }
  for (const { at, text } of xTicks) {
    const x = across(frame, at)
    if (at > 0) parts.push(element("line", { x1: x, y1: top, x2: x, y2: top + size, ...inside }))
    parts.push(label(text, x, top + size + 16, { "text-anchor": "middle", fill: "#555" }))
  }
  for (const { at, text } of yTicks) {
    const y = upwards(frame, at)
    if (at > 0) parts.push(element("line", { x1: left, y1: y, x2: left + size, y2: y, ...inside }))
    parts.push(label(text, left - 7, y + 4, { "text-anchor": "end", fill: "#555" }))
  }
  parts.push(element("line", { x1: left, y1: top, x2: left, y2: top + size, ...edge }))
  parts.push(element("line", { x1: left, y1: top + size, x2: left + size, y2: top + size, ...edge }))
  const middle = top + size / 2
  parts.push(label(xName, left + size / 2, top + size + 34, { "text-anchor": "middle" }))
  parts.push(
    label(yName, left - 36, middle, { "text-anchor": "middle", transform: `rotate(-90 ${left - 36} ${middle})` }),
  )
  return parts.join("")
}

/** A line through points of the frame; points nearer than a quarter of a pixel to the last one are left out. */
export function path(frame: Frame, x: ArrayLike<number>, y: ArrayLike<number>, attributes: Attributes): string {
  let d = ""
  let last: readonly [number, number] = [-Infinity, -Infinity]
  for (let i = 0; i < x.length; i++) {
    const at = [across(frame, x[i]), upwards(frame, y[i])] as const
    const step = Math.hypot(at[0] - last[0], at[1] - last[1])
    if (step === 0 || (step < 0.25 && i < x.length - 1)) continue
    d += `${d === "" ? "M" : "L"}${shortNumber(at[0])} ${shortNumber(at[1])}`
    last = at
  }
  return element("path", { d, fill: "none", "stroke-linejoin": "round", ...attributes })
}

/** How the line of that number is drawn: colours in turn, dashed when they come around again. */
export function lineStyle(i: number): Attributes {
  const dashed = Math.floor(i / palette.length) % 2 === 1
  return { stroke: palette[i % palette.length], "stroke-width": 2, ...(dashed && { "stroke-dasharray": "6 3" }) }
}

/** Names beside samples of their lines, from (x, y) down. */
export function legend(names: readonly string[], x: number, y: number): string {
  return names
    .map((name, i) => {
      const at = y + 18 * i
      return (
        element("line", { x1: x, y1: at, x2: x + 18, y2: at, ...lineStyle(i), "stroke-width": 2.5 }) +
        label(name, x + 24, at + 4)
      )
    })
    .join("")
}
