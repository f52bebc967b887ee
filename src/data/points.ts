/** Sets of points in the plane whose densities are known, to see at a glance what a model has learned. */

import { fold, Generator, keyOf } from "../engine/random.ts"
import type { Dataset } from "./dataset.ts"
import { procedural } from "./dataset.ts"

/** What every set of points takes. Item `i` depends on `i`, `seed` and `noise` alone. */
export interface PointsOptions {
  /** Number of points, default 2^20. */
  count?: number
  /** Seed of the points, default 0. */
  seed?: number
  /** Standard deviation of the normal noise added to both coordinates. */
  noise?: number
}

/** Keeps the draws of points apart from those of other users of the same seed. */
const pointStream = 0x706f696e

/** The set of a rule that draws the point before the noise, and its label. */
function points(
  name: string,
  stream: number,
  classes: number | undefined,
  { count = 2 ** 20, seed = 0, noise }: PointsOptions & { noise: number },
  point: (random: Generator) => readonly [x: number, y: number, label: number],
): Dataset {
  if (!(noise >= 0 && noise < Number.POSITIVE_INFINITY)) {
    throw new RangeError(`${name}: got noise ${noise}, expected a standard deviation from 0`)
  }
  const key = fold(keyOf(seed), pointStream, stream)
  return procedural({
    name,
    length: count,
    shape: [2],
    ...(classes !== undefined && { classes }),
    write: (i, out) => {
      const random = new Generator(fold(key, i))
      const [x, y, label] = point(random)
      out[0] = x + random.normal(0, noise)
      out[1] = y + random.normal(0, noise)
      return label
    },
  })
}

/**
 * Two half circles that hold each other, labelled: with theta uniform on [0, pi],
 * class 0 is sqrt(2) (cos theta - 1/2, sin theta - 1/4), class 1 is its negative; noise 0.1.
 * scikit-learn's `make_moons`, moved to the origin and enlarged: variances 3/2 and 0.488, plus noise^2.
 */
export function moons({ noise = 0.1, ...options }: PointsOptions = {}): Dataset {
  return points("moons", 1, 2, { ...options, noise }, (random) => {
    const label = random.integer(2)
    const theta = random.uniform(0, Math.PI)
    const side = label === 0 ? Math.SQRT2 : -Math.SQRT2
    return [side * (Math.cos(theta) - 0.5), side * (Math.sin(theta) - 0.25), label]
  })
}

/**
 * A spiral of one and a half turns: (t cos t, t sin t) / 7 with t uniform on [3 pi / 2, 9 pi / 2]; noise 0.05.
 * The plane of scikit-learn's `make_swiss_roll`, not labelled. Means 2/7 and 2/(21 pi).
 */
export function swissRoll({ noise = 0.05, ...options }: PointsOptions = {}): Dataset {
  return points("swissRoll", 2, undefined, { ...options, noise }, (random) => {
    const t = random.uniform(1.5 * Math.PI, 4.5 * Math.PI)
    return [(t * Math.cos(t)) / 7, (t * Math.sin(t)) / 7, 0]
  })
}

/**
 * Eight normals on a circle: p(x) = 1/8 sum over k of N(x; c_k, noise^2 I), with centres
 * c_k = sqrt(2) (cos(k pi / 4), sin(k pi / 4)), k = 0 ... 7, and standard deviation `noise` = 0.1; the label is k.
 * Mean 0 and variance 1 + noise^2 in each coordinate.
 */
export function eightGaussians({ noise = 0.1, ...options }: PointsOptions = {}): Dataset {
  return points("eightGaussians", 3, 8, { ...options, noise }, (random) => {
    const label = random.integer(8)
    const angle = (label * Math.PI) / 4
    return [Math.SQRT2 * Math.cos(angle), Math.SQRT2 * Math.sin(angle), label]
  })
}

/**
 * Uniform on the eight unit squares of [-2, 2) x [-2, 2) where floor(x) + floor(y) is even: density 1/8 there and 0
 * elsewhere, so the entropy is log 8 nats; noise 0. Not labelled. Mean 0 and variance 4/3 in each coordinate.
 */
export function checkerboard({ noise = 0, ...options }: PointsOptions = {}): Dataset {
  return points("checkerboard", 4, undefined, { ...options, noise }, (random) => {
    const square = random.integer(8)
    const row = square >> 1
    const column = 2 * (square & 1) + (row & 1)
    return [column - 2 + random.uniform(), row - 2 + random.uniform(), 0]
  })
}

/**
 * Five bent arms, labelled: sqrt(2) (r, s) turned by 2 pi k / 5 + exp(r) / 4, with r ~ N(1, 0.3^2) along arm k and
 * s ~ N(0, 0.1^2) across it; noise 0. Mean 0 and variance 1.1 in each coordinate.
 * After Johnson et al. 2016, "Composing graphical models with neural networks".
 */
export function pinwheel({ noise = 0, ...options }: PointsOptions = {}): Dataset {
  return points("pinwheel", 5, 5, { ...options, noise }, (random) => {
    const label = random.integer(5)
    const r = random.normal(1, 0.3)
    const s = random.normal(0, 0.1)
    const angle = (2 * Math.PI * label) / 5 + Math.exp(r) / 4
    const [cos, sin] = [Math.SQRT2 * Math.cos(angle), Math.SQRT2 * Math.sin(angle)]
    return [r * cos - s * sin, r * sin + s * cos, label]
  })
}

/**
 * Two circles about the origin, labelled: class 0 has radius 1.8, class 1 radius 0.9, angles uniform; noise 0.08.
 * Mean 0 and variance 1.0125 + noise^2 in each coordinate.
 */
export function circles({ noise = 0.08, ...options }: PointsOptions = {}): Dataset {
  return points("circles", 6, 2, { ...options, noise }, (random) => {
    const label = random.integer(2)
    const radius = label === 0 ? 1.8 : 0.9
    const angle = random.uniform(0, 2 * Math.PI)
    return [radius * Math.cos(angle), radius * Math.sin(angle), label]
  })
}

/**
 * Two arms that wind about each other, labelled: class 0 is (t cos t, t sin t) / 5 with t = 3 pi sqrt(u), u uniform on
 * [0, 1), so that points lie about evenly along the arm; class 1 is its negative; noise 0.08. Mean 0.
 */
export function spirals({ noise = 0.08, ...options }: PointsOptions = {}): Dataset {
  return points("spirals", 7, 2, { ...options, noise }, (random) => {
    const label = random.integer(2)
    const t = 3 * Math.PI * Math.sqrt(random.uniform())
    const side = label === 0 ? t / 5 : -t / 5
    return [side * Math.cos(t), side * Math.sin(t), label]
  })
}
