/** The samplers under the laws, in every kind of their options: a new one adds its row here. */
import type { Denoiser } from "../../src/diffusion/denoiser.ts"
import type { Process } from "../../src/diffusion/process.ts"
import { type AnyOptions, plans, type Sampler, type SamplerName, samplers } from "../../src/diffusion/samplers/all.ts"
import type { Target } from "../../src/diffusion/samplers/plan/path.ts"
import type { Plan } from "../../src/diffusion/samplers/plan/plan.ts"
import { probabilityFlow } from "../../src/diffusion/samplers/probability-flow.ts"
import type { SampleStep } from "../../src/diffusion/samplers/sampler.ts"

/** How a sampler's step from time t to s makes its mean of x0 and x_t, and the variance it adds. */
export interface Step {
  readonly x0: number
  readonly xt: number
  readonly added: number
}

export interface Row {
  readonly name: string
  readonly sample: (model: Denoiser, options: AnyOptions) => AsyncGenerator<SampleStep>
  readonly plan?: (target: Target, options: AnyOptions) => Plan
  /** A step worked out from the paper, where a step is one formula. */
  readonly step?: (process: Process, t: number, s: number) => Step
  /** Order of the error, where nothing is random, and the steps at which it shows. */
  readonly order?: readonly [order: number, from: number]
  /** Options for all laws. */
  readonly options?: AnyOptions
  /** What is not expected of it. */
  readonly lacks?: "clean end" | "convergence" | "linearity"
}

const ancestral =
  (variance: "small" | "large") =>
  (process: Process, t: number, s: number): Step => {
    const q = process.posterior(t, s)
    return {
      x0: q.x0Weight,
      xt: q.xtWeight,
      added: s === 0 ? 0 : variance === "small" ? q.variance : q.forwardVariance,
    }
  }

/** Song et al. 2021, equation 12, with eps = (x_t - sqrt(abar_t) x0) / sqrt(1 - abar_t) put in. */
const implicit =
  (eta: number) =>
  (process: Process, t: number, s: number): Step => {
    const [at, as] = [process.alphaBar(t), process.alphaBar(s)]
    const added = eta ** 2 * ((1 - as) / (1 - at)) * (1 - at / as)
    const xt = Math.sqrt((1 - as - added) / (1 - at))
    return { x0: Math.sqrt(as) - xt * Math.sqrt(at), xt, added }
  }

/** A row of a sampler by its name, with options. */
function row(name: Exclude<SamplerName, "probabilityFlow">, options: AnyOptions = {}, more: Partial<Row> = {}): Row {
  const told = Object.entries(options).map(([key, value]) => `, ${key} ${value}`)
  return {
    name: `${name}${told.join("")}`,
    sample: (model, o) => (samplers[name] as Sampler)(model, { ...options, ...o }),
    plan: (target, o) => (plans[name] as (t: Target, o: AnyOptions) => Plan)(target, { ...options, ...o }),
    ...more,
  }
}

/** Every sampler, in every kind of its options; a new one needs a row here. */
export const rows: readonly Row[] = [
  row("ddpm", {}, { step: ancestral("small") }),
  row("ddpm", { variance: "large" }, { step: ancestral("large") }),
  row("ddim", {}, { step: implicit(0), order: [1, 20] }),
  row("ddim", { eta: 0.5 }, { step: implicit(0.5) }),
  row("ddim", { eta: 1 }, { step: implicit(1) }),
  row("euler", {}, { step: implicit(0), order: [1, 20] }),
  row("euler", { churn: 10 }),
  row("eulerAncestral", {}, { step: implicit(1) }),
  row("eulerAncestral", { eta: 0.5 }),
  row("heun", {}, { order: [2, 20] }),
  row("heun", { churn: 10 }),
  row("dpmSolver", { order: 1 }, { step: implicit(0), order: [1, 20] }),
  row("dpmSolver", { order: 2 }, { order: [2, 20] }),
  row("dpmSolver", { order: 2, solver: "heun" }, { order: [2, 20] }),
  row("dpmSolver", { order: 2, algorithm: "dpmsolver" }, { order: [2, 20] }),
  row("dpmSolver", { order: 3, algorithm: "dpmsolver" }, { order: [3, 12] }),
  row("dpmSolver", { order: 2, algorithm: "sde-dpmsolver++" }),
  row("dpmSolver", { order: 3, algorithm: "sde-dpmsolver++" }),
  row("dpmSolver", { order: 2, algorithm: "sde-dpmsolver" }),
  row("dpmSolverSingle", { order: 2 }, { order: [2, 24] }),
  row("dpmSolverSingle", { order: 3 }, { order: [3, 24] }),
  row("dpmSolverSingle", { order: 3, solver: "heun", algorithm: "dpmsolver" }, { order: [3, 24] }),
  row("dpmSolverSingle", { order: 2, algorithm: "sde-dpmsolver++" }),
  row("unipc", { order: 1 }, { order: [2, 20] }),
  row("unipc", { order: 2 }, { order: [3, 24] }),
  row("unipc", { order: 2, variant: "bh1" }, { order: [3, 24] }),
  row("unipc", { order: 3, predictX0: false }, { order: [4, 12], lacks: "clean end" }),
  row("pndm", {}, { order: [2, 10], lacks: "clean end" }),
  row("pndm", { skipPrk: false }, { order: [2, 10], lacks: "clean end" }),
  row("predictorCorrector", {}, { lacks: "linearity" }),
  row("langevin", { inner: 20, stepSize: 0.2 }, { lacks: "convergence" }),
  row("repaint", { repeats: 1 }, { step: ancestral("small") }),
  row("repaint", { repeats: 3, jump: 2 }),
  { name: "probabilityFlow", sample: probabilityFlow },
]
