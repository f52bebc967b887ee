/** The weights of exponential integrators: exact for the linear part of the flow, polynomial in the network's answer. */
import type { Arithmetic } from "./arithmetic.ts"
import type { Level } from "./grid.ts"

/**
 * Which form of the flow is integrated: of x0 (`dpmsolver++`) or of eps (`dpmsolver`), and whether as an ordinary
 * equation or with fresh noise (`sde-`).
 */
export type Algorithm = "dpmsolver++" | "dpmsolver" | "sde-dpmsolver++" | "sde-dpmsolver"

/** All algorithms, by name. */
export const algorithms: readonly Algorithm[] = ["dpmsolver++", "dpmsolver", "sde-dpmsolver++", "sde-dpmsolver"]

/** The answer m as a polynomial over a step: m0 at its start, h m' and h^2 m'' there. */
export interface Weights {
  readonly x: number
  readonly m0: number
  /** Of h m', as the midpoint rule has it: half of that of m0. */
  readonly midpoint: number
  /** Of h m', exact for straight lines. */
  readonly first: number
  /** Of h^2 m'', exact for parabolas. */
  readonly second: number
  readonly z: number
}

/**
 * x at a cleaner level from x at `from`. With h = lambda_to - lambda_from, for x0 without noise:
 * (sigma' / sigma) x + signal' integral_0^h e^(u - h) m(u) du; for eps: (signal' / signal) x - sigma' integral_0^h
 * e^(h - u) m(u) du. With noise the answer counts twice, in x0's form with e^(2(u - h)), and
 * sigma' sqrt(1 - e^(-2h)) (x0) or sigma' sqrt(e^(2h) - 1) (eps) of fresh noise is added.
 * Source: Lu et al. 2022 (DPM-Solver, proposition 3.1; DPM-Solver++, equations 8 and 12).
 */
export function exponentialWeights(
  algorithm: Algorithm,
  from: Level,
  to: Level,
  { round: f, sqrt, expm1 }: Arithmetic,
): Weights {
  const h = f(to.lambda - from.lambda)
  const isNoisy = algorithm.startsWith("sde-")
  if (algorithm.endsWith("++")) {
    const v = isNoisy ? 2 * h : h
    // (1 - e^-v), 1 - (1 - e^-v) / v, and 1/2 of 1 - 2/v + 2 (1 - e^-v) / v^2: the moments of u^k e^(u - h).
    const lost = -expm1(-v)
    const x = isNoisy ? f(f(to.sigma / from.sigma) * f(Math.exp(-h))) : f(to.sigma / from.sigma)
    return {
      x,
      m0: f(to.signal * lost),
      midpoint: 0.5 * f(to.signal * lost),
      first: h === 0 ? 0 : f(to.signal * f(1 - f(lost / v))),
      second: h === 0 ? 0 : f(to.signal * f(0.5 - f(f(v - lost) / f(v * v)))),
      z: isNoisy ? f(to.sigma * sqrt(lost)) : 0,
    }
  }
  // A step to the data, where sigma' e^h is signal' sigma / signal, has no fresh noise, and gives x0.
  if (to.sigma === 0)
    return { x: to.signal / from.signal, m0: -to.signal * from.ratio, midpoint: 0, first: 0, second: 0, z: 0 }
  const twice = isNoisy ? 2 : 1
  const gained = expm1(h)
  return {
    x: f(to.signal / from.signal),
    m0: -twice * f(to.sigma * gained),
    midpoint: -0.5 * twice * f(to.sigma * gained),
    first: h === 0 ? 0 : -twice * f(to.sigma * f(f(gained / h) - 1)),
    second: h === 0 ? 0 : -twice * f(to.sigma * f(f(f(gained - h) / f(h * h)) - 0.5)),
    z: isNoisy ? f(to.sigma * sqrt(expm1(2 * h))) : 0,
  }
}
