// One training step of the U-Net, ours and PyTorch's.
import { dataset, loader } from "../dist/data/index.js"
import { denoiser, gaussian, linear, simple, UNet } from "../dist/diffusion/index.js"
import { compile, configure, Generator, gradients } from "../dist/index.js"
import { parameters, seeded } from "../dist/nn/index.js"
import { adamW } from "../dist/optim/index.js"
import { train } from "../dist/train/index.js"
import { agreement } from "./agree.mjs"
import { operationsOf } from "./measure.mjs"
import { optionsOf } from "./options.mjs"
import { compare, stepper } from "./rounds.mjs"

export async function bench(args) {
  const options = optionsOf(args)
  const { size, batch, width, multipliers, layers, threads, device, profile } = options
  configure({ threads, device })
  const random = new Generator(1)
  const draw = (count, next) => Float32Array.from({ length: count }, next)
  const network = seeded(0, () => new UNet({ size, width, multipliers, layers }))
  const model = denoiser(network, gaussian(linear()))
  const images = dataset(
    draw(4 * batch * size * size, () => random.uniform(-1, 1)),
    undefined,
    { shape: [1, size, size] },
  )
  const training = train(simple(model), loader(images, { batch }), {
    optimizer: adamW({ lr: 1e-4, weightDecay: 0 }),
    ema: 0.999,
    ...(profile !== undefined && { profile }),
  })
  const ours = stepper(training)
  if (profile !== undefined) return ours.profiled()

  const program = compile((x0, noise, t) => {
    const total = network
      .forward(model.process.noised(x0, noise, t.add(1)), t)
      .sub(noise)
      .square()
      .mean()
    return [total, gradients(total, [...parameters(network).values()])]
  })
  const shape = [batch, 1, size, size]
  const spec = { dtype: "float32", shape }
  const count = batch * size * size
  const inputs = {
    x0: { ...spec, data: draw(count, () => random.uniform(-1, 1)) },
    noise: { ...spec, data: draw(count, () => random.normal()) },
    t: { dtype: "int32", shape: [batch], data: Int32Array.from({ length: batch }, () => random.integer(1000)) },
  }
  await compare(options, {
    what: `${batch} images of ${size}x${size}, width ${width}, multipliers ${multipliers}`,
    model: "unet",
    settings: { size, batch, width, multipliers, layers },
    names: ["plain", "channels_last", "compile"],
    ours,
    op: "train",
    operations: operationsOf(program.graph(spec, spec, { dtype: "int32", shape: [batch] })),
    perStep: batch,
    check: (side) => agreement(side, { network, program, inputs }),
  })
}
