/** All samplers by name, and the plans of those that have one. */
import type { Denoiser } from "../denoiser.ts"
import { ddpm, ddpmPlan } from "./ancestral.ts"
import { ddim, ddimPlan } from "./ddim.ts"
import { dpmSolver, dpmSolverPlan } from "./dpm.ts"
import { dpmSolverSingle, dpmSolverSinglePlan } from "./dpm-single.ts"
import { euler, eulerPlan } from "./euler.ts"
import { eulerAncestral, eulerAncestralPlan } from "./euler-ancestral.ts"
import { heun, heunPlan } from "./heun.ts"
import { langevin, langevinPlan } from "./langevin.ts"
import type { PathOptions, Target } from "./plan/path.ts"
import type { Plan } from "./plan/plan.ts"
import { pndm, pndmPlan } from "./pndm.ts"
import { predictorCorrector, predictorCorrectorPlan } from "./predictor-corrector.ts"
import { probabilityFlow } from "./probability-flow.ts"
import { repaint, repaintPlan } from "./repaint.ts"
import type { SamplerOptions, SampleStep } from "./sampler.ts"
import { unipc, unipcPlan } from "./unipc.ts"

/** Options of any sampler, for callers that choose one by name; each reads its own and leaves the others. */
export interface AnyOptions extends SamplerOptions, PathOptions {
  readonly [option: string]: unknown
}

/** A sampler, chosen by name. */
export type Sampler = (model: Denoiser, options?: AnyOptions) => AsyncGenerator<SampleStep>

/** All samplers. */
export const samplers = {
  ddpm,
  ddim,
  euler,
  eulerAncestral,
  heun,
  dpmSolver,
  dpmSolverSingle,
  unipc,
  pndm,
  predictorCorrector,
  probabilityFlow,
  langevin,
  repaint,
} satisfies Record<string, Sampler>

/** A sampler's name. */
export type SamplerName = keyof typeof samplers

/** The plans of samplers; the adaptive one has none. */
export const plans = {
  ddpm: ddpmPlan,
  ddim: ddimPlan,
  euler: eulerPlan,
  eulerAncestral: eulerAncestralPlan,
  heun: heunPlan,
  dpmSolver: dpmSolverPlan,
  dpmSolverSingle: dpmSolverSinglePlan,
  unipc: unipcPlan,
  pndm: pndmPlan,
  predictorCorrector: predictorCorrectorPlan,
  langevin: langevinPlan,
  repaint: repaintPlan,
} satisfies Record<string, (target: Target, options?: AnyOptions) => Plan>
