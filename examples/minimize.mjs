/**
 * Paths of minimisers over the contours of two functions, as a picture: a quadratic valley with condition number 10, where
 * gradient descent zigzags, and Rosenbrock's curved one. The number beside each name is how many steps it took.
 *
 * After `npm run build`: node examples/minimize.mjs docs/images/minimize.png
 */
import { writeFileSync } from "node:fs"
import { encodePng } from "tweedie/io"
import { bfgs, conjugateGradient, gradientDescent, iterate, linearCg, newton, quadratic } from "tweedie/minimize"

const kappa = 10
const root = Math.sqrt(kappa)
/** Curvatures 1 and 10 along axes turned by half a radian. */
const [c, s] = [Math.cos(0.5), Math.sin(0.5)]
const valley = quadratic([
  [c * c + kappa * s * s, (1 - kappa) * c * s],
  [(1 - kappa) * c * s, s * s + kappa * c * c],
])
/** (1 - x)^2 + 10 (y - x^2)^2: Rosenbrock's valley, ten times as wide so that its contours can be told apart. */
const banana = {
  value: ([x, y]) => (1 - x) ** 2 + 10 * (y - x * x) ** 2,
  gradient: ([x, y]) => Float64Array.of(-2 * (1 - x) - 40 * x * (y - x * x), 20 * (y - x * x)),
  hessian: ([x, y]) => Float64Array.of(2 - 40 * (y - x * x) + 80 * x * x, -40 * x, -40 * x, 20),
}
/** The quadratic is left from where exact steps zigzag worst. */
const flat = {
  of: valley,
  start: [-2.3 * c - 0.23 * s, -2.3 * s + 0.23 * c],
  least: [0, 0],
  centre: [-0.75, -0.4],
  reach: 1.75,
}
const curved = { of: banana, start: [-1.2, 1.6], least: [1, 1], centre: [0, 0.8], reach: 1.7 }
const heavy = { rate: 4 / (root + 1) ** 2, momentum: ((root - 1) / (root + 1)) ** 2 }
const panels = [
  { name: "GRADIENT DESCENT", method: gradientDescent({ rate: "exact" }), ...flat },
  { name: "MOMENTUM", method: gradientDescent(heavy), ...flat },
  { name: "CONJUGATE GRADIENTS", method: linearCg(), ...flat },
  { name: "NEWTON", method: newton(), ...flat },
  { name: "GRADIENT DESCENT", method: gradientDescent({ rate: "wolfe" }), ...curved },
  { name: "CONJUGATE GRADIENTS", method: conjugateGradient(), ...curved },
  { name: "BFGS", method: bfgs(), ...curved },
  { name: "NEWTON", method: newton(), ...curved },
]

/** Pixels a side of a panel, height of its title, and how much finer everything is drawn before it is averaged. */
const [side, title, fine] = [240, 26, 3]
const across = 4
const [width, height] = [across * side, (panels.length / across) * (side + title)]
const canvas = new Float32Array(width * fine * height * fine * 3).fill(255)

const put = (x, y, colour) => {
  const [i, j] = [Math.floor(y), Math.floor(x)]
  if (i < 0 || j < 0 || i >= height * fine || j >= width * fine) return
  canvas.set(colour, (i * width * fine + j) * 3)
}
const disc = (x, y, radius, colour) => {
  for (let dy = -radius; dy <= radius; dy++)
    for (let dx = -radius; dx <= radius; dx++) if (dx * dx + dy * dy <= radius * radius) put(x + dx, y + dy, colour)
}
const line = ([x0, y0], [x1, y1], radius, colour) => {
  const count = Math.ceil(Math.hypot(x1 - x0, y1 - y0))
  for (let k = 0; k <= count; k++) {
    const share = count === 0 ? 0 : k / count
    disc(x0 + share * (x1 - x0), y0 + share * (y1 - y0), radius, colour)
  }
}

/** Letters of five by seven dots, a number of five bits a row. */
const letters = {
  A: [4, 10, 17, 17, 31, 17, 17],
  B: [30, 17, 17, 30, 17, 17, 30],
  C: [14, 17, 16, 16, 16, 17, 14],
  D: [30, 17, 17, 17, 17, 17, 30],
  E: [31, 16, 16, 30, 16, 16, 31],
  F: [31, 16, 16, 30, 16, 16, 16],
  G: [14, 17, 16, 23, 17, 17, 14],
  I: [14, 4, 4, 4, 4, 4, 14],
  J: [7, 2, 2, 2, 2, 18, 12],
  M: [17, 27, 21, 21, 17, 17, 17],
  N: [17, 25, 21, 19, 17, 17, 17],
  O: [14, 17, 17, 17, 17, 17, 14],
  R: [30, 17, 17, 30, 20, 18, 17],
  S: [14, 17, 16, 14, 1, 17, 14],
  T: [31, 4, 4, 4, 4, 4, 4],
  U: [17, 17, 17, 17, 17, 17, 14],
  W: [17, 17, 17, 21, 21, 27, 17],
  0: [14, 17, 19, 21, 25, 17, 14],
  1: [4, 12, 4, 4, 4, 4, 14],
  2: [14, 17, 1, 6, 8, 16, 31],
  3: [14, 17, 1, 6, 1, 17, 14],
  4: [2, 6, 10, 18, 31, 2, 2],
  5: [31, 16, 30, 1, 1, 17, 14],
  6: [14, 16, 30, 17, 17, 17, 14],
  7: [31, 1, 2, 4, 8, 8, 8],
  8: [14, 17, 17, 14, 17, 17, 14],
  9: [14, 17, 17, 15, 1, 1, 14],
  " ": [0, 0, 0, 0, 0, 0, 0],
}
const dot = 4
const write = (text, left, top, colour) => {
  for (const [n, letter] of [...text].entries())
    for (const [i, bits] of letters[letter].entries())
      for (let j = 0; j < 5; j++)
        if ((bits >> (4 - j)) & 1)
          for (let k = 0; k < dot * dot; k++)
            put(left + (n * 6 + j) * dot + (k % dot), top + i * dot + Math.floor(k / dot), colour)
}

for (const [n, { name, method, of, start, least, centre, reach }] of panels.entries()) {
  const path = []
  for (const { x, value } of iterate(of, start, { method, tolerance: 1e-4, maxSteps: 10_000 })) path.push({ x, value })
  const [left, top] = [(n % across) * side * fine, Math.floor(n / across) * (side + title) * fine]
  const inner = side * fine
  const margin = 4 * fine
  const place = ([x, y]) => [
    left + ((x - centre[0]) / reach / 2 + 0.5) * inner,
    top + title * fine + (0.5 - (y - centre[1]) / reach / 2) * inner,
  ]
  for (let i = margin; i < inner - margin; i++) {
    for (let j = margin; j < inner - margin; j++) {
      const x = centre[0] + (j / inner - 0.5) * 2 * reach
      const y = centre[1] - (i / inner - 0.5) * 2 * reach
      const level = Math.log2(of.value(Float64Array.of(x, y)) + 0.02) * 0.8
      const shade = Math.min(1, Math.max(0, (Math.floor(level) + 5) / 11))
      const edge = level - Math.floor(level) < 0.06 ? 30 : 0
      put(left + j, top + title * fine + i, [170 + 80 * shade - edge, 200 + 50 * shade - edge, 228 + 22 * shade - edge])
    }
  }
  const inside = ([x, y]) => [
    Math.min(Math.max(x, left + margin), left + inner - margin),
    Math.min(Math.max(y, top + title * fine + margin), top + title * fine + inner - margin),
  ]
  const points = path.map(({ x }) => inside(place(x)))
  for (let k = 1; k < points.length; k++) line(points[k - 1], points[k], 2, [196, 60, 40])
  for (const [x, y] of points) disc(x, y, 5, [150, 30, 20])
  disc(...points[0], 9, [40, 40, 40])
  const [x, y] = place(least)
  for (const turn of [-1, 1]) line([x - 10, y - 10 * turn], [x + 10, y + 10 * turn], 2, [20, 20, 20])
  write(`${name} ${path.length - 1}`, left + 6 * fine, top + 10 * fine, [40, 40, 40])
  console.log(`${name}: ${path.length - 1} steps to ${path.at(-1).value.toExponential(1)}`)
}

const data = new Uint8Array(width * height * 3)
for (let i = 0; i < height; i++) {
  for (let j = 0; j < width; j++) {
    for (let channel = 0; channel < 3; channel++) {
      let sum = 0
      for (let k = 0; k < fine * fine; k++)
        sum += canvas[((i * fine + Math.floor(k / fine)) * width * fine + j * fine + (k % fine)) * 3 + channel]
      data[(i * width + j) * 3 + channel] = Math.round(sum / (fine * fine))
    }
  }
}
const [, , file = "minimize.png"] = process.argv
writeFileSync(file, encodePng({ width, height, channels: 3, data }))
console.log(`${file}: ${width} x ${height} pixels`)
