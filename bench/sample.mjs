// DDIM through the U-Net, ours and PyTorch's. Images a second are those of 50 steps each.
import { ddim, denoiser, gaussian, linear, UNet } from "../dist/diffusion/index.js"
import { compile, configure } from "../dist/index.js"
import { seeded } from "../dist/nn/index.js"
import { operationsOf } from "./measure.mjs"
import { optionsOf } from "./options.mjs"
import { compare } from "./rounds.mjs"

export async function bench(args) {
  const options = optionsOf(args)
  const { size, batch, width, multipliers, layers, threads, device } = options
  configure({ threads, device })
  const network = seeded(0, () => new UNet({ size, width, multipliers, layers }))
  const model = denoiser(network, gaussian(linear()))
  const ours = async (steps, begun) => {
    const times = []
    let start
    // The first step loads the program; it is not timed.
    for await (const _ of ddim(model, { count: batch, batch, steps: steps + 1 })) {
      const now = performance.now()
      if (start === undefined) begun?.()
      else times.push(now - start)
      start = performance.now()
    }
    return times
  }
  const forward = compile((x, t) => network.forward(x, t))
  const operations = operationsOf(
    forward.graph({ dtype: "float32", shape: [batch, 1, size, size] }, { dtype: "int32", shape: [batch] }),
  )
  await compare(options, {
    what: `${batch} images of ${size}x${size}, width ${width}, multipliers ${multipliers}`,
    model: "unet",
    settings: { size, batch, width, multipliers, layers },
    names: ["plain", "channels_last", "compile"],
    ours,
    op: "sample",
    operations,
    perStep: batch / 50,
  })
}
