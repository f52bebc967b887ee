/** Hausdorff's distance: how far the worst point of one set lies from the other set. */

import type { Arrayable } from "../engine/array.ts"
import { Generator } from "../engine/random.ts"
import { LinAlgError } from "../linalg/matrix.ts"
import { cloudsOf, type Points } from "../stats/points.ts"

/** What {@link directedHausdorff} gives. */
export interface DirectedHausdorff {
  readonly distance: number
  /** The worst point of x, and its nearest in y. */
  readonly from: number
  readonly to: number
}

/**
 * sup over x of inf over y, walking both in the given orders: a point of x is dropped as soon as some y is nearer than
 * the worst so far, and the y that dropped the last one is asked first (after Taha and Hanbury 2015).
 */
function directed(where: string, x: Points, y: Points, xOrder: Int32Array, yOrder: Int32Array): DirectedHausdorff {
  const { dimension } = x
  let worst = -1
  let from = 0
  let to = 0
  let hint = 0
  for (const i of xOrder) {
    let least = Infinity
    let nearest = 0
    const base = i * dimension
    for (let k = -1; k < y.count; k++) {
      const j = k < 0 ? hint : yOrder[k]
      let sum = 0
      for (let c = 0, a = base, b = j * dimension; c < dimension; c++) sum += (x.data[a + c] - y.data[b + c]) ** 2
      if (sum < least) {
        least = sum
        nearest = j
        if (sum <= worst) break
      }
    }
    hint = nearest
    if (least > worst) {
      worst = least
      from = i
      to = nearest
    }
  }
  if (worst === Infinity) throw new LinAlgError(`${where}: a squared distance overflows (scale the points down)`)
  return { distance: Math.sqrt(worst), from, to }
}

/** Orders without pattern, the same at every call: neighbours in a file are neighbours in space, which breaks no walk early. */
const shuffled = (count: number): Int32Array => new Generator(0).permutation(count)

/**
 * Hausdorff's directed distance sup over x of inf over y of |x - y| (Euclid's) of points [n, dimension] and
 * [m, dimension], or numbers; the pair that attains it. It is not symmetric: a subset is 0 from the whole.
 *
 * @throws RangeError for clouds of different dimension, none, or a NaN.
 */
export function directedHausdorff(x: Arrayable, y: Arrayable): DirectedHausdorff {
  const [a, b] = cloudsOf("directedHausdorff", x, y)
  return directed("directedHausdorff", a, b, shuffled(a.count), shuffled(b.count))
}

/**
 * Hausdorff's distance, the larger of the two directed ones (notes 003, definition 3.67): a metric on finite sets.
 *
 * @throws RangeError for clouds of different dimension, none, or a NaN.
 */
export function hausdorff(x: Arrayable, y: Arrayable): number {
  const [a, b] = cloudsOf("hausdorff", x, y)
  const [p, q] = [shuffled(a.count), shuffled(b.count)]
  return Math.max(directed("hausdorff", a, b, p, q).distance, directed("hausdorff", b, a, q, p).distance)
}
