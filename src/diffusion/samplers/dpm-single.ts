/** DPM-Solver and DPM-Solver++, singlestep: groups of steps that each begin anew. */
import type { Denoiser } from "../denoiser.ts"
import { answerOf, type DpmOptions, solverOf } from "./dpm.ts"
import { exponentialWeights } from "./plan/exponential.ts"
import { type Form, mix, symbols } from "./plan/form.ts"
import { pathOf, type Target } from "./plan/path.ts"
import { type Ask, clockOf, type Plan, question, reachedBy } from "./plan/plan.ts"
import { runPlan, type SampleStep } from "./sampler.ts"

/** The order of each of `steps` steps: groups 1, 2, ... `order`; what is left over at the end is of lower order. */
export function groupedOrders(steps: number, order: 1 | 2 | 3, isLowered: boolean): number[] {
  const orders = Array.from({ length: steps }, (_, i) => (i % order) + 1)
  const rest = steps % order
  if (isLowered && rest === 0 && order === 3) orders.splice(-3, 3, 1, 2, 1)
  if (isLowered && rest === 0 && order === 2) orders[steps - 1] = 1
  return orders
}

/** The plan of {@link dpmSolverSingle}. */
export function dpmSolverSinglePlan(target: Target, options: DpmOptions = {}): Plan {
  const { order, algorithm, solver, lowerOrderFinal, eulerAtFinal, path } = solverOf("dpmSolverSingle", target, options)
  const grid = pathOf("singlestep", target, path)
  const own = symbols(4)
  const { kept, z } = own
  const { moves, arithmetic } = grid
  const f = arithmetic.round
  const isClean = moves[moves.length - 1].to.sigma === 0
  const orders = groupedOrders(moves.length, order, lowerOrderFinal || isClean || moves.length % order !== 0)
  if (isClean || eulerAtFinal) orders[orders.length - 1] = 1
  const asks = moves.map(({ from, to }, k): Ask => {
    const used = orders[k]
    // A group begins where its step of order 1 does; the sample there is kept in the second array.
    const start = moves[k - used + 1].from
    const base = used === 1 ? kept[0] : kept[1]
    const m0 = answerOf(algorithm, own, kept[0], from)
    const answers = [m0, kept[2], kept[3]]
    const first = answers[used - 1]
    const w = exponentialWeights(algorithm, start, to, arithmetic)
    const h = f(to.lambda - start.lambda)
    const place = (i: number): number => f(f(moves[k - i].from.lambda - start.lambda) / h)
    const slope = (m: Form, r: number): Form => mix([f(1 / r), m], [-f(1 / r), first])
    const slopes: (readonly [number, Form])[] = []
    if (used === 2) slopes.push([solver === "midpoint" ? w.midpoint : w.first, slope(m0, place(0))])
    if (used === 3) {
      const [r0, r1] = [place(0), place(1)]
      const [far, near] = [slope(m0, r0), slope(kept[2], r1)]
      if (solver === "midpoint") slopes.push([w.first, far])
      else {
        const second = path.compat === "diffusers" && algorithm.startsWith("sde-") ? w.second - to.signal : w.second
        slopes.push(
          [w.first, mix([r0 / (r0 - r1), near], [-r1 / (r0 - r1), far])],
          [second, mix([2 / (r0 - r1), far], [-2 / (r0 - r1), near])],
        )
      }
    }
    return {
      ...question(target, grid, from, kept[0]),
      next: [mix([w.x, base], [w.m0, first], ...slopes, [w.z, z]), base, m0, kept[2]],
      reached: reachedBy(to.time, grid.clock),
    }
  })
  return {
    name: "dpmSolverSingle",
    buffers: 4,
    start: grid.start,
    clock: clockOf(target, grid),
    asks,
    noised: grid.noised,
  }
}

/**
 * As {@link dpmSolver}, but in groups of `order` steps: each step of a group starts from the group's first sample and
 * uses the answers within the group. So N steps make N / order steps of that order, between which nothing is
 * remembered. `midpoint` of order 3 is of that order where levels are evenly spaced in lambda (`exponential`).
 * Source: Lu et al. 2022 (DPM-Solver, algorithms 1 and 2; DPM-Solver++, algorithm 1).
 */
export function dpmSolverSingle(model: Denoiser, options: DpmOptions = {}): AsyncGenerator<SampleStep> {
  return runPlan(model, dpmSolverSinglePlan(model, options), options)
}
