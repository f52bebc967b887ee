/** Inpainting: a denoiser that knows part of each sample. */
import { array, type NdArray, sizeOf } from "../engine/array.ts"
import { formatShape, UsageError } from "../engine/shape.ts"
import type { Denoiser } from "./denoiser.ts"
import { changed } from "./denoiser-changed.ts"

/**
 * The denoiser that knows part of each sample: its x0 is what is known where something is, and the model's elsewhere.
 * Samplers are given {@link masked} samples as `given`. Whatever the sampler, samples at time 0 are exactly what is known
 * there. With ancestral steps the known part of x_t has at every time the law q(x_t | x0) of known data with noise
 * (replacement), and from one time to the next that of one noising of them; the paper draws each time's noise anew.
 * With `repaint` the rest is brought into harmony with it.
 * Source: Song et al. 2021 (score SDE), appendix I.2; Lugmayr et al. 2022 (RePaint), equation 8.
 *
 * @example ddpm(inpainted(model), { given: masked(images, mask), count: images.shape[0] })
 */
export function inpainted(model: Denoiser): Denoiser {
  const [channels] = model.shape
  return changed(model, ({ x0 }, { xt, given }) => {
    if (given === undefined || given.shape[1] !== 2 * channels || given.rank !== xt.rank)
      throw new UsageError(
        `inpainted: got ${given === undefined ? "nothing" : formatShape(given.shape)} given, expected samples and masks [batch, ${[2 * channels, ...model.shape.slice(1)].join(", ")}] (masked makes them)`,
      )
    const [known, mask] = given.split(2, 1)
    return x0.add(known.sub(x0).mul(mask))
  })
}

/**
 * Samples `[count, c, ...]` and where they are known, as {@link inpainted} is given them: `[count, 2 c, ...]`, the samples
 * and then the mask, which is 1 where they are known and 0 in the hole. A mask without the first axes serves all samples
 * and channels. What is in the hole is left out.
 *
 * @throws RangeError when a mask does not fit or is not from 0 to 1, or what is known is not finite.
 */
export function masked(x: NdArray<"float32">, mask: NdArray): NdArray<"float32"> {
  const [count, ...shape] = x.shape
  const size = sizeOf(shape)
  const period = sizeOf(mask.shape)
  const isSuffix = mask.shape.every((d, i) => d === x.shape[x.shape.length - mask.shape.length + i])
  if (shape.length === 0 || mask.shape.length > x.shape.length || !isSuffix)
    throw new RangeError(
      `masked: got a mask ${formatShape(mask.shape)} for samples ${formatShape(x.shape)}, expected their last axes`,
    )
  const data = new Float32Array(2 * count * size)
  for (let i = 0; i < count * size; i++) {
    const m = Number(mask.data[i % period])
    if (!(m >= 0 && m <= 1)) throw new RangeError(`masked: got ${m} in the mask, expected numbers from 0 to 1`)
    if (m > 0 && !Number.isFinite(x.data[i])) throw new RangeError(`masked: got ${x.data[i]} where the sample is known`)
    const at = 2 * Math.floor(i / size) * size + (i % size)
    data[at] = m > 0 ? x.data[i] : 0
    data[at + size] = m
  }
  return array("float32", [count, 2 * shape[0], ...shape.slice(1)], data)
}
