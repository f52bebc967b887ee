/** The curse of dimensionality as numbers: space is not covered, and all neighbours are equally far. */

import { fileURLToPath } from "node:url"
import { Generator } from "../src/engine/random.ts"
import { accuracy } from "../src/metrics/index.ts"

/** The share of the 2^d corners of a cube that `examples` examples can cover. */
export function coveredShare(examples: number, d: number): number {
  return Math.min(1, examples / 2 ** d)
}

/** How many points of the whole-numbered grid lie nearest to a point of it, counted among its 3^d - 1 neighbours: 2 d. */
export function gridNeighbours(d: number): number {
  let least = Infinity
  let count = 0
  for (let code = 0; code < 3 ** d; code++) {
    let square = 0
    for (let rest = code, k = 0; k < d; k++, rest = Math.floor(rest / 3)) square += ((rest % 3) - 1) ** 2
    if (square === 0 || square > least) continue
    count = square === least ? count + 1 : 1
    least = square
  }
  return count
}

const point = (d: number, random: Generator): Float64Array => Float64Array.from({ length: d }, () => random.uniform())
const distance = (a: Float64Array, b: Float64Array): number =>
  Math.sqrt(a.reduce((sum, v, i) => sum + (v - b[i]) ** 2, 0))

/** (farthest - nearest) / nearest of `points` random points of the cube, from random places in it, on average. */
export function contrast(d: number, { points = 200, places = 20, seed = 0 } = {}): number {
  const random = new Generator(seed)
  const all = Array.from({ length: points }, () => point(d, random))
  let sum = 0
  for (let k = 0; k < places; k++) {
    const from = point(d, random)
    const distances = all.map((p) => distance(p, from))
    const near = Math.min(...distances)
    sum += (Math.max(...distances) - near) / near / places
  }
  return sum
}

/** Accuracy of the nearest neighbour when one feature tells the class and `others` tell nothing. */
export function nearestAccuracy(others: number, { examples = 400, seed = 0 } = {}): number {
  const random = new Generator(seed)
  const draw = () => Array.from({ length: examples }, () => point(1 + others, random))
  const classOf = (p: Float64Array): number => Number(p[0] > 0.5)
  const [known, asked] = [draw(), draw()]
  const nearest = (p: Float64Array): Float64Array =>
    known.reduce((best, q) => (distance(p, q) < distance(p, best) ? q : best))
  return accuracy(
    asked.map(classOf),
    asked.map((p) => classOf(nearest(p))),
  )
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  console.log(`10^12 examples cover ${coveredShare(1e12, 100).toExponential(2)} of 100 binary features`)
  for (const d of [1, 2, 4, 8]) console.log(`${d} dimensions: ${gridNeighbours(d)} nearest grid points`)
  for (const d of [1, 3, 10, 30, 100, 300]) {
    const right = (100 * nearestAccuracy(d - 1)).toFixed(1)
    console.log(`${d} dimensions: contrast ${contrast(d).toFixed(2)}, nearest neighbour right in ${right} %`)
  }
}
