/** What samplers make of one Gaussian whose best denoiser is known, in closed form. */
import { type Denoiser, denoiser, type Predict } from "../../src/diffusion/denoiser.ts"
import { gaussian, type Process } from "../../src/diffusion/process.ts"
import { follow } from "../../src/diffusion/samplers/plan/follow.ts"
import type { Plan } from "../../src/diffusion/samplers/plan/plan.ts"
import { respaced } from "../../src/diffusion/samplers/plan/spacing.ts"
import { cosine } from "../../src/diffusion/schedule.ts"
import type { EvenLevels } from "./levels.ts"
import { type Component, type Mixture, MixtureNetwork } from "./mixture.ts"
import type { Step } from "./sampler-cases.ts"

/** The process of the laws. */
export const process: Process = gaussian(cosine())
/** The data of the laws: N(0.3, 0.25). */
export const one: Component = { weight: 1, mean: [0.3], std: 0.5 }
const [m, s] = [one.mean[0], one.std]

/** The denoiser that is best for a mixture. */
export const known = (mixture: Mixture, { copies = 1, predict = "eps" as Predict, of = process } = {}): Denoiser =>
  denoiser(new MixtureNetwork(mixture, of, predict, copies), of, { predict })

/** Mean and variance of what a sampler makes of N(m, s^2), in closed form: every step is linear. */
export function exact(
  step: (process: Process, t: number, s: number) => Step,
  of: Process,
  steps: number,
): { mean: number; variance: number } {
  let [centre, spread] = [0, 1]
  const times = [...respaced(of.steps, steps), 0]
  for (let k = 0; k < steps; k++) {
    const [t, to] = [times[k], times[k + 1]]
    const [signal, noise] = [of.signal(t), 1 - of.alphaBar(t)]
    const total = signal ** 2 * s ** 2 + noise
    const w = step(of, t, to)
    const slope = (w.x0 * signal * s ** 2) / total + w.xt
    centre = slope * centre + (w.x0 * m * noise) / total
    spread = slope ** 2 * spread + w.added
  }
  return { mean: centre, variance: spread }
}

/**
 * The same from a sampler's plan: a sample is a number and a weight of each draw of noise, which the plan's steps and
 * the known denoiser, both linear, take along.
 */
export function linear1(plan: Plan, levels: Pick<EvenLevels, "denoised">): { mean: number; variance: number } {
  const n = plan.asks.length + 2
  const unit = (k: number): Float64Array => Float64Array.from({ length: n }, (_, i) => (i === k + 1 ? 1 : 0))
  let x = new Float64Array(n)
  let shown = 1
  for (const step of follow(plan, {
    noise: unit,
    network: (v, t) => v.map((w, i) => levels.denoised(w, t + 1, i === 0 ? m : 0, s)),
  })) {
    x = Float64Array.from(step.x)
    shown = step.ask.shown ?? 1
  }
  return { mean: x[0] * shown, variance: x.subarray(1).reduce((sum, w) => sum + (w * shown) ** 2, 0) }
}
