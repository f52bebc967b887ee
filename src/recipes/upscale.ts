/** Denoisers that make large images of small ones: how they are judged. */
import { enlarged } from "../data/enlarge.ts"
import { smallerImages } from "../diffusion/conditioning.ts"
import type { Denoiser } from "../diffusion/denoiser.ts"
import { ddim } from "../diffusion/samplers/ddim.ts"
import { last } from "../diffusion/samplers/sampler.ts"
import type { NdArray } from "../engine/array.ts"
import { type ErrorOptions, type ErrorStep, ImageError, rowsOf } from "./figures.ts"
import type { Experiment } from "./recipe.ts"

/** Images whose samples are drawn together. */
const together = 64

/** How a denoiser is judged that is given images `upscale` times smaller than its samples. */
export function enlargement(
  model: Denoiser,
  { upscale, classes }: { readonly upscale: number; readonly classes: number },
): Pick<Experiment, "shape" | "metrics" | "bound" | "likelihood" | "classes" | "classify" | "error"> {
  const refuse = (what: string) => (): never => {
    throw new RangeError(
      `${what}: the run makes samples of small images, and is judged by their error (--metric error)`,
    )
  }
  return {
    shape: model.shape,
    metrics: ["error"],
    bound: refuse("bpd"),
    likelihood: refuse("flow"),
    classes,
    classify: refuse("classify"),
    error: (x, options) => errorOf(model, x, { ...options, upscale, classes }),
  }
}

/**
 * Errors of samples (`ddim`, 50 steps) against the images whose small ones they are made of, of the mean of several, and of
 * plain enlargements; and how far the samples, made small again, are from what was given.
 */
async function* errorOf(
  model: Denoiser,
  x: NdArray<"float32">,
  {
    upscale,
    classes,
    draws = 4,
    seed = 0,
    signal,
  }: ErrorOptions & { readonly upscale: number; readonly classes: number },
): AsyncGenerator<ErrorStep> {
  const [sample, mean, nearest, bicubic, again] = Array.from({ length: 5 }, () => new ImageError())
  const [count] = x.shape
  for (let start = 0; start < count; start += together) {
    const truth = rowsOf(x, start, together)
    const given = smallerImages(truth, upscale)
    const sum = new Float64Array(truth.data.length)
    for (let k = 0; k < draws; k++) {
      const { x: drawn } = await last(
        ddim(model, {
          count: truth.shape[0],
          steps: Math.min(50, model.process.steps),
          seed: seed + start * draws + k,
          given,
          batch: together,
          ...(classes > 0 && { labels: new Int32Array(truth.shape[0]).fill(classes) }),
          ...(signal && { signal }),
        }),
      )
      if (k === 0) {
        sample.add(drawn.data, truth.data)
        again.add(smallerImages(drawn, upscale).data, given.data)
      }
      for (let i = 0; i < sum.length; i++) sum[i] += drawn.data[i] / draws
    }
    mean.add(sum, truth.data)
    nearest.add(enlarged(given, upscale, { how: "nearest" }).data, truth.data)
    bicubic.add(enlarged(given, upscale).data, truth.data)
    const figures = {
      rmse: sample.rmse,
      psnr: sample.psnr,
      ...(draws > 1 && { [`rmse of the mean of ${draws}`]: mean.rmse, [`psnr of the mean of ${draws}`]: mean.psnr }),
      "rmse of bicubic": bicubic.rmse,
      "psnr of bicubic": bicubic.psnr,
      "rmse of nearest": nearest.rmse,
      "psnr of nearest": nearest.psnr,
      "rmse made small again": again.rmse,
    }
    yield { done: start + truth.shape[0], count, figures }
  }
}
