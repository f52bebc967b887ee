import { expect, test } from "vitest"
import { array, type NdArray, toNumbers } from "../engine/array.ts"
import { exportOnnx } from "../engine/export.ts"
import { Generator } from "../engine/random.ts"
import { batchSize } from "../engine/shape.ts"
import type { Tensor } from "../engine/tensor.ts"
import { seeded } from "../nn/init.ts"
import { stateDict } from "../nn/module.ts"
import { LeNet, lenetFeatures, lenetFrom } from "./lenet.ts"
import { type FeatureNetwork, featuresOf, fingerprint, pixels } from "./network.ts"
import { onnxFeatures } from "./onnx.ts"

const random = new Generator(3)
const pictures = (count: number, channels = 1, size = 8): NdArray<"float32"> =>
  array(
    "float32",
    [count, channels, size, size],
    Float32Array.from({ length: count * channels * size * size }, () => random.uniform(-1, 1)),
  )

async function all(stream: AsyncIterable<NdArray>): Promise<{ shapes: number[][]; data: number[] }> {
  const shapes: number[][] = []
  const data: number[] = []
  for await (const batch of stream) {
    shapes.push([...batch.shape])
    data.push(...toNumbers(batch))
  }
  return { shapes, data }
}

const apart = (a: readonly number[], b: readonly number[]): number => {
  expect(a.length).toBe(b.length)
  return a.reduce((worst, v, i) => Math.max(worst, Math.abs(v - b[i])), 0)
}

test("images are regrouped, moved to [-1, 1] and rounded to bytes before a network sees them", async () => {
  const x = array("float32", [3, 1, 1, 2], Float32Array.of(0, 1, 0.5, -3, 2, 0.2))
  const { shapes, data } = await all(featuresOf(x, pixels, { batch: 2, range: [0, 1] }))
  expect(shapes).toEqual([
    [2, 2],
    [1, 2],
  ])
  expect(apart(data, [-1, 1, 128 / 127.5 - 1, -1, 1, -0.6])).toBeLessThan(1e-7)
  const plain = await all(featuresOf(x, pixels, { levels: null }))
  expect(apart(plain.data, [0, 1, 0.5, -3, 2, 0.2])).toBeLessThan(1e-6)
  // What came from bytes stays as it is.
  const bytes = Float32Array.from({ length: 256 }, (_, b) => b / 127.5 - 1)
  const kept = await all(featuresOf(array("float32", [1, 1, 16, 16], bytes), pixels))
  expect(apart(kept.data, [...bytes])).toBeLessThan(1e-7)
})

test("a function of one's own is a network; one that gives no row an image is refused by its name", async () => {
  const brightness: FeatureNetwork = {
    name: "brightness",
    read: async ({ shape, data }) => ({
      features: Array.from({ length: shape[0] }, (_, i) => [data[4 * i] + data[4 * i + 3], data[4 * i + 1]]),
    }),
  }
  const x = array("float32", [2, 1, 2, 2], Float32Array.of(1, 0, 0, 1, -1, 0, 0, 1))
  expect((await all(featuresOf(x, brightness, { levels: null }))).data).toEqual([2, 0, 0, 0])
  const lazy: FeatureNetwork = { name: "lazy", read: () => ({ features: [[1, 2]] }) }
  await expect(all(featuresOf(x, lazy))).rejects.toThrow(/lazy gave features \[1, 2\] for 2 images/)
  await expect(all(featuresOf([x, pictures(1)], pixels))).rejects.toThrow(
    /holds images \[1, 8, 8\], expected \[1, 2, 2\]/,
  )
  await expect(all(featuresOf([[1, 2]], pixels))).rejects.toThrow(/is \[2\], expected \[batch, channels/)
  const bad = array("float32", [1, 1, 1, 1], Float32Array.of(Number.NaN))
  await expect(all(featuresOf([array("float32", [2, 1, 1, 1], new Float32Array(2)), bad], pixels))).rejects.toThrow(
    /image 2 holds NaN/,
  )
  await expect(all(featuresOf(x, pixels, { range: [1, 1] }))).rejects.toThrow(/black below white/)
})

test("a LeNet is named by its weights, keeps its size in a file, and does not follow later changes", async () => {
  const net = seeded(1, () => new LeNet({ size: 8, classes: 3, features: 6 }))
  const x = pictures(5)
  const network = await lenetFeatures(net)
  expect(network.name).toMatch(/^lenet [0-9a-f]{8}$/)
  const state = await stateDict(net)
  const again = await lenetFeatures(await lenetFrom(state))
  expect(again.name).toBe(network.name)
  expect(await again.read(x)).toEqual(await network.read(x))
  const { features, probabilities } = await network.read(x)
  expect((features as NdArray).shape).toEqual([5, 6])
  const odds = toNumbers(probabilities as NdArray)
  for (let i = 0; i < 5; i++) expect(odds.slice(3 * i, 3 * i + 3).reduce((a, b) => a + b)).toBeCloseTo(1, 6)
  expect((await lenetFeatures(seeded(2, () => new LeNet({ size: 8 })))).name).not.toBe(network.name)
  expect(() => new LeNet({ size: 10 })).toThrow(/^LeNet: size is 10/)
  await expect(network.read(pictures(1, 1, 12))).rejects.toThrow(/images are \[1, 12, 12\], expected \[1, 8, 8\]/)
  await expect(lenetFrom(new Map([["weight", x]]))).rejects.toThrow(/^lenetFrom: conv1.weight is \[\]/)
  await Promise.all([network.dispose(), again.dispose()])
})

test("features of an ONNX file are those of the network it was written from, for open and for fixed batches", async () => {
  const net = seeded(1, () => new LeNet({ size: 8, classes: 3, features: 6 }))
  const own = await lenetFeatures(net)
  const x = pictures(5)
  const expected = await own.read(x)
  const call = (images: Tensor) => ({ logits: net.forward(images), pool: net.features(images) })
  for (const batch of [batchSize, 2]) {
    const file = await exportOnnx(
      (images: Tensor) => {
        const { logits, pool } = call(images)
        return [logits, pool]
      },
      [{ dtype: "float32", shape: [batch, 1, 8, 8] }],
      { inputNames: ["images"], outputNames: ["logits", "pool"] },
    )
    const network = onnxFeatures(file, { output: "pool", logits: "logits" })
    expect(network.name).toBe(`onnx ${fingerprint([file])}`)
    const found = await network.read(x)
    for (const part of ["features", "probabilities"] as const) {
      const [a, b] = [found[part] as NdArray, expected[part] as NdArray]
      expect(a.shape).toEqual(b.shape)
      expect(apart([...toNumbers(a)], [...toNumbers(b)])).toBeLessThan(1e-5)
    }
    // Without a name the first output is taken.
    expect(((await onnxFeatures(file).read(x)).features as NdArray).shape).toEqual([5, 3])
    expect(() => onnxFeatures(file, { output: "head" })).toThrow(/no output head \(there are logits, pool\)/)
    await expect(network.read(pictures(2, 1, 6))).rejects.toThrow(/images are 6 x 6, the file expects 8 x 8 \(resize/)
    await network.dispose()
  }
  await own.dispose()
})

test("images are given to an ONNX file in its channels, range, size and normalisation", async () => {
  const file = await exportOnnx(
    (images: Tensor) => images.reshape([images.shape[0], 12]),
    [{ dtype: "float32", shape: [batchSize, 3, 2, 2] }],
    { inputNames: ["images"], outputNames: ["flat"] },
  )
  const network = onnxFeatures(file, { range: [0, 1], mean: [0.5, 0.25, 0], std: [1, 1, 2], resize: "bilinear" })
  const x = array("float32", [1, 1, 4, 4], new Float32Array(16).fill(0.5))
  const { features } = await network.read(x)
  const level = (v: number): number[] => new Array(4).fill(v)
  expect(apart([...toNumbers(features as NdArray)], [...level(0.25), ...level(0.5), ...level(0.375)])).toBeLessThan(
    1e-6,
  )
  const colour = array("float32", [1, 2, 2, 2], new Float32Array(8))
  await expect(network.read(colour)).rejects.toThrow(/2 channels, the file expects 3/)
  await expect(onnxFeatures(file, { std: 0, resize: "bilinear" }).read(x)).rejects.toThrow(/std is \[0, 0, 0\]/)
  const two = await exportOnnx(
    (a: Tensor, b: Tensor) => a.add(b),
    [
      { dtype: "float32", shape: [batchSize, 2] },
      { dtype: "float32", shape: [batchSize, 2] },
    ],
  )
  expect(() => onnxFeatures(two)).toThrow(/^onnxFeatures: the file's inputs are .*expected one float32/)
})
