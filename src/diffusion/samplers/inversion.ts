/** DDIM run backwards: the noise from which a sample comes. */
import { array, type NdArray, sizeOf } from "../../engine/array.ts"
import type { Denoiser } from "../denoiser.ts"
import { mix, symbols } from "./plan/form.ts"
import { gridOf } from "./plan/grid.ts"
import type { Target } from "./plan/path.ts"
import { type Ask, clockOf, impliedNoise, type Plan, question } from "./plan/plan.ts"
import type { Spacing } from "./plan/spacing.ts"
import { last, runPlan, type SamplerOptions } from "./sampler.ts"

/** Options of {@link invert}. */
export interface InversionOptions extends Omit<SamplerOptions, "count" | "noise"> {
  /** Steps of the DDIM that is inverted, and their spacing. */
  readonly steps?: number
  readonly spacing?: Spacing
  /** How often each step's equation is iterated: 1 takes the noise at the guess, more come closer to the inverse. */
  readonly iterations?: number
}

/** The plan of {@link invert}. */
export function inversionPlan(
  target: Target,
  { steps = Math.min(50, target.process.steps), spacing, iterations = 3 }: InversionOptions = {},
): Plan {
  if (!(Number.isInteger(iterations) && iterations >= 1))
    throw new RangeError(`invert: got iterations ${iterations}, expected a whole number from 1`)
  const grid = gridOf(target.process, { steps, ...(spacing !== undefined && { spacing }) })
  const own = symbols(3)
  // The sample, the guess of the next, and the noise that was found last.
  const [x, guess, before] = own.kept
  const moves = [...grid.moves].reverse()
  const asks = moves.flatMap(({ from, to }, k): Ask[] => {
    const ratio = from.signal / to.signal
    const rest = from.sigma - ratio * to.sigma
    const isNoisy = from.signal * to.signal < from.sigma * to.sigma
    const stretch = from.sigma / to.sigma
    return Array.from({ length: iterations }, (_, i): Ask => {
      // At the start no noise is known: the sample is scaled alone.
      const input = i > 0 ? guess : mix([ratio, x], [k === 0 ? 0 : rest, before])
      const eps = impliedNoise(own, input, from.signal, from.sigma)
      const found = isNoisy
        ? mix([stretch, x], [from.signal - stretch * to.signal, own.x0])
        : mix([ratio, x], [rest, eps])
      const isLast = i === iterations - 1
      return {
        ...question(target, grid, from, input),
        next: isLast ? [found, found, eps] : [x, found, eps],
        reached: isLast ? from.time : null,
      }
    })
  })
  return { name: "inversion", buffers: 3, start: 1, clock: clockOf(target, grid), asks, noised: grid.noised }
}

/**
 * The noise from which DDIM (without fresh noise, by the same steps) makes given samples `[count, ...shape]`: from s up to
 * t, the solution of x_t = a x_s + (sigma_t - a sigma_s) eps(x_t, t) with a = signal_t / signal_s, by `iterations` of it
 * from the last step's eps; where there is more noise than signal, of the same equation in x0, since there it is x0 that
 * hardly depends on x_t. Its result, divided by what DDIM multiplies its first noise by, is near standard normal and
 * serves as {@link noiseOf} for any sampler. Nothing is clipped unless asked for.
 * Source: Song et al. 2021 (DDIM), section 4.3; Pan et al. 2023, equation 9, for the iteration.
 */
export async function invert(
  model: Denoiser,
  x: NdArray<"float32">,
  { clip = null, ...options }: InversionOptions = {},
): Promise<NdArray<"float32">> {
  const [count] = x.shape
  if (x.shape.slice(1).join() !== model.shape.join())
    throw new RangeError(`invert: got samples [${x.shape.join(", ")}], expected [count, ${model.shape.join(", ")}]`)
  const plan = inversionPlan(model, options)
  const { x: found } = await last(runPlan(model, plan, { ...options, clip, count, noise: noiseOf(x) }))
  // The path may begin below T.
  const { signal, sigma } = plan.noised(plan.asks[plan.asks.length - 1].reached!)
  const size = Math.hypot(signal, sigma)
  return array(
    "float32",
    x.shape,
    found.data.map((v) => v / size),
  )
}

/** Rows of an array as the first noise of samplers that use no other: DDIM, the solvers, the probability flow. */
export function noiseOf(x: NdArray<"float32">): (sample: number, question: number) => Float32Array {
  const size = sizeOf(x.shape.slice(1))
  return (sample, question) => {
    if (question !== 0)
      throw new RangeError("noiseOf: the sampler draws fresh noise (use ddim, a solver or the probability flow)")
    return x.data.subarray(sample * size, (sample + 1) * size)
  }
}
