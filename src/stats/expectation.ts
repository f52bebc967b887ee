/** Expectations of functions of a variable, by quadrature or by summation. */

import type { Continuous, Discrete } from "./law.ts"
import { integrate } from "./quadrature.ts"

/** Wanted relative error. */
export interface ExpectationOptions {
  relative?: number
}

// A discrete law is summed between these shares of its two tails
const negligible = 1e-30

/**
 * E[f(X)] = int f(x) p(x) dx, or sum f(x) P(X = x). The integral is cut at quantiles, so that the bulk is never
 * stepped over; the sum leaves out 1e-30 of either tail.
 *
 * @throws RangeError when f is not finite where X may be, the integral does not converge, or a sum has more than 1e7
 * terms.
 */
export function expectation(
  law: Continuous | Discrete,
  f: (x: number) => number,
  { relative = 1e-11 }: ExpectationOptions = {},
): number {
  if (law.kind === "continuous") {
    const breaks = [1e-9, 1e-4, 0.01, 0.25, 0.5].flatMap((p) => [law.quantile(p), law.upperQuantile(p)])
    const weighted = (x: number): number => {
      const p = law.pdf(x)
      return p === 0 ? 0 : f(x) * p
    }
    // a law that is narrow and far from 0 is known only to the rounding of x, which no quadrature can undercut
    const rounding = (2 ** -52 * Math.abs(law.quantile(0.5))) / (law.quantile(0.75) - law.quantile(0.25))
    return integrate(weighted, ...law.support, { breaks, relative: Math.max(relative, 40 * rounding) }).value
  }
  let sum = 0
  for (const x of pointsOf(law)) {
    const value = f(x)
    if (!Number.isFinite(value)) throw new RangeError(`expectation: f(${x}) is ${value}, expected a finite number`)
    sum += value * law.pmf(x)
  }
  return sum
}

/** The points that carry all but a negligible share. */
function pointsOf(law: Discrete): Iterable<number> {
  if ("values" in law) return law.values as readonly number[]
  const low = law.quantile(negligible)
  const count = law.upperQuantile(negligible) - low + 1
  if (!(count <= 1e7))
    throw new RangeError(`expectation: the sum over ${law.name} has ${count} terms, expected at most 1e7`)
  return Array.from({ length: count }, (_, i) => low + i)
}
