// One training step of the U-Net, ours and PyTorch's.
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { dataset, loader } from "../dist/data/index.js"
import { denoiser, gaussian, linear, simple, UNet } from "../dist/diffusion/index.js"
import { compile, configure, Generator, gradients } from "../dist/index.js"
import { writeSafetensors } from "../dist/io/index.js"
import { parameters, seeded, stateDict } from "../dist/nn/index.js"
import { adamW } from "../dist/optim/index.js"
import { train } from "../dist/train/index.js"
import { operationsOf } from "./measure.mjs"
import { optionsOf } from "./options.mjs"
import { compare } from "./rounds.mjs"

/** Gradients of float32 sums of this length in another order differ by about this much. */
const tolerance = 2e-5

export async function bench(args) {
  const options = optionsOf(args, {
    profile: { type: "string", doc: "prefix of a profile of our step; nothing else is measured" },
  })
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
  const run = training[Symbol.asyncIterator]()
  const ours = async (steps) => {
    const times = []
    for (let i = 0; i < steps; i++) {
      const start = performance.now()
      await run.next()
      times.push(performance.now() - start)
    }
    return times
  }
  if (profile !== undefined) {
    await ours(8)
    console.log(await training.profile())
    await training.dispose()
    return
  }

  const lossAndGradients = compile((x0, noise, t) => {
    const total = network
      .forward(model.process.noised(x0, noise, t.add(1)), t)
      .sub(noise)
      .square()
      .mean()
    return [total, gradients(total, [...parameters(network).values()])]
  })
  const shape = [batch, 1, size, size]
  const spec = { dtype: "float32", shape }
  const operations = operationsOf(lossAndGradients.graph(spec, spec, { dtype: "int32", shape: [batch] }))

  const check = async (side) => {
    const count = batch * size * size
    const x0 = { dtype: "float32", shape, data: draw(count, () => random.uniform(-1, 1)) }
    const noise = { dtype: "float32", shape, data: draw(count, () => random.normal()) }
    const t = { dtype: "int32", shape: [batch], data: Int32Array.from({ length: batch }, () => random.integer(1000)) }
    const [loss, found] = await lossAndGradients(x0, noise, t)
    await lossAndGradients.dispose()
    const names = [...parameters(network).keys()]
    const folder = await mkdtemp(join(tmpdir(), "tweedie-bench-"))
    try {
      const [weights, given] = ["weights", "case"].map((name) => join(folder, `${name}.safetensors`))
      await writeFile(weights, writeSafetensors(await stateDict(network)))
      await writeFile(
        given,
        writeSafetensors(
          new Map([["x0", x0], ["noise", noise], ["t", t], ...found.map((g, i) => [`grad.${names[i]}`, g])]),
        ),
      )
      const theirs = await side.ask("check", { weights, case: given })
      const apart = Math.abs(loss.data[0] - theirs.loss) / theirs.loss
      const agrees = apart < tolerance && theirs.gradients < tolerance
      console.log(
        `same weights and data: loss ${loss.data[0].toPrecision(8)} and ${theirs.loss.toPrecision(8)}, ` +
          `gradients ${theirs.gradients.toExponential(1)} apart (relative; worst ${theirs.worst} ${theirs.worst_by.toExponential(1)})` +
          `${agrees ? "" : `: they DISAGREE (bound ${tolerance})`}`,
      )
      return agrees
    } finally {
      await rm(folder, { recursive: true })
    }
  }
  await compare(options, { ours, op: "train", operations, perStep: batch, check, close: () => training.dispose() })
}
