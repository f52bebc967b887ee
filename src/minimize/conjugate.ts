/** Nonlinear conjugate gradients, for any smooth function. */
import { firstRate } from "./descent.ts"
import type { Context, Method, Point } from "./routine.ts"
import { along, dot, minus, times } from "./vector.ts"
import { type Trial, type WolfeOptions, wolfe, wolfeOptions } from "./wolfe.ts"

/** Options of {@link conjugateGradient}. */
export interface ConjugateOptions extends WolfeOptions {
  /**
   * Share of the last direction in the next, with g, g' the last and the new gradient, y = g' - g, p the last direction:
   * `"polak-ribiere"` max(0, g'.y / g.g), `"fletcher-reeves"` g'.g' / g.g, `"hestenes-stiefel"` max(0, g'.y / p.y).
   * All three are one on a quadratic searched exactly.
   */
  readonly beta?: "polak-ribiere" | "fletcher-reeves" | "hestenes-stiefel"
}

/**
 * Nonlinear conjugate gradients: p <- -grad f + beta p and a search along p by the strong Wolfe conditions with c2 = 0.1.
 * It begins anew along the gradient where p does not descend, and where gradients that follow each other are far from
 * orthogonal, |g'.g| >= 0.2 g'.g' (Powell 1977). Keeps 4 n numbers. Nocedal and Wright 2006, §5.2.
 */
export function conjugateGradient({ beta = "polak-ribiere", c2 = 0.1, ...options }: ConjugateOptions = {}): Method {
  const name = "conjugateGradient"
  const line = wolfeOptions(name, { c2, ...options })
  return {
    name,
    *run(start: Point, context: Context) {
      let point = start
      let direction = times(-1, start.gradient)
      let isFresh = true
      let first = firstRate(start.gradient, line.first)
      while (true) {
        const slope = dot(point.gradient, direction)
        const found: Trial | undefined = yield* wolfe(context, point, direction, { ...line, first })
        if (found === undefined) {
          if (isFresh) return "stuck"
          direction = times(-1, point.gradient)
          first = firstRate(point.gradient, line.first)
          isFresh = true
          continue
        }
        const [g, next] = [point.gradient, found.gradient]
        const y = minus(next, g)
        const share = {
          "polak-ribiere": () => Math.max(0, dot(next, y) / dot(g, g)),
          "fletcher-reeves": () => dot(next, next) / dot(g, g),
          "hestenes-stiefel": () => Math.max(0, dot(next, y) / dot(direction, y)),
        }[beta]()
        const isAstray = Math.abs(dot(next, g)) >= 0.2 * dot(next, next)
        const bent = along(times(-1, next), share, direction)
        isFresh = isAstray || !(dot(bent, next) < 0)
        direction = isFresh ? times(-1, next) : bent
        const { x, value, gradient } = found
        point = { x, value, gradient }
        // The next change of the value to first order is taken to be this one's.
        first = (found.rate * slope) / dot(next, direction)
        if (!(first > 0 && first < Number.POSITIVE_INFINITY)) first = line.first
        yield { ...point, rate: found.rate }
      }
    },
  }
}
