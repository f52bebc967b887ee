/** A soft round pen: smooth curves through points, and their picture by distance to the line. */

/** A line of the pen: vertices with the pen's radius at each, and where strokes begin. */
export interface Line {
  /** Number of vertices in use. */
  count: number
  readonly x: Float64Array
  readonly y: Float64Array
  readonly radius: Float64Array
  /** 1 where a vertex begins a new stroke, so that no segment ends in it. */
  readonly begins: Uint8Array
}

/** An empty line with room for `size` vertices. */
export function line(size: number): Line {
  return {
    count: 0,
    x: new Float64Array(size),
    y: new Float64Array(size),
    radius: new Float64Array(size),
    begins: new Uint8Array(size),
  }
}

/** Pieces that each span of a curve is drawn with. */
const pieces = 4

/**
 * Appends the curve through points `from` ... `to` of `points` (x, y after x, y) to a line: the centripetal Catmull-Rom
 * spline (Yuksel, Schaefer and Keyser 2011, "Parameterization and applications of Catmull-Rom curves"), which has no
 * loops or cusps of its own, ending straight. The first point is left out where `continues` says the line stands there.
 */
export function curve(out: Line, points: Float64Array, from: number, to: number, continues: boolean): void {
  if (!continues) vertex(out, points[2 * from], points[2 * from + 1], true)
  for (let i = from; i < to; i++) {
    const before = Math.max(i - 1, from)
    const after = Math.min(i + 2, to)
    const d = Math.sqrt(distance(points, i, i + 1))
    const a = before < i ? Math.sqrt(distance(points, before, i)) : 0
    const b = after > i + 1 ? Math.sqrt(distance(points, i + 1, after)) : 0
    for (let k = 1; k <= pieces; k++) {
      const t = k / pieces
      vertex(
        out,
        hermite(points[2 * before], points[2 * i], points[2 * i + 2], points[2 * after], a, d, b, t),
        hermite(points[2 * before + 1], points[2 * i + 1], points[2 * i + 3], points[2 * after + 1], a, d, b, t),
        false,
      )
    }
  }
}

function vertex(out: Line, x: number, y: number, begins: boolean): void {
  const at = out.count++
  out.x[at] = x
  out.y[at] = y
  out.begins[at] = begins ? 1 : 0
}

function distance(points: Float64Array, i: number, j: number): number {
  return Math.hypot(points[2 * i] - points[2 * j], points[2 * i + 1] - points[2 * j + 1])
}

/** Value at `t` between p1 and p2; a, d, b are the knot distances before, in and after the span, 0 at an end. */
function hermite(p0: number, p1: number, p2: number, p3: number, a: number, d: number, b: number, t: number): number {
  const slope = p2 - p1
  const m1 = a > 0 ? (slope * a) / (a + d) + (((p1 - p0) / a) * d * d) / (a + d) : slope
  const m2 = b > 0 ? (slope * b) / (b + d) + (((p3 - p2) / b) * d * d) / (b + d) : slope
  const u = 1 - t
  return u * u * ((1 + 2 * t) * p1 + t * m1) + t * t * ((1 + 2 * u) * p2 - u * m2)
}

/**
 * Draws a line into an image of `size` x `size`, values in [0, 1], pixel centres at whole coordinates:
 * ink = smoothstep((radius - distance) / (2 soft) + 1/2), the most of all segments. A pixel further than radius + soft from
 * the line keeps its value, and only pixels in the box around each segment are looked at.
 */
export function draw(out: Float32Array, size: number, path: Line, soft: number): void {
  const half = 0.5 / soft
  for (let s = 1; s < path.count; s++) {
    if (path.begins[s] === 1) continue
    const ax = path.x[s - 1]
    const ay = path.y[s - 1]
    const dx = path.x[s] - ax
    const dy = path.y[s] - ay
    const r0 = path.radius[s - 1]
    const dr = path.radius[s] - r0
    const inverse = 1 / (dx * dx + dy * dy + 1e-12)
    const reach = Math.max(r0, r0 + dr) + soft
    const left = Math.max(0, Math.ceil(Math.min(ax, ax + dx) - reach))
    const right = Math.min(size - 1, Math.floor(Math.max(ax, ax + dx) + reach))
    const top = Math.max(0, Math.ceil(Math.min(ay, ay + dy) - reach))
    const bottom = Math.min(size - 1, Math.floor(Math.max(ay, ay + dy) + reach))
    const reach2 = reach * reach
    for (let y = top; y <= bottom; y++) {
      const py = y - ay
      for (let x = left; x <= right; x++) {
        const px = x - ax
        let t = (px * dx + py * dy) * inverse
        t = Math.max(0, Math.min(1, t))
        const ex = px - t * dx
        const ey = py - t * dy
        const d2 = ex * ex + ey * ey
        if (d2 >= reach2) continue
        const u = (r0 + t * dr - Math.sqrt(d2)) * half + 0.5
        if (u <= 0) continue
        const ink = u >= 1 ? 1 : u * u * (3 - 2 * u)
        const at = y * size + x
        if (ink > out[at]) out[at] = ink
      }
    }
  }
}
