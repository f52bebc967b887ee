/** The law of a sum of two independent variables. */

import { real } from "./check.ts"
import type { Continuous, Discrete } from "./law.ts"
import { integrate } from "./quadrature.ts"

/**
 * Density of X + Y for independent X and Y: f(z) = int f_X(x) f_Y(z - x) dx, by quadrature to about 1e-10 of the
 * larger density. Independence is needed (notes 003, definition 2.7, leave it out): X + X has another law.
 */
export function sumDensity(a: Continuous, b: Continuous): (z: number) => number {
  const shares = [0.001, 0.1, 0.5, 0.9, 0.999]
  const aBreaks = shares.map((p) => a.quantile(p))
  const bBreaks = shares.map((p) => b.quantile(p))
  return (z) => {
    real("sumDensity", "z", z)
    const low = Math.max(a.support[0], z - b.support[1])
    const high = Math.min(a.support[1], z - b.support[0])
    if (!(low < high)) return 0
    const breaks = [...aBreaks, ...bBreaks.map((y) => z - y)]
    return integrate((x) => a.pdf(x) * b.pdf(z - x), low, high, { breaks, relative: 1e-10, absolute: 1e-300 }).value
  }
}

/**
 * Mass of X + Y for independent X and Y on the integers: P(X + Y = k) = sum P(X = j) P(Y = k - j).
 *
 * @throws RangeError when both laws are unbounded on the same side as the sum needs, so that it has no end.
 */
export function sumMass(a: Discrete, b: Discrete): (k: number) => number {
  return (k) => {
    if (!Number.isInteger(k)) return real("sumMass", "k", k) * 0
    const low = Math.max(a.support[0], k - b.support[1])
    const high = Math.min(a.support[1], k - b.support[0])
    if (!(Number.isFinite(low) && Number.isFinite(high))) {
      throw new RangeError(`sumMass: the sum over [${low}, ${high}] has no end, expected laws bounded on one side`)
    }
    let sum = 0
    for (let j = low; j <= high; j++) sum += a.pmf(j) * b.pmf(k - j)
    return sum
  }
}
