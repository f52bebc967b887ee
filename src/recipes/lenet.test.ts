import { expect, test } from "vitest"
import { dataset, range, take } from "../data/dataset.ts"
import { glyphs } from "../data/glyphs.ts"
import { toNumbers } from "../engine/array.ts"
import { Generator } from "../engine/random.ts"
import { accuracy } from "../metrics/agreement.ts"
import { evaluateImages, readSet } from "../metrics/evaluate.ts"
import { lenetFeatures } from "../metrics/lenet.ts"
import { trainLeNet } from "./lenet.ts"

test("a LeNet learns drawn digits in sixty updates, and its features tell clean ones from spoiled ones", async () => {
  const { network, steps, training } = trainLeNet(take(glyphs({ seed: 1 }), 2000), { epochs: 1.5, batch: 50 })
  expect(steps).toBe(60)
  let first: number | undefined
  let last = 0
  for await (const { loss } of training) {
    first ??= loss
    last = loss
  }
  await training.dispose()
  expect(last).toBeLessThan(first! / 3)

  const judge = await lenetFeatures(network)
  const { x, y } = glyphs({ seed: 2 }).batch(range(500))
  const { probabilities } = await judge.read(x)
  const odds = toNumbers(probabilities as typeof x)
  const guesses = Array.from({ length: 500 }, (_, i) => {
    const row = [...odds.subarray(10 * i, 10 * i + 10)]
    return row.indexOf(Math.max(...row))
  })
  expect(accuracy(y!.data, guesses)).toBeGreaterThan(0.9)

  const real = await readSet("glyphs", glyphs({ seed: 3 }).batch(range(500)).x, { network: judge, isReference: true })
  const random = new Generator(1)
  const spoiled = { ...x, data: x.data.map((v) => v + random.normal()) }
  const fidOf = async (images: typeof x): Promise<number> =>
    (await evaluateImages(images, real, { network: judge }))[0].value
  const [clean, noisy] = [await fidOf(x), await fidOf(spoiled)]
  expect(noisy).toBeGreaterThan(5 * clean)
  const scoreOf = async (images: typeof x): Promise<number> =>
    (await evaluateImages(images, real, { network: judge, metrics: ["is"] }))[0].value
  expect(await scoreOf(x)).toBeGreaterThan((await scoreOf(spoiled)) + 0.5)
  await judge.dispose()
})

test("data without labels, or of no square images, are refused", () => {
  expect(() => trainLeNet(dataset([[1, 2]]))).toThrow(/^trainLeNet: dataset has items \[2\] and no classes/)
})
