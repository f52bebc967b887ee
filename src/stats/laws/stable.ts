/** Nolan's integrals for the density and the tails of a standard stable law. */

import { integrate } from "../quadrature.ts"
import { lgamma } from "../special/gamma.ts"
import { allBelow, mirrored, type Tails, tailsFromLogLower, tailsFromShares } from "../special/tails.ts"

/** The angular function of Nolan's integrals along the variable t = log(phi / psi), phi and psi the two angles' ends. */
interface Angles {
  /** Length of the range of the angle. */
  readonly length: number
  /** By how much log V multiplies the rounding of its parts. */
  readonly steepness: number
  /** log V at distance phi from the left end and psi from the right end. */
  logV(phi: number, psi: number): number
}

function angles(alpha: number, beta: number): Angles {
  if (alpha === 1) {
    // V = (2/pi) ((pi/2 + beta theta) / cos theta) exp((pi/2 + beta theta) tan(theta) / beta), for beta > 0
    return {
      length: Math.PI,
      steepness: 1 / beta,
      logV(phi, psi) {
        const lean = (Math.PI / 2) * (1 - beta) + beta * phi
        const cosine = phi < psi ? Math.sin(phi) : Math.sin(psi)
        const sine = phi < psi ? -Math.cos(phi) : Math.cos(psi)
        return Math.log(2 / Math.PI) + Math.log(lean / cosine) + (lean * (sine / cosine)) / beta
      },
    }
  }
  const turn = turnOf(alpha, beta)
  const theta0 = turn / alpha
  // what the left angle lacks of a right angle, and what alpha times the range lacks of pi: exactly 0 at beta = +-1
  const left = alpha < 1 && beta === 1 ? 0 : Math.PI / 2 - theta0
  const right = alpha > 1 && beta === -1 ? 0 : Math.PI * (1 - alpha / 2) - turn
  const power = 1 / (alpha - 1)
  const logCos = Math.log(Math.cos(turn))
  return {
    length: Math.PI / 2 + theta0,
    steepness: alpha * Math.abs(power),
    logV(phi, psi) {
      const isLeft = phi < psi
      const logCosine = Math.log(isLeft ? Math.sin(left + phi) : Math.sin(psi))
      const logSine = Math.log(isLeft ? Math.sin(alpha * phi) : Math.sin(right + alpha * psi))
      const logLast = Math.log(isLeft ? Math.sin(left + (1 - alpha) * phi) : Math.sin(right + (alpha - 1) * psi))
      return power * (logCos + alpha * (logCosine - logSine)) + logLast - logCosine
    },
  }
}

/** alpha theta0 = arctan(beta tan(pi alpha / 2)), without rounding at beta = +-1. */
function turnOf(alpha: number, beta: number): number {
  const right = alpha < 1 ? (Math.PI * alpha) / 2 : (Math.PI * alpha) / 2 - Math.PI
  return Math.abs(beta) === 1 ? beta * right : Math.atan(beta * Math.tan(right))
}

/** Logarithm of the exponent's factor besides V, for z > 0 (any z when alpha is 1). */
function logFactor(alpha: number, beta: number, z: number): number {
  return alpha === 1 ? (-Math.PI * z) / (2 * beta) : (alpha / (alpha - 1)) * Math.log(z)
}

/** Levels of log g between which the integrands are smooth on the scale of a panel. */
const levels = [-12, -3, 0, 2, 6.7] as const

/**
 * log of the integral over the angle of exp(weigh(log g)), where g = factor V is monotone. The angle runs along
 * t = log(phi / psi), so that neither end loses digits, and the panels are cut where g passes given levels.
 */
function logIntegral({ length, steepness, logV }: Angles, factor: number, weigh: (logG: number) => number): number {
  const ends = (t: number): [number, number] => {
    const e = Math.exp(-Math.abs(t))
    const near = (length * e) / (1 + e)
    const far = length / (1 + e)
    return t > 0 ? [far, near] : [near, far]
  }
  const logG = (t: number): number => factor + logV(...ends(t))
  const value = (t: number): number => {
    const [phi, psi] = ends(t)
    const weight = weigh(factor + logV(phi, psi))
    return weight === -Infinity ? -Infinity : weight + Math.log(phi) + Math.log(psi / length)
  }
  const reach = 690
  const [first, last] = [logG(-reach), logG(reach)]
  const isRising = last > first
  const crossing = (level: number): number => {
    let [low, high, atLow, atHigh] = [-reach, reach, first, last]
    if (atLow > level === isRising) return low
    if (atHigh > level !== isRising) return high
    // as close as the level needs, which for a steep g is close indeed
    for (let i = 0; i < 100 && Math.abs(atHigh - atLow) > 0.2; i++) {
      const middle = (low + high) / 2
      const at = logG(middle)
      if (at > level === isRising) [high, atHigh] = [middle, at]
      else [low, atLow] = [middle, at]
    }
    return (low + high) / 2
  }
  const cuts = [-reach, -40, -15, -5, 0, 5, 15, 40, reach, ...levels.map(crossing)].sort((a, b) => a - b)
  const probes = cuts.flatMap((cut, i) =>
    i + 1 < cuts.length ? [0, 0.25, 0.5, 0.75].map((s) => cut + s * (cuts[i + 1] - cut)) : [cut],
  )
  const heights = probes.map(value)
  const top = heights.reduce((best, v, i) => (v > heights[best] ? i : best), 0)
  if (heights[top] === -Infinity) return -Infinity
  const high = peak(value, probes[Math.max(0, top - 1)], probes[Math.min(probes.length - 1, top + 1)])
  // the exponent's own rounding, large far in a light tail and near alpha = 1, bounds what the integral can hold
  const relative = Math.max(1e-11, 1e-14 * Math.abs(high), 1e-14 * Math.abs(factor), 1e-13 * steepness)
  if (!(relative < 1e-3)) return high
  // where the integrand is below e^-45 of its peak nothing is added
  const counts = (v: number): boolean => v > high - 45
  const from = cuts.filter((t) => t <= probes[heights.findIndex(counts)]).at(-2) ?? -reach
  const to = cuts.filter((t) => t >= probes[heights.findLastIndex(counts)]).at(1) ?? reach
  const { value: sum } = integrate((t) => Math.exp(value(t) - high), from, to, { breaks: cuts, relative })
  return high + Math.log(sum)
}

/** The largest value of a function with one peak between two points, by thirds. */
function peak(f: (t: number) => number, from: number, to: number): number {
  let low = from
  let high = to
  let best = Math.max(f(low), f(high))
  for (let i = 0; i < 150 && !(best - f(low) < 0.1 && best - f(high) < 0.1); i++) {
    const left = low + (high - low) / 3
    const right = high - (high - low) / 3
    const [a, b] = [f(left), f(right)]
    best = Math.max(best, a, b)
    if (a < b) low = left
    else high = right
  }
  return best
}

/** log density at z of the stable law (alpha, beta) of scale 1 and location 0 (form S1). */
export function stableLogDensity(alpha: number, beta: number, z: number): number {
  if (alpha === 1) {
    if (Math.abs(z) > far) return logFarTail(Math.sign(z) * beta, Math.abs(z), 0) - Math.log(Math.abs(z))
    if (beta < 0) return stableLogDensity(1, -beta, -z)
    const factor = logFactor(1, beta, z)
    return logIntegral(angles(1, beta), factor, (log) => log - Math.exp(log)) - Math.log(2 * beta)
  }
  if (z < 0) return stableLogDensity(alpha, -beta, -z)
  const turn = turnOf(alpha, beta)
  if (z === 0) {
    const log = Math.log(Math.cos(turn / alpha))
    // at the end of a one-sided support there is no density
    if (alpha < 1 && Math.abs(beta) === 1) return -Infinity
    return lgamma(1 + 1 / alpha) + log + Math.log(Math.cos(turn)) / alpha - Math.log(Math.PI)
  }
  if (alpha < 1 && beta === -1) return -Infinity
  const factor = logFactor(alpha, beta, z)
  const log = logIntegral(angles(alpha, beta), factor, (g) => g - Math.exp(g))
  return log + Math.log(alpha / (Math.PI * Math.abs(alpha - 1))) - Math.log(z)
}

/** Both tails at z of the stable law (alpha, beta) of scale 1 and location 0 (form S1). */
export function stableTails(alpha: number, beta: number, z: number): Tails {
  if (alpha === 1) {
    if (Math.abs(z) > far) {
      const log = logFarTail(Math.sign(z) * beta, Math.abs(z), 1)
      return z < 0 ? tailsFromLogLower(log) : mirrored(tailsFromLogLower(log))
    }
    if (beta < 0) return mirrored(stableTails(1, -beta, -z))
    const factor = logFactor(1, beta, z)
    const logLower = logIntegral(angles(1, beta), factor, minusExp) - Math.log(Math.PI)
    if (logLower < -Math.LN2) return tailsFromLogLower(logLower)
    return mirrored(tailsFromLogLower(logIntegral(angles(1, beta), factor, logRest) - Math.log(Math.PI)))
  }
  if (z < 0) return mirrored(stableTails(alpha, -beta, -z))
  // the share below 0
  const below = alpha < 1 && beta === 1 ? 0 : 0.5 - turnOf(alpha, beta) / alpha / Math.PI
  if (z === 0) return tailsFromShares(below, 1 - below)
  if (alpha < 1 && beta === -1) return allBelow
  const factor = logFactor(alpha, beta, z)
  const [inner, outer] = alpha > 1 ? [minusExp, logRest] : [logRest, minusExp]
  const logUpper = Math.min(0, logIntegral(angles(alpha, beta), factor, inner) - Math.log(Math.PI))
  if (logUpper < -Math.LN2) return mirrored(tailsFromLogLower(logUpper))
  // the smaller tail has its own integral, so that neither is one minus a share near 1
  const within = logIntegral(angles(alpha, beta), factor, outer) - Math.log(Math.PI)
  return tailsFromLogLower(below === 0 ? within : Math.log(below + Math.exp(within)))
}

/** log of e^-g of log g. */
function minusExp(logG: number): number {
  return -Math.exp(logG)
}

// From here on the angle of alpha = 1 would have to be known to more digits than it has
const far = 1e5

/**
 * log of the far right tail for alpha = 1 (order 1), or of z times the density (order 0), by turning the integral of
 * the characteristic function onto the axis where it decays: the integral of
 * e^-u exp(-(2 beta / pi) (u/z) log(u/z)) sin((1 + beta) u / z) u^-order / pi, over u > 0.
 */
function logFarTail(beta: number, z: number, order: 0 | 1): number {
  if (beta === -1) return -Infinity
  const value = (u: number): number => {
    const r = u / z
    const wave = order === 0 ? Math.sin((1 + beta) * r) * z : Math.sin((1 + beta) * r) / r
    return Math.exp(-u - ((2 * beta) / Math.PI) * r * Math.log(r)) * wave
  }
  return Math.log(integrate(value, 0, 80, { breaks: [1, 5, 20], relative: 1e-12 }).value / Math.PI) - Math.log(z)
}

/** log(1 - e^-g) of log g. */
function logRest(logG: number): number {
  if (logG < -20) return logG
  const g = Math.exp(logG)
  return g < 0.7 ? Math.log(-Math.expm1(-g)) : Math.log1p(-Math.exp(-g))
}
