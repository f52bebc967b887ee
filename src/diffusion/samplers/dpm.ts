/** DPM-Solver and DPM-Solver++, multistep: high order from the answers of earlier steps, one question a step. */
import type { Denoiser } from "../denoiser.ts"
import { type Algorithm, algorithms, exponentialWeights } from "./plan/exponential.ts"
import { type Form, mix, symbols } from "./plan/form.ts"
import { type PathOptions, pathOf, type Target } from "./plan/path.ts"
import { type Ask, clockOf, impliedNoise, type Plan, question, reachedBy } from "./plan/plan.ts"
import { runPlan, type SamplerOptions, type SampleStep } from "./sampler.ts"

/** Options of {@link dpmSolver} and {@link dpmSolverSingle}. */
export interface DpmOptions extends SamplerOptions, PathOptions {
  readonly order?: 1 | 2 | 3
  readonly algorithm?: Algorithm
  /** How the slope of the answer counts in steps of order 2 (and, singlestep, 3): as a midpoint, or exactly. */
  readonly solver?: "midpoint" | "heun"
  /** Lower orders in the last two steps of fewer than 15. */
  readonly lowerOrderFinal?: boolean
  /** The last step is of order 1. */
  readonly eulerAtFinal?: boolean
}

interface Solver
  extends Required<Pick<DpmOptions, "order" | "algorithm" | "solver" | "lowerOrderFinal" | "eulerAtFinal">> {
  readonly path: PathOptions & { readonly steps: number }
}

/** The answer an algorithm works with: x0, or the noise. diffusers takes the noise as the network says it. */
export function answerOf(
  algorithm: Algorithm,
  own: ReturnType<typeof symbols>,
  input: Form,
  { signal, sigma }: { readonly signal: number; readonly sigma: number },
): Form {
  return algorithm.endsWith("++") ? own.x0 : impliedNoise(own, input, signal, sigma)
}

/** Options with what was not given filled in, and those of the path beside them. */
export function solverOf(where: string, { process }: Target, options: DpmOptions): Solver {
  const {
    order = 2,
    algorithm = "dpmsolver++",
    solver = "midpoint",
    lowerOrderFinal = true,
    eulerAtFinal = false,
    steps = Math.min(20, process.steps),
    ...path
  } = options
  if (!(order === 1 || order === 2 || order === 3))
    throw new RangeError(`${where}: got order ${order}, expected 1, 2 or 3`)
  if (!algorithms.includes(algorithm))
    throw new RangeError(`${where}: got algorithm ${algorithm}, expected one of ${algorithms.join(", ")}`)
  return { order, algorithm, solver, lowerOrderFinal, eulerAtFinal, path: { ...path, steps } }
}

/** The plan of {@link dpmSolver}. */
export function dpmSolverPlan(target: Target, options: DpmOptions = {}): Plan {
  const { order, algorithm, solver, lowerOrderFinal, eulerAtFinal, path } = solverOf("dpmSolver", target, options)
  const grid = pathOf("multistep", target, path)
  const own = symbols(3)
  const { kept, z } = own
  const { moves, arithmetic } = grid
  const f = arithmetic.round
  const isCompat = path.compat === "diffusers"
  const slope = (r: number, m: Form, before: Form): Form => mix([f(1 / r), m], [-f(1 / r), before])
  const few = lowerOrderFinal && moves.length < 15
  const asks = moves.map(({ from, to }, k): Ask => {
    const left = moves.length - k
    const isLast = left === 1 && (eulerAtFinal || few || to.sigma === 0)
    const used =
      isLast || !Number.isFinite(from.lambda) || to.lambda === from.lambda
        ? 1
        : Math.min(order, k + 1, left === 2 && few ? 2 : 3)
    const m0 = answerOf(algorithm, own, kept[0], from)
    const w = exponentialWeights(algorithm, from, to, arithmetic)
    const h = f(to.lambda - from.lambda)
    const slopes: (readonly [number, Form])[] = []
    if (used > 1) {
      const r0 = f(f(from.lambda - moves[k - 1].from.lambda) / h)
      const d0 = slope(r0, m0, kept[1])
      if (used === 2) slopes.push([solver === "midpoint" ? w.midpoint : w.first, d0])
      else {
        const r1 = f(f(moves[k - 1].from.lambda - moves[k - 2].from.lambda) / h)
        const d1 = slope(r1, kept[1], kept[2])
        const bend = slope(f(r0 + r1), d0, d1)
        // bend is half of h^2 m''; diffusers takes it for the whole, and mistakes a sign where there is noise.
        const second = !isCompat ? 2 * w.second : algorithm.startsWith("sde-") ? w.second - to.signal : w.second
        slopes.push([w.first, mix([1, d0], [r0, bend])], [second, bend])
      }
    }
    return {
      ...question(target, grid, from, kept[0]),
      next: [mix([w.x, kept[0]], [w.m0, m0], ...slopes, [w.z, z]), m0, kept[1]],
      reached: reachedBy(to.time, grid.clock),
    }
  })
  return { name: "dpmSolver", buffers: 3, start: grid.start, clock: clockOf(target, grid), asks, noised: grid.noised }
}

/**
 * The flow's linear part is solved exactly and the network's answer m, as a function of lambda = log(signal / sigma),
 * by a polynomial through this answer and the one or two before. With h the step and r0, r1 the last two in units of
 * it: D1 = (m0 - m1) / r0 for order 2; for order 3 D1 = d0 + r0 / (r0 + r1) (d0 - d1) and D2 = 2 (d0 - d1) / (r0 + r1),
 * d0 = (m0 - m1) / r0 and d1 = (m1 - m2) / r1. Error: of the order; noise makes it weaker.
 * The factor 2 of D2 is missing in the authors' code and diffusers', where order 3 is of second order; `compat` is too.
 * Source: Lu et al. 2022, DPM-Solver and DPM-Solver++ (2M and its kin).
 */
export function dpmSolver(model: Denoiser, options: DpmOptions = {}): AsyncGenerator<SampleStep> {
  return runPlan(model, dpmSolverPlan(model, options), options)
}
