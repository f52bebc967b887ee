/** What diffusion recipes share beside their options: samplers by name, and the denoiser as a file. */

import type { Denoiser } from "../diffusion/denoiser.ts"
import { ddpm } from "../diffusion/samplers/ancestral.ts"
import { ddim } from "../diffusion/samplers/ddim.ts"
import type { SampleStep } from "../diffusion/samplers/sampler.ts"
import { batchSize } from "../engine/shape.ts"
import type { Tensor } from "../engine/tensor.ts"
import type { Exported, SampleRequest } from "./recipe.ts"

/** Samples of a denoiser by the sampler a request names. */
export function sampled(model: Denoiser, { sampler, eta, ...request }: SampleRequest): AsyncGenerator<SampleStep> {
  return sampler === "ddim" ? ddim(model, { ...request, ...(eta !== undefined && { eta }) }) : ddpm(model, request)
}

/** The network of a denoiser as a function of `x` and `t`, with all that is needed to sample from the file alone. */
export function exportedDenoiser(model: Denoiser, recipe: string): Exported {
  const { name, steps, alphaBar } = model.process.schedule
  return {
    inputs: [
      { name: "x", dtype: "float32", shape: [batchSize, ...model.shape] },
      { name: "t", dtype: "int32", shape: [batchSize] },
    ],
    output: model.predict,
    call: (x: Tensor, t: Tensor) => model.network.forward(x, t),
    metadata: {
      "tweedie.recipe": recipe,
      "tweedie.predict": model.predict,
      "tweedie.schedule": name,
      "tweedie.steps": String(steps),
      "tweedie.time": "t counts from 0 to steps - 1; alpha_bar[t] is that of time t",
      "tweedie.alpha_bar": JSON.stringify([...alphaBar.slice(1)].map((a) => Number(a.toPrecision(12)))),
    },
  }
}
