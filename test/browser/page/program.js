/** What is computed in the browser and in Node alike: one training step of a small U-Net, and its forward pass. */
import { batchSize, configure, exportOnnx, read } from "tweedie"
import { cosine, denoiser, drawsOf, gaussian, plans, simple, UNet, wholeSampler } from "tweedie/diffusion"
import { seeded, variables } from "tweedie/nn"
import { adamW } from "tweedie/optim"
import { TrainStep } from "tweedie/train"

const options = { channels: 1, size: 8, width: 8, multipliers: [1, 2], headSize: 8, groups: 2 }

/** Images `[batch, 1, 8, 8]` that are the same everywhere. */
export function images(batch) {
  const data = Float32Array.from({ length: batch * 64 }, (_, i) => Math.sin(i * i * 0.37))
  return { dtype: "float32", shape: [batch, 1, 8, 8], data }
}

/** Times `[batch]`. */
export function times(batch) {
  return { dtype: "int32", shape: [batch], data: Int32Array.from({ length: batch }, (_, i) => (i * 131) % 1000) }
}

/** Noise for a whole sampler, `[draws, batch, 1, 8, 8]`. */
export function noise(batch) {
  const { data } = images(4 * batch)
  return { dtype: "float32", shape: [4, batch, 1, 8, 8], data }
}

/**
 * Trains a U-Net for one step, the whole of it one portable program: loss, norm of the gradient, and every parameter
 * after the step; the file of the network before it, and that of a whole sampler of it, which adds noise in its steps.
 */
export async function train() {
  configure({ device: "portable" })
  const unet = seeded(3, () => new UNet(options))
  const model = denoiser(unet, gaussian(cosine(1000)), { predict: "v" })
  const file = await exportOnnx(
    (x, t) => unet.forward(x, t),
    [
      { dtype: "float32", shape: [batchSize, 1, 8, 8] },
      { dtype: "int32", shape: [batchSize] },
    ],
    { inputNames: ["x", "t"], outputNames: ["v"], variables: variables(unet) },
  )
  const plan = plans.ddpm(model, { steps: 4 })
  const sampler = await exportOnnx(
    (noise) => wholeSampler(model, plan, noise),
    [{ dtype: "float32", shape: [drawsOf(plan).length, batchSize, 1, 8, 8] }],
    { inputNames: ["noise"], outputNames: ["samples"], variables: variables(unet) },
  )
  // The bias of attention's keys has no gradient but rounding, which Adam would make as large as any other.
  const optimizer = adamW({ eps: 1e-3 })
  const step = new TrainStep(simple(model), { optimizer, ema: null, clip: 1, accumulate: 1, seed: 5 })
  const { loss, gradientNorm } = await step.run({ x: images(6) }, 1e-2, 0)
  await step.dispose()
  const found = variables(unet)
  const values = await read([...found.values()])
  const parameters = Object.fromEntries([...found.keys()].map((name, i) => [name, [...values[i].data]]))
  return { file, sampler, loss, gradientNorm, parameters }
}
