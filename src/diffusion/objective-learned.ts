/** Training a noise schedule with the network: the bound in continuous time, and the least variance of its estimate. */
import { randomNormal } from "../engine/create.ts"
import { gradients } from "../engine/grad.ts"
import { softplus, stopGradient } from "../engine/ops/elementwise.ts"
import type { Tensor } from "../engine/tensor.ts"
import { type Module, variables } from "../nn/module.ts"
import type { Objective } from "../train/objective.ts"
import type { Denoiser, Network } from "./denoiser.ts"
import { perSample } from "./denoiser-reverse.ts"
import { discretised } from "./likelihood-discrete.ts"
import { uniforms } from "./objective-times.ts"
import { type LearnedSchedule, scalesOf } from "./schedule-learned.ts"

/** Options of {@link vdm}. */
export interface VdmOptions {
  readonly times?: "uniform" | "stratified"
  /** As in `bound`: 256 for images, `null` for points, unless given. */
  readonly bins?: number | null
}

/**
 * Minus the bound in continuous time, in bits a dimension:
 * 1/2 E gamma'(u) || eps - eps_hat ||^2 over uniform u, plus KL(q(x_T | x0) || N(0, 1)), minus E log p(x0 | x_1) with
 * p(x0 | x_1) = N(x_1 / signal, sigma^2 / signal^2), of the bin of each number where there are bins.
 *
 * Network and the ends of gamma are trained on it. What lies between the ends does not change the bound, only how much one
 * draw of u varies; so the curve between is trained on the mean square of the first term.
 * Source: Kingma et al. 2021, equations 17 and 20 and appendix I.2.
 *
 * @throws RangeError when the denoiser's process is not the learned one.
 */
export function vdm(
  model: Denoiser<Network & Module>,
  schedule: LearnedSchedule,
  { times = "stratified", bins = model.shape.length === 3 ? 256 : null }: VdmOptions = {},
): Objective {
  const { told, isLearned, steps } = model.process.levels
  if (!isLearned || told === undefined)
    throw new RangeError(`vdm: the process is ${model.process.levels.name}, expected learned(schedule)`)
  const size = model.shape.reduce((n, d) => n * d, 1)
  const unit = 1 / (size * Math.log(2))
  const [began, range] = schedule.began
  return {
    variables: learnedVariables(model.network, schedule),
    loss: ({ x, y, given }) => {
      const [batch, ...shape] = x.shape
      const wide = (v: Tensor): Tensor => v.reshape([batch, ...shape.map(() => 1)])
      const curve = schedule.curve(uniforms(batch, times))
      // The ends see the curve as it is, and the curve only the variance.
      const gamma = schedule.gamma(stopGradient(curve.value))
      const slope = stopGradient(curve.slope).mul(schedule.span.abs())
      const [signal, sigma] = scalesOf(gamma).map(wide)
      const eps = randomNormal(x.shape)
      const level = { signal, sigma, told: gamma.sub(began).mul((steps - 1) / range) }
      const answer = model.answer(x.mul(signal).add(eps.mul(sigma)), level, y, given)
      const diffusion = perSample(eps.sub(answer.eps).square())
        .mul(slope)
        .mul(0.5 * unit)

      const last = schedule.least.add(schedule.span.abs())
      // KL(N(a x, s^2) || N(0, 1)) twice: a^2 x^2 + s^2 - 1 - log s^2, where s^2 - 1 is -a^2.
      const kept = softplus(last).neg().exp()
      const prior = perSample(x.square().sub(1).mul(kept).add(softplus(last.neg()))).mul(0.5 * unit)
      const reconstruction = decoded(x, randomNormal(x.shape), schedule.least, bins).mul(unit)

      const [byGamma, bySlope] = gradients(diffusion.sum(), [gamma, slope])
      const push = (by: Tensor): Tensor => stopGradient(diffusion.mul(by).mul(2).mul(schedule.span.abs()))
      const variance = push(byGamma).mul(curve.value).add(push(bySlope).mul(curve.slope)).mean()
      // Its gradient counts, its value does not.
      const silent = variance.sub(stopGradient(variance))
      const terms = { diffusion: diffusion.mean(), prior: prior.mean(), reconstruction: reconstruction.mean() }
      return { total: terms.diffusion.add(terms.prior).add(terms.reconstruction).add(silent), terms }
    },
  }
}

/** -log p(x0 | x_1) of one draw in nats, `[batch]`, with log variance gamma around x_1 / signal. */
function decoded(x: Tensor, eps: Tensor, gamma: Tensor, bins: number | null): Tensor {
  if (bins === null) {
    return perSample(
      eps
        .square()
        .add(gamma)
        .add(Math.log(2 * Math.PI)),
    ).mul(0.5)
  }
  const logStd = gamma.mul(0.5)
  return perSample(discretised(x, x.add(eps.mul(logStd.exp())), logStd, { bins })).neg()
}

/** The variables of a network and of its learned schedule, by name: those of the schedule begin with `noise`. */
export function learnedVariables(network: Module, schedule: LearnedSchedule): ReturnType<typeof variables> {
  const own = [...variables(schedule)].map(([name, v]) => [`noise.${name}`, v] as const)
  return new Map([...variables(network), ...own])
}
