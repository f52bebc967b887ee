import { expect, test } from "vitest"
import { array, toNumbers } from "../engine/array.ts"
import { compile } from "../engine/compile.ts"
import { gradients } from "../engine/grad.ts"
import { fillNormal, keyOf } from "../engine/random.ts"
import { placeholder, type Tensor } from "../engine/tensor.ts"
import { seeded } from "../nn/init.ts"
import { parameters } from "../nn/module.ts"
import { AutoencoderKL } from "./autoencoder.ts"
import { DiagonalGaussian } from "./posterior.ts"

const images = array("float32", [2, 1, 8, 8], fillNormal(new Float32Array(128), keyOf(1)))

test("images become latents of a quarter of the size and images again, and every parameter has a gradient", async () => {
  const network = seeded(
    0,
    () => new AutoencoderKL({ widths: [4, 8, 8], groups: 2, attention: [1], latentChannels: 3 }),
  )
  const found = [...parameters(network)]
  const run = compile((x: Tensor) => {
    const posterior = network.encode(x)
    const y = network.decode(posterior.sample())
    const loss = y.sub(x).square().mean().add(posterior.kl().mean())
    return [
      posterior.mean,
      y,
      ...gradients(
        loss,
        found.map(([, v]) => v),
      ),
    ]
  })
  const [mean, y, ...slopes] = await run(images)
  await run.dispose()
  expect([mean.shape, y.shape]).toEqual([
    [2, 3, 2, 2],
    [2, 1, 8, 8],
  ])
  for (const [i, [name]] of found.entries()) {
    // Keys are added to all scores of a query alike, so their bias has no gradient.
    if (name.endsWith("to_k.bias")) continue
    expect(Math.max(...toNumbers(slopes[i]).map(Math.abs)), name).toBeGreaterThan(0)
  }
})

test("samples of the posterior have its mean and deviation, and its divergence to the standard normal is the closed form", async () => {
  const [mu, deviation, n] = [0.7, 0.3, 40_000]
  const moments = new Float32Array(2 * n).fill(mu, 0, n).fill(2 * Math.log(deviation), n)
  const run = compile((m: Tensor) => {
    const q = new DiagonalGaussian(m)
    return [q.sample(), q.kl(), q.kl(q), q.mode(), q.nll(q.mode())]
  })
  const [sample, kl, own, mode, nll] = (await run(array("float32", [1, 2, 200, 200], moments))).map((a) => toNumbers(a))
  await run.dispose()
  const mean = sample.reduce((s, v) => s + v, 0) / n
  const spread = Math.sqrt(sample.reduce((s, v) => s + (v - mean) ** 2, 0) / n)
  expect(Math.abs(mean - mu)).toBeLessThan(0.006)
  expect(Math.abs(spread - deviation)).toBeLessThan(0.005)
  expect(mode[0]).toBeCloseTo(mu, 6)
  expect(kl[0] / n).toBeCloseTo((mu ** 2 + deviation ** 2 - 1) / 2 - Math.log(deviation), 4)
  expect(own[0]).toBeCloseTo(0, 2)
  expect(nll[0] / n).toBeCloseTo(Math.log(2 * Math.PI) / 2 + Math.log(deviation), 4)
})

test("log variances are held in [-30, 20]", async () => {
  const run = compile((m: Tensor) => new DiagonalGaussian(m).logVar)
  const held = await run(array("float32", [1, 4, 1], Float32Array.of(0, 0, -1e9, 1e9)))
  await run.dispose()
  expect([...toNumbers(held)]).toEqual([-30, 20])
})

test("what an autoencoder cannot be or be given is refused by name", () => {
  const network = new AutoencoderKL({ widths: [4, 4], groups: 2 })
  const x = (...shape: number[]): Tensor => placeholder("x", { dtype: "float32", shape })
  expect(() => network.encode(x(1, 3, 8, 8))).toThrow(
    "AutoencoderKL: images are [1, 3, 8, 8], expected [batch, 1, height, width] with sides from 2",
  )
  expect(() => network.decode(x(1, 3, 8, 8))).toThrow(
    "AutoencoderKL: latents are [1, 3, 8, 8], expected [batch, 4, height, width]",
  )
  expect(() => new AutoencoderKL({ scale: 0 })).toThrow("AutoencoderKL: scale is 0 and shift 0")
  expect(() => new AutoencoderKL({ latentMean: [1] })).toThrow("AutoencoderKL: latentMean has 1 numbers, expected 4")
  expect(() => new AutoencoderKL({ latentStd: [1, 1, 0, 1] })).toThrow(
    "latentStd is [1, 1, 0, 1], expected numbers above 0",
  )
  expect(() => new DiagonalGaussian(x(1, 3, 2))).toThrow("moments are [1, 3, 2], expected an even second axis")
})
