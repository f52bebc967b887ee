// One training step of a causal transformer over bytes.
import {
  arange,
  attention,
  compile,
  configure,
  Generator,
  gelu,
  gradients,
  logSoftmax,
  lowerTriangle,
  takeAlong,
} from "../dist/index.js"
import {
  Embedding,
  LayerNorm,
  Linear,
  mergeHeads,
  parameters,
  seeded,
  splitHeads,
  variables,
} from "../dist/nn/index.js"
import { adamW } from "../dist/optim/index.js"
import { TrainStep } from "../dist/train/index.js"
import { agreement } from "./agree.mjs"
import { operationsOf } from "./measure.mjs"
import { optionsOf } from "./options.mjs"
import { compare } from "./rounds.mjs"

class Block {
  constructor(width, heads) {
    this.heads = heads
    this.norm1 = new LayerNorm(width)
    this.qkv = new Linear(width, 3 * width)
    this.out = new Linear(width, width)
    this.norm2 = new LayerNorm(width)
    this.up = new Linear(width, 4 * width)
    this.down = new Linear(4 * width, width)
  }

  forward(x, mask) {
    const [q, k, v] = this.qkv
      .forward(this.norm1.forward(x))
      .split(3, 2)
      .map((t) => splitHeads(t, this.heads))
    const h = x.add(this.out.forward(mergeHeads(attention(q, k, v, { mask }))))
    return h.add(this.down.forward(gelu(this.up.forward(this.norm2.forward(h)))))
  }
}

class Transformer {
  constructor({ layers, width, heads, tokens, vocabulary }) {
    this.embedding = new Embedding(vocabulary, width)
    this.position = new Embedding(tokens, width)
    this.blocks = Array.from({ length: layers }, () => new Block(width, heads))
    this.norm = new LayerNorm(width)
    this.head = new Linear(width, vocabulary)
  }

  loss(x, y) {
    const tokens = x.shape[1]
    const mask = lowerTriangle(tokens)
    const start = this.embedding.forward(x).add(this.position.forward(arange(tokens)))
    const h = this.blocks.reduce((t, block) => block.forward(t, mask), start)
    const logProbabilities = logSoftmax(this.head.forward(this.norm.forward(h)))
    return takeAlong(logProbabilities, y.reshape([...y.shape, 1]), 2)
      .mean()
      .neg()
  }
}

export async function bench(args) {
  const options = optionsOf(args, {
    batch: { type: "string", default: "16", doc: "sequences a step" },
    layers: { type: "string", default: "6", doc: "blocks" },
    width: { type: "string", default: "256", doc: "width of a token" },
    heads: { type: "string", default: "8", doc: "heads of attention" },
    tokens: { type: "string", default: "128", doc: "tokens of a sequence" },
  })
  const { batch, threads, device, layers, width, profile } = options
  const [heads, tokens] = [Number(options.heads), Number(options.tokens)]
  configure({ threads, device })
  const settings = { layers, width, heads, tokens, vocabulary: 256 }
  const network = seeded(0, () => new Transformer(settings))
  const random = new Generator(1)
  const drawn = () => ({
    dtype: "int32",
    shape: [batch, tokens],
    data: Int32Array.from({ length: batch * tokens }, () => random.integer(256)),
  })
  const objective = { variables: variables(network), loss: ({ x, y }) => ({ total: network.loss(x, y) }) }
  const step = new TrainStep(objective, {
    optimizer: adamW({ lr: 1e-4, weightDecay: 0 }),
    ema: null,
    clip: 1,
    accumulate: 1,
    seed: 0,
    ...(profile !== undefined && { profile }),
  })
  const ours = async (steps) => {
    const times = []
    for (let i = 0; i < steps; i++) {
      const start = performance.now()
      await step.run({ x: drawn(), y: drawn() }, 1e-4, 0)
      times.push(performance.now() - start)
    }
    return times
  }
  ours.close = () => step.dispose()
  if (profile !== undefined) {
    await ours(8)
    console.log(await step.profile())
    return step.dispose()
  }
  const program = compile((x, y) => {
    const total = network.loss(x, y)
    return [total, gradients(total, [...parameters(network).values()])]
  })
  const spec = { dtype: "int32", shape: [batch, tokens] }
  await compare(options, {
    what: `transformer of ${layers} layers, width ${width}, ${heads} heads, ${batch} x ${tokens} tokens`,
    model: "transformer",
    settings: { batch, ...settings },
    names: ["plain", "compile"],
    ours,
    op: "train",
    operations: operationsOf(program.graph(spec, spec)),
    perStep: batch,
    check: (side) => agreement(side, { network, program, inputs: { x: drawn(), y: drawn() } }),
  })
}
