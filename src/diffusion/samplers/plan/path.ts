/** The options by which a sampler's path is chosen, and the path they choose. */
import type { Predict, Variance } from "../../denoiser.ts"
import type { Process } from "../../process.ts"
import { discreteGrid, type EdmLevels, edmGrid, type Family, sigmaGrid } from "../compat/grid.ts"
import { type Grid, type GridOptions, gridOf } from "./grid.ts"
import type { Spacing, TimeSpacing } from "./spacing.ts"

/** Options of the path. */
export interface PathOptions {
  /** Steps to take. Samplers that ask the network more than once a step say so. */
  readonly steps?: number
  /** Which noise levels are visited: {@link Spacing}. */
  readonly spacing?: Spacing
  /** Added to `leading` times. */
  readonly offset?: number
  /** Where the last step ends: at the data (`zero`), or at the process's first time, with its trace of noise (`first`). */
  readonly final?: "zero" | "first"
  /** `diffusers` follows its scheduler classes number by number, with all that is odd in them: compat/grid.ts lists it. */
  readonly compat?: "diffusers" | null
  /** With `compat`, solvers: leaves out levels noisier than this log(signal / sigma). */
  readonly lambdaMin?: number
  /** With `compat`: the times whose levels are the ends of those spaced by a formula. */
  readonly ends?: TimeSpacing
  /** With `compat`: the least sigma / signal of levels spaced by a formula. */
  readonly sigmaMin?: number | null
  /**
   * The largest sigma / signal: noisier levels are left out, and the first sample is noise of the level that is left. With
   * `compat` it bounds only levels spaced by a formula.
   */
  readonly sigmaMax?: number | null
  /** With `compat`, Euler: levels between times by themselves or by their logarithms. */
  readonly interpolation?: "linear" | "log"
  /** With `compat`, Euler: whether the network is told the time or log(sigma) / 4. */
  readonly told?: "time" | "level"
  /** With `compat`, Euler and DPM-Solver: EDM's own levels and way of asking, in place of the process's. */
  readonly edm?: EdmLevels | null
}

/** What a plan is made for: a denoiser is one. */
export interface Target {
  readonly process: Process
  readonly predict: Predict
  /** Standard deviation of the data, for `edm`. */
  readonly sigmaData?: number
  /** Which variance its reverse steps have. */
  readonly variance?: Variance
}

/**
 * The sigma / signal to which samplers go in one straight step, where a process begins with more: those that follow slopes
 * over a whole step, Heun's, PNDM's and the adaptive one, unless `spacing` or `sigmaMax` is given. From there up x0 is the
 * mean of the data and hardly changes, so the flow is straight; a slope at the end of a step that begins at the 20,000 of
 * the cosine schedule says nothing of its beginning.
 * Source: Karras et al. 2022, table 1 (sigma_max).
 */
export const noisiest = 80

/** The paths of such samplers. */
const own: Partial<Record<Family, Pick<GridOptions, "spacing" | "straightTo">>> = {
  heun: { spacing: "karras", straightTo: noisiest },
  pndm: { straightTo: noisiest },
}

/**
 * The path of a sampler.
 *
 * @throws RangeError when the options do not go together.
 */
export function pathOf(
  family: Family,
  { process, predict }: Target,
  options: PathOptions & { readonly steps: number },
): Grid {
  if (options.compat === "diffusers") {
    if (options.edm != null) return edmGrid(options.edm, options, predict === "v" ? -1 : 1)
    return family === "ddpm" || family === "ddim" || family === "pndm"
      ? discreteGrid(family, process, options)
      : sigmaGrid(family, process, predict, options)
  }
  const usual = options.spacing === undefined ? own[family] : undefined
  const { spacing = usual?.spacing, sigmaMax } = options
  return gridOf(process, { ...options, spacing, straightTo: sigmaMax === undefined ? usual?.straightTo : undefined })
}
