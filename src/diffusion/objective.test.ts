import { expect, test } from "vitest"
import { type Mixture, MixtureNetwork } from "../../test/laws/mixture.ts"
import { mean, variance } from "../../test/laws/statistics.ts"
import { type Dataset, dataset, procedural } from "../data/dataset.ts"
import { loader } from "../data/loader.ts"
import { eightGaussians } from "../data/points.ts"
import { array, type NdArray, toNumbers } from "../engine/array.ts"
import { compile } from "../engine/compile.ts"
import { randomInteger, randomNormal } from "../engine/create.ts"
import { Generator } from "../engine/random.ts"
import { configure } from "../engine/runtime.ts"
import type { Tensor } from "../engine/tensor.ts"
import { seeded } from "../nn/init.ts"
import { adamW } from "../optim/adam.ts"
import { lrCosine } from "../optim/curves.ts"
import { type Training, type TrainOptions, train } from "../train/loop.ts"
import { type Denoiser, denoiser, type Network } from "./denoiser.ts"
import { simple } from "./objective.ts"
import { PointNet } from "./pointnet.ts"
import { gaussian, type Process } from "./process.ts"
import { ddpm } from "./samplers/ancestral.ts"
import { ddim } from "./samplers/ddim.ts"
import { last } from "./samplers/sampler.ts"
import { cosine, linear } from "./schedule.ts"
import { UNet } from "./unet.ts"

// The programs here are small: a second thread would only wait.
configure({ threads: 1 })

/** Trains a denoiser for so many steps and gives it its averaged weights. */
async function learn(
  model: Denoiser<Network & object>,
  data: Dataset,
  { steps, batch, lr }: { steps: number; batch: number; lr: number },
): Promise<void> {
  const training = train(simple(model, { times: "stratified" }), loader(data, { batch }), {
    steps,
    optimizer: adamW({ lr: lrCosine(lr, { steps }), weightDecay: 0 }),
    ema: 0.99,
  })
  for await (const _ of training);
  await training.finish()
  await training.dispose()
}

/**
 * The mean squared error of the best answer, and how far (squared) a network's answers are from it, on average over
 * data, times and noise.
 */
async function risks(model: Denoiser, best: Network, data: NdArray): Promise<{ best: number; apart: number }> {
  const { process } = model
  const run = compile((x: Tensor) => {
    const t = randomInteger([x.shape[0]], process.steps).add(1)
    const eps = randomNormal(x.shape)
    const xt = process.noised(x, eps, t)
    const [mine, ideal] = [model.at(xt, t).eps, best.forward(xt, t.sub(1))]
    return [ideal.sub(eps).square().mean(), mine.sub(ideal).square().mean()]
  })
  const [a, b] = await run(data)
  await run.dispose()
  return { best: toNumbers(a)[0], apart: toNumbers(b)[0] }
}

const [centre, spread] = [0.4, 0.7]
const bell = (count: number): Dataset =>
  procedural({
    name: "bell",
    length: count,
    shape: [1],
    write: (i, out) => {
      out[0] = new Generator([3, i]).normal(centre, spread)
      return 0
    },
  })

/** Mean over the times of abar s^2 / (abar s^2 + 1 - abar): the least error there is for data of variance s^2. */
function leastError(process: Process): number {
  let sum = 0
  for (let t = 1; t <= process.steps; t++) {
    const kept = process.alphaBar(t) * spread ** 2
    sum += kept / (kept + 1 - process.alphaBar(t))
  }
  return sum / process.steps
}

test("the best answer for data N(m, s^2) has the error that theory says, by the objective itself [A32]", async () => {
  for (const process of [gaussian(linear()), gaussian(cosine(200))]) {
    const ideal = new MixtureNetwork([{ weight: 1, mean: [centre], std: spread }], process)
    const { loss } = simple(denoiser(ideal, process))
    const n = 50_000
    const run = compile((x: Tensor) => loss({ x }).total)
    const found = toNumbers(await run(bell(n).batch(Int32Array.from({ length: n }, (_, i) => i)).x))[0]
    await run.dispose()
    // Squared errors of mean r have a spread of at most sqrt(3) r around it and of the times.
    expect(Math.abs(found / leastError(process) - 1)).toBeLessThan((4 * 3) / Math.sqrt(n))
  }
})

test("a trained network's excess over that error is within 5 % of it [A32]", async () => {
  const process = gaussian(cosine(100))
  const model = denoiser(
    seeded(1, () => new PointNet({ dims: 1, width: 32, layers: 2 })),
    process,
  )
  const ideal = new MixtureNetwork([{ weight: 1, mean: [centre], std: spread }], process)
  const fresh = bell(20_000).batch(Int32Array.from({ length: 20_000 }, (_, i) => i)).x
  expect((await risks(model, ideal, fresh)).apart).toBeGreaterThan(0.5 * leastError(process))
  await learn(model, bell(2 ** 20), { steps: 300, batch: 256, lr: 5e-3 })
  const { best, apart } = await risks(model, ideal, fresh)
  expect(Math.abs(best / leastError(process) - 1)).toBeLessThan(0.05)
  expect(apart).toBeLessThan(0.05 * best)
})

/** Which of the centres is nearest to each point, and how far away it is. */
function nearest(
  points: ArrayLike<number>,
  centres: readonly (readonly number[])[],
): { k: number; distance: number }[] {
  return Array.from({ length: points.length / 2 }, (_, i) => {
    const all = centres.map(([x, y]) => Math.hypot(points[2 * i] - x, points[2 * i + 1] - y))
    const distance = Math.min(...all)
    return { k: all.indexOf(distance), distance }
  })
}

test("eight points are learned by heart: samples are those points, each of them about equally often [A33]", async () => {
  const random = new Generator(5)
  const points = Array.from({ length: 8 }, () => [random.uniform(-1.5, 1.5), random.uniform(-1.5, 1.5)])
  const repeated = dataset(
    Float32Array.from({ length: 2 * 1024 }, (_, i) => points[(i >> 1) % 8][i % 2]),
    undefined,
    {
      shape: [2],
    },
  )
  const process = gaussian(cosine(100))
  const model = denoiser(
    seeded(2, () => new PointNet({ width: 64 })),
    process,
  )
  await learn(model, repeated, { steps: 1500, batch: 512, lr: 5e-3 })
  const { x } = await last(ddpm(model, { count: 1000, batch: 1000, seed: 1 }))
  const found = nearest(x.data, points)
  expect(found.filter(({ distance }) => distance < 0.15).length).toBeGreaterThan(950)
  for (let k = 0; k < 8; k++) expect(found.filter((f) => f.k === k).length).toBeGreaterThan(1000 / 16)
})

const ring: Mixture = Array.from({ length: 8 }, (_, k) => ({
  weight: 1 / 8,
  mean: [Math.SQRT2 * Math.cos((k * Math.PI) / 4), Math.SQRT2 * Math.sin((k * Math.PI) / 4)],
  std: 0.1,
}))

test("on eight Gaussians the error comes to the least there is, and every one gets its eighth of the samples [A33] [A34]", async () => {
  const process = gaussian(cosine(100))
  const model = denoiser(
    seeded(1, () => new PointNet({ width: 64 })),
    process,
  )
  await learn(model, eightGaussians({ seed: 1 }), { steps: 1500, batch: 512, lr: 5e-3 })
  const fresh = eightGaussians({ seed: 2 }).batch(Int32Array.from({ length: 20_000 }, (_, i) => i)).x
  const { best, apart } = await risks(model, new MixtureNetwork(ring, process), fresh)
  expect(apart).toBeLessThan(0.03 * best)
  const { x } = await last(ddpm(model, { count: 4000, batch: 4000 }))
  const found = nearest(
    x.data,
    ring.map((c) => c.mean),
  )
  for (let k = 0; k < 8; k++) {
    const share = found.filter((f) => f.k === k).length / 4000
    expect(Math.abs(share * 8 - 1)).toBeLessThan(0.3)
  }
  // Within 4 of a Gaussian's own spreads of its centre.
  expect(found.filter(({ distance }) => distance < 0.4).length).toBeGreaterThan(0.95 * 4000)
})

/** Squares and crosses of 3x3 pixels anywhere on 8x8: 72 pictures of -1 and 1. */
const pictures: readonly Float32Array[] = [0, 1].flatMap((kind) =>
  Array.from({ length: 36 }, (_, place) => {
    const picture = new Float32Array(64).fill(-1)
    for (let i = 0; i < 9; i++) {
      const [row, column] = [Math.floor(i / 3), i % 3]
      const isDrawn = kind === 0 || row === 1 || column === 1
      if (isDrawn) picture[(Math.floor(place / 6) + row) * 8 + (place % 6) + column] = 1
    }
    return picture
  }),
)
const shapes = (): Dataset =>
  procedural({
    name: "shapes",
    length: 2 ** 20,
    shape: [1, 8, 8],
    write: (i, out) => {
      out.set(pictures[new Generator([9, i]).integer(pictures.length)])
      return 0
    },
  })

/** Frechet's distance of two sets of pictures, pixels taken as independent normals. */
function frechet(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const fitted = (x: ArrayLike<number>): [number, number][] =>
    Array.from({ length: 64 }, (_, k) => {
      const column = Float64Array.from({ length: x.length / 64 }, (_, i) => x[64 * i + k])
      return [mean(column), Math.sqrt(variance(column))]
    })
  const other = fitted(b)
  return fitted(a).reduce((sum, [m, s], k) => sum + (m - other[k][0]) ** 2 + (s - other[k][1]) ** 2, 0)
}

test("a U-Net learns small pictures: samples lie far nearer to them than noise does, one by one and as a set [A36]", async () => {
  const network = seeded(4, () => new UNet({ size: 8, width: 16, multipliers: [1, 2], headSize: 16 }))
  const model = denoiser(network, gaussian(cosine(100)), { predict: "v" })
  await learn(model, shapes(), { steps: 200, batch: 32, lr: 4e-3 })
  const count = 128
  const { x } = await last(ddim(model, { count, batch: count, steps: 25, seed: 1 }))
  const random = new Generator(1)
  const noise = Float32Array.from({ length: x.data.length }, () => Math.max(-1, Math.min(1, random.normal())))
  const real = shapes().batch(Int32Array.from({ length: 1024 }, (_, i) => i)).x.data
  expect(frechet(x.data, real)).toBeLessThan(0.1 * frechet(noise, real))
  // Mean squared difference to the nearest of all pictures there are.
  const miss = (data: Float32Array): number[] =>
    Array.from({ length: count }, (_, i) =>
      Math.min(...pictures.map((p) => mean(p.map((v, k) => (v - data[64 * i + k]) ** 2)))),
    )
  expect(mean(miss(x.data))).toBeLessThan(0.1 * mean(miss(noise)))
})

/** What a short training gives: losses, gradient norms, and every number of the model, its averages and its optimizer. */
async function record(build: () => Training): Promise<unknown> {
  const training = build()
  const reports: unknown[] = []
  for await (const { loss, gradientNorm } of training) reports.push([loss, gradientNorm])
  const { model, ema, optimizer } = await training.state()
  await training.dispose()
  return { reports, model: [...model], ema: [...ema!], optimizer: [...optimizer] }
}

test("a training follows from its seed, to the last bit, on several threads too [A33]", async () => {
  const build =
    (seed: number, options: TrainOptions = {}): (() => Training) =>
    () => {
      const network = seeded(
        seed,
        () => new UNet({ size: 8, width: 16, multipliers: [1, 2], headSize: 16, dropout: 0.1 }),
      )
      const model = denoiser(network, gaussian(linear()), { predict: "eps" })
      return train(simple(model), loader(shapes(), { batch: 8, seed }), { steps: 4, seed, ...options })
    }
  configure({ threads: 2 })
  try {
    const first = await record(build(0))
    expect(await record(build(0))).toEqual(first)
    expect(await record(build(0, { seed: 1 }))).not.toEqual(first)
  } finally {
    configure({ threads: 1 })
  }
})

test("times are drawn from 1 to T, uniformly, and stratified ones fill their parts", async () => {
  const process = gaussian(linear(10))
  // A network that answers with its own time, for data and a target of nothing else.
  const model: Denoiser<Network & object> = denoiser(
    { shape: [1], forward: (x: Tensor, t: Tensor) => x.mul(0).add(t.cast("float32").reshape([t.shape[0], 1])) },
    process,
    { predict: "x0" },
  )
  for (const times of ["uniform", "stratified"] as const) {
    const { loss } = simple(model, { times })
    const n = 4000
    const run = compile((x: Tensor) => loss({ x }).total)
    // The mean of t^2 for t uniform on 0 ... 9 is 28.5, with a spread of 26.8.
    const found = toNumbers(await run(array("float32", [n, 1], new Float32Array(n))))[0]
    await run.dispose()
    expect(Math.abs(found - 28.5)).toBeLessThan(times === "uniform" ? (4 * 26.8) / Math.sqrt(n) : 0.1)
  }
})
