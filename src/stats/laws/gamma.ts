/** The gamma law, and draws from it that other laws are made of. */

import type { Generator } from "../../engine/random.ts"
import { observations, positive, real } from "../check.ts"
import { continuous } from "../continuous.ts"
import type { Continuous, Entropic, Fitting, Generating, Moments } from "../law.ts"
import { digammaRest, trigamma } from "../special/digamma.ts"
import { logPoissonTerm, stirlingError } from "../special/gamma.ts"
import { gammaTails, inverseIncompleteGamma } from "../special/incomplete-gamma.ts"

const halfLogTwoPi = 0.9189385332046727

/** Shape, and either scale or rate = 1 / scale: which of the two is meant is never left to a position. */
export type GammaOptions = { shape: number } & ({ scale?: number; rate?: never } | { rate: number; scale?: never })

/** The gamma law; see {@link gamma}. */
export interface Gamma extends Continuous, Moments, Entropic, Generating, Fitting<Gamma> {
  readonly shape: number
  readonly scale: number
}

/**
 * The gamma law, density x^(shape - 1) e^(-x / scale) / (Gamma(shape) scale^shape) on x >= 0.
 * Its moment generating function is (1 - scale t)^-shape (the table of notes 004 prints (1 / (a - b t))^a).
 *
 * @throws RangeError unless shape and scale (or rate) are finite and above 0, and only one of the latter is given.
 */
export function gamma(options: GammaOptions): Gamma {
  const shape = positive("gamma", "shape", options.shape)
  if (options.rate !== undefined && "scale" in options && options.scale !== undefined) {
    throw new RangeError("gamma: got both scale and rate, expected one of them")
  }
  const scale =
    options.rate === undefined
      ? positive("gamma", "scale", options.scale ?? 1)
      : 1 / positive("gamma", "rate", options.rate)
  return Object.freeze({
    ...continuous({
      name: "gamma",
      support: [0, Infinity],
      logProb: (x) => logGammaDensity(shape, x / scale) - Math.log(scale),
      tails: (x) => gammaTails(shape, x / scale),
      quantile: (p, q) => scale * inverseIncompleteGamma(shape, p, q),
      draw: (generator) => scale * drawGamma(shape, generator),
    }),
    shape,
    scale,
    mean: shape * scale,
    variance: shape * scale * scale,
    skewness: 2 / Math.sqrt(shape),
    kurtosis: 6 / shape,
    entropy: () => gammaEntropy(shape) + Math.log(scale),
    mgf(t: number) {
      const s = real("gamma.mgf", "t", t) * scale
      return s < 1 ? Math.exp(-shape * Math.log1p(-s)) : Infinity
    },
    fit(values: ArrayLike<number>) {
      const x = observations("gamma.fit", "observations", values, 2)
      const { mean, meanLog } = logMoments("gamma.fit", x)
      const gap = Math.log(mean) - meanLog
      if (!(gap > 1e-14))
        throw new RangeError(`gamma.fit: all ${x.length} observations are ${x[0]}, shape would be infinite`)
      // log shape - digamma(shape) = gap, by Newton's steps in 1 / shape (Minka 2002)
      let at = (3 - gap + Math.sqrt((gap - 3) ** 2 + 24 * gap)) / (12 * gap)
      for (let i = 0; i < 50; i++) {
        const next = 1 / (1 / at + (digammaRest(at) - gap) / (at * at * (1 / at - trigamma(at))))
        if (Math.abs(next - at) < 1e-14 * at) break
        at = next > 0 ? next : at / 2
      }
      return gamma({ shape: at, scale: mean / at })
    },
  })
}

/** log of x^(shape-1) e^-x / Gamma(shape). */
export function logGammaDensity(shape: number, x: number): number {
  if (x === 0) return shape < 1 ? Infinity : shape === 1 ? 0 : -Infinity
  return Math.log(shape / x) + logPoissonTerm(shape, x)
}

/** Entropy of the gamma law of scale 1, in a form that does not cancel for large shapes. */
export function gammaEntropy(shape: number): number {
  return 0.5 * Math.log(shape) + halfLogTwoPi + stirlingError(shape) + (shape - 1) * digammaRest(shape)
}

/** Mean and mean logarithm. @throws RangeError when an observation is not above 0. */
export function logMoments(where: string, x: Float64Array): { mean: number; meanLog: number } {
  let sum = 0
  let logs = 0
  for (let i = 0; i < x.length; i++) {
    if (!(x[i] > 0)) throw new RangeError(`${where}: observations[${i}] is ${x[i]}, expected a number above 0`)
    sum += x[i]
    logs += Math.log(x[i])
  }
  return { mean: sum / x.length, meanLog: logs / x.length }
}

/**
 * A draw from the gamma law of scale 1.
 * Source: Marsaglia and Tsang 2000, "A simple method for generating gamma variables".
 */
export function drawGamma(shape: number, generator: Generator): number {
  return shape < 1 ? Math.exp(drawLogGamma(shape, generator)) : drawLargeGamma(shape, generator)
}

/** log of a draw from the gamma law of scale 1, finite where the draw itself underflows (shape far below 1). */
export function drawLogGamma(shape: number, generator: Generator): number {
  if (shape >= 1) return Math.log(drawLargeGamma(shape, generator))
  return Math.log(drawLargeGamma(shape + 1, generator)) + Math.log1p(-generator.uniform()) / shape
}

function drawLargeGamma(shape: number, generator: Generator): number {
  const d = shape - 1 / 3
  const c = 1 / Math.sqrt(9 * d)
  for (;;) {
    const z = generator.normal()
    const root = 1 + c * z
    if (root <= 0) continue
    const v = root * root * root
    const u = 1 - generator.uniform()
    if (Math.log(u) < 0.5 * z * z + d * (1 - v + Math.log(v))) return d * v
  }
}
