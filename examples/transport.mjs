/**
 * Means and paths in the geometry of transport, as a picture: docs/images/transport.png.
 *
 *   npm run build
 *   node examples/transport.mjs [out.png]
 *
 * Rows: random circles; their Euclidean mean, then their Wasserstein barycenter; the Wasserstein geodesic from a disc to
 * two squares; the Euclidean path (1 - t) P_0 + t P_1 between the same. (After figures 36 and 37 of notes 003.)
 */
import { mkdirSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"
import { fileURLToPath } from "node:url"
import { Generator } from "../dist/index.js"
import { encodePng, grid } from "../dist/io/index.js"
import { imageBarycenter } from "../dist/transport/index.js"

const size = 64
const columns = 7

/** A picture [size, size] of a function of the pixel's row and column, sum 1. */
function draw(ink) {
  const out = Float64Array.from({ length: size * size }, (_, at) => ink(Math.floor(at / size), at % size))
  const sum = out.reduce((a, b) => a + b, 0)
  return out.map((v) => v / sum)
}

/** The edge of an ellipse, a few pixels thick; the rim's distance is taken along the ray from the center. */
function ellipse([y, x], [tall, wide]) {
  return draw((row, column) => {
    const share = Math.hypot((row - y) / tall, (column - x) / wide)
    const away = share === 0 ? tall : Math.hypot(row - y, column - x) * (1 - 1 / share)
    return Math.exp(-((away / 1.2) ** 2))
  })
}

/** Ink inside, none outside, the edge a pixel or two soft; `depth` is how far inside a pixel lies. */
const soft = (depth) => 1 / (1 + Math.exp(-2 * depth))
const disc = (row, column, y, x, radius) => soft(radius - Math.hypot(row - y, column - x))
const square = (row, column, y, x, half) => soft(half - Math.max(Math.abs(row - y), Math.abs(column - x)))

const stack = (images) => ({
  dtype: "float64",
  shape: [images.length, size, size],
  data: Float64Array.from(images.flatMap((image) => Array.from(image))),
})

const mix = (images, weights) =>
  images[0].map((_, i) => images.reduce((sum, image, k) => sum + weights[k] * image[i], 0))

const generator = new Generator(3)
const circles = Array.from({ length: columns }, () =>
  ellipse([generator.uniform(20, 43), generator.uniform(20, 43)], [generator.uniform(8, 18), generator.uniform(8, 18)]),
)
const even = circles.map(() => 1 / columns)
const center = imageBarycenter(stack(circles), { regularization: 0.002, tolerance: 1e-4, maxIterations: 300 })
console.log(`barycenter of ${columns} circles: ${center.iterations} iterations, error ${center.error.toExponential(1)}`)

const ends = [
  draw((row, column) => disc(row, column, 31.5, 14, 9)),
  draw((row, column) => square(row, column, 14.5, 48.5, 7) + square(row, column, 48.5, 48.5, 7)),
]
const steps = Array.from({ length: columns }, (_, k) => k / (columns - 1))
const geodesic = steps.map((t) => {
  if (t === 0 || t === 1) return ends[t]
  // Debiasing would sharpen the edges, and ripple along the seam between the halves.
  const options = { weights: [1 - t, t], regularization: 0.001, isDebiased: false, tolerance: 1e-4, maxIterations: 300 }
  return imageBarycenter(stack(ends), options).image.data
})
const straight = steps.map((t) => mix(ends, [1 - t, t]))

/** White paper, black where there is `most` ink or more. */
function shade(image, most = Math.max(...image)) {
  return Float32Array.from(image, (v) => 1 - Math.min(1, v / most))
}
const paper = new Float32Array(size * size).fill(1)
const middle = Array.from({ length: columns }, () => paper)
middle[2] = shade(mix(circles, even))
middle[4] = shade(center.image.data)
const top = Math.max(...ends[0])
const rows = [
  circles.map((image) => shade(image)),
  middle,
  geodesic.map((image) => shade(image, top)),
  straight.map((image) => shade(image, top)),
].flat()
const pictures = {
  dtype: "float32",
  shape: [rows.length, 1, size, size],
  data: Float32Array.from(rows.flatMap((row) => Array.from(row))),
}
const out = process.argv[2] ?? fileURLToPath(new URL("../docs/images/transport.png", import.meta.url))
mkdirSync(dirname(out), { recursive: true })
writeFileSync(out, encodePng(grid(pictures, { columns, padding: 2, scale: 2, background: 0.8 })))
console.log(`wrote ${out}`)
