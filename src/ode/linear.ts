/** Linear equations of any order as systems of the first. */
import type { Slope } from "./solve.ts"

/** A coefficient: a number, or a function of the time. */
export type Coefficient = number | ((t: number) => number)

/**
 * The equation a_0(t) y + a_1(t) y' + ... + a_n(t) y^(n) + b(t) = 0 as the slope of the state [y, y', ..., y^(n-1)]. Seed
 * 003, D3.105 gives this form as what an ordinary differential equation is; it is the linear ones: any slope f(t, y) is one.
 *
 * @throws RangeError with fewer than two coefficients, and, when asked for a slope, where a_n(t) is 0.
 */
export function linearEquation(coefficients: readonly Coefficient[], b: Coefficient = 0): Slope {
  const order = coefficients.length - 1
  if (order < 1)
    throw new RangeError(`linearEquation: got ${coefficients.length} coefficients, expected those of y, y' and so on`)
  const at = (c: Coefficient, t: number): number => (typeof c === "number" ? c : c(t))
  return (t, y) => {
    const highest = at(coefficients[order], t)
    if (highest === 0)
      throw new RangeError(
        `linearEquation: the coefficient of the highest derivative is 0 at t = ${t} (stop before it)`,
      )
    let sum = at(b, t)
    for (let i = 0; i < order; i++) sum += at(coefficients[i], t) * y[i]
    return Float64Array.of(...y.subarray(1, order), -sum / highest)
  }
}
