/** Handwritten digits without a download: drawn from a seed as a hand would, endless and labelled. */

import { fold, Generator, keyOf } from "../engine/random.ts"
import type { Dataset } from "./dataset.ts"
import { procedural } from "./dataset.ts"
import type { Form } from "./digits.ts"
import { digits } from "./digits.ts"
import type { Line } from "./pen.ts"
import { curve, draw, line } from "./pen.ts"

const size = 28

/**
 * Handwritten-looking digits 0-9, [1, 28, 28] in [-1, 1], white on black and centred as MNIST's are. Item `i` is a digit
 * `i % 10`, written in a way, slant, width and thickness that depend on `i` and `seed` alone.
 *
 * Each is strokes through jittered points, bent and slanted as a whole, fitted into 20 x 20 pixels, put with its centre
 * of mass in the middle, and inked by distance to the line.
 */
export function glyphs({ count = 2 ** 20, seed = 0 }: { count?: number; seed?: number } = {}): Dataset {
  const key = fold(keyOf(seed), glyphStream)
  const path = line(128)
  const points = new Float64Array(64)
  return procedural({
    name: "glyphs",
    length: count,
    shape: [1, size, size],
    classes: 10,
    write: (i, out) => {
      const random = new Generator(fold(key, i))
      const label = i % 10
      write(path, points, label, random)
      draw(out, size, path, 0.6 + 0.35 * random.uniform())
      for (let p = 0; p < out.length; p++) out[p] = 2 * out[p] - 1
      return label
    },
  })
}

/** Keeps the draws of glyphs apart from those of other users of the same seed. */
const glyphStream = 0x676c7966

/** The line of one digit, in pixels. */
function write(path: Line, points: Float64Array, label: number, random: Generator): void {
  const { strokes } = choose(digits[label], random)
  const jitter = 1 + 2.5 * random.uniform()
  const bend = Array.from({ length: 4 }, () => random.normal(0, 0.16))
  const aspect = Math.exp(random.normal(0.14, 0.2))
  const slant = clamp(random.normal(0.18, 0.26), -0.25, 0.65)
  const turn = random.normal(0, 0.09)
  const cos = Math.cos(turn)
  const sin = Math.sin(turn)
  path.count = 0
  for (const stroke of strokes) {
    const count = stroke.points.length / 2
    for (let k = 0; k < count; k++) {
      const u = (stroke.points[2 * k] + random.normal(0, jitter) - 30) / 100
      const v = (stroke.points[2 * k + 1] + random.normal(0, jitter) - 50) / 100
      const x = aspect * (u + bend[0] * v * v + bend[1] * u * v)
      const y = v + bend[2] * u * u + bend[3] * u * v
      const z = x - slant * y
      points[2 * k] = cos * z - sin * y
      points[2 * k + 1] = sin * z + cos * y
    }
    let from = 0
    for (const corner of [...stroke.corners, count - 1]) {
      curve(path, points, from, corner, from > 0)
      from = corner
    }
  }
  const radius = clamp(1.2 * Math.exp(random.normal(0, 0.26)), 0.7, 2)
  press(path, radius, random)
  enlarge(path, 20 * Math.exp(random.normal(0, 0.03)) - 2 * radius)
  centre(path, (size - 1) / 2 + random.normal(0, 0.4), (size - 1) / 2 + random.normal(0, 0.4))
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value))
}

function choose(forms: readonly Form[], random: Generator): Form {
  let at = random.uniform(
    0,
    forms.reduce((sum, f) => sum + f.weight, 0),
  )
  for (const form of forms) {
    if (at < form.weight) return form
    at -= form.weight
  }
  return forms[0]
}

/** The radius at each vertex: a slow wave about `radius`, thick here and thin there. */
function press(path: Line, radius: number, random: Generator): void {
  const depth = 0.18 * random.uniform()
  const phase = random.uniform(0, 2 * Math.PI)
  const waves = random.uniform(0.5, 1.5)
  for (let k = 0; k < path.count; k++) {
    path.radius[k] = radius * (1 + depth * Math.cos(phase + (2 * Math.PI * waves * k) / path.count))
  }
}

/** Scales a line so that its longer side is `extent`. */
function enlarge(path: Line, extent: number): void {
  let [left, right, top, bottom] = [Infinity, -Infinity, Infinity, -Infinity]
  for (let k = 0; k < path.count; k++) {
    left = Math.min(left, path.x[k])
    right = Math.max(right, path.x[k])
    top = Math.min(top, path.y[k])
    bottom = Math.max(bottom, path.y[k])
  }
  const scale = extent / Math.max(right - left, bottom - top)
  for (let k = 0; k < path.count; k++) {
    path.x[k] *= scale
    path.y[k] *= scale
  }
}

/** Moves a line so that its centre of mass, each segment weighed by length and thickness, is at (x, y). */
function centre(path: Line, x: number, y: number): void {
  let [mass, mx, my] = [0, 0, 0]
  for (let k = 1; k < path.count; k++) {
    if (path.begins[k] === 1) continue
    const m = Math.hypot(path.x[k] - path.x[k - 1], path.y[k] - path.y[k - 1]) * (path.radius[k] + path.radius[k - 1])
    mass += m
    mx += (m * (path.x[k] + path.x[k - 1])) / 2
    my += (m * (path.y[k] + path.y[k - 1])) / 2
  }
  for (let k = 0; k < path.count; k++) {
    path.x[k] += x - mx / mass
    path.y[k] += y - my / mass
  }
}
