import { expect, test } from "vitest"
import { curve, draw, line } from "./pen.ts"

test("a curve goes through its points, between inner ones as the pyramid of Barry and Goldman has it", () => {
  const path = line(64)
  const points = Float64Array.of(0, 0, 4, 1, 6, 5, 2, 9)
  curve(path, points, 0, 3, false)
  expect(path.count).toBe(13)
  for (let k = 0; k < 4; k++) expect([path.x[4 * k], path.y[4 * k]]).toEqual([points[2 * k], points[2 * k + 1]])
  expect([...path.begins.subarray(0, 13)]).toEqual([1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
  const knots = [0]
  for (let k = 1; k < 4; k++) {
    const step = Math.hypot(points[2 * k] - points[2 * k - 2], points[2 * k + 1] - points[2 * k - 1])
    knots.push(knots[k - 1] + Math.sqrt(step))
  }
  for (const axis of [0, 1]) {
    const p = [0, 1, 2, 3].map((k) => points[2 * k + axis])
    for (let piece = 1; piece < 4; piece++) {
      const t = knots[1] + (piece / 4) * (knots[2] - knots[1])
      const mix = (i: number, j: number, a: number, b: number): number =>
        ((knots[j] - t) * a + (t - knots[i]) * b) / (knots[j] - knots[i])
      const [a1, a2, a3] = [mix(0, 1, p[0], p[1]), mix(1, 2, p[1], p[2]), mix(2, 3, p[2], p[3])]
      const expected = mix(1, 2, mix(0, 2, a1, a2), mix(1, 3, a2, a3))
      expect((axis === 0 ? path.x : path.y)[4 + piece]).toBeCloseTo(expected, 12)
    }
  }
})

test("points on a straight line give a straight line, whatever their distances", () => {
  const path = line(64)
  curve(path, Float64Array.of(0, 0, 1, 2, 7, 14, 8, 16), 0, 3, false)
  for (let k = 0; k < path.count; k++) expect(path.y[k]).toBeCloseTo(2 * path.x[k], 12)
})

test("ink falls with the distance to the line, from full inside to none beyond the soft edge", () => {
  const path = line(4)
  path.count = 2
  path.x.set([2, 9])
  path.y.set([6, 6])
  path.radius.set([2, 2])
  path.begins[0] = 1
  const out = new Float32Array(144)
  draw(out, 12, path, 1)
  const at = (x: number, y: number): number => out[y * 12 + x]
  expect([4, 5, 6, 7, 8].map((y) => at(5, y))).toEqual([0.5, 1, 1, 1, 0.5])
  expect([at(5, 3), at(5, 9)]).toEqual([0, 0])
  expect(at(0, 6)).toBe(0.5) // the round end: distance 2 from the first vertex
  expect(at(11, 8)).toBeCloseTo(edge(2 - Math.hypot(2, 2)), 6)
})

test("strokes are not joined, and where they cross the darker wins", () => {
  const path = line(4)
  path.count = 4
  path.x.set([1, 1, 9, 9])
  path.y.set([1, 9, 1, 9])
  path.radius.fill(1)
  path.begins.set([1, 0, 1, 0])
  const out = new Float32Array(121)
  draw(out, 11, path, 0.5)
  expect(out.filter((_, i) => i % 11 === 5).every((v) => v === 0)).toBe(true)
  const once = out.slice()
  draw(out, 11, path, 0.5)
  expect(out).toEqual(once)
})

test("a line that leaves the picture is cut at its edge", () => {
  const path = line(2)
  path.count = 2
  path.x.set([-50, 50])
  path.y.set([2, 2])
  path.radius.fill(0.5)
  const out = new Float32Array(25)
  draw(out, 5, path, 0.5)
  expect([...out]).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
})

/** Ink at a signed distance inside the edge, with a soft edge of 1. */
function edge(inside: number): number {
  const u = Math.min(1, Math.max(0, inside / 2 + 0.5))
  return u * u * (3 - 2 * u)
}
