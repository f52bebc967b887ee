/** A U-Net trained on one device and then on another: how its variables lie is each device's own affair. */
import { glyphs } from "../../src/data/glyphs.ts"
import { loader } from "../../src/data/loader.ts"
import { denoiser } from "../../src/diffusion/denoiser.ts"
import { simple } from "../../src/diffusion/objective.ts"
import { gaussian } from "../../src/diffusion/process.ts"
import { cosine } from "../../src/diffusion/schedule.ts"
import { UNet } from "../../src/diffusion/unet.ts"
import { type NdArray, toNumbers } from "../../src/engine/array.ts"
import { configure } from "../../src/engine/runtime.ts"
import { seeded } from "../../src/nn/init.ts"
import { stateDict } from "../../src/nn/module.ts"
import { sgd } from "../../src/optim/sgd.ts"
import { train } from "../../src/train/loop.ts"

type Name = "cpu" | "portable"

/** Two updates on each of two devices; widths are one and two blocks of the given size. */
export async function trained(first: Name, second: Name, block: number): Promise<ReadonlyMap<string, NdArray>> {
  const network = seeded(0, () => new UNet({ patch: 2, width: block, multipliers: [1, 2] }))
  const model = denoiser(network, gaussian(cosine()), { predict: "v" })
  const batches = loader(glyphs(), { batch: 5 })
  for (const device of [first, second]) {
    configure({ device })
    const training = train(simple(model), batches, { optimizer: sgd({ lr: 0.1, momentum: 0.9 }), steps: 2, ema: null })
    for await (const { loss } of training) if (!Number.isFinite(loss)) throw new Error("trained: a loss is no number")
    await training.dispose()
  }
  return stateDict(network)
}

/** The norm of the difference of two sets of variables, over the norm of how far the second lies from the start. */
export async function variablesApart(
  a: ReadonlyMap<string, NdArray>,
  b: ReadonlyMap<string, NdArray>,
  block: number,
): Promise<number> {
  const start = await stateDict(seeded(0, () => new UNet({ patch: 2, width: block, multipliers: [1, 2] })))
  let [apart, moved] = [0, 0]
  for (const [name, value] of b) {
    const [x, y, from] = [a.get(name)!, value, start.get(name)!].map(toNumbers)
    for (const [i, v] of y.entries()) {
      apart += (x[i] - v) ** 2
      moved += (v - from[i]) ** 2
    }
  }
  return Math.sqrt(apart / moved)
}
