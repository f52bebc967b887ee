/** UniPC: a multistep predictor, and a corrector that uses the answer the next step needs anyway. */
import type { Denoiser } from "../denoiser.ts"
import { type Form, mix, symbols } from "./plan/form.ts"
import type { Level } from "./plan/grid.ts"
import { type PathOptions, pathOf, type Target } from "./plan/path.ts"
import { type Ask, clockOf, impliedNoise, type Plan, question, reachedBy } from "./plan/plan.ts"
import { runPlan, type SamplerOptions, type SampleStep } from "./sampler.ts"

/** Options of {@link unipc}. */
export interface UnipcOptions extends SamplerOptions, PathOptions {
  /** Of the predictor; the corrector is of one more. */
  readonly order?: 1 | 2 | 3
  /** The function B(h) that differences are scaled by: h or e^h - 1. */
  readonly variant?: "bh1" | "bh2"
  /** Whether x0 is integrated; else eps. */
  readonly predictX0?: boolean
  /** Lower orders towards the end. */
  readonly lowerOrderFinal?: boolean
  /** Steps after which nothing is corrected, from 0. */
  readonly disableCorrector?: readonly number[]
}

/** Solves a small system by Gauss' elimination, with every result rounded. */
function solved(rows: readonly (readonly number[])[], right: readonly number[], f: (x: number) => number): number[] {
  const a = rows.map((row, i) => [...row, right[i]])
  const n = a.length
  for (let c = 0; c < n; c++) {
    let best = c
    for (let r = c + 1; r < n; r++) if (Math.abs(a[r][c]) > Math.abs(a[best][c])) best = r
    ;[a[c], a[best]] = [a[best], a[c]]
    for (let r = c + 1; r < n; r++) {
      const factor = f(a[r][c] / a[c][c])
      for (let k = c; k <= n; k++) a[r][k] = f(a[r][k] - f(factor * a[c][k]))
    }
  }
  for (let r = n - 1; r >= 0; r--) {
    for (let k = r + 1; k < n; k++) a[r][n] = f(a[r][n] - f(a[r][k] * a[k][n]))
    a[r][n] = f(a[r][n] / a[r][r])
  }
  return a.map((row) => row[n])
}

/** One answer of the network and the level it was given at. */
interface Answer {
  readonly m: Form
  readonly level: Level
}

/** How one step from `from` to `to` is made, as predictor (no answer at `to`) or corrector. */
function update(
  x: Form,
  from: Answer,
  earlier: readonly Answer[],
  at: Form | null,
  to: Level,
  f: (x: number) => number,
  { variant, predictX0 }: { readonly variant: "bh1" | "bh2"; readonly predictX0: boolean },
): Form {
  const h = f(to.lambda - from.level.lambda)
  // Between two equal levels there is nowhere to go.
  if (h === 0) return x
  const hh = predictX0 ? -h : h
  const grown = f(Math.expm1(hh))
  const scale = variant === "bh1" ? hh : grown
  const order = earlier.length + 1
  const places = [...earlier.map((e) => f(f(e.level.lambda - from.level.lambda) / h)), 1]
  // b_i = i! phi_(i + 1)(hh) hh / B(hh), by the recursion of phi.
  const b: number[] = []
  let [phi, factorial] = [f(f(grown / hh) - 1), 1]
  for (let i = 1; i <= order; i++) {
    b.push(f(f(phi * factorial) / scale))
    factorial *= i + 1
    phi = f(f(phi / hh) - f(1 / factorial))
  }
  const powers = b.map((_, i) => places.map((r) => f(r ** i)))
  const differences = earlier.map((e, i) => mix([1 / places[i], e.m], [-1 / places[i], from.m]))
  let weights: number[]
  if (at === null)
    weights =
      order === 1
        ? []
        : order === 2
          ? [0.5]
          : solved(
              powers.slice(0, -1).map((row) => row.slice(0, -1)),
              b.slice(0, -1),
              f,
            )
  else weights = order === 1 ? [0.5] : solved(powers, b, f)
  const all = at === null ? differences : [...differences, mix([1, at], [-1, from.m])]
  const size = predictX0 ? to.signal : to.sigma
  // At the data sigma' e^h is the signal left over sigma / signal.
  const lead = !predictX0 && to.sigma === 0 ? to.signal * from.level.ratio : f(size * grown)
  return mix(
    [predictX0 ? f(to.sigma / from.level.sigma) : f(to.signal / from.level.signal), x],
    [-lead, from.m],
    ...all.map((d, i): readonly [number, Form] => [-f(size * scale) * weights[i], d]),
  )
}

/** The plan of {@link unipc}. */
export function unipcPlan(
  target: Target,
  {
    order = 2,
    variant = "bh2",
    predictX0 = true,
    lowerOrderFinal = true,
    disableCorrector = [],
    steps = Math.min(20, target.process.steps),
    ...path
  }: UnipcOptions = {},
): Plan {
  if (!(order === 1 || order === 2 || order === 3))
    throw new RangeError(`unipc: got order ${order}, expected 1, 2 or 3`)
  const grid = pathOf("unipc", target, { ...path, steps })
  const { moves } = grid
  const f = grid.arithmetic.round
  // The sample, the corrected sample before it, and the answers of up to `order` steps.
  const own = symbols(2 + order)
  const { kept, x0 } = own
  const isRaw = path.compat === "diffusers"
  const earlier = (k: number, count: number): Answer[] =>
    Array.from({ length: count }, (_, i) => ({ m: kept[2 + i], level: moves[k - 1 - i].from }))
  let used = 0
  const asks = moves.map(({ from, to }, k): Ask => {
    const noise = isRaw ? own.eps : impliedNoise(own, kept[0], from.signal, from.sigma)
    const m = predictX0 ? x0 : noise
    let x = kept[0]
    if (k > 0 && !disableCorrector.includes(k - 1) && Number.isFinite(moves[k - 1].from.lambda)) {
      const [before, ...rest] = earlier(k, used)
      x = update(kept[1], before, rest, m, from, f, { variant, predictX0 })
    }
    const isLast = to.sigma === 0 || !Number.isFinite(from.lambda)
    const most = lowerOrderFinal ? Math.min(order, moves.length - k) : order
    // Answers from where no signal is left say nothing of the slope.
    const known = moves.slice(0, k).filter((move) => Number.isFinite(move.from.lambda)).length
    used = isLast ? 1 : Math.min(most, known + 1)
    const next = update(x, { m, level: from }, earlier(k, used - 1), null, to, f, { variant, predictX0 })
    return {
      ...question(target, grid, from, kept[0]),
      next: [next, x, m, ...kept.slice(2, 1 + order)],
      reached: reachedBy(to.time, grid.clock),
    }
  })
  return {
    name: "unipc",
    buffers: 2 + order,
    start: grid.start,
    clock: clockOf(target, grid),
    asks,
    noised: grid.noised,
  }
}

/**
 * The predictor is a step of {@link dpmSolver}'s kind, with the differences of earlier answers weighed so that the
 * moments of the exponential come out right; when the network has answered at the new level, the step is made again
 * with that answer too, before the next one. One question a step. Error: of the order, plus one for the corrected
 * samples.
 * Source: Zhao et al. 2023, algorithms 1 to 4.
 */
export function unipc(model: Denoiser, options: UnipcOptions = {}): AsyncGenerator<SampleStep> {
  return runPlan(model, unipcPlan(model, options), options)
}
