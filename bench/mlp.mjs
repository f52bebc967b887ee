// One training step of a variational autoencoder of linear layers: what a step costs beyond its arithmetic.
import { dataset, loader } from "../dist/data/index.js"
import { compile, configure, Generator, gradients, randomNormal } from "../dist/index.js"
import { Linear, parameters, relu, seeded, softplus, variables } from "../dist/nn/index.js"
import { adamW } from "../dist/optim/index.js"
import { train } from "../dist/train/index.js"
import { agreement } from "./agree.mjs"
import { operationsOf } from "./measure.mjs"
import { optionsOf } from "./options.mjs"
import { compare, stepper } from "./rounds.mjs"

/** Linear layers with ReLU between them, named as PyTorch's Sequential names them. */
class Layers {
  constructor(...sizes) {
    this.names = []
    for (let i = 0; i + 1 < sizes.length; i++) {
      this.names.push(String(2 * i))
      this[2 * i] = new Linear(sizes[i], sizes[i + 1])
    }
  }

  forward(x) {
    return this.names.reduce((h, name, i) => this[name].forward(i === 0 ? h : relu(h)), x)
  }
}

class Vae {
  encoder = new Layers(784, 512, 256, 40)
  decoder = new Layers(20, 256, 512, 784)

  loss(x, eps) {
    const [mean, logVar] = this.encoder.forward(x).split(2, 1)
    const logits = this.decoder.forward(mean.add(logVar.div(2).exp().mul(eps)))
    const misfit = softplus(logits).sub(logits.mul(x)).sum()
    const kl = mean.square().add(logVar.exp()).sub(1).sub(logVar).sum().mul(0.5)
    return misfit.add(kl).div(x.shape[0])
  }
}

export async function bench(args) {
  const options = optionsOf(args, { batch: { type: "string", default: "128", doc: "samples a step" } })
  const { batch, threads, device, profile } = options
  configure({ threads, device })
  const random = new Generator(1)
  const uniform = (count) => Float32Array.from({ length: count }, () => random.uniform(0, 1))
  const network = seeded(0, () => new Vae())
  const objective = {
    variables: variables(network),
    loss: ({ x }) => ({ total: network.loss(x, randomNormal([batch, 20])) }),
  }
  const training = train(objective, loader(dataset(uniform(8 * batch * 784), undefined, { shape: [784] }), { batch }), {
    optimizer: adamW({ lr: 1e-4, weightDecay: 0 }),
    clip: null,
    ema: null,
    ...(profile !== undefined && { profile }),
  })
  const ours = stepper(training)
  if (profile !== undefined) return ours.profiled()
  const program = compile((x, eps) => {
    const total = network.loss(x, eps)
    return [total, gradients(total, [...parameters(network).values()])]
  })
  const spec = (shape) => ({ dtype: "float32", shape })
  const shapes = { x: [batch, 784], eps: [batch, 20] }
  const operations = operationsOf(program.graph(...Object.values(shapes).map(spec)))
  const inputs = {
    x: { ...spec(shapes.x), data: uniform(batch * 784) },
    eps: { ...spec(shapes.eps), data: Float32Array.from({ length: batch * 20 }, () => random.normal()) },
  }
  await compare(options, {
    what: `VAE 784-512-256-20, batch ${batch}`,
    model: "mlp",
    settings: { batch },
    names: ["plain", "compile"],
    ours,
    op: "train",
    operations,
    perStep: batch,
    check: (side) => agreement(side, { network, program, inputs }),
  })
}
