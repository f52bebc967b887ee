/** Alpha-stable laws: the limits of normalised sums, of which the normal, Cauchy and Levy laws are members. */

import type { Generator } from "../../engine/random.ts"
import { finite, positive } from "../check.ts"
import { type ContinuousCore, continuous } from "../continuous.ts"
import type { Continuous } from "../law.ts"
import { gammaFunction } from "../special/gamma.ts"
import { solveTail } from "../special/solve.ts"
import { mirrored, type Tails } from "../special/tails.ts"
import { cauchy } from "./cauchy.ts"
import { levy } from "./levy.ts"
import { normal } from "./normal.ts"
import { stableLogDensity, stableTails } from "./stable.ts"

/** Index 0 < alpha <= 2, skewness -1 <= beta <= 1, scale and location, in the form usually called S1. */
export interface AlphaStableOptions {
  alpha: number
  beta?: number
  scale?: number
  loc?: number
}

/** An alpha-stable law; see {@link alphaStable}. A moment is undefined where its integral has no value. */
export interface AlphaStable extends Continuous {
  readonly alpha: number
  readonly beta: number
  readonly scale: number
  readonly loc: number
  /** loc for alpha > 1, else undefined. */
  readonly mean: number | undefined
  /** 2 scale^2 for alpha = 2, Infinity for 1 < alpha < 2, else undefined. */
  readonly variance: number | undefined
}

/**
 * The stable law of characteristic function exp(i loc t - |scale t|^alpha (1 - i beta sign(t) tan(pi alpha / 2))), or
 * for alpha = 1 exp(i loc t - |scale t| (1 + i beta (2 / pi) sign(t) log |t|)): a X1 + b X2 is again of this family,
 * of scale (a^alpha + b^alpha)^(1/alpha) times X's. Only beta = 0 is symmetric (notes 003, remark 2.7, call all of
 * them so). alpha = 2 is N(loc, 2 scale^2), alpha = 1 with beta = 0 Cauchy, alpha = 1/2 with beta = 1 Levy.
 *
 * Densities and tails by quadrature of Nolan's integrals, relative error about 1e-10, less within 0.001 of alpha = 1.
 * Source: Nolan 1997, "Numerical calculation of stable densities and distribution functions".
 *
 * @throws RangeError unless 0.05 <= alpha <= 2, |beta| <= 1, scale is finite and above 0 and loc is finite.
 */
export function alphaStable({ alpha, beta = 0, scale = 1, loc = 0 }: AlphaStableOptions): AlphaStable {
  if (!(alpha >= 0.05 && alpha <= 2))
    throw new RangeError(`alphaStable: alpha is ${alpha}, expected 0.05 <= alpha <= 2`)
  if (!(Math.abs(beta) <= 1)) throw new RangeError(`alphaStable: beta is ${beta}, expected -1 <= beta <= 1`)
  positive("alphaStable", "scale", scale)
  finite("alphaStable", "loc", loc)
  const core = closed(alpha, beta, scale, loc) ?? integral(alpha, beta, scale, loc)
  return Object.freeze({
    ...continuous({ ...core, name: "alphaStable", draw: (g) => drawStable(alpha, beta, scale, loc, g) }),
    alpha,
    beta,
    scale,
    loc,
    mean: alpha > 1 ? loc : undefined,
    variance: alpha === 2 ? 2 * scale * scale : alpha > 1 ? Infinity : undefined,
  })
}

type Core = Pick<ContinuousCore, "support" | "logProb" | "tails" | "quantile">

/** The members with elementary densities. */
function closed(alpha: number, beta: number, scale: number, loc: number): Core | undefined {
  if (alpha === 2) return coreOf(normal({ mean: loc, std: scale * Math.SQRT2 }))
  if (alpha === 1 && beta === 0) return coreOf(cauchy({ loc, scale }))
  if (alpha === 0.5 && beta === 1) return coreOf(levy({ loc, scale }))
  if (alpha === 0.5 && beta === -1) {
    const core = coreOf(levy({ loc: -loc, scale }))
    return {
      support: [-Infinity, loc],
      logProb: (x) => core.logProb(-x),
      tails: (x) => mirrored(core.tails(-x)),
      quantile: (p, q) => -core.quantile(q, p),
    }
  }
  return undefined
}

function coreOf(law: Continuous): Core {
  return {
    support: law.support,
    logProb: (x) => law.logProb(x),
    tails: (x) => ({ lower: law.cdf(x), upper: law.sf(x), logLower: law.logCdf(x), logUpper: law.logSf(x) }),
    quantile: (p, q) => (p <= q ? law.quantile(p) : law.upperQuantile(q)),
  }
}

function integral(alpha: number, beta: number, scale: number, loc: number): Core {
  const shift = alpha === 1 ? loc + (beta * 2 * scale * Math.log(scale)) / Math.PI : loc
  const isOneSided = alpha < 1 && Math.abs(beta) === 1
  const logProb = (x: number): number => stableLogDensity(alpha, beta, (x - shift) / scale) - Math.log(scale)
  const tails = (x: number): Tails => stableTails(alpha, beta, (x - shift) / scale)
  return {
    support: isOneSided ? (beta > 0 ? [shift, Infinity] : [-Infinity, shift]) : [-Infinity, Infinity],
    logProb,
    tails,
    quantile(p, q) {
      if (isOneSided) {
        // measured from the end of the support, in the logarithm
        const sign = beta
        const size = solveTail({
          tails: (y) => (sign > 0 ? stableTails(alpha, 1, y) : mirrored(stableTails(alpha, -1, -y))),
          logProb: (y) => stableLogDensity(alpha, 1, y),
          p: sign > 0 ? p : q,
          q: sign > 0 ? q : p,
          start: 1,
          axis: "positive",
        })
        return shift + sign * scale * size
      }
      // far out on a heavy side P(X > x) is about (1 + beta) Gamma(alpha) sin(pi alpha / 2) / (pi x^alpha)
      const share = Math.min(p, q)
      const weight = (1 + (p < q ? -beta : beta)) * gammaFunction(alpha) * Math.sin((Math.PI * alpha) / 2)
      const reach = share < 0.05 && weight > 0 ? scale * (weight / (Math.PI * share)) ** (1 / alpha) : 0
      return solveTail({ tails, logProb, p, q, start: shift + (p < q ? -reach : reach), axis: "real", scale })
    },
  }
}

/**
 * A draw by the method of Chambers, Mallows and Stuck 1976 in the form of Weron 1996, from a uniform angle and an
 * exponential.
 */
function drawStable(alpha: number, beta: number, scale: number, loc: number, generator: Generator): number {
  const angle = Math.PI * ((generator.bits() + 0.5) / 4294967296 - 0.5)
  const wait = -Math.log1p(-generator.uniform()) || 1e-300
  if (alpha === 1) {
    const lean = Math.PI / 2 + beta * angle
    const z =
      (2 / Math.PI) * (lean * Math.tan(angle) - beta * Math.log(((Math.PI / 2) * wait * Math.cos(angle)) / lean))
    return scale * z + loc + (beta * 2 * scale * Math.log(scale)) / Math.PI
  }
  const slant = beta * Math.tan((Math.PI * alpha) / 2)
  const shift = Math.atan(slant) / alpha
  const turned = alpha * (angle + shift)
  const z =
    (1 + slant * slant) ** (1 / (2 * alpha)) *
    (Math.sin(turned) / Math.cos(angle) ** (1 / alpha)) *
    (Math.cos(angle - turned) / wait) ** ((1 - alpha) / alpha)
  return scale * z + loc
}
