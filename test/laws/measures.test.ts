/** Laws of the measures of generated images: sets against themselves, Gaussians in closed form, what must not matter. */
import { describe, expect, test } from "vitest"
import { array, type NdArray } from "../../src/engine/array.ts"
import { fillNormal, Generator, keyOf } from "../../src/engine/random.ts"
import { matmul, qr } from "../../src/linalg/index.ts"
import {
  type Batches,
  densityCoverage,
  evaluateImages,
  evaluateSets,
  type FeatureNetwork,
  featureMmd,
  featureStatistics,
  fid,
  kid,
  measureNames,
  precisionRecall,
  readSet,
} from "../../src/metrics/index.ts"

type Rows = NdArray<"float64">
const normals = (count: number, width: number, seed: number): Rows =>
  array("float64", [count, width], fillNormal(new Float64Array(count * width), keyOf(seed)))
const mapped = (x: Rows, f: (value: number, column: number, row: number) => number): Rows => ({
  ...x,
  data: x.data.map((v, i) => f(v, i % x.shape[1], Math.floor(i / x.shape[1]))),
})
const shuffled = (x: Rows, seed: number): Rows => {
  const order = new Generator(seed).permutation(x.shape[0])
  const [, width] = x.shape
  return mapped(x, (_, j, i) => x.data[order[i] * width + j])
}

/** Each measure as one number, whether 0 or 1 is the best, and whether only distances matter to it, not the origin. */
const laws: Readonly<Record<string, readonly [(x: Batches, y: Batches) => Promise<number>, 0 | 1, boolean]>> = {
  fid: [fid, 0, true],
  kid: [async (x, y) => (await kid(x, y, { subsets: 5 })).value, 0, false],
  mmd: [featureMmd, 0, true],
  precision: [async (x, y) => (await precisionRecall(x, y)).precision, 1, true],
  recall: [async (x, y) => (await precisionRecall(x, y)).recall, 1, true],
  density: [async (x, y) => (await densityCoverage(x, y)).density, 1, true],
  coverage: [async (x, y) => (await densityCoverage(x, y)).coverage, 1, true],
}

describe.each(Object.entries(laws))("%s", (name, [measure, best, isRigid]) => {
  const x = normals(200, 5, 1)
  const y = mapped(normals(220, 5, 2), (v, j) => 1.3 * v + 0.4 * j)

  test("of a set against itself is its best value, and moves away from it as the sets do", async () => {
    const own = await measure(x, x)
    // Unbiased estimates leave the pairs of a point with itself out of the one mean and not of the other.
    if (name === "kid" || name === "mmd") expect(own).toBeLessThan(0)
    else expect(own).toBeCloseTo(best, 10)
    const steps = await Promise.all(
      [0, 1, 2, 4].map((far) =>
        measure(
          mapped(x, (v) => v + far),
          x,
        ),
      ),
    )
    for (let i = 1; i < steps.length; i++)
      expect(Math.abs(steps[i] - best) - Math.abs(steps[i - 1] - best)).toBeGreaterThan(i === 1 ? 0.005 : -1e-12)
  })

  test("does not ask for the order of images, nor how they are cut into batches", async () => {
    const value = await measure(x, y)
    const half = (a: Rows, from: number, to: number): Rows =>
      array("float64", [to - from, 5], a.data.slice(from * 5, to * 5))
    expect(await measure([half(x, 0, 71), half(x, 71, 200)], [half(y, 0, 3), half(y, 3, 220)])).toBe(value)
    // KID's subsets are other rows then, unless they are all rows.
    const again = name === "kid" ? await measure(shuffled(x, 1), x) : await measure(shuffled(x, 1), shuffled(y, 2))
    expect(again).toBeCloseTo(name === "kid" ? await measure(x, x) : value, 10)
  })

  test(`is blind to rotations${isRigid ? " and shifts" : ""} of the features`, async () => {
    const { q } = qr(normals(5, 5, 7))
    const turned = (a: Rows): Rows => mapped(matmul(a, q), (v) => (isRigid ? v + 10 : v))
    expect(await measure(turned(x), turned(y))).toBeCloseTo(await measure(x, y), 9)
  })

  test("refuses features of two widths, and what is no number, by its name", async () => {
    await expect(measure(x, normals(200, 4, 1))).rejects.toThrow(RangeError)
    await expect(
      measure(
        x,
        mapped(y, (v, j, i) => (i === 3 && j === 1 ? Number.NaN : v)),
      ),
    ).rejects.toThrow(/feature 1 of row 3 of a batch is NaN/)
    await expect(measure([], y)).rejects.toThrow(RangeError)
  })
})

test("FID of a set and its scaled, shifted copy is sum (1 - a)^2 var + (shift of the mean)^2", async () => {
  const x = mapped(normals(300, 6, 3), (v, j) => (1 + j) * v + j)
  const factors = [1, 0, 2, 0.5, 3, 1.1]
  const { mean, covariance } = await featureStatistics(x)
  // In coordinates, and with correlated ones by one factor for all.
  const { q } = qr(normals(6, 6, 4))
  const mixed = matmul(x, q)
  const whole = await featureStatistics(mixed)
  let expected = 0
  for (let j = 0; j < 6; j++) expected += 0.25 * whole.covariance.data[7 * j] + (0.5 * whole.mean[j] + 2) ** 2
  expect(
    await fid(
      mapped(mixed, (v) => 1.5 * v + 2),
      mixed,
    ),
  ).toBeCloseTo(expected, 9)
  const apart = { ...covariance, data: covariance.data.map((v, i) => (i % 7 === 0 ? v : 0)) }
  const scaled = { ...apart, data: apart.data.map((v, i) => (i % 7 === 0 ? v * factors[i / 7] ** 2 : 0)) }
  const found = await fid({ count: 9, mean, covariance: scaled }, { count: 9, mean, covariance: apart })
  expect(found).toBeCloseTo(
    factors.reduce((sum, a, j) => sum + (1 - a) ** 2 * apart.data[7 * j], 0),
    9,
  )
})

test("FID of samples of two Gaussians tends to the closed form, with a bias that falls as 1 / count", async () => {
  const closed = 4 * (1 + 0.25)
  const excess: number[] = []
  for (const count of [500, 4000]) {
    let sum = 0
    for (let seed = 0; seed < 6; seed++)
      sum += await fid(
        mapped(normals(count, 4, 50 + seed), (v) => 1.5 * v + 1),
        normals(count, 4, 80 + seed),
      )
    excess.push(sum / 6 - closed)
  }
  expect(Math.abs(excess[1])).toBeLessThan(0.1)
  expect(await fid(normals(4000, 4, 1), normals(4000, 4, 2))).toBeLessThan(
    (await fid(normals(500, 4, 1), normals(500, 4, 2))) / 3,
  )
})

test("dropped modes cost recall and coverage alone, bad images precision and density alone", async () => {
  const center = (i: number): number => 20 * (i % 5)
  const real = mapped(normals(300, 3, 11), (v, _, i) => v + center(i))
  const again = normals(300, 3, 12)
  const fewer = mapped(again, (v, _, i) => v + center(i % 2))
  const worse = mapped(again, (v, _, i) => (i % 3 === 0 ? 400 + 30 * v : v + center(i)))
  const both = async (x: Rows) => ({ ...(await precisionRecall(x, real)), ...(await densityCoverage(x, real)) })
  const [a, b] = [await both(fewer), await both(worse)]
  expect(a.precision).toBeGreaterThan(0.85)
  expect(a.recall).toBeLessThan(0.45)
  expect(a.density).toBeGreaterThan(0.8)
  expect(a.coverage).toBeLessThan(0.45)
  expect(b.precision).toBeLessThan(0.7)
  expect(b.recall).toBeGreaterThan(0.85)
  expect(b.density).toBeLessThan(0.75)
  expect(b.coverage).toBeGreaterThan(0.8)
})

const random = new Generator(8)
/** Images of a bar at a random place, with noise. */
const bars = (count: number, noise: number): NdArray<"float32"> => {
  const data = new Float32Array(count * 36)
  for (let i = 0; i < count; i++) {
    const at = random.integer(6)
    for (let p = 0; p < 36; p++) data[i * 36 + p] = (p % 6 === at ? 0.9 : -0.9) + noise * random.normal()
  }
  return array("float32", [count, 1, 6, 6], data)
}
/** Brightness of the columns, and the odds that the bar is in each. */
const columns: FeatureNetwork = {
  name: "columns",
  read: ({ shape, data }) => {
    const features = Array.from({ length: shape[0] }, (_, i) =>
      [0, 1, 2, 3, 4, 5].map((c) => [0, 1, 2, 3, 4, 5].reduce((sum, r) => sum + data[i * 36 + r * 6 + c] / 6, 0)),
    )
    const powers = features.map((row) => row.map((v) => Math.exp(8 * v)))
    return { features, probabilities: powers.map((row) => row.map((p) => p / row.reduce((a, b) => a + b, 0))) }
  },
}

test("every number of images names its network, its reference, both counts and its seed, and worsens with noise", async () => {
  const images = bars(400, 0.1)
  const reference = await readSet("bars", images, { metrics: measureNames, network: columns })
  const options = { metrics: measureNames, network: columns, seed: 3, subsets: 10 }
  const clean = await evaluateImages(bars(300, 0.1), reference, options)
  const noisy = await evaluateImages([bars(100, 2), bars(200, 2)], reference, options)
  expect(clean.map((r) => r.measure)).toEqual(["fid", "kid", "is", "precision", "recall", "density", "coverage", "mmd"])
  for (const [i, report] of clean.entries()) {
    const { measure, value, reference: name, referenceCount } = report
    expect(report).toMatchObject({ n: 300, features: "columns", width: 6, seed: 3 })
    expect([name, referenceCount]).toEqual(measure === "is" ? [null, null] : ["bars", 400])
    expect(JSON.parse(JSON.stringify(report))).toEqual(report)
    const isDistance = ["fid", "kid", "mmd"].includes(measure)
    if (measure !== "recall") expect(isDistance ? noisy[i].value - value : value - noisy[i].value).toBeGreaterThan(0.01)
  }
  expect(clean[1].settings).toEqual({ subsets: 10, size: 300, levels: 256 })
  expect(clean[2].value).toBeGreaterThan(5)
  expect(clean[2].std).toBeGreaterThan(0)
  // Read once or anew, whole or in parts: the same numbers.
  const streamed = async function* (): AsyncGenerator<NdArray> {
    for (let i = 0; i < 400; i += 50) yield array("float32", [50, 1, 6, 6], images.data.slice(i * 36, (i + 50) * 36))
  }
  const own = await evaluateImages(images, reference, options)
  expect(await evaluateImages(streamed(), { name: "bars", images: streamed() }, { ...options, batch: 7 })).toEqual(own)
})

test("sets of two networks, sets read for other measures, and measures that do not exist are refused", async () => {
  const images = bars(20, 0.1)
  const set = await readSet("a", images)
  expect(set).toMatchObject({ name: "a", count: 20, features: "pixels", width: 36 })
  await expect(evaluateSets(set, await readSet("b", images, { network: columns }))).rejects.toThrow(
    /a has features of pixels, b of columns/,
  )
  await expect(evaluateSets(set, await readSet("b", images, { levels: null }))).rejects.toThrow(
    /a was rounded to 256 levels, b to none/,
  )
  await expect(evaluateSets(set, set, { metrics: ["kid"] })).rejects.toThrow(/a was not read for kid/)
  await expect(readSet("a", images, { metrics: ["is"] })).rejects.toThrow(/pixels gives no probabilities/)
  await expect(readSet("a", images, { metrics: ["fit" as "fid"] })).rejects.toThrow(
    /"fit", expected some of fid, kid, is, pr, mmd/,
  )
  await expect(readSet("a", [])).rejects.toThrow(/^readSet \(a\): there are no images/)
})
