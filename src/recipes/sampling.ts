/** What diffusion recipes share beside their options: samplers by name, and the denoiser as a file. */

import { type Denoiser, preserving } from "../diffusion/denoiser.ts"
import { ddpm } from "../diffusion/samplers/ancestral.ts"
import { ddim } from "../diffusion/samplers/ddim.ts"
import type { SampleStep } from "../diffusion/samplers/sampler.ts"
import { batchSize } from "../engine/shape.ts"
import type { Tensor } from "../engine/tensor.ts"
import type { Exported, SampleRequest } from "./recipe.ts"

/** Samples of a denoiser by the sampler a request names. */
export function sampled(model: Denoiser, { sampler, eta, ...request }: SampleRequest): AsyncGenerator<SampleStep> {
  const known = preserving(model)
  return sampler === "ddim" ? ddim(known, { ...request, ...(eta !== undefined && { eta }) }) : ddpm(known, request)
}

/**
 * The network of a denoiser as a function of `x` and `t`, with all that is needed to sample from the file alone. What
 * predicts something else than eps, x0, v or the score, tells its own variance or is of a process that does not preserve
 * variance is written as one that predicts v and does.
 */
export function exportedDenoiser(own: Denoiser, recipe: string): Exported {
  const model = preserving(own)
  const { name, steps, alphaBar } = model.process.schedule
  const isPlain = model === own && model.variance !== "learned"
  const predict = isPlain ? model.predict : "v"
  return {
    inputs: [
      { name: "x", dtype: "float32", shape: [batchSize, ...model.shape] },
      { name: "t", dtype: "int32", shape: [batchSize] },
    ],
    output: predict,
    call: (x: Tensor, t: Tensor) => (isPlain ? model.network.forward(x, t) : model.at(x, t.add(1)).v),
    metadata: {
      "tweedie.recipe": recipe,
      "tweedie.predict": predict,
      "tweedie.schedule": name,
      "tweedie.steps": String(steps),
      "tweedie.time": "t counts from 0 to steps - 1; alpha_bar[t] is that of time t",
      "tweedie.alpha_bar": JSON.stringify([...alphaBar.slice(1)].map((a) => Number(a.toPrecision(12)))),
    },
  }
}
